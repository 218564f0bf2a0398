"""Chooses the devices that train, and splits batches over them."""

import os
import shutil
import signal
import threading

import tensorflow as tf

from pgan_tf.config.schedule import make_stages
from pgan_tf.config.training import STRATEGIES, TrainingConfig
from pgan_tf.devices.workers import ALONE, Workers
from tfrecords.common.errors import UserError
from tfrecords.common.text import counted

# Device files that GPU drivers create.
_NVIDIA_FILES, _AMD_FILE = ("/dev/nvidiactl", "/dev/nvidia0"), "/dev/kfd"


def make_strategy(name: str, workers: Workers = ALONE) -> tf.distribute.Strategy:
    """Returns a distribution strategy by name.

    - `one_device`: the first GPU, or the CPU.
    - `mirrored`: all GPUs of this machine, or all its logical CPUs.
    - `multi_worker`: all GPUs of all workers, or the CPU of each.
    - `auto`: multi_worker with several workers, mirrored with several GPUs, else one_device.

    With several workers, call it before anything else uses TensorFlow's devices; it waits for all
    workers. Raises UserError if the name does not suit the workers, or they can't be reached.
    """
    check_strategy(name, workers)
    if workers.number > 1:
        return _connect(workers)
    gpus = tf.config.list_logical_devices("GPU")
    devices = [device.name for device in gpus or tf.config.list_logical_devices("CPU")]
    if name == "mirrored" or (name == "auto" and len(gpus) > 1):
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.OneDeviceStrategy(devices[0])


def check_strategy(name: str, workers: Workers) -> None:
    """Raises UserError if a strategy does not exist or does not suit the workers."""
    if name not in STRATEGIES:
        raise UserError(f"--strategy: expected one of {', '.join(STRATEGIES)}, got {name!r}")
    if workers.number > 1 and name not in ("auto", "multi_worker"):
        expected = f"auto or multi_worker as TF_CONFIG names {workers.number} workers"
        alone = "with which each would train alone and write the same files"
        remedy = "remove it, or unset TF_CONFIG"
        raise UserError(f"--strategy: expected {expected}, got {name}, {alone}: {remedy}")
    if workers.number <= 1 and name == "multi_worker":
        expected = "expected the environment variable TF_CONFIG to name at least 2 workers"
        raise UserError(f"--strategy={name}: {expected}, got none or 1: see docs/distributed.md")


def has_gpu() -> bool:
    """Returns whether TensorFlow sees a GPU."""
    return bool(tf.config.list_logical_devices("GPU"))


def warn_of_unseen_gpu() -> None:
    """Prints a line if TensorFlow does not see this machine's GPU and no variable hides it."""
    if any(map(os.path.exists, _NVIDIA_FILES)) or shutil.which("nvidia-smi"):
        kind, hiding = "NVIDIA", ["CUDA_VISIBLE_DEVICES"]
        remedy = "pip install -r requirements-gpu.txt (or tensorflow[and-cuda]) brings CUDA"
    elif os.path.exists(_AMD_FILE):
        kind, hiding = "AMD", ["HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"]
        remedy = "only AMD's own build of it, tensorflow-rocm, does"
    else:
        return
    hidden = any(os.environ.get(name) in ("", "-1") for name in hiding)
    if not hidden and not tf.config.list_physical_devices("GPU"):
        found = f"This machine has an {kind} GPU, but TensorFlow sees none and takes the CPU"
        print(f"{found}: {remedy}; {hiding[0]}=-1 takes the CPU without this line", flush=True)


def describe(strategy: tf.distribute.Strategy, asked: str, workers: Workers = ALONE) -> str:
    """Describes which devices train, and for `auto` why it picked this strategy."""
    kind = "GPU" if has_gpu() else "CPU"
    each = strategy.num_replicas_in_sync // workers.number
    devices = counted(each, kind)
    if workers.number > 1:
        picked, reason = "multi_worker", f"TF_CONFIG names {workers.number} workers"
        devices = f"{workers.number} workers of {devices}, this is {workers}"
    elif isinstance(strategy, tf.distribute.MirroredStrategy):
        picked, reason = "mirrored", f"there are {each} {kind}s"
    else:
        picked, reason = "one_device", "there is one GPU" if kind == "GPU" else "there is no GPU"
    return f"{devices} (--strategy={picked}{f', as {reason}' if asked == 'auto' else ''})"


