"""What training costs on this machine, stage by stage: `python -m pgan_tf.commands.benchmark`."""

import tfrecords.common.tensorflow_setup  # noqa: F401, I001  (first: it sets TensorFlow up)

import concurrent.futures
import dataclasses
import itertools
import json
import multiprocessing

import tensorflow as tf
from absl import flags
from tqdm import tqdm

from pgan_tf.config.flags import define_flag, define_per_resolution
from pgan_tf.config.schedule import BATCH_SIZES
from pgan_tf.config.training import PRECISIONS, NetworkConfig, ScheduleConfig, TrainingConfig
from pgan_tf.devices.strategy import STRATEGIES, check_batch_sizes
from pgan_tf.planning.limits import check_memory, physical_memory
from pgan_tf.planning.measurement import StageCost, measure_stage
from tfrecords.common.bounds import RESOLUTIONS, Bounds, shown
from tfrecords.common.command_line import define_number, define_path, define_read, run
from tfrecords.common.files import check_file_place, write_file
from tfrecords.common.paths import writing
from tfrecords.common.text import align


def _read_precisions(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= set(PRECISIONS):
        raise ValueError(f"expected some of {', '.join(PRECISIONS)}, got {shown(text)}")
    return names


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
PRECISION = define_read(
    "precision", "float32", f"Some of {', '.join(PRECISIONS)}.", _read_precisions
)
FMAP_BASE = define_flag(NetworkConfig, "fmap_base", 2048)
FMAP_MAX = define_flag(NetworkConfig, "fmap_max")
JIT_COMPILE = flags.DEFINE_bool("jit_compile", False, "Compile with XLA.")
STRATEGY = flags.DEFINE_enum("strategy", "auto", STRATEGIES, "Devices.")
SECONDS = define_number("seconds", 4.0, "How long to time each stage.", Bounds(0, 3600))
JSON = define_path("json", None, "Also write the figures to this JSON file.")

_COLUMNS = (
    ("px", "resolution", "d"),
    ("batch", "batch_size", "d"),
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
    configs = []
    for precision, size in itertools.product(PRECISION.value, RESOLUTION.value):
        network = NetworkConfig(resolution=size, fmap_base=FMAP_BASE.value, fmap_max=FMAP_MAX.value)
        schedule = ScheduleConfig(resolution=size, batch_size=BATCH_SIZE.value)
        config = TrainingConfig(
            network=network, schedule=schedule, precision=precision, jit_compile=JIT_COMPILE.value
        )
        configs.append(config)
        check_batch_sizes(config, 1)  # devices are the measuring processes', not this one's
        if not tf.config.list_physical_devices("GPU"):
            check_memory(config, 1, physical_memory())
    if JSON.value:
        check_file_place(JSON.value, "--json")  # before minutes of measuring
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


def _in_a_process_of_its_own(config: TrainingConfig) -> StageCost:
    # Each stage's peak of memory is its own then; a process inherits none by being spawned.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure_stage, config, STRATEGY.value, SECONDS.value).result()


if __name__ == "__main__":
    run(main)
