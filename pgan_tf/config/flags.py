"""Flags made from the fields of settings, settings read from flags, and presets of them."""

import dataclasses
import functools
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any, TypeVar

from absl import flags

from pgan_tf.config.networks import LSGAN_NOISE
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from tfrecords.common.bounds import Bounds, shown
from tfrecords.common.command_line import define_number, define_read
from tfrecords.common.errors import UserError

# Flags belong to the module that calls, not to this one.
flags.disclaim_key_flags()

_PRESETS = pathlib.Path(__file__).parents[1] / "presets"  # flag files
# Where a clone had them before they came with the package.
_FORMER = re.compile(r"--?flagfile=((?:.*/)?presets/([\w-]+)\.flags)")

Settings = TypeVar("Settings", NetworkConfig, ScheduleConfig, LossConfig, TrainingConfig)


def define_flags(*classes: type) -> None:
    """Defines a flag for each field made by `setting`, unless it has none."""
    for settings in classes:
        for field in dataclasses.fields(settings):
            if field.metadata.get("has_flag"):
                define_flag(settings, field.name)


def define_flag(settings: type, name: str, default: Any = None) -> flags.FlagHolder:
    """Defines the flag of one field, with its own default if none is given."""
    field = next(field for field in dataclasses.fields(settings) if field.name == name)
    about, flag = field.metadata, _flag_of(field)
    if default is None and not about["optional"]:
        default = field.default
    if about["choices"]:
        return flags.DEFINE_enum(flag, default, about["choices"], about["help"])
    if isinstance(field.default, PerResolution):
        return define_per_resolution(flag, default, about["help"], about["bounds"])
    if isinstance(field.default, bool):
        return flags.DEFINE_bool(flag, default, about["help"])
    return define_number(flag, default, about["help"], about["bounds"])


def define_per_resolution(name: str, default: Any, help: str, bounds: Bounds) -> flags.FlagHolder:
    """Defines a flag such as --batch_size=4:128,8:64, with bounds for each of its numbers."""
    text = None if default is None else str(default)
    read = functools.partial(PerResolution.parse, argument=f"--{name}", bounds=bounds)
    expected = f"{bounds}, or such numbers by resolution: 4:NUMBER,8:NUMBER"
    holder = define_read(name, text, help, read, expected)
    vars(flags.FLAGS[name])["bounds"] = bounds  # as `define_number` does
    return holder


def read_flags(settings: type[Settings], **others: Any) -> Settings:
    """Returns settings from the flags; `others` where there is no flag or it is not given."""
    with_flag = [one for one in dataclasses.fields(settings) if one.metadata.get("has_flag")]
    values = {field.name: flags.FLAGS[_flag_of(field)].value for field in with_flag}
    others |= {name: value for name, value in values.items() if value is not None}
    return settings(**others)


def read_training_flags(
    dataset: str,
    resolution: int,
    num_channels: int,
    label_size: int,
    initial_resolution: int = ScheduleConfig.initial_resolution,
    label_names: tuple[str, ...] = (),
) -> TrainingConfig:
    """Returns what a run computes, from the flags and, where these are not given, the data.

    `label_names` are dropped unless there is one for each class.
    """
    loss = read_flags(LossConfig)
    network = read_flags(
        NetworkConfig,
        resolution=resolution,
        num_channels=num_channels,
        label_size=label_size,
        latent_size=flags.FLAGS["fmap_max"].value,
        discriminator_noise=LSGAN_NOISE if loss.name == "lsgan" else 0.0,
    )
    schedule = read_flags(
        ScheduleConfig,
        resolution=network.resolution,
        initial_resolution=initial_resolution,
        discriminator_learning_rate=flags.FLAGS["learning_rate"].value,
    )
    names = label_names if len(label_names) == label_size else ()
    parts = {"network": network, "schedule": schedule, "loss": loss}
    return read_flags(TrainingConfig, dataset=dataset, label_names=names, **parts)


def _flag_of(field: dataclasses.Field) -> str:
    return field.metadata["name"] or field.name


def preset_names() -> list[str]:
    """The names of all presets."""
    return sorted(path.stem for path in _PRESETS.glob("*.flags"))


def find_preset(name: str) -> str:
    """Returns the path of a preset's flag file. Raises UserError if there is none of that name."""
    if name not in (known := preset_names()):
        raise UserError(f"--preset: expected one of {', '.join(known)}, got {shown(name)}")
    return str(_PRESETS / f"{name}.flags")


def expand_presets(arguments: Sequence[str]) -> list[str]:
    """Replaces presets in a command's arguments by flag files. Raises as `find_preset`."""
    expanded, rest = [], iter(arguments)
    for word in rest:
        preset, former = re.fullmatch(r"--?preset(?:=(.*))?", word, re.S), _FORMER.fullmatch(word)
        if preset:
            name = next(rest, "") if preset[1] is None else preset[1]
            word = f"--flagfile={find_preset(name)}"
        elif former and former[2] in preset_names() and not os.path.exists(former[1]):
            word = f"--flagfile={find_preset(former[2])}"
        expanded.append(word)
    return expanded
