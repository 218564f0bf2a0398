import dataclasses
import itertools
import math

import pytest

from pgan_tf.config.networks import multiplications
from pgan_tf.config.schedule import Stage, make_stages, stage_at
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.networks.discriminator import build_discriminator
from pgan_tf.networks.generator import build_generator
from pgan_tf.networks.growth import named_variables
from pgan_tf.planning.flops import cpu_days
from pgan_tf.training import progress as progress_module
from pgan_tf.training.progress import Progress

NETWORK = NetworkConfig(resolution=16, latent_size=6, fmap_base=64, fmap_max=12)
SCHEDULE = ScheduleConfig(resolution=16, stabilize_kimg=1, fade_in_kimg=1, total_kimg=10)
STAGES = make_stages(SCHEDULE)
TOTAL = 10_000


# Cost


def counted_multiplications(stage, config):
    """Each tap of each kernel once for each pixel that it works at, from the built models."""
    total = 0
    for build in (build_generator, build_discriminator):
        for name, variable in named_variables(build(stage, config)).items():
            layer, kind = name.split("/")
            if kind == "kernel":
                pixels = 1 if "dense" in layer else int(layer.split("x")[0]) ** 2
                total += math.prod(variable.shape) * pixels
    return total


@pytest.mark.parametrize("resolution", [4, 8, 16])
@pytest.mark.parametrize("options", [{}, {"label_size": 3, "num_channels": 1}, {"fmap_max": 5}])
def test_the_cost_of_a_stage_is_the_arithmetic_of_its_plain_layers(resolution, options):
    settings = {"resolution": 16, "latent_size": 6, "fmap_base": 64, "fmap_max": 12, **options}
    # Without the deviation, whose one more feature map the cost leaves out.
    config = NetworkConfig(fused_scale=False, mbstd_group_size=0, **settings)
    stage = Stage(0, resolution, "stabilize", 0, 9)
    assert multiplications(stage, config) == counted_multiplications(stage, config)


def test_later_stages_cost_more():
    stages = make_stages(ScheduleConfig())
    costs = [multiplications(stage, NetworkConfig()) for stage in stages if not stage.fades_in]
    assert costs == sorted(costs)
    assert costs[-1] > 50 * costs[0]


def test_a_run_costs_the_arithmetic_of_every_image_at_its_stage():
    def cost_per_multiplication(**options):
        schedule = dataclasses.replace(SCHEDULE, **options)
        stages = make_stages(schedule)
        images = range(round(schedule.total_kimg * 1000))
        total = sum(multiplications(stage_at(stages, image), NETWORK) for image in images)
        seconds = 86400 * cpu_days(TrainingConfig(network=NETWORK, schedule=schedule))
        return 1e11 * seconds / total

    # The same multiple, several passes, whatever the schedule: it is good for comparing runs.
    multiple = cost_per_multiplication()
    assert 2 < multiple < 20
    for options in ({"total_kimg": 2.5}, {"initial_resolution": 16}, {"fade_in_kimg": 3.0}):
        assert cost_per_multiplication(**options) == pytest.approx(multiple, rel=3e-3)


# Progress


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when told to."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    return wait


def make_progress(shown=0, stages=STAGES, total=TOTAL, network=NETWORK):
    return Progress(stages, network, total, shown)


def test_in_the_last_stage_an_image_counts_as_one():
    progress = make_progress(shown=6000)
    assert progress.remaining_images(STAGES[-1], 6000) == pytest.approx(4000)
    assert progress.remaining_images(STAGES[-1], 9984) == pytest.approx(16)
    assert progress.remaining_images(STAGES[-1], TOTAL) == 0
    assert progress.remaining_images(STAGES[-1], TOTAL + 48) == 0
    progress.close()


def test_images_of_later_stages_count_for_more_than_their_number():
    progress = make_progress()
    assert progress.remaining_images(STAGES[0], 0) > 2 * TOTAL
    progress.close()


def test_what_remains_falls_with_every_image():
    progress = make_progress()
    remaining = [
        progress.remaining_images(STAGES[0], images) for images in range(0, TOTAL + 100, 50)
    ]
    assert all(a > b for a, b in itertools.pairwise(remaining) if b > 0)
    assert remaining[-1] == 0
    progress.close()


