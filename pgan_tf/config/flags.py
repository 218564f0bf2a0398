"""Flags made from the fields of settings, settings read from flags, and presets of them."""

import dataclasses
import functools
import os
import pathlib
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from absl import flags

from pgan_tf.config.augmentation import DEFAULT_HELD_OUT, AugmentConfig, needs_held_out
from pgan_tf.config.networks import LSGAN_NOISE
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from tfrecords.common.bounds import Bounds, shown
from tfrecords.common.command_line import define_number, define_read
from tfrecords.common.errors import UserError
from tfrecords.common.shape import PAPER, Base
from tfrecords.common.text import did_you_mean

# Flags belong to the module that calls, not to this one.
flags.disclaim_key_flags()

# Flag files by name, some in a subfolder.
_PRESETS = {
    path.stem: path for path in (pathlib.Path(__file__).parents[1] / "presets").glob("**/*.flags")
}
_SMALL_PRESETS = ("shapes", "quick", "laptop", "emoji")  # for a CPU: the others follow
# Where a clone had them before they came with the package.
_FORMER = re.compile(r"--?flagfile=((?:.*/)?presets/([\w-]+)\.flags)")

Settings = TypeVar(
    "Settings", NetworkConfig, ScheduleConfig, LossConfig, AugmentConfig, TrainingConfig
)


def define_flags(*classes: type) -> None:
    """Defines a flag for each field made by `setting`, unless it has none."""
    for settings in classes:
        for field in dataclasses.fields(settings):
            if field.metadata.get("has_flag"):
                define_flag(settings, field.name)


def flag_names(settings: type) -> tuple[str, ...]:
    """The flags that `define_flags` defines for a class."""
    fields = dataclasses.fields(settings)
    return tuple(_flag_of(field) for field in fields if field.metadata.get("has_flag"))


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


def read_flags(settings: type[Settings], without: Collection[str] = (), **others: Any) -> Settings:
    """Returns settings from the flags; `others` where there is no flag or it is not given.

    `without`: fields whose flag is not read.
    """
    fields = [one for one in dataclasses.fields(settings) if one.name not in without]
    with_flag = [one for one in fields if one.metadata.get("has_flag")]
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
    base: Base = PAPER,
    depth: int = 8,
    value_range: tuple[float, float] = (0.0, 1.0),
) -> TrainingConfig:
    """Returns what a run computes, from the flags and, where these are not given, the data.

    `label_names` are dropped unless there is one for each class.
    """
    loss = read_flags(LossConfig)
    needed = needs_held_out(str(flags.FLAGS["augment"].value), loss.name)
    augmentation = read_flags(AugmentConfig, held_out=DEFAULT_HELD_OUT if needed else 0.0)
    network = read_flags(
        NetworkConfig,
        without=("resolution",),  # --shape decides over it
        resolution=resolution,
        num_channels=num_channels,
        depth=depth,
        lowest=value_range[0],
        highest=value_range[1],
        label_size=label_size,
        base_width=base.width,
        base_height=base.height,
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
    parts: dict[str, Any] = {"network": network, "schedule": schedule, "loss": loss}
    parts["augmentation"] = augmentation
    return read_flags(TrainingConfig, dataset=dataset, label_names=names, **parts)


def _flag_of(field: dataclasses.Field) -> str:
    return field.metadata["name"] or field.name


def preset_names() -> list[str]:
    """The names of all presets, those for small machines first."""
    others = sorted(_PRESETS)
    return [*_SMALL_PRESETS, *(name for name in others if name not in _SMALL_PRESETS)]


def find_preset(name: str) -> str:
    """Returns the path of a preset's flag file. Raises UserError if there is none of that name."""
    if name not in (known := preset_names()):
        expected = f"one of {', '.join(known)}, or list"
        meant = did_you_mean(name, known)
        raise UserError(f"--preset: expected {expected}, got {shown(name)}{meant}")
    return str(_PRESETS[name])


def preset_flags(name: str) -> list[str]:
    """Returns a preset's flags, one each. Raises as `find_preset`."""
    lines = pathlib.Path(find_preset(name)).read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith("-")]


def describe_presets() -> str:
    """Returns a line or more on each preset: its name, and the first line of its file."""
    names = preset_names()
    column = max(map(len, names)) + 2
    width = max(2 * column, min(100, shutil.get_terminal_size().columns)) - column
    lines = []
    for name in names:
        first = pathlib.Path(find_preset(name)).read_text("utf-8").splitlines()[0]
        words = textwrap.wrap(first.removeprefix("#").strip(), width)
        begins = [name, *[""] * (len(words) - 1)]
        lines += [f"{begin:{column}}{part}" for begin, part in zip(begins, words, strict=True)]
    return "\n".join(lines)


def _as_flag_file(name: str) -> list[str]:
    return [f"--flagfile={find_preset(name)}"]


def expand_presets(
    arguments: Sequence[str], expand: Callable[[str], list[str]] = _as_flag_file
) -> list[str]:
    """Replaces presets in a command's arguments by what `expand` makes of each, a flag file.

    Prints all presets and exits for --preset=list. Raises as `find_preset`.
    """
    expanded: list[str] = []
    rest = iter(arguments)
    for word in rest:
        preset, former = re.fullmatch(r"--?preset(?:=(.*))?", word, re.S), _FORMER.fullmatch(word)
        if preset:
            name = next(rest, "") if preset[1] is None else preset[1]
            if name == "list":
                print(describe_presets())
                sys.exit(0)
            expanded += expand(name)
        elif former and former[2] in preset_names() and not os.path.exists(former[1]):
            expanded += expand(former[2])
        else:
            expanded.append(word)
    return expanded
