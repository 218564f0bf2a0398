import dataclasses
import itertools
import json
import math

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage, describe_end, make_stages, position_at, stage_at
from pgan_tf.config.training import ScheduleConfig
from tests.helpers.places import TESTS

GOLDEN = json.loads((TESTS / "golden" / "schedule.json").read_text())
RESOLUTIONS = [2**level for level in range(2, 11)]
RATES = PerResolution(((4, 0.002),))


def spelled_out(values, base):
    """The published dictionaries fall back to the base; ours go on with the next lower value."""
    return PerResolution(
        tuple((resolution, values.get(str(resolution), base)) for resolution in RESOLUTIONS)
    )


def published_config(entry):
    options = entry["options"]
    return ScheduleConfig(
        resolution=entry["resolution"],
        initial_resolution=options.get("lod_initial_resolution", 4),
        stabilize_kimg=options.get("lod_training_kimg", 600),
        fade_in_kimg=options.get("lod_transition_kimg", 600),
        batch_size=spelled_out(
            options.get("minibatch_dict", {}), options.get("minibatch_base", 16)
        ),
        generator_learning_rate=spelled_out(options.get("G_lrate_dict", {}), 0.001),
        discriminator_learning_rate=spelled_out(options.get("D_lrate_dict", {}), 0.001),
    )


@pytest.mark.parametrize("name", GOLDEN)
def test_every_row_of_the_published_schedule_is_met(name):
    entry = GOLDEN[name]
    config = published_config(entry)
    stages = make_stages(config)
    for values in entry["rows"]:
        row = dict(zip(entry["columns"], values, strict=True))
        position = position_at(config, stages, round(row["kimg"] * 1000))
        got = {
            "kimg": row["kimg"],
            "resolution": position.stage.resolution,
            "minibatch": position.batch_size,
            "G_lrate": position.generator_learning_rate,
            "D_lrate": position.discriminator_learning_rate,
            "tick_kimg": position.tick_images / 1000,
        }
        assert got == {key: row[key] for key in got}
        fraction = row["lod"] - math.floor(row["lod"])
        assert position.alpha == pytest.approx(1 - fraction, abs=1e-9), row
        assert position.stage.fades_in == (fraction > 0), row


def published_level_of_detail(config, images_shown):
    """Karras et al., 2018, §2 and appendix A.1, in one formula without stages."""
    stabilize, fade_in = round(config.stabilize_kimg * 1000), round(config.fade_in_kimg * 1000)
    phase, within = divmod(images_shown, stabilize + fade_in)
    lod = math.log2(config.resolution / config.initial_resolution) - phase
    if fade_in:
        lod -= max(within - stabilize, 0) / fade_in
    return max(lod, 0.0)


SCHEDULES = {
    "usual": ScheduleConfig(resolution=32, stabilize_kimg=0.1, fade_in_kimg=0.06, total_kimg=1),
    "without fade-in": ScheduleConfig(
        resolution=32, stabilize_kimg=0.1, fade_in_kimg=0, total_kimg=1
    ),
    "without stabilizing": ScheduleConfig(
        resolution=32, stabilize_kimg=0, fade_in_kimg=0.1, total_kimg=1
    ),
    "from 16 px": ScheduleConfig(
        resolution=64, initial_resolution=16, stabilize_kimg=0.1, fade_in_kimg=0.05, total_kimg=1
    ),
    "too short": ScheduleConfig(
        resolution=64, stabilize_kimg=0.1, fade_in_kimg=0.1, total_kimg=0.35
    ),
    "two images to fade": ScheduleConfig(
        resolution=16, stabilize_kimg=0.003, fade_in_kimg=0.002, total_kimg=0.03
    ),
    "single resolution": ScheduleConfig(
        resolution=32, initial_resolution=32, stabilize_kimg=0, fade_in_kimg=0, total_kimg=0.1
    ),
    "single resolution, kimg immaterial": ScheduleConfig(
        resolution=32, initial_resolution=32, total_kimg=0.1
    ),
}
every_schedule = pytest.mark.parametrize("config", SCHEDULES.values(), ids=SCHEDULES)


