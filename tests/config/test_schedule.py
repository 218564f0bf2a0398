"""The schedule of growth, held to the published implementation's and to the paper's formulas."""

import dataclasses
import itertools
import json
import math

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import describe_end, make_stages, position_at, stage_at
from pgan_tf.config.training import ScheduleConfig
from tests.helpers.places import TESTS

GOLDEN = json.loads((TESTS / "golden" / "schedule.json").read_text())
RESOLUTIONS = [2**level for level in range(2, 11)]


def spelled_out(values, base):
    """The published dictionaries fall back to the base; ours to the next lower value."""
    return PerResolution(tuple((one, values.get(str(one), base)) for one in RESOLUTIONS))


def published_config(entry):
    options = entry["options"]
    batch_sizes = options.get("minibatch_dict", {}), options.get("minibatch_base", 16)
    return ScheduleConfig(
        resolution=entry["resolution"],
        initial_resolution=options.get("lod_initial_resolution", 4),
        stabilize_kimg=options.get("lod_training_kimg", 600),
        fade_in_kimg=options.get("lod_transition_kimg", 600),
        batch_size=spelled_out(*batch_sizes),
        generator_learning_rate=spelled_out(options.get("G_lrate_dict", {}), 0.001),
        discriminator_learning_rate=spelled_out(options.get("D_lrate_dict", {}), 0.001),
    )


def check_rows(config, entry):
    """Holds a schedule to rows of the published one."""
    stages = make_stages(config)
    for values in entry["rows"]:
        row = dict(zip(entry["columns"], values, strict=True))
        position = position_at(config, stages, round(row["kimg"] * 1000))
        assert position.stage.resolution == row["resolution"], row
        assert position.batch_size == row["minibatch"], row
        assert position.generator_learning_rate == row["G_lrate"], row
        assert position.discriminator_learning_rate == row["D_lrate"], row
        assert position.tick_images == row["tick_kimg"] * 1000, row
        assert position.alpha == pytest.approx(1 - row["lod"] % 1, abs=1e-9), row
        assert position.stage.fades_in == (row["lod"] % 1 > 0), row


@pytest.mark.parametrize("name", GOLDEN)
def test_every_row_of_the_published_schedule_is_met(name):
    check_rows(published_config(GOLDEN[name]), GOLDEN[name])


def published_level_of_detail(config, images_shown):
    """Karras et al., 2018, §2 and appendix A.1, in one formula without stages."""
    stabilize, fade_in = round(config.stabilize_kimg * 1000), round(config.fade_in_kimg * 1000)
    phase, within = divmod(images_shown, max(stabilize + fade_in, 1))
    lod = math.log2(config.resolution / config.initial_resolution) - phase
    if fade_in:
        lod -= max(within - stabilize, 0) / fade_in
    return max(lod, 0.0)


# Resolution, the first one, and the thousands of images to stabilize, to fade in and in total.
SCHEDULES = {
    "usual": (32, 4, 0.1, 0.06, 1),
    "without fade-in": (32, 4, 0.1, 0, 1),
    "without stabilizing": (32, 4, 0, 0.1, 1),
    "from 16 px": (64, 16, 0.1, 0.05, 1),
    "too short": (64, 4, 0.1, 0.1, 0.35),
    "two images to fade": (16, 4, 0.003, 0.002, 0.03),
    "single resolution": (32, 32, 0, 0, 0.1),
}


@pytest.mark.parametrize("numbers", SCHEDULES.values(), ids=SCHEDULES)
def test_stages_follow_each_other_as_the_published_level_of_detail(numbers):
    config = ScheduleConfig(*numbers)
    stages = make_stages(config)
    assert [(stage.index, stage.number - 1) for stage in stages] == [*enumerate(range(len(stages)))]
    assert stages[0].first_image == 0
    for before, after in itertools.pairwise(stages):
        assert before.first_image <= before.last_image == after.first_image - 1
    assert stages[-1].last_image == max(config.total_kimg * 1000, stages[-1].first_image)
    shown = []
    for images_shown in range(round(config.total_kimg * 1000) + 50):
        stage = stage_at(stages, images_shown)
        assert stage.first_image <= images_shown
        assert images_shown <= stage.last_image or stage is stages[-1]
        alpha = stage.alpha(images_shown)
        assert 0 < alpha <= 1 and (alpha < 1) == stage.fades_in
        shown.append(math.log2(config.resolution / stage.resolution) + 1 - alpha)
        expected = published_level_of_detail(config, images_shown)
        assert shown[-1] == pytest.approx(expected, abs=1e-9), images_shown
    assert shown == sorted(shown, reverse=True)


