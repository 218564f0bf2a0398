"""The paper's experiments, with commands, published figures and a small scale. No TensorFlow."""

import dataclasses
from collections.abc import Sequence

from tfrecords.common.bounds import shown
from tfrecords.common.errors import UserError

_SECONDARY = "from secondary sources, not from the paper itself"


def _kimg(stage: int, total: int, tick: int) -> tuple[str, ...]:
    # Runs are shorter, so the average generator needs a shorter memory.
    lengths = f"--stabilize_kimg={stage}", f"--fade_in_kimg={stage}", f"--total_kimg={total}"
    return (*lengths, f"--tick_kimg={tick}", "--average_decay=0.99")


# An eighth of the resolution, a quarter of the feature maps and 1/250 of the images. Everything
# else is as in the preset.
_NARROW = ("--fmap_base=256", "--fmap_max=32", "--latent_size=32")
_SMALL = ("--resolution=16", *_NARROW, *_kimg(4, 40, 8))
# For presets made for several GPUs and 1024 px, whose batches shrink with resolution.
_SMALL_BATCH = ("--batch_size=16", "--strategy=auto", "--learning_rate=0.001")
# Wider networks, so that training takes more time than overhead such as building stages.
_SMALL_GROWTH = (
    *("--resolution=32", "--fmap_base=1024", "--fmap_max=64", "--latent_size=64"),
    *(*_kimg(2, 14, 2), "--keep_checkpoints=100", *_SMALL_BATCH, "--mbstd_group_size=4"),
)
# At 32 px, as in the paper, since both experiments are small enough.
_SMALL_MODES = (*_NARROW, *_kimg(8, 80, 16))
_SMALL_CIFAR = (*_NARROW, *_kimg(4, 48, 8), "--rampup_kimg=1")
MODE_METRIC = "mnist_modes"


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment of the paper."""

    name: str
    where: str  # section, table or figure
    title: str
    flags: tuple[str, ...]  # of train.py at the paper's scale, without --data; the preset first
    data: str  # value of --data at the paper's scale
    small: tuple[str, ...]  # flags that reduce it to at most 32 px and minutes on two cores
    metrics: tuple[str, ...] = ("swd", "ms_ssim")  # of evaluate.py, or MODE_METRIC
    published: tuple[tuple[str, str], ...] = ()  # names and values of the paper's figures
    source: str = "paper"  # where the published figures come from
    curve: bool = False  # whether every checkpoint is scored, to plot against time
    other_data: str = ""  # another dataset that the paper trains in the same way

    @property
    def command(self) -> str:
        """The command at the paper's scale."""
        return " ".join(["python train.py", *self.flags, f"--data={self.data}"])


def _table_1() -> list[Experiment]:
    # The first row does not grow at any scale. The last has larger networks and trains longer.
    whole = ("--initial_resolution=16",)
    converged = ("--fmap_base=512", "--fmap_max=64", "--latent_size=64", "--total_kimg=48")
    rows = (
        ("a", "Gulrajani et al. (2017)", "9.28", "0.2854", whole),
        ("b", "+ growing", "4.28", "0.2838", ()),
        ("c", "+ small minibatch", "46.23", "0.4065", ()),
        ("d", "+ revised training parameters", "8.07", "0.3027", ()),
        ("e_star", "+ minibatch discrimination", "9.84", "0.3057", ()),
        ("e", "+ minibatch standard deviation", "7.04", "0.2950", ()),
        ("f", "+ equalized learning rate", "4.39", "0.2902", ()),
        ("g", "+ pixel norm", "3.56", "0.2845", ()),
        ("h", "converged", "2.96", "0.2828", (*converged, "--batch_size=16")),
    )
    return [
        Experiment(
            name=f"table1_{row}",
            where=f"§6.1, table 1 ({row.replace('_star', '*')})",
            title=title,
            flags=(f"--preset=table1_{row}",),
            data="celeba:FOLDER",
            other_data="lsun:FOLDER_OF_BEDROOM_LMDB",
            small=(*_SMALL, *more),
            published=(("SWD x10³", swd), ("MS-SSIM", ms_ssim)),
            source=f"CelebA at 128 px, {_SECONDARY}",
        )
        for row, title, swd, ms_ssim, more in rows
    ]


