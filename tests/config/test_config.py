import dataclasses
import json
import math

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.training import (
    DataIdentity,
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
    differences,
)
from tfrecords.common.bounds import RESOLUTIONS
from tfrecords.common.errors import UserError

UNUSUAL = TrainingConfig(
    dataset="faces",
    data=DataIdentity("1" * 64, "2" * 64, "3" * 64),
    label_names=tuple("abcdefg"),
    network=NetworkConfig(
        resolution=64,
        num_channels=1,
        label_size=7,
        latent_size=100,
        fmap_base=1000,
        fmap_decay=0.7,
        fmap_max=96,
        normalize_latents=False,
        equalized=False,
        pixel_norm=False,
        generator_leaky_relu=False,
        discriminator_leaky_relu=False,
        fused_scale=False,
        mbstd_group_size=0,
        minibatch_discrimination=True,
        generator_batch_norm=True,
        discriminator_layer_norm=True,
        tanh=True,
        discriminator_noise=0.2,
        discriminator_fmap_divisor=2,
    ),
    schedule=ScheduleConfig(
        resolution=64,
        initial_resolution=8,
        stabilize_kimg=1.25,
        fade_in_kimg=2.5,
        total_kimg=33.001,
        batch_size=PerResolution(((4, 128), (32, 64))),
        generator_learning_rate=PerResolution(((8, 0.1 + 0.2), (64, 1e-7))),
        discriminator_learning_rate=PerResolution(((4, 1 / 3),)),
        tick_kimg=PerResolution(((8, 0.5),)),
        rampup_kimg=0.5,
    ),
    loss=LossConfig(
        gradient_penalty_weight=7.0,
        gradient_target=750.0,
        drift_weight=0.0,
        label_weight=0.3,
        penalty_pixels="stage",
    ),
    adam_beta_1=0.5,
    adam_beta_2=0.9,
    adam_epsilon=1e-7,
    average_decay=0.99,
    simultaneous_updates=True,
    discriminator_repeats=5,
    minibatch_repeats=2,
    keep_optimizer_state=True,
    mirror_augment=True,
    precision="mixed_bfloat16",
    jit_compile=True,
    seed=2**31 - 1,
)


def all_fields(config):
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, PerResolution):
            yield from all_fields(value)
        else:
            yield field.name, value


# PerResolution


def test_one_number_holds_at_every_resolution():
    rate = PerResolution.parse("0.001", "--rate")
    assert [rate.at(2**level) for level in range(2, 11)] == [0.001] * 9


def test_a_resolution_that_is_not_listed_takes_the_next_lower_ones_value():
    sizes = PerResolution.parse("4:128,16:64,256:8", "--sizes")
    values = {4: 128, 8: 128, 16: 64, 32: 64, 64: 64, 128: 64, 256: 8, 512: 8, 1024: 8}
    assert {resolution: sizes.at(resolution) for resolution in values} == values


def test_the_order_of_the_pairs_does_not_matter():
    shuffled = PerResolution.parse("16:3,4:1,8:2", "--sizes")
    assert shuffled == PerResolution.parse("4:1,8:2,16:3", "--sizes")


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("4:128,8:128", "128"),
        ("4:128,8:128,16:64,32:64", "4:128,16:64"),
        ("4:1,8:2,16:2,32:1", "4:1,8:2,32:1.0"),
        ("8:3,16:3", "8:3"),
    ],
)
def test_values_that_mean_the_same_are_equal(text, other):
    value, same = PerResolution.parse(text, "--sizes"), PerResolution.parse(other, "--sizes")
    assert value == same
    assert str(value) == str(same)


@pytest.mark.parametrize(("text", "other"), [("4:1,8:2,16:1", "1"), ("8:3", "3"), ("4:3", "4")])
def test_values_that_mean_something_else_are_not(text, other):
    assert PerResolution.parse(text, "--sizes") != PerResolution.parse(other, "--sizes")


@pytest.mark.parametrize(
    "steps",
    [
        ((4, 16),),
        ((8, 16),),
        ((4, 128), (8, 64), (1024, 3)),
        ((4, 0.001), (128, 0.0015)),
        ((4, 1e-5),),
        ((4, 0.1 + 0.2), (8, 1 / 3)),
        ((4, 1234567),),
    ],
)
def test_the_text_of_a_per_resolution_value_reads_back_as_the_same(steps):
    value = PerResolution(steps)
    assert PerResolution.parse(str(value), "--sizes") == value


