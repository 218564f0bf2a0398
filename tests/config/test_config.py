"""The settings of a run: their bounds, their JSON, and how two runs differ."""

import dataclasses
import json
import math

import pytest

from pgan_tf.config.augmentation import AugmentConfig
from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import (
    DataIdentity,
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
    differences,
)
from tfrecords.common.errors import UserError


def switched(settings):
    """Every switch, the other way round."""
    fields = dataclasses.fields(settings)
    return {one.name: not one.default for one in fields if isinstance(one.default, bool)}


def sizes(text):
    return PerResolution.parse(text, "--sizes")


RATES = (PerResolution(((8, 0.1 + 0.2), (64, 1e-7))), PerResolution(((4, 1 / 3),)))
# No field has its default, but for the name of the loss.
UNUSUAL = TrainingConfig(
    dataset="faces",
    data=DataIdentity("1" * 64, "2" * 64, "3" * 64),
    label_names=tuple("abcdefg"),
    network=NetworkConfig(
        *(64, 1, 7, 100, 1000, 0.7, 96),
        mbstd_group_size=0,
        discriminator_noise=0.2,
        discriminator_fmap_divisor=2,
        base_width=3,
        base_height=2,
        depth=16,
        lowest=-2.5,
        highest=9.0,
        **switched(NetworkConfig),
    ),
    schedule=ScheduleConfig(
        *(64, 8, 1.25, 2.5, 33.001),
        sizes("4:128,32:64"),
        *RATES,
        sizes("8:0.5"),
        0.5,
        2,
        sizes("4:2,32:8"),
    ),
    loss=LossConfig("wgan_gp", 7.0, 750.0, 0.0, 0.3, "stage", 4),
    augmentation=AugmentConfig("ada", 0.3, 0.5, 20.0),
    adam_beta_1=0.5,
    adam_beta_2=0.9,
    adam_epsilon=1e-7,
    average_decay=0.99,
    average_kimg=0.5,
    discriminator_repeats=5,
    freeze_discriminator=1,
    minibatch_repeats=2,
    precision="mixed_bfloat16",
    seed=2**31 - 1,
    **switched(TrainingConfig),
)


def all_fields(config):
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, PerResolution):
            yield from all_fields(value)
        else:
            yield field.name, value


# PerResolution


def test_a_resolution_that_is_not_listed_takes_the_next_lower_ones_value():
    values = {4: 128, 8: 128, 16: 64, 32: 64, 64: 64, 128: 64, 256: 8, 512: 8, 1024: 8}
    for text in ("4:128,16:64,256:8", " 256:8, 16:64 ,4:128"):
        assert {resolution: sizes(text).at(resolution) for resolution in values} == values
    assert [sizes("0.001").at(resolution) for resolution in values] == [0.001] * 9


def test_values_are_equal_where_they_mean_the_same_and_print_as_they_are_read():
    for text, other in [("4:128,8:128", "128"), ("8:3,16:3", "8:3"), ("4:1,8:2", "4:1,8:2.0")]:
        assert sizes(text) == sizes(other) and str(sizes(text)) == str(sizes(other))
    assert sizes("8:3") != sizes("3") and sizes("4:1,8:2,16:1") != sizes("1")
    for text in ("16", "8:16", "4:0.30000000000000004,8:1e-05", "1234567"):
        assert str(sizes(text)) == text


def test_text_that_is_no_per_resolution_value_is_an_error_naming_the_flag():
    for text in (
        *("", "many", "0", "nan", "inf", "1,2", "4:", ":4", "4:0", "4:-3", "4:x", "4:1:2"),
        *("4:1,8", "4:1,", "4:1,4:2", "4:1,4:1", "5:1", "2:1", "2048:1", "4.5:1"),
    ):
        with pytest.raises(UserError, match=r"^--sizes: expected [^\n]*, got [^\n]*$"):
            sizes(text)


# Defaults


