"""A setting: a field from which its flag, its checks and --help follow. No TensorFlow."""

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
    help: str,  # for --help, with units and the paper's section
    bounds: Bounds | None = None,  # of a number, or of each number of a PerResolution
    choices: Sequence[str] = (),  # of a string
    *,
    name: str = "",  # of the flag, also in messages, if it is not the field's
    has_flag: bool = True,  # False where the value follows from the data
    optional: bool = False,  # without the flag the value depends on others, as `help` says
) -> Any:
    """Returns the field of a frozen dataclass of settings."""
    about: dict[str, Any] = {"help": help, "bounds": bounds, "choices": tuple(choices)}
    about |= {"name": name, "has_flag": has_flag, "optional": optional}
    return dataclasses.field(default=default, metadata=about)


def check_settings(settings: Any) -> None:
    """Raises UserError unless each field has its default's type, and one of its values."""
    for field in dataclasses.fields(settings):
        value, default, about = getattr(settings, field.name), field.default, field.metadata
        name, bounds = about.get("name") or field.name, about.get("bounds")
        if choices := about.get("choices"):
            require(value in choices, name, " or ".join(choices), value)
        elif isinstance(default, PerResolution):
            require(isinstance(value, PerResolution), name, "values by resolution", value)
            value.check(bounds, name)
        elif bounds:
            bounds.check(value, name)
        elif isinstance(default, tuple):
            texts = isinstance(value, tuple) and all(isinstance(one, str) for one in value)
            require(texts, name, "texts", value)
        else:
            words = {bool: "true or false", str: "a text"}.get(type(default), "settings")
            require(isinstance(value, type(default)), name, words, value)
