"""Measures what training costs on this machine, stage by stage.

Each resolution is trained on noise for a few seconds, in a process of its own. The table has the
speed of whole iterations, of each step, and of the arithmetic beside that of a matrix product.
"""

import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing
import re
from typing import TYPE_CHECKING

from absl import flags
from tqdm import tqdm

from pgan_tf.config.flags import (
    define_flag,
    define_per_resolution,
    expand_presets,
    find_preset,
    flag_names,
    preset_flags,
    read_flags,
)
from pgan_tf.config.networks import resolutions_above_lowest
from pgan_tf.config.per_resolution import LOWEST_RESOLUTION
from pgan_tf.config.schedule import BATCH_SIZES
from pgan_tf.config.training import (
    PRECISIONS,
    STRATEGIES,
    LossConfig,
    NetworkConfig,
    ScheduleConfig,
    TrainingConfig,
)
from tfrecords.common.bounds import RESOLUTIONS, Bounds, shown
from tfrecords.common.command_help import Help
from tfrecords.common.command_line import define_number, define_path, define_read, run
from tfrecords.common.errors import UserError
from tfrecords.common.files import check_file_place, write_file
from tfrecords.common.paths import writing
from tfrecords.common.text import align, did_you_mean

if TYPE_CHECKING:  # loads TensorFlow, which would slow --help
    from pgan_tf.planning.measurement import StageCost


def _read_precisions(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in PRECISIONS]:
        meant = did_you_mean(unknown[0], PRECISIONS)
        raise ValueError(f"expected some of {', '.join(PRECISIONS)}, got {shown(text)}{meant}")
    return names


PRESET = define_read(
    "preset", None, "Networks by name, such as laptop; --preset=list prints all.", find_preset
)
RESOLUTION = define_read(
    "resolution",
    "4,8,16,32,64,128",
    "Resolutions to measure, in pixels.",
    lambda text: [RESOLUTIONS.read(part) for part in text.split(",")],
    f"{RESOLUTIONS}, or some of them: 4,8,16",
)
BATCH_SIZE = define_per_resolution(
    "batch_size",
    "4:16,128:8,256:4,512:2",
    "Global batch size, one or by resolution: 4:16,128:8.",
    BATCH_SIZES,
)
MICRO_BATCH = define_flag(ScheduleConfig, "micro_batch")
PRECISION = define_read(
    "precision", "float32", f"Some of {', '.join(PRECISIONS)}.", _read_precisions
)
_NETWORK_FLAGS = tuple(name for name in flag_names(NetworkConfig) if name != "resolution")
for one in _NETWORK_FLAGS:
    define_flag(NetworkConfig, one, 2048 if one == "fmap_base" else None)
LOSS = define_flag(LossConfig, "name")
DISCRIMINATOR_REPEATS = define_flag(TrainingConfig, "discriminator_repeats")
JIT_COMPILE = define_flag(TrainingConfig, "jit_compile")
STRATEGY = flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Devices.")
SECONDS = define_number("seconds", 4.0, "How long to time each stage.", Bounds(0, 3600))
JSON = define_path("json", None, "Also write the figures to this JSON file.")

HELP = Help(
    groups={
        "what to measure": ("preset", "resolution", "batch_size", "precision", "seconds", "json"),
        "networks": _NETWORK_FLAGS,
        "training": ("loss", "discriminator_repeats", "micro_batch"),
        "devices": ("strategy", "jit_compile"),
    },
    first=(
        *("preset", "resolution", "batch_size", "precision", "seconds", "json"),
        *("fmap_base", "fmap_max", "strategy", "jit_compile"),
    ),
    examples=(
        ("", "networks of a quarter of the paper's width, 4 to 128 px"),
        ("--preset=laptop", "all resolutions of a preset, with its networks and batches"),
        ("--resolution=64 --precision=float32,mixed_bfloat16", "one resolution, two precisions"),
    ),
)

