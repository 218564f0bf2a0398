"""A setting: written once as a field, from which its flag, its checks and --help follow."""

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
    help: str,  # for --help and for readers, with units and the paper's section
    bounds: Bounds | None = None,  # of a number, or of each number of a PerResolution
    choices: Sequence[str] = (),  # of a string
    *,
    name: str = "",  # the flag's, which messages use too, if it is not the field's
    has_flag: bool = True,  # False where the value follows from the data
    optional: bool = False,  # without the flag it is left to others; `help` says to whom
) -> Any:
    """Returns the field of a frozen dataclass of settings."""
    metadata = {
        "help": help,
        "bounds": bounds,
        "choices": tuple(choices),
        "name": name,
        "has_flag": has_flag,
        "optional": optional,
    }
    return dataclasses.field(default=default, metadata=metadata)


def check_settings(settings: Any) -> None:
    """Raises UserError unless each field has its default's type, and one of its values."""
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
