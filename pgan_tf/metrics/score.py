"""A score and all its conditions. Two scores are comparable only under the same conditions."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from pgan_tf.runs.small_files import is_count, is_number
from tfrecords.common.errors import UserError


@dataclasses.dataclass(frozen=True)
class Score:
    """The result of one metric for one generator: a line of metrics.jsonl."""

    metric: str
    values: dict[str, float]
    floor: dict[str, float] | None  # values of other real pictures; None if there are too few
    headline: str  # name of the value that represents the metric
    better: str  # lower, higher, or neither (closer to the floor)
    images_shown: int  # real images shown in training; 0 if unknown
    stage: int  # index of the generator's stage of growth
    stage_resolution: int  # resolution of its pictures, in pixels
    resolution: int  # at which pictures were compared; smaller ones are enlarged by repetition
    metric_version: int  # increases when the same pictures would get a different score
    num_images: int  # number of pictures in each set
    filter: str  # how pictures are filtered and resized
    seed: int  # random seed for reals, latents, patches and directions
    data: str  # the dataset, in words
    network: str  # average_generator or generator
    checkpoint: str  # file name
    weights_sha256: str  # checksum of the generator's variables
    metric_weights_sha256: str = ""  # checksum of the metric's own network, if it has one

    @property
    def value(self) -> float:
        """The value of the headline."""
        return self.values[self.headline]

    @property
    def floor_value(self) -> float | None:
        """The value of the headline for real pictures."""
        return None if self.floor is None else self.floor[self.headline]

    @property
    def kimg(self) -> float:
        """Thousands of real images shown in training."""
        return self.images_shown / 1000

    @property
    def conditions(self) -> tuple[str | int, ...]:
        """How the score was measured, apart from the checkpoint. Comparable if equal."""
        return (
            *(self.metric, self.metric_version, self.metric_weights_sha256, self.num_images),
            *(self.resolution, self.filter, self.seed, self.data, self.network),
        )

    def __str__(self) -> str:
        """The headline as a line of text."""
        floor = "" if self.floor is None else f", of real pictures {self.floor_value:.4g}"
        return f"{self.headline} {self.value:.4g} at {self.kimg:g} kimg{floor}"

    def to_row(self) -> dict[str, Any]:
        """Returns a line of metrics.jsonl, with a `kind`, which lines for ticks lack."""
        return {"kind": "score", "kimg": self.kimg, **dataclasses.asdict(self)}


def scores_in(rows: Iterable[dict[str, Any]]) -> list[Score]:
    """Returns the scores among rows of metrics.jsonl by images shown. UserError if invalid."""
    found: dict[Any, Score] = {}
    for score in (_read(row) for row in rows if row.get("kind") == "score"):
        # The last score wins if a checkpoint has several under the same conditions.
        key = score.images_shown, score.conditions
        found.pop(key, None)
        found[key] = score
    return sorted(found.values(), key=lambda score: score.images_shown)


def _read(row: dict[str, Any]) -> Score:
    fields = dataclasses.fields(Score)
    values = {field.name: row.get(field.name, field.default) for field in fields}
    for field in fields:
        value = values[field.name]
        if field.name == "better":
            fits = value in ("lower", "higher", "neither")
        elif field.type in (int, str):
            fits = is_count(value) if field.type is int else isinstance(value, str)
        elif isinstance(value, dict):
            fits = values["headline"] in list(value)
            fits = fits and all(isinstance(one, float) or is_number(one) for one in value.values())
        else:
            fits = value is None and field.name == "floor"
        if not fits:
            got = "none" if value is dataclasses.MISSING else repr(value)[:40]
            raise UserError(
                f"metrics.jsonl: expected a score with {field.name}, got {got} at "
                f"{row['images_shown']} images: remove that line"
            )
    return Score(**values)


def comparable_scores(scores: Iterable[Score], metric: str) -> list[Score]:
    """Returns the scores of a metric that have the same conditions as its last one."""
    ours = [score for score in scores if score.metric == metric]
    return [score for score in ours if score.conditions == ours[-1].conditions]


def best_score(scores: Iterable[Score]) -> Score:
    """Returns the best of comparable scores (lowest, highest, nearest the floor), first if tied."""

    def badness(score: Score) -> float:
        if score.better == "neither":
            return abs(score.value - (score.floor_value or 0.0))
        return score.value if score.better == "lower" else -score.value

    return min(scores, key=badness)