def test_whole_numbers_print_without_a_point_and_one_value_without_its_resolution():
    assert str(PerResolution.parse("16", "--sizes")) == "16"
    assert str(PerResolution.parse("16.0", "--sizes")) == "16"
    assert str(PerResolution.parse("8:64,4:128", "--sizes")) == "4:128,8:64"


@pytest.mark.parametrize(
    "text",
    [
        *("", "many", "0", "-1", "nan", "inf", "1,2", "4:", ":4", "4:0", "4:-3", "4:x", "4:1:2"),
        *("4:1,8", "4:1,", "4:1,4:2", "5:1", "2:1", "2048:1", "4.5:1"),
    ],
)
def test_text_that_is_no_per_resolution_value_is_an_error_naming_the_flag(text):
    with pytest.raises(UserError, match=r"^--sizes: ") as caught:
        PerResolution.parse(text, "--sizes")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("resolution", [4, 8, 16, 32, 64, 128, 256, 512, 1024])
def test_powers_of_two_from_4_to_1024_are_resolutions(resolution):
    RESOLUTIONS.check(resolution, "--resolution")


@pytest.mark.parametrize("resolution", [-4, 0, 1, 2, 3, 5, 6, 12, 48, 100, 1000, 1023, 2048])
def test_other_numbers_are_no_resolutions(resolution):
    message = rf"^--resolution: expected a power of two .* got {resolution}$"
    with pytest.raises(UserError, match=message):
        RESOLUTIONS.check(resolution, "--resolution")


# Defaults


def test_the_defaults_are_the_papers():
    config = TrainingConfig()
    assert config.network.latent_size == 512
    assert (config.schedule.stabilize_kimg, config.schedule.fade_in_kimg) == (600, 600)
    assert config.schedule.generator_learning_rate.at(4) == 0.001
    assert config.schedule.discriminator_learning_rate.at(1024) == 0.001
    assert (config.adam_beta_1, config.adam_beta_2, config.adam_epsilon) == (0, 0.99, 1e-8)
    assert (config.loss.gradient_penalty_weight, config.loss.drift_weight) == (10, 0.001)
    assert (config.loss.gradient_target, config.average_decay) == (1, 0.999)
    assert config.discriminator_repeats == 1


def test_feature_maps_by_default_are_those_of_table_2():
    maps = [NetworkConfig().num_feature_maps(2**level) for level in range(2, 11)]
    assert maps == [512, 512, 512, 512, 256, 128, 64, 32, 16]


def test_feature_maps_fall_by_the_published_formula():
    # min(int(fmap_base / 2 ** ((log2(resolution) - 1) * fmap_decay)), fmap_max)
    config = NetworkConfig(resolution=32, fmap_base=100, fmap_decay=0.5, fmap_max=60)
    assert config.num_feature_maps(2) == 60  # 100
    assert config.num_feature_maps(4) == 60  # 70.7
    assert config.num_feature_maps(8) == 50
    assert config.num_feature_maps(16) == 35  # 35.36
    assert config.num_feature_maps(32) == 25


# JSON


def test_json_keeps_every_field_of_an_unusual_configuration():
    usual = dict(all_fields(TrainingConfig()))
    same = [name for name, value in all_fields(UNUSUAL) if value == usual[name]]
    assert same == ["name"]  # of the loss: there is but one
    assert TrainingConfig.from_json(UNUSUAL.to_json()) == UNUSUAL


def test_json_is_indented_text_that_others_can_read():
    text = UNUSUAL.to_json()
    fields = json.loads(text)
    assert fields["network"]["resolution"] == 64
    assert fields["loss"]["gradient_target"] == 750
    assert "\n  " in text
    assert text.endswith("}\n")


def changed_json(change):
    fields = json.loads(TrainingConfig().to_json())
    change(fields)
    return json.dumps(fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "3",
        "null",
        "[]",
        "{}",
        changed_json(lambda fields: fields.pop("network")),
        changed_json(lambda fields: fields.update(colour="red")),
        changed_json(lambda fields: fields["network"].update(width=3)),
        changed_json(lambda fields: fields["network"].update(latent_size="wide")),
        changed_json(lambda fields: fields["network"].update(resolution=48)),
        changed_json(lambda fields: fields["loss"].update(gradient_target=None)),
        changed_json(lambda fields: fields.update(schedule=[])),
        changed_json(lambda fields: fields["schedule"].update(batch_size=16)),
        changed_json(lambda fields: fields["schedule"].update(batch_size={})),
        changed_json(lambda fields: fields["schedule"].update(batch_size={"steps": []})),
        changed_json(lambda fields: fields["schedule"].update(batch_size={"steps": [[4]]})),
    ],
)
def test_json_of_something_else_is_a_user_error(text):
    with pytest.raises(UserError, match=r"^config\.json: expected a pgan-tf configuration"):
        TrainingConfig.from_json(text)