@pytest.mark.parametrize(
    "name", ["usual", "without fade-in", "without stabilizing", "from 16 px", "two images to fade"]
)
def test_at_every_image_the_level_of_detail_is_the_published_one(name):
    config = SCHEDULES[name]
    stages = make_stages(config)
    for images_shown in range(round(config.total_kimg * 1000) + 50):
        stage = stage_at(stages, images_shown)
        lod = math.log2(config.resolution / stage.resolution) + 1 - stage.alpha(images_shown)
        expected = published_level_of_detail(config, images_shown)
        assert lod == pytest.approx(expected, abs=1e-9), images_shown


@every_schedule
def test_stages_neither_overlap_nor_leave_a_gap(config):
    stages = make_stages(config)
    assert stages[0].first_image == 0
    assert [stage.index for stage in stages] == list(range(len(stages)))
    for before, after in itertools.pairwise(stages):
        assert after.first_image == before.last_image + 1
    for stage in stages:
        assert stage.first_image <= stage.last_image
        for images_shown in (stage.first_image, stage.last_image):
            assert stage_at(stages, images_shown) is stage


@every_schedule
def test_pictures_never_shrink_and_alpha_never_falls(config):
    stages = make_stages(config)
    shown = []
    for images_shown in range(stages[-1].last_image + 10):
        stage = stage_at(stages, images_shown)
        alpha = stage.alpha(images_shown)
        assert 0 < alpha <= 1
        assert (alpha < 1) == stage.fades_in
        shown.append(math.log2(stage.resolution) - 1 + alpha)
    assert shown == sorted(shown)


@pytest.mark.parametrize("num_resolutions", range(1, 10))
def test_n_resolutions_give_2n_minus_1_stages(num_resolutions):
    stages = make_stages(ScheduleConfig(resolution=2 ** (num_resolutions + 1)))
    expected = [(4, "stabilize")]
    for resolution in RESOLUTIONS[1:num_resolutions]:
        expected += [(resolution, "fade_in"), (resolution, "stabilize")]
    assert [(stage.resolution, stage.phase) for stage in stages] == expected
    assert len(stages) == 2 * num_resolutions - 1


def test_stages_last_as_long_as_asked():
    config = ScheduleConfig(resolution=16, stabilize_kimg=10, fade_in_kimg=4, total_kimg=100)
    stages = make_stages(config)
    assert [stage_at(stages, image).index for image in (0, 10_000, 10_001, 13_999)] == [0, 0, 1, 1]
    assert [stage_at(stages, image).index for image in (14_000, 24_000, 24_001)] == [2, 2, 3]
    assert [stage_at(stages, image).index for image in (27_999, 28_000, 100_000)] == [3, 4, 4]


@pytest.mark.parametrize("fade_in_images", [2, 3, 16, 600_000])
def test_alpha_is_continuous_where_stages_meet(fade_in_images):
    config = ScheduleConfig(
        resolution=16, stabilize_kimg=0.016, fade_in_kimg=fade_in_images / 1000, total_kimg=5000
    )
    step = 1 / fade_in_images
    for stage in make_stages(config):
        if stage.fades_in:
            assert stage.alpha(stage.first_image) == pytest.approx(step, rel=1e-9)
            assert stage.alpha(stage.last_image) == pytest.approx(1 - step, rel=1e-9)
            # Where the neighbours stand: the old picture alone, the new one alone.
            assert stage.alpha(stage.first_image - 1) == 0
            assert stage.alpha(stage.last_image + 1) == 1


def test_alpha_is_a_half_in_the_middle_of_a_fade_in():
    config = ScheduleConfig(resolution=8, stabilize_kimg=600, fade_in_kimg=600)
    fade_in = make_stages(config)[1]
    assert fade_in.alpha(900_000) == 0.5
    assert fade_in.alpha(750_000) == 0.25


def test_without_fade_in_only_stabilize_stages_remain():
    stages = make_stages(SCHEDULES["without fade-in"])
    assert [(stage.resolution, stage.phase) for stage in stages] == [
        (resolution, "stabilize") for resolution in (4, 8, 16, 32)
    ]
    assert [stage.first_image for stage in stages] == [0, 100, 200, 300]


