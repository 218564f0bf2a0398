"""The processes that train a run together, read from TF_CONFIG. No TensorFlow."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from tfrecords.common.errors import UserError

_EXAMPLE = '{"cluster": {"worker": ["HOST:PORT", …]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Workers:
    """The processes that train one run together, and the place of this one among them."""

    addresses: tuple[str, ...] = ()  # `HOST:PORT` of each, in order; empty for a single process
    index: int = 0  # index of this process

    @property
    def number(self) -> int:
        """The number of workers, at least 1."""
        return max(1, len(self.addresses))

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes checkpoints, logs and samples."""
        return self.index == 0

    def __str__(self) -> str:
        return f"worker {self.index + 1} of {self.number}"


ALONE = Workers()


def read_workers(environment: Mapping[str, str]) -> Workers:
    """Reads TF_CONFIG, with the chief first. UserError if invalid, or if a task does not train."""
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        return ALONE
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _mistake(f"JSON such as {_EXAMPLE}", f"{text[:80]!r} ({error})") from None
    if not isinstance(config, dict) or config.get("cluster") in (None, {}):
        return ALONE
    cluster, task = _member(config, "cluster", dict), _member(config, "task", dict)
    if others := cluster.keys() - {"chief", "worker"}:
        raise _mistake("the tasks chief and worker", f"{min(others)!r}: remove it")
    addresses = {kind: _addresses(kind, cluster.get(kind, [])) for kind in ("chief", "worker")}
    everybody = (*addresses["chief"], *addresses["worker"])
    if len(addresses["chief"]) > 1:
        raise _mistake("one chief", f"{len(addresses['chief'])}")
    if len(set(everybody)) < len(everybody):
        raise _mistake("another address for each worker", f"{', '.join(everybody)}")

    kind, index = _member(task, "type", str), _member(task, "index", int | str)
    if kind not in addresses:
        raise _mistake("a task of type chief or worker", repr(kind))
    if not (number := len(addresses[kind])):
        raise _mistake("a task that the cluster names", f"{kind!r}, where no {kind} is named")
    if not str(index).isdecimal() or int(index) >= number:
        raise _mistake(f"a task index from 0 to {number - 1}, of the {kind}s named", repr(index))
    before = len(addresses["chief"]) if kind == "worker" else 0
    return Workers(everybody, before + int(index))


def _addresses(kind: str, addresses: Any) -> tuple[str, ...]:
    if isinstance(addresses, list) and all(isinstance(one, str) for one in addresses):
        parts = [address.rpartition(":") for address in addresses]
        if all(host and port.isdecimal() for host, _, port in parts):
            return tuple(addresses)
    raise _mistake(f"{kind}: a list of HOST:PORT", repr(addresses))


def _member(config: dict[str, Any], name: str, kind: Any) -> Any:
    if not isinstance(value := config.get(name), kind):
        raise _mistake(f"{name!r} as in {_EXAMPLE}", f"{config!r}")
    return value


def _mistake(expected: str, got: str) -> UserError:
    return UserError(f"TF_CONFIG: expected {expected}, got {got}")