def test_the_defaults_are_the_papers():
    config = TrainingConfig()
    schedule, loss = config.schedule, config.loss
    assert (config.network.latent_size, config.discriminator_repeats) == (512, 1)
    assert (schedule.stabilize_kimg, schedule.fade_in_kimg) == (600, 600)
    assert schedule.generator_learning_rate == schedule.discriminator_learning_rate == sizes("1e-3")
    assert (config.adam_beta_1, config.adam_beta_2, config.adam_epsilon) == (0, 0.99, 1e-8)
    assert (loss.gradient_penalty_weight, loss.drift_weight, loss.gradient_target) == (10, 1e-3, 1)
    assert config.average_decay == 0.999


# JSON


def test_json_keeps_every_field_of_an_unusual_configuration():
    usual = dict(all_fields(TrainingConfig()))
    assert [name for name, value in all_fields(UNUSUAL) if value == usual[name]] == ["name"]
    assert TrainingConfig.from_json(UNUSUAL.to_json()) == UNUSUAL


def test_a_run_from_before_there_was_augmentation_has_none():
    fields = json.loads(TrainingConfig().to_json())
    del fields["augmentation"]
    config = TrainingConfig.from_json(json.dumps(fields))
    assert (config.augmentation.augment, config.augmentation.held_out) == ("none", 0)


def changed(part=None, **changes):
    fields = json.loads(TrainingConfig().to_json())
    (fields[part] if part else fields).update(changes)
    return json.dumps(fields)


@pytest.mark.parametrize(
    "text",
    [
        *("", "null", "[]", "{}", "[" * 10**5),
        changed(colour="red"),
        changed(seed=10**50),
        changed("network", resolution=48),
        changed("loss", gradient_target=None),
        changed("schedule", batch_size={}),
        changed("schedule", batch_size={"steps": [[4]]}),
        changed("schedule", batch_size={"steps": [[8, 3], [4, 2]]}),
    ],
)
def test_json_of_something_else_is_a_user_error(text):
    with pytest.raises(UserError, match=r"^config\.json: expected a pgan-tf configuration"):
        TrainingConfig.from_json(text)


# Validation

LATER = PerResolution(((8, 16),))
BAD = {
    NetworkConfig: (
        *(("resolution", 2), ("resolution", 48), ("resolution", 2048), ("depth", 12)),
        *(
            ("num_channels", 0),
            ("num_channels", 65),
            ("highest", -1.0),
            ("label_size", -1),
            ("latent_size", 0),
        ),
        *(("fmap_base", 0), ("fmap_base", 511), ("fmap_max", 0), ("fmap_decay", -0.5)),
        *(("mbstd_group_size", -1), ("discriminator_noise", -0.1)),
        ("discriminator_fmap_divisor", 0),
    ),
    ScheduleConfig: (
        *(("resolution", 100), ("initial_resolution", 6), ("initial_resolution", 2048)),
        *(("stabilize_kimg", -1), ("stabilize_kimg", 0.0005), ("fade_in_kimg", -0.001)),
        *(("fade_in_kimg", 1.0001), ("total_kimg", -5), ("total_kimg", 0), ("rampup_kimg", -1)),
        *(("rampdown_kimg", -1), ("rampdown_kimg", 0.0001)),
        *(("rampup_kimg", 0.0001), ("batch_size", LATER), ("batch_size", sizes("4:16,8:1.5"))),
        *(("generator_learning_rate", LATER), ("discriminator_learning_rate", LATER)),
        *(("tick_kimg", LATER), ("tick_kimg", sizes("0.0009"))),
    ),
    LossConfig: (
        *(("name", "hinge"), ("penalty_pixels", "half"), ("gradient_target", 0)),
        *(("gradient_penalty_weight", -1), ("drift_weight", -0.001), ("label_weight", -1)),
        *(("penalty_batch_divisor", 0), ("penalty_batch_divisor", 1.5)),
    ),
    AugmentConfig: (
        *(("augment", "adaptive"), ("held_out", -0.1), ("held_out", 0.51)),
        *(("augment_target", 1.1), ("augment_kimg", 0)),
    ),
    TrainingConfig: (
        *(("label_names", ("a", "b")), ("adam_beta_1", -0.1), ("adam_beta_1", 1)),
        *(
            ("adam_beta_2", 1.5),
            ("adam_epsilon", 0),
            ("average_decay", 1),
            ("average_kimg", -1),
            ("seed", -1),
        ),
        *(("discriminator_repeats", 0), ("minibatch_repeats", 0), ("precision", "float16")),
        ("seed", 2**31),
    ),
}