def test_n_resolutions_give_2n_minus_1_stages():
    for count in range(1, 10):
        expected = [(4, "stabilize")]
        for resolution in RESOLUTIONS[1:count]:
            expected += [(resolution, "fade_in"), (resolution, "stabilize")]
        stages = make_stages(ScheduleConfig(resolution=RESOLUTIONS[count - 1]))
        assert [(stage.resolution, stage.phase) for stage in stages] == expected
        assert len(stages) == 2 * count - 1


def test_stages_last_as_long_as_asked():
    stages = make_stages(ScheduleConfig(16, 4, 10, 4, 100))
    assert [(stage.first_image, stage.last_image) for stage in stages] == [
        *((0, 10_000), (10_001, 13_999), (14_000, 24_000), (24_001, 27_999), (28_000, 100_000))
    ]
    assert [str(stage) for stage in stages] == ["4 px", "4→8 px", "8 px", "8→16 px", "16 px"]
    assert stages[1].alpha(12_000) == 0.5 and stages[1].alpha(11_000) == 0.25
    # Where its neighbors stand: the old picture alone, the new one alone.
    assert (stages[1].alpha(10_000), stages[1].alpha(14_000)) == (0, 1)


def test_a_run_that_is_too_short_for_its_resolution_says_which_one_it_reaches():
    short = ScheduleConfig(16, 4, 1, 1, total_kimg=3.5)
    line = describe_end(short)
    assert (
        "3.5 kimg end in stage 4 of 5 (8→16 px, at alpha 0.50); 16 px are reached after 4" in line
    )
    assert describe_end(dataclasses.replace(short, total_kimg=4)) is not None
    assert describe_end(dataclasses.replace(short, total_kimg=4.001)) is None
    assert describe_end(dataclasses.replace(short, initial_resolution=16)) is None


def test_settings_follow_the_resolution():
    config = ScheduleConfig(
        *(16, 4, 1, 1, 15000),
        discriminator_learning_rate=PerResolution(((4, 0.3), (16, 0.4))),
        tick_kimg=PerResolution(((4, 2), (8, 0.5))),
    )
    settings = {1000: (16, 0.001, 0.3, 2000), 1001: (16, 0.001, 0.3, 500)}
    for images_shown, expected in {**settings, 3001: (16, 0.001, 0.4, 500)}.items():
        got = dataclasses.astuple(position_at(config, make_stages(config), images_shown))
        assert got[2:] == expected


def test_learning_rates_rise_along_the_published_ramp():
    rates = {"generator_learning_rate": PerResolution(((4, 0.002),))}
    ramped, plain = (ScheduleConfig(8, rampup_kimg=kimg, **rates) for kimg in (40, 0))
    assert position_at(plain, make_stages(plain), 0).generator_learning_rate == 0.002
    factors = {0: math.exp(-5), 20_000: math.exp(-1.25), 39_999: 1.0, 40_000: 1.0, 10**7: 1.0}
    for images, factor in factors.items():
        position = position_at(ramped, make_stages(ramped), images)
        assert position.generator_learning_rate == pytest.approx(0.002 * factor, rel=1e-6)
        expected = pytest.approx(0.001 * factor, rel=1e-6)
        assert position.discriminator_learning_rate == expected


def test_learning_rates_fall_linearly_to_zero_over_the_last_images():
    config = ScheduleConfig(8, total_kimg=100, rampdown_kimg=20)
    for images, factor in {0: 1, 80_000: 1, 85_000: 0.75, 99_000: 0.05, 100_000: 0}.items():
        position = position_at(config, make_stages(config), images)
        rates = position.generator_learning_rate, position.discriminator_learning_rate
        assert rates == pytest.approx((0.001 * factor, 0.001 * factor))
