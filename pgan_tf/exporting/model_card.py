"""Describes an exported generator, in `pgan.json` for programs and `model_card.md` for people."""

import dataclasses
import html
import pathlib
import posixpath
import re
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from pgan_tf.metrics.evaluation import weights_sha256
from pgan_tf.metrics.score_log import read_scores
from pgan_tf.runs.log import METRICS, read_ticks
from pgan_tf.runs.trained import Trained
from tfrecords.pictures.source import colors_in_words

JSON_FILE, CARD_FILE, README_FILE = "pgan.json", "model_card.md", "README.md"
_USAGE = pathlib.Path(__file__).parent / "usage"

_WEIGHTS = {
    "average_generator": "the running average of the generator's",
    "generator": "the generator's as the last step left them",
}
TERMS = "The networks that the paper's authors published are under CC BY-NC 4.0, exported or not."
_TRAINED_BY = {False: "pgan-tf", True: "the published implementation"}
_MOST_NAMES = 20  # class names on a card; pgan.json has all
_PAPER = "[Progressive Growing of GANs](https://arxiv.org/abs/1710.10196)"
_ALL_NETWORKS = (
    "`networks.npz` has the generator, its running average and the discriminator as training left "
    "them: `train.py --init_from=FOLDER`, with the name of this folder, trains on from them."
)
_LIMITS = """## Limits

It draws what it was trained on, with all that is missing or common there. This card was written
by a program that does not know where the pictures came from: whether people are in them, who
owns them, and what for they may be used belongs here, by the hand of whoever publishes this.
"""


def describe(trained: Trained, export_format: str) -> dict[str, Any]:
    """Returns values for JSON, with `metrics` of the last tick and `scores` of the checkpoint."""
    network, stage = trained.network, trained.stage
    metrics, scores = _read_measurements(trained)
    return {
        "made_by": "pgan-tf",
        "trained_by": _TRAINED_BY[trained.published],
        "terms": TERMS if trained.published else "",
        "tensorflow": tf.__version__,
        "format": export_format,
        "resolution": stage.resolution,
        **dict(zip(("width", "height"), network.base.size(stage.resolution), strict=True)),
        **{name: getattr(network, name) for name in ("num_channels", "latent_size", "label_size")},
        "label_names": list(trained.label_names),
        "training_data": trained.training_data,
        "kimg": trained.kimg,
        "weights": trained.weights,
        "weights_sha256": weights_sha256(trained.generator),
        "checkpoint": posixpath.basename(trained.source),
        "stage": stage.index,
        "phase": stage.phase,
        "alpha": trained.alpha,
        "is_blend": trained.fading_in,
        "metrics": metrics,
        "scores": scores,
        "network": dataclasses.asdict(network),
    }


def model_card(known: dict[str, Any], usage: str) -> str:
    """Returns a Markdown page with what `describe` knows about a generator."""
    size, data, kimg = known["resolution"], known["training_data"], known["kimg"]
    final, names, count = known["network"]["resolution"], known["label_names"], known["label_size"]
    width, height = known["width"], known["height"]
    published = known["trained_by"] == _TRAINED_BY[True]
    unknown = "unknown: a published pickle does not say" if published else "unknown"
    growth = "full" if size == final else f"to {size} px of {final}"
    if known["is_blend"]:
        blend = f"a blend of both at alpha {known['alpha']:.3f}"
        growth = f"fading in {size // 2}→{size} px: exported as it stood, {blend}"
    classes = f"{count}: `labels`, one-hot" if count else "none"
    class_usage = ""
    if count and names:
        more = ", …" * (len(names) > _MOST_NAMES)
        classes += f", in this order: {', '.join(names[:_MOST_NAMES])}{more}"
        class_usage = (
            f"`labels` that draw {_escape(names[-1])}: `tf.one_hot([{count - 1}], {count})`; the "
            f"order of the classes is that of `label_names` in `{JSON_FILE}`. `generate.py "
            "--labels=NAME` knows them by name."
        )
    channels = known["num_channels"]
    premultiplied = ", color premultiplied by alpha" * (channels == 4)
    bits = ", trained on 16 bits per channel" * (known["network"].get("depth") == 16)
    facts = {
        "pictures": f"{width} x {height} px, {colors_in_words(channels)}{premultiplied}{bits}",
        "latents": f"{known['latent_size']} numbers, each N(0, 1)",
        "classes": classes,
        "trained by": known["trained_by"],
        "training data": data or unknown,
        "trained on": unknown if kimg is None else f"{kimg:g} thousand images",
        "weights": _WEIGHTS.get(known["weights"], "unknown"),
        "growth": growth,
        "checkpoint": known["checkpoint"],
    }
    name = data or (known["checkpoint"] if published else "")
    pixels = f"{size} px" if width == height == size else f"{width}x{height} px"
    title = f"{name}, {pixels}" if name else f"A generator of {pixels}"
    paragraphs = [
        f"# {_escape(title)}",
        f"A generator trained by {known['trained_by']} as in {_PAPER} (Karras, Aila, Laine "
        "and Lehtinen, ICLR 2018), and exported by pgan-tf.",
        known["terms"],
        _table(("", ""), facts.items()),
        f"## Use\n\n{usage}",
        class_usage,
        _ALL_NETWORKS if known.get("all_networks") else "",
        "## Measured",
        *_measurements(known),
        _LIMITS,
    ]
    return "\n\n".join(filter(None, paragraphs))


def read_usage(known: dict[str, Any]) -> str:
    """Returns how to use a format, in Markdown. Text in [[…]] is for generators with classes."""
    text = (_USAGE / f"{known['format']}.md").read_text("utf-8").strip()
    shown = r"\1" * (known["label_size"] > 0)
    return re.sub(r"\[\[(.*?)\]\]", shown, text, flags=re.DOTALL).format(**known)


def _read_measurements(trained: Trained) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    folder = posixpath.dirname(trained.source)
    run_dir = posixpath.dirname(folder)
    # A checkpoint may have been copied out of its run.
    if posixpath.basename(folder) != "checkpoints" or trained.kimg is None:
        return {}, []
    images_shown = round(trained.kimg * 1000)
    ticks = [{}, *(row for row in read_ticks(run_dir) if row["images_shown"] <= images_shown)]
    # Compares contents, because the best checkpoint is a copy under another name.
    weights = weights_sha256(trained.generator)
    scores = [score.to_row() for score in read_scores(run_dir) if score.weights_sha256 == weights]
    return ticks[-1], scores


def _measurements(known: dict[str, Any]) -> list[str]:
    metrics, scores = known["metrics"], known["scores"]
    if not metrics and not scores:
        return ["Nothing that is known here."]
    rows = []
    for score in scores:
        numbers = [(score[key] or {}).get(score["headline"]) for key in ("values", "floor")]
        cells = ("" if number is None else f"{number:.4g}" for number in numbers)
        rows.append((score["metric"], *cells))
    # There is no mean if all iterations of a tick were skipped.
    names = [name for name in METRICS if metrics.get(name) is not None]
    means = [(name.replace("_", " "), f"{metrics[name]:.4g}") for name in names]
    table = [_table(("metric", "value", "of real pictures"), rows)] if rows else []
    return [*table, _table(("last tick of training", "mean"), means)]


def _table(head: tuple[str, ...], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(map(_escape, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines])


def _escape(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "\\|").replace("\n", " ")
