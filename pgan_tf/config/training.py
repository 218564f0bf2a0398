"""What a run is made of: frozen values, checked once, stored as JSON. No TensorFlow.

Defaults are the paper's (appendix A) as the published implementation has them.
"""

import dataclasses
import json
import math
import re
from typing import Any

from pgan_tf.config.augmentation import AugmentConfig, check_held_out
from pgan_tf.config.networks import NetworkConfig, frozen_layers
from pgan_tf.config.per_resolution import LOWEST_RESOLUTION, POSITIVE, PerResolution
from pgan_tf.config.schedule import ScheduleConfig, Stage
from pgan_tf.config.setting import check_settings, require, setting
from tfrecords.common.bounds import RESOLUTIONS, SEEDS, Bounds
from tfrecords.common.errors import UserError
from tfrecords.format.identity import DataIdentity

LOSSES = ("wgan_gp", "lsgan", "non_saturating")
# Keras' dtype policies. Weights, statistics, norms, losses and optimizers are float32 in all.
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
# How a run is split over devices; not of its configuration, as any may go on with it.
STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker")
_PIXELS_HELP = (
    "Measure the gradient norm in pixels of the final resolution, as published, or the stage."
)
_DECAYS = Bounds(0, 1, below=True)
_REPEATS = Bounds(1, 10_000, whole=True)
_BLOCKS = Bounds(0, int(math.log2(RESOLUTIONS.upper / LOWEST_RESOLUTION)), whole=True)
_WEIGHTS = Bounds(0, 10**9)

