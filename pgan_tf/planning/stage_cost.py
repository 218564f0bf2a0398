"""What a stage's training costs: speed, arithmetic, memory."""

import dataclasses
import re
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from pgan_tf.config.schedule import Stage, make_stages
from pgan_tf.config.training import TrainingConfig
from pgan_tf.devices.strategy import check_batch_sizes, make_strategy
from pgan_tf.planning.flops import step_flops
from pgan_tf.planning.measurement import make_iteration, noise_batches, seconds_per_call
from pgan_tf.training.gradients import discriminator_gradients, generator_gradients
from pgan_tf.training.state import build_state

_PRODUCT_SIZE = 4096
_PRODUCT_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class StageCost:
    """What was measured of a stage. Steps are of a whole batch."""

    resolution: int  # in pixels
    batch_size: int  # global
    precision: str  # one of `config.training.PRECISIONS`
    jit_compile: bool  # whether XLA compiled it
    images_per_second: float  # real images, through whole iterations (D step, average, G step)
    iteration_ms: float
    discriminator_step_ms: float  # gradients and Adam alone
    generator_step_ms: float  # likewise
    compile_seconds: float  # building, tracing and the first iteration
    gflops_per_image: float  # the least arithmetic (see `flops`), in 10^9 operations
    product_gflops: float  # 10^9 operations per second in a 4096 x 4096 matrix product
    percent_of_product: float  # the speed of the least arithmetic, relative to the product's
    peak_memory_mib: float  # of the process, or of the first GPU; 0 if unknown


def measure_stage(config: TrainingConfig, strategy_name: str, budget_seconds: float) -> StageCost:
    """Trains the last stage of a configuration on noise, and measures.

    It needs a process of its own, or the peak of memory is another's. `budget_seconds` is for the
    timed iterations; each of the two steps gets half as much.

    Raises UserError if the batch does not split evenly over the devices.
    """
    strategy = make_strategy(strategy_name)
    check_batch_sizes(config, strategy.num_replicas_in_sync)
    stage = make_stages(config.schedule)[-1]
    batch_size = int(config.schedule.batch_size.at(stage.resolution))
    product = matrix_product_gflops(config.precision)
    begin = time.monotonic()
    iterate = make_iteration(config, stage, strategy)
    batches = noise_batches(config, stage, strategy)
    iterate(batches)
    compile_seconds = time.monotonic() - begin
    iteration = seconds_per_call(lambda: iterate(batches), budget_seconds)
    peak = peak_memory_bytes()
    discriminator_step, generator_step = _make_steps(config, stage, strategy, batch_size)
    images_per_second = batch_size * config.discriminator_repeats / iteration
    flops = step_flops(stage, config.network, config.loss.name)
    flops_per_image = flops.discriminator_step + flops.generator_step / config.discriminator_repeats
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
    )


def matrix_product_gflops(precision: str) -> float:
    """Measures a square matrix product, the best of some, in 10^9 operations per second."""
    dtype = precision.removeprefix("mixed_")
    matrix = tf.cast(tf.random.stateless_uniform([_PRODUCT_SIZE] * 2, (0, 0)), dtype)

    @tf.function
    def multiply() -> tf.Tensor:
        return tf.reduce_max(tf.linalg.matmul(matrix, matrix))

    multiply().numpy()
    best = float("inf")
    for _ in range(_PRODUCT_ROUNDS):
        begin = time.monotonic()
        multiply().numpy()
        best = min(best, time.monotonic() - begin)
    return 2 * _PRODUCT_SIZE**3 / best / 1e9


def peak_memory_bytes() -> int:
    """Returns the most memory in use so far; 0 where the system does not tell."""
    if tf.config.list_logical_devices("GPU"):
        return tf.config.experimental.get_memory_info("GPU:0")["peak"]
    try:
        with open("/proc/self/status") as status:
            found = re.search(r"^VmHWM:\s+(\d+)", status.read(), re.MULTILINE)
            return 1024 * int(found[1]) if found else 0
    except OSError:
        return 0


def _make_steps(
    config: TrainingConfig, stage: Stage, strategy: tf.distribute.Strategy, batch_size: int
) -> tuple[Callable[[], None], Callable[[], None]]:
    """Returns a D step and a G step by themselves: gradients, and Adam."""
    state = build_state(stage, config, strategy)
    replica_batch_size = batch_size // strategy.num_replicas_in_sync
    network, size = config.network, stage.resolution
    reals = tf.zeros((replica_batch_size, size, size, network.num_channels))
    labels = tf.zeros((replica_batch_size, network.label_size))
    latents = tf.random.stateless_normal((replica_batch_size, network.latent_size), (0, 0))
    mixing = tf.fill((replica_batch_size,), 0.5)

    def make_step(
        compute: Callable[..., tuple[Any, list[tf.Tensor]]],
        inputs: tuple[tf.Tensor, ...],
        optimizer: keras.optimizers.Optimizer,
        model: keras.Model,
    ) -> Callable[[], None]:
        def gradients() -> list[tf.Tensor]:
            return compute(state, *inputs, config=config, global_batch_size=batch_size)[1]

        compiled = tf.function(gradients, jit_compile=True) if config.jit_compile else gradients

        def apply() -> None:
            optimizer.apply(compiled(), model.trainable_variables)

        @tf.function
        def step() -> tf.Tensor:
            strategy.run(apply)
            return tf.constant(0)

        return lambda: step().numpy()

    return (
        make_step(
            discriminator_gradients,
            (reals, labels, latents, mixing),
            state.discriminator_optimizer,
            state.discriminator,
        ),
        make_step(
            generator_gradients, (labels, latents), state.generator_optimizer, state.generator
        ),
    )
