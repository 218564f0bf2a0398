"""A setting: written once as a field, from which its flag, its checks and --help follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pgan_tf.config.per_resolution import PerResolution
from tfrecords.common.bounds import Bounds, shown
from tfrecords.common.errors import UserError


def require(condition: bool, argument: str, expected: str, got: Any) -> None:
    """Raises a UserError that names the argument, unless the condition holds."""
    if not condition:
        raise UserError(f"{argument}: expected {expected}, got {shown(got)}")


def setting(
    default: Any,
    help: str,
    bounds: Bounds | None = None,
    choices: Sequence[str] = (),
    *,
    group: str = "",
    name: str = "",
    has_flag: bool = True,
    optional: bool = False,
) -> Any:
    """Returns the field of a frozen dataclass of settings.

    Args:
        default: as of any dataclass.
        help: what it says, with units and the paper's section; also for --help.
        bounds: of a number, or of each number of a PerResolution.
        choices: of a text.
        group: what it belongs to, for --help.
        name: of its flag, if not the field's; messages use it too.
        has_flag: whether it has a flag; others follow from the data.
        optional: whether a flag that is not given leaves the value to others; `help` says to whom.
    """
    metadata = {
        "help": help,
        "bounds": bounds,
        "choices": tuple(choices),
        "group": group,
        "name": name,
        "has_flag": has_flag,
        "optional": optional,
    }
    return dataclasses.field(default=default, metadata=metadata)


def check_settings(settings: Any) -> None:
    """Checks that each field of a dataclass has its default's type, and is what it may be.

    Args:
        settings: a dataclass, whose fields with numbers are made by `setting`.

    Raises:
        UserError: one is not.
    """
    for field in dataclasses.fields(settings):
        value, default = getattr(settings, field.name), field.default
        name = field.metadata.get("name") or field.name
        bounds, choices = field.metadata.get("bounds"), field.metadata.get("choices")
        if choices:
            require(isinstance(value, str) and value in choices, name, " or ".join(choices), value)
        elif isinstance(default, PerResolution):
            require(isinstance(value, PerResolution), name, "values by resolution", value)
            value.check(bounds, name)
        elif bounds:
            bounds.check(value, name)
        elif isinstance(default, tuple):
            texts = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
            require(texts, name, "texts", value)
        else:
            kind = type(default)
            words = {bool: "true or false", str: "a text"}.get(kind, "settings")
            require(isinstance(value, kind), name, words, value)
