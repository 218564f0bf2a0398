"""How long training is expected to take, against what was measured: docs/performance.md."""

import dataclasses

import pytest

from pgan_tf.config.per_resolution import PerResolution
from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.planning.estimate import Device, iteration_seconds, stage_seconds

CPU, GPU = Device(490.0), Device(is_gpu=True)
# Resolution, batch, fmap_base, images per second.
ON_CPU = [(4, 16, 2048, 204.7), (8, 16, 2048, 56.7), (16, 16, 2048, 30.0), (32, 16, 2048, 18.4)]
ON_CPU += [(64, 16, 2048, 12.1), (128, 8, 2048, 8.1), (32, 16, 512, 123.4), (32, 16, 8192, 4.4)]
ON_CPU += [(32, 4, 2048, 11.4), (32, 32, 2048, 19.8)]
ON_GPU = [(16, 16, 8192, 702), (128, 16, 8192, 200), (1024, 4, 8192, 29.2)]


def images_per_second(device, resolution, batch_size, fmap_base):
    network = NetworkConfig(resolution=resolution, fmap_base=fmap_base)
    config = TrainingConfig(network=network, schedule=ScheduleConfig(resolution=resolution))
    stage = Stage(0, resolution, "stabilize", 0, 1)
    return batch_size / iteration_seconds(stage, config, device, batch_size)


def test_speed_is_what_was_measured_within_a_fifth():
    for device, measured in ((CPU, ON_CPU), (GPU, ON_GPU)):
        for resolution, batch_size, fmap_base, speed in measured:
            expected = images_per_second(device, resolution, batch_size, fmap_base)
            assert expected == pytest.approx(speed, rel=0.2), (resolution, batch_size, fmap_base)


def test_a_slower_processor_takes_longer_by_as_much():
    slow = images_per_second(Device(49.0), 32, 16, 2048)
    assert slow == pytest.approx(images_per_second(CPU, 32, 16, 2048) / 10)


@pytest.mark.parametrize(
    ("fmap_base", "fmap_max", "resolution", "kimg", "total", "seconds"),
    # The presets shapes and emoji: docs/quality.md.
    [(256, 64, 32, 1.5, 33, 317), (512, 128, 64, 2, 80, 1107)],
)
def test_whole_runs_take_what_they_took_within_a_fifth(
    fmap_base, fmap_max, resolution, kimg, total, seconds
):
    lengths = {"stabilize_kimg": kimg, "fade_in_kimg": kimg, "total_kimg": total}
    schedule = ScheduleConfig(resolution=resolution, batch_size=PerResolution(((4, 8),)), **lengths)
    sizes = {"fmap_base": fmap_base, "fmap_max": fmap_max, "latent_size": fmap_max}
    config = TrainingConfig(
        network=NetworkConfig(resolution=resolution, **sizes), schedule=schedule
    )
    times = stage_seconds(config, CPU, 1)
    assert list(times) == list(make_stages(schedule))
    assert sum(times.values()) == pytest.approx(seconds, rel=0.2)
    # Four D steps for each G step: fewer G steps for as many images.
    repeated = dataclasses.replace(config, discriminator_repeats=4)
    assert sum(stage_seconds(repeated, CPU, 1).values()) < sum(times.values())