# Validation

LATER = PerResolution(((8, 16),))


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (TrainingConfig, "label_names", ("a", "b")),
        (NetworkConfig, "resolution", 48),
        (NetworkConfig, "resolution", 2),
        (NetworkConfig, "resolution", 2048),
        (NetworkConfig, "num_channels", 2),
        (NetworkConfig, "label_size", -1),
        (NetworkConfig, "latent_size", 0),
        (NetworkConfig, "fmap_base", 0),
        (NetworkConfig, "fmap_base", 511),
        (NetworkConfig, "fmap_max", 0),
        (NetworkConfig, "fmap_decay", -0.5),
        (NetworkConfig, "fmap_decay", math.nan),
        (NetworkConfig, "mbstd_group_size", -1),
        (NetworkConfig, "discriminator_noise", -0.1),
        (NetworkConfig, "discriminator_fmap_divisor", 0),
        (ScheduleConfig, "rampup_kimg", -1),
        (ScheduleConfig, "resolution", 100),
        (ScheduleConfig, "initial_resolution", 6),
        (ScheduleConfig, "initial_resolution", 2048),
        (ScheduleConfig, "stabilize_kimg", -1),
        (ScheduleConfig, "stabilize_kimg", 0.0005),
        (ScheduleConfig, "stabilize_kimg", math.inf),
        (ScheduleConfig, "fade_in_kimg", -0.001),
        (ScheduleConfig, "fade_in_kimg", math.nan),
        (ScheduleConfig, "fade_in_kimg", 1.0001),
        (ScheduleConfig, "total_kimg", 0),
        (ScheduleConfig, "total_kimg", -5),
        (ScheduleConfig, "total_kimg", math.nan),
        (ScheduleConfig, "total_kimg", math.inf),
        (ScheduleConfig, "batch_size", LATER),
        (ScheduleConfig, "batch_size", PerResolution(((4, 16), (8, 1.5)))),
        (ScheduleConfig, "generator_learning_rate", LATER),
        (ScheduleConfig, "discriminator_learning_rate", LATER),
        (ScheduleConfig, "tick_kimg", LATER),
        (LossConfig, "gradient_penalty_weight", -1),
        (LossConfig, "gradient_penalty_weight", math.nan),
        (LossConfig, "gradient_target", 0),
        (LossConfig, "drift_weight", -0.001),
        (LossConfig, "label_weight", -1),
        (LossConfig, "penalty_pixels", "half"),
        (TrainingConfig, "adam_beta_1", 1),
        (TrainingConfig, "adam_beta_1", -0.1),
        (TrainingConfig, "adam_beta_2", 1.5),
        (TrainingConfig, "adam_epsilon", 0),
        (TrainingConfig, "average_decay", 1),
        (TrainingConfig, "average_decay", math.nan),
        (TrainingConfig, "discriminator_repeats", 0),
        (TrainingConfig, "minibatch_repeats", 0),
        (TrainingConfig, "precision", "float16"),
        (TrainingConfig, "seed", -1),
        (TrainingConfig, "seed", 2**31),
    ],
)
def test_a_bad_value_is_a_one_line_error_naming_its_field(make, name, value):
    with pytest.raises(UserError, match=rf"^{name}: expected ") as caught:
        make(**{name: value})
    assert "\n" not in str(caught.value)
    assert "got" in str(caught.value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 10**400, -1e300, True, "1", None, [1], {}, 1j]
)
@pytest.mark.parametrize("make", [NetworkConfig, ScheduleConfig, LossConfig, TrainingConfig])
def test_no_number_takes_what_is_none(make, value):
    for field in dataclasses.fields(make):
        if field.metadata.get("bounds"):
            name = field.metadata["name"] or field.name
            with pytest.raises(UserError, match=rf"^{name}: expected ") as caught:
                make(**{field.name: value})
            assert len(str(caught.value)) < 300


