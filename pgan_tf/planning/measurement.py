"""Runs iterations of a single stage to measure speed and memory, or to see whether it fits."""

import contextlib
import dataclasses
import gc
import os
import re
import time
import timeit
from collections.abc import Callable, Iterator

import tensorflow as tf

from pgan_tf.config.augmentation import needs_held_out
from pgan_tf.config.schedule import Stage, make_stages, position_at
from pgan_tf.config.training import TrainingConfig
from pgan_tf.data.damage import BadRecords, readable_data_errors
from pgan_tf.data.dataset import distribute
from pgan_tf.devices.out_of_memory import readable_memory_errors
from pgan_tf.devices.strategy import check_batch_sizes, make_strategy
from pgan_tf.devices.threads import choose_threads
from pgan_tf.planning.flops import step_flops
from pgan_tf.planning.limits import heaviest_stage
from pgan_tf.training.gradients import discriminator_gradients, generator_gradients
from pgan_tf.training.state import build_state
from pgan_tf.training.step import make_train_step
from tfrecords.format.dataset_info import DatasetInfo

_PRODUCT_SIZE = 4096
_PRODUCT_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class StageCost:
    """Measurements of a stage. Step times are for a whole batch."""

    resolution: int  # in pixels
    batch_size: int  # global
    precision: str  # one of `config.training.PRECISIONS`
    jit_compile: bool  # whether XLA compiled it
    images_per_second: float  # real images in whole iterations (D step, average step, G step)
    iteration_ms: float
    discriminator_step_ms: float  # only gradients and Adam
    generator_step_ms: float  # only gradients and Adam
    compile_seconds: float  # building, tracing and the first iteration
    gflops_per_image: float  # the least arithmetic (see `flops`), in 10^9 operations
    product_gflops: float  # 10^9 operations per second in a 4096 x 4096 matrix product
    percent_of_product: float  # speed of the least arithmetic as a percentage of the product's
    peak_memory_mib: float  # peak of the process, or of the first GPU; 0 if unknown
    images_at_once: int  # of the batch, on each device; see `ScheduleConfig.micro_batch`


def make_iteration(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy
) -> Callable[[Iterator], None]:
    """Builds a stage's networks; returns a function that trains one iteration and waits for it."""
    config = dataclasses.replace(config, minibatch_repeats=1)
    position = position_at(config.schedule, (stage,), stage.first_image)
    state = build_state(stage, config, strategy)
    step = make_train_step(state, config, strategy, position.batch_size)
    rates = position.generator_learning_rate, position.discriminator_learning_rate
    images_shown = tf.constant(stage.first_image, tf.int64)
    alpha_and_rates = [tf.constant(value, tf.float32) for value in (position.alpha, *rates)]
    held_out = needs_held_out(config.augmentation.augment, config.loss.name)

    def iterate(batches: Iterator) -> None:
        others = [batches] if held_out else []
        step(batches, images_shown, *alpha_and_rates, *others).numpy()

    return iterate


def noise_batches(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy
) -> Iterator:
    """Returns endless batches of noise, shaped like a stage's real images and labels."""
    size = int(config.schedule.batch_size.at(stage.resolution)) // strategy.num_replicas_in_sync
    network = config.network
    shape = (size, *network.base.shape(stage.resolution), network.num_channels)

    def batches(_: tf.distribute.InputContext) -> tf.data.Dataset:
        images = tf.random.stateless_uniform(shape, (config.seed, 0), -1.0, 1.0)
        labels = tf.one_hot(tf.range(size) % max(1, network.label_size), network.label_size)
        return tf.data.Dataset.from_tensors((images, labels)).repeat()

    return iter(strategy.distribute_datasets_from_function(batches))


def seconds_per_call(call: Callable[[], None], budget_seconds: float) -> float:
    """Returns the mean time of at least one call, not counting the first, which compiles."""
    call()
    calls, start = 0, time.monotonic()
    while calls == 0 or time.monotonic() - start < budget_seconds:
        call()
        calls += 1
    return (time.monotonic() - start) / calls


def try_heaviest_stage(
    config: TrainingConfig, info: DatasetInfo, strategy: tf.distribute.Strategy, most_bad: int = 0
) -> Stage:
    """Trains one iteration of the heaviest stage as a trial. UserError if out of memory."""
    num_replicas = strategy.num_replicas_in_sync
    stage = heaviest_stage(config, num_replicas)
    with readable_memory_errors(config, stage, num_replicas), readable_data_errors():
        iterate = make_iteration(config, stage, strategy)
        batches = distribute(
            strategy,
            info,
            stage.resolution,
            global_batch_size=int(config.schedule.batch_size.at(stage.resolution)),
            label_size=config.network.label_size,
            seed=config.seed,
            mirror_augment=config.mirror_augment,
            held_out=config.augmentation.held_out,
            bad_records=BadRecords(most_bad),  # a count of its own, apart from the run's
        )
        iterate(iter(batches))
    del iterate, batches
    gc.collect()  # models and compiled steps hold each other
    return stage