# What JSON that is no configuration raises; RecursionError where it is nested too deeply.
_MISFITS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """What G and D minimize; see `training.losses`. AC-GAN labels are Odena et al.'s (2017)."""

    name: str = setting("wgan_gp", "Loss.", choices=LOSSES, name="loss")
    gradient_penalty_weight: float = setting(
        10.0, "Weight of the gradient penalty (lambda of WGAN-GP, gamma of R1).", _WEIGHTS
    )
    gradient_target: float = setting(1.0, "Target gradient norm; CIFAR-10: 750.", POSITIVE)
    drift_weight: float = setting(0.001, "Weight of reals' squared scores (A.1).", _WEIGHTS)
    label_weight: float = setting(1.0, "Weight of the AC-GAN loss, with labels.", _WEIGHTS)
    penalty_pixels: str = setting("final", _PIXELS_HELP, choices=("final", "stage"))
    penalty_batch_divisor: int = setting(
        1, "Take the gradient penalty on the first 1/this of a batch: faster.", _REPEATS
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a run computes."""

    dataset: str = ""  # its name, for messages
    data: DataIdentity = DataIdentity()  # what it contains; empty in older runs
    label_names: tuple[str, ...] = ()  # of the classes, in order; empty if none have names
    network: NetworkConfig = NetworkConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    loss: LossConfig = LossConfig()
    augmentation: AugmentConfig = AugmentConfig()
    adam_beta_1: float = setting(0.0, "Decay of Adam's first moment (appendix A.1).", _DECAYS)
    adam_beta_2: float = setting(0.99, "Decay of Adam's second moment.", _DECAYS)
    adam_epsilon: float = setting(1e-8, "Adam's epsilon.", Bounds(0, 1, above=True), has_flag=False)
    average_decay: float = setting(0.999, "Decay of G's running average, per D step.", _DECAYS)
    average_kimg: float = setting(
        0.0,
        "Half-life of G's running average in thousands of real images, shorter in young layers; 0: "
        "--average_decay per D step instead, as published.",
        _WEIGHTS,
    )
    discriminator_repeats: int = setting(1, "D steps per G step.", _REPEATS)
    freeze_discriminator: int = setting(
        0,
        "With --init_from: keep the pretrained weights of D's so many highest resolutions.",
        _BLOCKS,
    )
    simultaneous_updates: bool = setting(
        False, "Compute the G step with D from before the D step (CIFAR-10)."
    )
    minibatch_repeats: int = setting(
        4, "Iterations per compiled call; the schedule advances between calls.", _REPEATS
    )
    keep_optimizer_state: bool = setting(False, "Carry Adam's moments into the next stage.")
    mirror_augment: bool = setting(False, "Flip half of the real images left to right.")
    precision: str = setting(
        "float32", "Number type; mixed_float16 scales the loss dynamically.", choices=PRECISIONS
    )
    jit_compile: bool = setting(False, "Compile with XLA; faster on GPUs.")
    seed: int = setting(1000, "Random seed for weights, latents and data order.", SEEDS)

    def __post_init__(self) -> None:
        check_settings(self)
        resolution, scheduled = self.network.resolution, self.schedule.resolution
        require(resolution == scheduled, "resolution", f"the schedule's, {scheduled}", resolution)
        check_held_out(self.augmentation, self.loss.name)
        names, classes = len(self.label_names), self.network.label_size
        expected = f"{classes}, one for each class"
        require(names in (0, classes), "label_names", expected, names)
        # The 4x4 block makes the scores: without it nothing would be left to train.
        first, frozen = self.schedule.initial_resolution, self.freeze_discriminator
        most = int(math.log2(first / LOWEST_RESOLUTION))
        expected = f"at most {most}, the blocks above 4 px that a run from {first} px starts with"
        require(frozen <= most, "freeze_discriminator", expected, frozen)

    def frozen_layers(self, stage: Stage) -> tuple[str, ...]:
        """Names of the discriminator's layers that keep their pretrained weights in a stage."""
        first = self.schedule.initial_resolution
        return frozen_layers(stage, self.network, first, self.freeze_discriminator)

    def to_json(self) -> str:
        """Returns the configuration as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2, default=str) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "TrainingConfig":
        """Reads what `to_json` wrote. Raises UserError for anything else."""
        try:
            fields = json.loads(text, parse_int=_whole_number)
            schedule: dict[str, Any] = fields.pop("schedule")
            for name, value in schedule.items():
                if isinstance(value, dict):
                    steps = ((int(pixels), number) for pixels, number in value["steps"])
                    schedule[name] = PerResolution(tuple(steps))
            return cls(
                network=NetworkConfig(**fields.pop("network")),
                schedule=ScheduleConfig(**schedule),
                loss=LossConfig(**fields.pop("loss")),
                # Older runs lack these three.
                augmentation=AugmentConfig(**fields.pop("augmentation", {})),
                data=DataIdentity(**fields.pop("data", {})),
                label_names=tuple(fields.pop("label_names", ())),
                **fields,
            )
        except _MISFITS as error:
            message = f"config.json: expected a pgan-tf configuration: {error!s:.200}"
            raise UserError(message) from None


# What may change when a run resumes.
CHANGEABLE = frozenset({"schedule.total_kimg", "schedule.tick_kimg", "schedule.batch_size"})
CHANGEABLE |= {"schedule.micro_batch", "label_names", "order of the pictures"}

# Names of converted pictures used to end so, with a digest of the files' times.
_CACHED = re.compile(r"-\d+px-[0-9a-f]{8}(?=, )")


def differences(old: TrainingConfig, new: TrainingConfig) -> dict[str, tuple[Any, Any]]:
    """Returns the fields that differ, in resolutions trained: dotted name to (old, new)."""
    first = max(old.schedule.initial_resolution, new.schedule.initial_resolution)
    last = max(first, min(old.schedule.resolution, new.schedule.resolution))

    def trained(value: Any) -> Any:
        return value.between(first, last) if isinstance(value, PerResolution) else value

    before, after = _settings(old), _settings(new)
    changed = [name for name in before if trained(before[name]) != trained(after[name])]
    return data_differences(old, new) | {name: (before[name], after[name]) for name in changed}


def data_differences(old: TrainingConfig, new: TrainingConfig) -> dict[str, tuple[str, ...]]:
    """Returns how two configurations' data differ: by what they hold, where both know, or names."""
    was, now = old.data, new.data
    # Other networks read other files of the same data.
    shapes = ("resolution", "base_width", "base_height", "num_channels", "label_size")
    same = all(getattr(old.network, name) == getattr(new.network, name) for name in shapes)
    if not (same and was.files and now.files):
        names = tuple(_CACHED.sub("", config.dataset) for config in (old, new))
        return {} if names[0] == names[1] else {"dataset": names}
    if (was.files, was.labels) == (now.files, now.labels):
        return {}
    if was.same_in_another_order(now):
        return {"order of the pictures": (f"{was.files[:8]}…", f"{now.files[:8]}…")}
    if was.files == now.files:
        return {"labels of the data": (_short(was.labels), _short(now.labels))}
    words = (f"{one.dataset} (SHA-256 {one.data.files[:8]}…)" for one in (old, new))
    return {"dataset": tuple(words)}


def _whole_number(text: str) -> int:
    if len(text) > 40:
        raise ValueError(f"a number of {len(text):,} digits")
    return int(text)


def _short(digest: str) -> str:
    return f"SHA-256 {digest[:8]}…" if digest else "none"


def _settings(config: TrainingConfig) -> dict[str, Any]:
    """Returns all settings but the data's by their dotted names."""
    parts = ("network", "schedule", "loss", "augmentation")
    others = ("dataset", "data", *parts)
    settings = {name: value for name, value in vars(config).items() if name not in others}
    for part in parts:
        settings |= {f"{part}.{name}": it for name, it in vars(getattr(config, part)).items()}
    return settings