@pytest.mark.parametrize("value", [1, 0.5, "true", None, [], "half"])
@pytest.mark.parametrize("make", [NetworkConfig, ScheduleConfig, LossConfig, TrainingConfig])
def test_no_switch_choice_or_group_takes_another_type(make, value):
    for field in dataclasses.fields(make):
        if field.name != "dataset" and not field.metadata.get("bounds"):
            with pytest.raises(UserError, match="expected "):
                make(**{field.name: value})


def test_every_number_of_the_settings_has_bounds():
    for make in (NetworkConfig, ScheduleConfig, LossConfig, TrainingConfig):
        for field in dataclasses.fields(make):
            if type(field.default) in (int, float, PerResolution):
                assert field.metadata["bounds"], field.name


def test_an_unknown_loss_is_an_error():
    with pytest.raises(
        UserError, match=r"^loss: expected wgan_gp or lsgan or non_saturating, got 'hinge'$"
    ):
        LossConfig(name="hinge")


def test_an_initial_resolution_above_the_last_one_is_an_error():
    with pytest.raises(UserError, match=r"^initial_resolution: .*at most .*32.* got 64"):
        ScheduleConfig(resolution=32, initial_resolution=64)


def test_growing_takes_images_but_a_single_resolution_does_not():
    with pytest.raises(UserError, match=r"^stabilize_kimg: "):
        ScheduleConfig(resolution=8, stabilize_kimg=0, fade_in_kimg=0)
    ScheduleConfig(resolution=8, initial_resolution=8, stabilize_kimg=0, fade_in_kimg=0)


def test_networks_and_schedule_must_end_at_one_resolution():
    with pytest.raises(UserError, match=r"^resolution: expected the schedule's, 64, got 32"):
        TrainingConfig(network=NetworkConfig(resolution=32), schedule=ScheduleConfig(resolution=64))


def test_the_least_feature_maps_that_suffice_are_accepted():
    for resolution in (4, 64, 1024):
        config = NetworkConfig(resolution=resolution, fmap_base=resolution // 2)
        assert config.num_feature_maps(resolution) == 1
        with pytest.raises(UserError, match=r"^fmap_base: "):
            NetworkConfig(resolution=resolution, fmap_base=resolution // 2 - 1)


# Differences


def test_equal_configurations_do_not_differ():
    assert differences(UNUSUAL, TrainingConfig.from_json(UNUSUAL.to_json())) == {}


def test_differences_are_named_by_their_dotted_path_with_old_and_new():
    other = dataclasses.replace(
        UNUSUAL,
        seed=1,
        network=dataclasses.replace(UNUSUAL.network, latent_size=8),
        schedule=dataclasses.replace(UNUSUAL.schedule, batch_size=PerResolution(((4, 2),))),
        loss=dataclasses.replace(UNUSUAL.loss, drift_weight=1.0),
    )
    assert differences(UNUSUAL, other) == {
        "seed": (2**31 - 1, 1),
        "network.latent_size": (100, 8),
        "schedule.batch_size": (UNUSUAL.schedule.batch_size, PerResolution(((4, 2),))),
        "loss.drift_weight": (0.0, 1.0),
    }


def test_numbers_of_resolutions_that_are_not_trained_make_no_difference():
    """A preset for 1024 px, with which a run of 8 to 32 px goes on."""

    def config(sizes):
        schedule = ScheduleConfig(
            resolution=32, initial_resolution=8, batch_size=PerResolution.parse(sizes, "--sizes")
        )
        return TrainingConfig(network=NetworkConfig(resolution=32), schedule=schedule)

    old = config("8:128,32:64")
    for sizes in ("4:999,8:128,32:64", "8:128,16:128,32:64,64:8", "4:128,32:64"):
        assert differences(old, config(sizes)) == {}
        assert differences(config(sizes), old) == {}
    for sizes in ("128", "8:128,16:64", "8:128,32:8", "4:128,8:127,16:128,32:64"):
        assert differences(old, config(sizes)).keys() == {"schedule.batch_size"}


def test_every_field_can_differ():
    found = differences(UNUSUAL, TrainingConfig())
    names = {name.split(".")[-1] for name in found}
    expected = {name for name, _ in all_fields(TrainingConfig())} - {"name"}
    # Other networks want other files of the same data: its name and number tell.
    assert names == expected - {"files", "labels", "pictures"}
    assert {"network.resolution", "schedule.resolution"} <= set(found)
