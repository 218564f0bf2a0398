"""A flag for a setting: its default and its bounds are those of the dataclass's field."""

from __future__ import annotations

import dataclasses
from typing import Any

from absl import flags

from pgan_tf.config.per_resolution import PerResolution
from tfrecords.common.bounds import Bounds
from tfrecords.common.checked_flags import define_number, define_read

# Flags belong to the module that calls, not to this one.
flags.disclaim_key_flags()

_DEFAULT: Any = object()


def define_setting(
    settings: type, name: str, help: str, default: Any = _DEFAULT, flag: str = ""
) -> flags.FlagHolder:
    """Defines the flag of a number, or of a PerResolution, in a dataclass of settings.

    Args:
        settings: the dataclass, whose field was made by `checks.setting`.
        name: of the field.
        help: for --help.
        default: in place of the field's.
        flag: its name, if not the field's.
    """
    field = next(field for field in dataclasses.fields(settings) if field.name == name)
    value = field.default if default is _DEFAULT else default
    bounds = field.metadata["bounds"]
    if isinstance(field.default, PerResolution):
        return define_per_resolution(flag or name, value, help, bounds)
    return define_number(flag or name, value, help, bounds)


def define_per_resolution(name: str, default: Any, help: str, bounds: Bounds) -> flags.FlagHolder:
    """Defines a flag such as --batch_size=4:128,8:64, with bounds for each of its numbers."""
    holder = define_read(
        name,
        None if default is None else str(default),
        help,
        lambda text: PerResolution.parse(text, f"--{name}", bounds),
        f"{bounds}, or such numbers by resolution: 4:NUMBER,8:NUMBER",
    )
    flags.FLAGS[name].bounds = bounds  # as `define_number` does
    return holder