@pytest.mark.parametrize("make", BAD)
def test_a_bad_value_is_a_one_line_error_naming_its_field(make):
    for field, value in BAD[make]:
        name = "loss" if field == "name" else field
        with pytest.raises(UserError, match=rf"^{name}: expected [^\n]+, got [^\n]+$"):
            make(**{field: value})


NO_NUMBERS = [math.nan, math.inf, 10**400, True, "1", None, [1], 1j]
OTHER_TYPES = [1, 0.5, "true", None, [], "half"]


@pytest.mark.parametrize("make", BAD)
def test_no_setting_takes_a_value_of_another_type(make):
    for field in dataclasses.fields(make):
        bounds = field.metadata.get("bounds")
        assert bounds or type(field.default) not in (int, float, PerResolution), field.name
        name = field.metadata.get("name") or field.name
        for value in NO_NUMBERS if bounds else OTHER_TYPES:
            if not (field.name == "dataset" and isinstance(value, str)):
                with pytest.raises(UserError, match=rf"^{name}: expected ") as caught:
                    make(**{field.name: value})
                assert len(str(caught.value)) < 300


def test_settings_that_disagree_are_errors():
    with pytest.raises(UserError, match=r"^initial_resolution: .*at most .*32.* got 64"):
        ScheduleConfig(resolution=32, initial_resolution=64)
    with pytest.raises(UserError, match=r"^stabilize_kimg: "):
        ScheduleConfig(resolution=8, stabilize_kimg=0, fade_in_kimg=0)
    ScheduleConfig(resolution=8, initial_resolution=8, stabilize_kimg=0, fade_in_kimg=0)
    with pytest.raises(UserError, match=r"^resolution: expected the schedule's, 64, got 32"):
        TrainingConfig(network=NetworkConfig(resolution=32), schedule=ScheduleConfig(resolution=64))
    with pytest.raises(UserError, match=r"^held_out: expected more than 0 .*wgan_gp.* got 0"):
        TrainingConfig(augmentation=AugmentConfig("ada"))
    TrainingConfig(augmentation=AugmentConfig("ada"), loss=LossConfig("lsgan"))
    eight = {"network": NetworkConfig(resolution=64), "schedule": ScheduleConfig(64, 8)}
    TrainingConfig(freeze_discriminator=1, **eight)
    with pytest.raises(
        UserError, match=r"^freeze_discriminator: .* at most 1, .* from 8 px .* got 2"
    ):
        TrainingConfig(freeze_discriminator=2, **eight)


# Differences


def test_every_field_can_differ_and_is_named_by_its_dotted_path_with_old_and_new():
    other = dataclasses.replace(
        UNUSUAL, seed=1, network=dataclasses.replace(UNUSUAL.network, latent_size=8)
    )
    expected = {"seed": (2**31 - 1, 1), "network.latent_size": (100, 8)}
    assert differences(UNUSUAL, other) == expected
    assert differences(UNUSUAL, UNUSUAL) == {}
    found = differences(UNUSUAL, TrainingConfig())
    expected = {name for name, _ in all_fields(TrainingConfig())} - {"name"}
    # Other networks want other files of the same data: its name and number tell.
    assert {name.split(".")[-1] for name in found} == expected - {"files", "labels", "pictures"}
    assert {"network.resolution", "schedule.resolution"} <= set(found)


def test_numbers_of_resolutions_that_are_not_trained_make_no_difference():
    # A preset for 1024 px, with which a run of 8 to 32 px resumes.
    def config(text):
        schedule = ScheduleConfig(32, 8, batch_size=sizes(text))
        return TrainingConfig(network=NetworkConfig(resolution=32), schedule=schedule)

    old = config("8:128,32:64")
    for text in ("4:999,8:128,32:64", "8:128,16:128,32:64,64:8", "4:128,32:64"):
        assert differences(old, config(text)) == differences(config(text), old) == {}
    for text in ("128", "8:128,16:64", "8:128,32:8", "4:128,8:127,16:128,32:64"):
        assert differences(old, config(text)).keys() == {"schedule.batch_size"}