def measure_stage(config: TrainingConfig, strategy_name: str, budget_seconds: float) -> StageCost:
    """Trains the last stage of a configuration on noise, and measures.

    Run it in a process of its own, or the peak of memory may be from earlier work. Iterations take
    `budget_seconds`; each of the two steps takes half. UserError if the batch can't be split.
    """
    network = config.network
    choose_threads(network.fmap_base, network.fmap_decay, config.schedule.batch_size)
    strategy = make_strategy(strategy_name)
    check_batch_sizes(config, strategy.num_replicas_in_sync)
    stage = make_stages(config.schedule)[-1]
    batch_size = int(config.schedule.batch_size.at(stage.resolution))
    product = matrix_product_gflops(config.precision)
    start = time.monotonic()
    iterate = make_iteration(config, stage, strategy)
    batches = noise_batches(config, stage, strategy)
    iterate(batches)
    compile_seconds = time.monotonic() - start
    iteration = seconds_per_call(lambda: iterate(batches), budget_seconds)
    peak = peak_memory_bytes()
    discriminator_step, generator_step = _make_steps(config, stage, strategy, batch_size)
    images_per_second = batch_size * config.discriminator_repeats / iteration
    for_discriminator, for_generator = step_flops(stage, config.network, config.loss)
    flops_per_image = for_discriminator + for_generator / config.discriminator_repeats
    return StageCost(
        resolution=stage.resolution,
        batch_size=batch_size,
        precision=config.precision,
        jit_compile=config.jit_compile,
        images_per_second=images_per_second,
        iteration_ms=1e3 * iteration,
        discriminator_step_ms=1e3 * seconds_per_call(discriminator_step, budget_seconds / 2),
        generator_step_ms=1e3 * seconds_per_call(generator_step, budget_seconds / 2),
        compile_seconds=compile_seconds,
        gflops_per_image=flops_per_image / 1e9,
        product_gflops=product,
        percent_of_product=100 * flops_per_image * images_per_second / (product * 1e9),
        peak_memory_mib=peak / 2**20,
        images_at_once=config.schedule.images_at_once(
            stage.resolution, strategy.num_replicas_in_sync
        ),
    )


def matrix_product_gflops(precision: str, size: int | None = None) -> float:
    """Measures a square matrix product, best of several, in 10^9 operations per second.

    With one thread for each operation there are as many products side by side as cores.
    """
    size = size or _PRODUCT_SIZE
    dtype = precision.removeprefix("mixed_")
    at_once = (
        os.cpu_count() or 1 if tf.config.threading.get_intra_op_parallelism_threads() == 1 else 1
    )
    matrices = tf.cast(tf.random.stateless_uniform((at_once, size, size), (0, 0)), dtype)

    @tf.function
    def multiply() -> tf.Tensor:
        return tf.stack([tf.reduce_max(tf.linalg.matmul(one, one)) for one in tf.unstack(matrices)])

    multiply().numpy()
    best = min(timeit.repeat(lambda: multiply().numpy(), number=1, repeat=_PRODUCT_ROUNDS))
    return at_once * 2 * size**3 / best / 1e9


def peak_memory_bytes() -> int:
    """Returns the peak memory use so far; 0 if the system does not tell."""
    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    found = None
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        found = re.search(r"^VmHWM:\s+(\d+)", status.read(), re.MULTILINE)
    return 1024 * int(found[1]) if found else 0


def _make_steps(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy, batch_size: int
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Returns a D step and a G step, each only gradients and Adam."""
    state = build_state(stage, config, strategy)
    count, network = batch_size // strategy.num_replicas_in_sync, config.network
    reals = tf.zeros((count, *network.base.shape(stage.resolution), network.num_channels))
    labels = tf.zeros((count, network.label_size))
    latents = tf.random.stateless_normal((count, network.latent_size), (0, 0))
    mixing = tf.fill((count,), 0.5)

    def make_step(network: str, compute: Callable, *inputs: tf.Tensor) -> Callable[[], None]:
        optimizer, model = getattr(state, f"{network}_optimizer"), getattr(state, network)

        def gradients() -> list[tf.Tensor]:
            return compute(state, *inputs, config=config, global_batch_size=batch_size)[1]

        compiled = tf.function(gradients, jit_compile=True) if config.jit_compile else gradients

        @tf.function
        def step() -> tf.Tensor:
            strategy.run(lambda: optimizer.apply(compiled(), model.trainable_variables))
            return tf.constant(0)

        return lambda: step().numpy()

    d_inputs = reals, labels, latents, mixing
    d_step = make_step("discriminator", discriminator_gradients, *d_inputs)
    return d_step, make_step("generator", generator_gradients, labels, latents)