def _mode_test() -> list[Experiment]:
    whole, alone = "--initial_resolution=32", "--mbstd_group_size=0"
    plain = ("--noequalized", "--nopixel_norm", "--nonormalize_latents")
    forms = (
        ("wgan_gp", "WGAN-GP", (whole, alone, *plain), {4: "640", 2: "772"}),
        ("normalization", "+ our normalization", (whole, alone), {4: "857", 2: "887"}),
        ("stddev", "+ minibatch standard deviation", (whole,), {4: "881", 2: "918"}),
        ("growing", "+ growing", (), {4: "860", 2: "920"}),
    )
    return [
        Experiment(
            name=f"modes_k{divisor}_{name}",
            where="appendix E, table 4",
            title=f"Mode test, discriminator K/{divisor}: {title}",
            flags=("--preset=mnist_modes", f"--discriminator_fmap_divisor={divisor}", *flags),
            data="mnist_rgb:FOLDER",
            small=_SMALL_MODES,
            metrics=(MODE_METRIC,),
            published=(("modes of 1,000", modes[divisor]),),
            source=_SECONDARY,
        )
        for divisor in (4, 2)
        for name, title, flags, modes in forms
    ]


_CELEBAHQ = Experiment(
    name="celebahq",
    where="§6.3, figure 5",
    title="CelebA-HQ at 1024 px",
    flags=("--preset=celebahq-v2-8gpus",),
    data="FOLDER_OF_CELEBAHQ",
    small=(*_SMALL, *_SMALL_BATCH),
    published=(("training time", "4 days on 8 V100"),),
)
_GROWING = dataclasses.replace(
    _CELEBAHQ,
    name="growth_on",
    where="§6.2, figure 4",
    title="Training speed with growing",
    flags=("--preset=celebahq-v1-1gpu",),
    small=_SMALL_GROWTH,
    metrics=("swd",),
    published=(("speedup from growing", "5.4"),),
    source="6.4 million images at 1024 px: 96 hours with growing, an estimated 520 without",
    curve=True,
)
EXPERIMENTS = (
    *_table_1(),
    _GROWING,
    dataclasses.replace(
        _GROWING,
        name="growth_off",
        title="Training speed without growing",
        flags=(*_GROWING.flags, "--initial_resolution=1024"),
        small=(*_GROWING.small, "--initial_resolution=32"),
        published=(),
    ),
    _CELEBAHQ,
    dataclasses.replace(
        _CELEBAHQ,
        name="celebahq_lsgan",
        where="appendix B",
        title="CelebA-HQ at 1024 px with LSGAN",
        flags=("--preset=celebahq-v1-1gpu", "--loss=lsgan"),
        small=(*_CELEBAHQ.small, "--mbstd_group_size=4"),
        published=(),
    ),
    Experiment(
        name="lsun",
        where="§6.4, figures 6 and 7, appendix G",
        title="LSUN categories at 256 px",
        flags=("--preset=lsun256",),
        data="lsun:FOLDER",
        small=(*_SMALL, *_SMALL_BATCH),
    ),
    Experiment(
        name="cifar10",
        where="§6.5, table 3, appendix D",
        title="CIFAR-10 without labels",
        flags=("--preset=cifar10",),
        data="tfds:cifar10:train",
        small=_SMALL_CIFAR,
        published=(("Inception score, best", "8.80"), ("mean", "8.56 ± 0.06")),
        source=_SECONDARY,
    ),
    *_mode_test(),
)


def choose(names: Sequence[str]) -> list[Experiment]:
    """Returns the experiments with these names, or `all`. Raises UserError for unknown names."""
    known = [one.name for one in EXPERIMENTS]
    chosen = known if list(names) == ["all"] else names
    for name in chosen:
        if name not in known:
            raise UserError(f"--run: expected all or some of {', '.join(known)}, got {shown(name)}")
    return [one for one in EXPERIMENTS if one.name in chosen]
