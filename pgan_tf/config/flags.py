"""Flags that follow from the fields of settings, and settings that follow from flags."""

import dataclasses
from typing import Any, TypeVar

from absl import flags

from pgan_tf.config.networks import LSGAN_NOISE
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import LossConfig, NetworkConfig, ScheduleConfig, TrainingConfig
from tfrecords.common.bounds import Bounds
from tfrecords.common.checked_flags import define_number, define_read

# Flags belong to the module that calls, not to this one.
flags.disclaim_key_flags()

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
    holder = define_read(
        name,
        None if default is None else str(default),
        help,
        lambda text: PerResolution.parse(text, f"--{name}", bounds),
        f"{bounds}, or such numbers by resolution: 4:NUMBER,8:NUMBER",
    )
    vars(flags.FLAGS[name])["bounds"] = bounds  # as `define_number` does
    return holder


def read_flags(settings: type[Settings], **others: Any) -> Settings:
    """Returns settings as the flags give them.

    `others` are fields without a flag, and what holds for flags that were not given.
    """
    for field in dataclasses.fields(settings):
        if field.metadata.get("has_flag"):
            value = flags.FLAGS[_flag_of(field)].value
            if value is not None:
                others[field.name] = value
    return settings(**others)


def read_training_flags(
    dataset: str,
    resolution: int,
    num_channels: int,
    label_size: int,
    initial_resolution: int = ScheduleConfig.initial_resolution,
    label_names: tuple[str, ...] = (),
) -> TrainingConfig:
    """Returns what a run computes, by the flags and the data's properties.

    `resolution` and `initial_resolution` hold unless their flags are given. Where the numbers of
    `label_names` and of classes differ, the names are not the classes': they are left out.
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
    return read_flags(
        TrainingConfig,
        dataset=dataset,
        label_names=label_names if len(label_names) == label_size else (),
        network=network,
        schedule=schedule,
        loss=loss,
    )


def _flag_of(field: dataclasses.Field) -> str:
    return field.metadata["name"] or field.name