def splits_evenly(batch_size: int, num_replicas: int, group_size: int) -> bool:
    """Returns whether a batch splits into replicas, and larger ones into groups (0: none)."""
    each, rest = divmod(batch_size, num_replicas)
    return each > 0 and not rest and (each <= group_size or not group_size or not each % group_size)


def takes_parts_of(config: TrainingConfig, batch_size: int, num_replicas: int, part: int) -> bool:
    """Returns whether parts of so many images (0: all of them) compute what a whole batch does.

    A device's batch splits into such parts. In each, what the gradient penalty is taken on is a
    whole number of groups, and no layer has statistics of the whole batch.
    """
    each = batch_size // num_replicas
    if part in (0, each):
        return True
    of_batch = config.network.generator_batch_norm or config.network.minibatch_discrimination
    divisor = (config.network.mbstd_group_size or 1) * config.loss.penalty_batch_divisor
    return part < each and not (of_batch or each % part or part % divisor)


def check_batch_sizes(config: TrainingConfig, num_replicas: int) -> None:
    """Raises UserError unless every stage's batch `splits_evenly`, and into its parts."""
    group = config.network.mbstd_group_size
    for stage in make_stages(config.schedule):
        batch_size = int(config.schedule.batch_size.at(stage.resolution))
        if splits_evenly(batch_size, num_replicas, group):
            divisor = config.loss.penalty_batch_divisor
            if not splits_evenly(batch_size, num_replicas * divisor, group):
                what = f"a divisor of {batch_size} ({stage.resolution} px, {num_replicas} devices)"
                what += f" that leaves whole groups of --mbstd_group_size={group}"
                raise UserError(f"--penalty_batch_divisor: expected {what}, got {divisor}")
            _check_micro_batch(config, stage.resolution, batch_size, num_replicas)
            continue
        factor, got = f"the {num_replicas} devices", f"{batch_size}"
        if splits_evenly(batch_size, num_replicas, 0):
            factor = f"--mbstd_group_size={group} for each device"
            got = f"{batch_size // num_replicas} ({batch_size} over {num_replicas} devices)"
        expected = f"a multiple of {factor} at {stage.resolution} px"
        raise UserError(f"--batch_size: expected {expected}, got {got}")


def _check_micro_batch(
    config: TrainingConfig, resolution: int, batch_size: int, num_replicas: int
) -> None:
    part = int(config.schedule.micro_batch.at(resolution))
    if takes_parts_of(config, batch_size, num_replicas, part):
        return
    for name in ("generator_batch_norm", "minibatch_discrimination"):
        if getattr(config.network, name):
            expected = f"0 with --{name}, whose statistics are those of a whole batch"
            raise UserError(f"--micro_batch: expected {expected}, got {part}")
    each, group = batch_size // num_replicas, config.network.mbstd_group_size
    expected = f"a divisor of {each}, the images per device at {resolution} px"
    divisors = {
        "mbstd_group_size": group,
        "penalty_batch_divisor": config.loss.penalty_batch_divisor,
    }
    factors = [f"--{name}={number}" for name, number in divisors.items() if number > 1]
    if factors:
        expected += f", that is {each} or a multiple of {' times '.join(factors)}"
    raise UserError(f"--micro_batch: expected {expected}, or 0, got {part}")


def _connect(workers: Workers) -> tf.distribute.Strategy:
    """Connects to all workers. Ctrl-C works while it waits; SIGTERM works again afterward."""
    print(f"Waiting for {workers.number} workers: {', '.join(workers.addresses)}", flush=True)
    in_main_thread = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGINT, signal.SIG_DFL) if in_main_thread else None
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        got = f"{error.message.strip().splitlines()[0]!r} on {workers}"
        remedy = f"check that {workers.addresses[workers.index]} is this machine's own address, "
        remedy += "that no other process has the port, and that the others were started"
        expected = f"all {workers.number} workers to be reached"
        raise UserError(f"TF_CONFIG: expected {expected}, got {got}: {remedy}") from None
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, before)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
