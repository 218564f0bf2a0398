"""Who else trains: the processes that TF_CONFIG names. No TensorFlow."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfrecords.common.errors import UserError

_EXAMPLE = (
    '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Workers:
    """The processes that train one run together, and which of them this one is."""

    addresses: tuple[str, ...] = ()  # `HOST:PORT` of each, in order; empty if it trains alone
    index: int = 0  # this one's place

    @property
    def number(self) -> int:
        """How many there are, at least 1."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this one writes: checkpoints, logs, samples."""
        return self.index == 0

    def __str__(self) -> str:
        return f"worker {self.index + 1} of {self.number}"


ALONE = Workers()


def read_workers(environment: Mapping[str, str]) -> Workers:
    """Reads TF_CONFIG. A `chief`, where there is one, comes before the workers.

    Raises UserError if it is not as TensorFlow wants it, or names tasks that do not train.
    """
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        return ALONE
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise _mistake(f"JSON such as {_EXAMPLE}", f"{text[:80]!r} ({error})") from None
    cluster = _member(config, "cluster", dict)
    if not cluster:
        return ALONE
    for name in cluster:
        if name not in ("chief", "worker"):
            raise _mistake("the tasks chief and worker", f"{name!r}: leave it out")
    addresses = {name: _addresses(cluster, name) for name in ("chief", "worker")}
    if len(addresses["chief"]) > 1:
        raise _mistake("one chief", f"{len(addresses['chief'])}")
    everybody = (*addresses["chief"], *addresses["worker"])
    if len(set(everybody)) < len(everybody):
        raise _mistake("another address for each worker", f"{', '.join(everybody)}")

    task = _member(config, "task", dict)
    kind, index = _member(task, "type", str), _member(task, "index", int | str)
    if kind not in addresses:
        raise _mistake("a task of type chief or worker", repr(kind))
    if not addresses[kind]:
        raise _mistake("a task that the cluster names", f"{kind!r}, where no {kind} is named")
    if not str(index).isdecimal() or int(index) >= len(addresses[kind]):
        raise _mistake(
            f"a task index from 0 to {len(addresses[kind]) - 1}, of the {kind}s named", repr(index)
        )
    before = len(addresses["chief"]) if kind == "worker" else 0
    return Workers(everybody, before + int(index))


def _addresses(cluster: dict[str, Any], name: str) -> tuple[str, ...]:
    addresses = cluster.get(name, [])
    well_formed = isinstance(addresses, list) and all(
        isinstance(one, str) and one.rpartition(":")[0] and one.rpartition(":")[2].isdecimal()
        for one in addresses
    )
    if not well_formed:
        raise _mistake(f"{name}: a list of HOST:PORT", repr(addresses))
    return tuple(addresses)


def _member(config: Any, name: str, kind: Any) -> Any:
    value = config.get(name) if isinstance(config, dict) else None
    if value is None and name == "cluster":
        return {}
    if not isinstance(value, kind):
        raise _mistake(f"{name!r} as in {_EXAMPLE}", f"{config!r}")
    return value


def _mistake(expected: str, got: str) -> UserError:
    return UserError(f"TF_CONFIG: expected {expected}, got {got}")