def test_a_single_resolution_is_one_stage_until_the_end():
    (stage,) = make_stages(SCHEDULES["single resolution"])
    assert stage == Stage(0, 32, "stabilize", 0, 100)
    assert stage.alpha(50) == 1


def test_a_run_that_is_too_short_ends_before_the_last_stage():
    config = SCHEDULES["too short"]
    stages = make_stages(config)
    last = stage_at(stages, 350)
    assert (last.resolution, last.phase) == (16, "fade_in")
    assert last.alpha(350) == 0.5


def test_a_run_that_is_too_short_for_its_resolution_says_which_one_it_reaches():
    short = ScheduleConfig(resolution=16, stabilize_kimg=1, fade_in_kimg=1, total_kimg=3.5)
    assert describe_end(short).startswith(
        "Too short for 16 px: 3.5 kimg end in stage 4 of 5 (8→16 px, at alpha 0.50); 16 px are "
        "reached after 4 kimg: give a larger --total_kimg"
    )
    shorter = dataclasses.replace(short, total_kimg=2.5)
    assert "end in stage 3 of 5 (8 px);" in describe_end(shorter)
    assert describe_end(dataclasses.replace(short, total_kimg=4)) is not None
    assert describe_end(dataclasses.replace(short, total_kimg=4.001)) is None
    assert describe_end(dataclasses.replace(short, initial_resolution=16)) is None


def test_people_count_stages_from_1():
    stages = make_stages(ScheduleConfig(resolution=8))
    assert [(stage.index, stage.number) for stage in stages] == [(0, 1), (1, 2), (2, 3)]


def test_a_longer_run_changes_no_stage_but_the_last():
    config = ScheduleConfig(resolution=16, stabilize_kimg=1, fade_in_kimg=1, total_kimg=3)
    longer = dataclasses.replace(config, total_kimg=300)
    assert make_stages(longer)[:-1] == make_stages(config)[:-1]
    assert make_stages(longer)[-1].last_image == 300_000


def test_the_last_stage_never_ends():
    stages = make_stages(ScheduleConfig(resolution=8, total_kimg=2000))
    assert stage_at(stages, 10**9) is stages[-1]


def test_batch_size_learning_rates_and_tick_follow_the_resolution():
    config = ScheduleConfig(
        resolution=16,
        stabilize_kimg=1,
        fade_in_kimg=1,
        batch_size=PerResolution(((4, 64), (16, 8))),
        generator_learning_rate=PerResolution(((4, 0.1), (8, 0.2))),
        discriminator_learning_rate=PerResolution(((4, 0.3), (16, 0.4))),
        tick_kimg=PerResolution(((4, 2), (8, 0.5))),
    )
    stages = make_stages(config)

    def settings(images_shown):
        position = position_at(config, stages, images_shown)
        rates = position.generator_learning_rate, position.discriminator_learning_rate
        return position.batch_size, *rates, position.tick_images

    assert settings(1000) == (64, 0.1, 0.3, 2000)
    assert settings(1001) == (64, 0.2, 0.3, 500)
    assert settings(3000) == (64, 0.2, 0.3, 500)
    assert settings(3001) == (8, 0.2, 0.4, 500)


def test_a_stage_reads_as_its_pictures():
    stages = make_stages(ScheduleConfig(resolution=16))
    assert [str(stage) for stage in stages] == ["4 px", "4→8 px", "8 px", "8→16 px", "16 px"]


def test_learning_rates_rise_along_the_published_ramp():
    config = ScheduleConfig(resolution=8, rampup_kimg=40, generator_learning_rate=RATES)
    stages = make_stages(config)
    rates = {
        images: position_at(config, stages, images).generator_learning_rate
        for images in (0, 20_000, 39_999, 40_000, 41_000, 10**7)
    }
    expected = {0: math.exp(-5), 20_000: math.exp(-1.25), 39_999: 1.0, 40_000: 1.0, 41_000: 1.0}
    for images, factor in expected.items():
        assert rates[images] == pytest.approx(0.002 * factor, rel=1e-6)
    assert rates[10**7] == 0.002


def test_learning_rates_do_not_rise_by_default():
    config = ScheduleConfig(resolution=8, generator_learning_rate=RATES)
    assert position_at(config, make_stages(config), 0).generator_learning_rate == 0.002