def test_a_run_that_ends_while_growing_counts_no_later_stages():
    progress = make_progress(total=900)
    assert progress.remaining_images(STAGES[0], 100) == pytest.approx(800)
    progress.close()


def test_a_stage_twice_as_dear_counts_twice():
    # Stages of one resolution cost the same, so what differs is the resolution alone.
    progress = make_progress()
    at_8, at_16 = (
        progress.remaining_images(stage, 5000) - progress.remaining_images(stage, 6000)
        for stage in (STAGES[2], STAGES[4])
    )
    assert at_16 == pytest.approx(1000)
    fixed = 0.5 * multiplications(STAGES[2], NETWORK)
    costs = [multiplications(STAGES[index], NETWORK) + fixed for index in (4, 2)]
    assert at_8 / at_16 == pytest.approx(costs[0] / costs[1])
    progress.close()


def shown_at_the_end(capsys):
    return capsys.readouterr().err.split("\r")[-1]


def test_the_bar_shows_stage_alpha_speed_and_time_left(clock, capsys):
    progress = make_progress(shown=4000)
    progress.update(STAGES[-1], 1.0, 4000)  # the first call, which compiles
    clock(100)
    progress.update(STAGES[-1], 1.0, 4500)
    clock(100)
    progress.update(STAGES[-1], 1.0, 5000)
    progress.close()
    bar = shown_at_the_end(capsys)
    assert bar.startswith("16 px  50%|")
    # 1000 images in 200 s: 5 a second; 5000 more take 1000 s.
    assert "5.0 img/s, 16:40 left" in bar
    assert "alpha" not in bar
    assert "5.00k/10.0k" in bar


def test_the_bar_shows_how_far_a_stage_has_faded_in(capsys):
    progress = make_progress(shown=1000)
    progress.update(STAGES[1], 0.25, 1250)
    progress.close()
    assert shown_at_the_end(capsys).startswith("4→8 px alpha 0.25")


def test_speed_is_measured_in_the_present_stage_without_its_first_call(clock, capsys):
    progress = make_progress(shown=3000)
    progress.update(STAGES[3], 0.5, 3500)
    clock(1)
    progress.update(STAGES[3], 0.9, 3900)  # 400 a second
    clock(60)  # the next stage compiles
    progress.update(STAGES[4], 1.0, 4000)
    clock(10)
    progress.update(STAGES[4], 1.0, 4100)
    progress.close()
    assert "10.0 img/s, 9:50 left" in shown_at_the_end(capsys)


def test_time_left_counts_that_each_later_stage_has_to_compile(clock, capsys):
    def time_left(seconds, total):
        progress = make_progress(total=total)
        clock(seconds)  # until the first call is done
        progress.update(STAGES[0], 1.0, 100)
        clock(100)
        progress.update(STAGES[0], 1.0, 200)
        progress.close()
        left = shown_at_the_end(capsys).split("img/s, ")[1].split(" left")[0]
        return sum(int(part) * 60**i for i, part in enumerate(reversed(left.split(":"))))

    # The run ends in the second stage, in the third, in the first.
    assert time_left(30, 1500) - time_left(0, 1500) == 30
    assert time_left(30, 2500) - time_left(0, 2500) == 60
    assert time_left(30, 900) == time_left(0, 900)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((59, "0:59"), (60, "1:00"), (3599, "59:59"), (3600, "1:00:00"), (86399, "23:59:59")),
        *((86400, "1 d 0 h"), (3 * 86400 + 5 * 3600 + 59, "3 d 5 h")),
    ],
)
def test_time_left_reads_in_minutes_hours_or_days(clock, capsys, seconds, text):
    progress = make_progress(shown=4000)
    progress.update(STAGES[-1], 1.0, 4000)
    clock(seconds)
    progress.update(STAGES[-1], 1.0, 7000)  # as many as are still to come
    progress.close()
    assert f"img/s, {text} left" in shown_at_the_end(capsys)


def test_a_line_is_printed_above_the_bar(capsys):
    progress = make_progress()
    progress.print("Resuming from 3 kimg")
    progress.close()
    assert capsys.readouterr().out == "Resuming from 3 kimg\n"