_COLUMNS = (
    ("px", "resolution", "d"),
    ("batch", "batch_size", "d"),
    ("at once", "images_at_once", "d"),
    ("precision", "precision", "s"),
    ("images/s", "images_per_second", ".2f"),
    ("ms/iteration", "iteration_ms", ".1f"),
    ("ms/D step", "discriminator_step_ms", ".1f"),
    ("ms/G step", "generator_step_ms", ".1f"),
    ("GFLOP/image", "gflops_per_image", ".2f"),
    ("% of product", "percent_of_product", ".0f"),
    ("product GFLOP/s", "product_gflops", ".0f"),
    ("peak MiB", "peak_memory_mib", ".0f"),
    ("compile s", "compile_seconds", ".1f"),
)


def main() -> None:
    """Measures each stage in a process of its own."""
    if PRESET.value:  # `with_preset` has put others' flags in their place
        raise UserError("--preset: expected on the command line, got it in a flag file")
    configs = [
        _config(precision, size)
        for precision, size in itertools.product(PRECISION.value, RESOLUTION.value)
    ]
    # Imported here so that --help and mistaken flags answer at once: it loads TensorFlow.
    import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)
    import tensorflow as tf

    from pgan_tf.devices.strategy import check_batch_sizes
    from pgan_tf.planning.limits import check_memory, physical_memory

    for config in configs:
        check_batch_sizes(config, 1)  # the processes that measure have the devices, not this one
        if not tf.config.list_physical_devices("GPU"):
            check_memory(config, 1, physical_memory())
    if JSON.value:
        check_file_place(JSON.value, "--json")  # before it measures for minutes
    costs = []
    with tqdm(configs, "Measuring", unit=" stages", disable=None) as bar:
        for config in bar:
            bar.set_postfix_str(f"{config.network.resolution} px, {config.precision}")
            costs.append(_in_a_process_of_its_own(config))
    rows = [[format(getattr(cost, name), form) for _, name, form in _COLUMNS] for cost in costs]
    print("\n".join(align([[title for title, _, _ in _COLUMNS], *rows])))
    if JSON.value:
        text = json.dumps([dataclasses.asdict(cost) for cost in costs], indent=2) + "\n"
        with writing(f"--json={JSON.value}"):
            write_file(JSON.value, text.encode())
        print(f"Wrote {JSON.value}")


def _config(precision: str, size: int) -> TrainingConfig:
    latent_size = flags.FLAGS["fmap_max"].value
    return TrainingConfig(
        network=read_flags(NetworkConfig, ["resolution"], resolution=size, latent_size=latent_size),
        schedule=ScheduleConfig(
            resolution=size, batch_size=BATCH_SIZE.value, micro_batch=MICRO_BATCH.value
        ),
        loss=LossConfig(name=LOSS.value),
        precision=precision,
        discriminator_repeats=DISCRIMINATOR_REPEATS.value,
        jit_compile=JIT_COMPILE.value,
    )


def _in_a_process_of_its_own(config: TrainingConfig) -> "StageCost":
    # So each stage has its own memory peak; spawned processes inherit none.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_measure, config, STRATEGY.value, SECONDS.value).result()


def _measure(config: TrainingConfig, strategy: str, seconds: float) -> "StageCost":
    import tfrecords.common.tensorflow_setup  # noqa: F401  (first: it sets TensorFlow up)
    from pgan_tf.planning.measurement import measure_stage

    return measure_stage(config, strategy, seconds)


def with_preset(arguments: list[str]) -> list[str]:
    """Replaces a preset by those of its flags that affect the speed of a step."""
    return expand_presets(arguments, _step_flags)


def _step_flags(preset: str) -> list[str]:
    chosen = []
    for flag in preset_flags(preset):
        name, _, value = flag.removeprefix("--").partition("=")
        if name == "resolution":  # all resolutions that it grows through
            sizes = [LOWEST_RESOLUTION, *resolutions_above_lowest(int(value))]
            chosen.append(f"--resolution={','.join(map(str, sizes))}")
        elif name in flags.FLAGS or re.sub("^no", "", name) in flags.FLAGS:
            chosen.append(flag)
    return chosen


def start() -> None:
    """Starts the command."""
    run(main, complete=with_preset, help=HELP)


if __name__ == "__main__":
    start()
