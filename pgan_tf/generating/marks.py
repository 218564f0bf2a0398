"""What a picture's file says of the picture: how it was drawn, and that a program drew it.

The mark is JSON within XMP, which PNG, WebP and JPEG can carry, and a comment in MP4. It has IPTC's
digital source type for pictures that trained algorithms made, and what is needed to draw the
picture again: checksums of the weights and of latents, seeds, classes and settings.
"""

import dataclasses
import html
import io
import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from pgan_tf.exporting.picture_mark import PROGRAM, SOURCE_TYPE
from pgan_tf.generating.directions import Changes
from pgan_tf.generating.latents_file import Chosen, checksum_of
from pgan_tf.generating.parsing import (
    MOST_SEEDS,
    STRENGTHS,
    parse_directions,
    parse_seeds,
    with_strengths,
)
from tfrecords.common.bounds import SEEDS, Bounds, shown
from tfrecords.common.errors import UserError
from tfrecords.common.paths import read_whole

_MARK = re.compile(r"<pgan:mark>(.*?)</pgan:mark>", re.DOTALL)
_MOST_BYTES = 2**28
_SIZES = Bounds(1, MOST_SEEDS, whole=True)
_EXPECTED = "a picture that generate.py drew, without --nomark"


@dataclasses.dataclass(frozen=True)
class Mark:
    """How a picture was drawn. Fields that do not apply have their defaults."""

    generator: str  # SHA-256 of its weights, 64 hexadecimal digits
    weights: str = ""  # which of a run's, see `runs.trained.Weights`
    kimg: float | None = None  # thousands of images shown in its training
    seeds: tuple[int, ...] = ()
    latents: str = ""  # SHA-256 of latents in place of seeds
    has_classes: bool = False  # whether the generator has any
    classes: tuple[int, ...] = ()  # through which its pictures go in turn
    class_names: tuple[str, ...] = ()  # theirs, where they are known
    changes: Changes = Changes()
    columns: int = 0  # of a sheet; 0 for a single picture
    captions: bool = False  # on a sheet
    count: int = 1  # pictures
    scale: int = 1
    # The last bits of a picture depend on how many are drawn at once, and which of them it is.
    batch: int = 1
    place: int = 0

    def of(
        self, chosen: Chosen, classes: Sequence[int], names: Sequence[str], **about: Any
    ) -> "Mark":
        """Returns the mark of some pictures: `about` are other fields, `names` those of classes."""
        return dataclasses.replace(
            self,
            seeds=() if isinstance(chosen, np.ndarray) else tuple(chosen),
            latents=checksum_of(chosen) if isinstance(chosen, np.ndarray) else "",
            classes=tuple(classes) if self.has_classes else (),
            class_names=tuple(names[one] for one in classes) if names else (),
            count=len(chosen),
            **about,
        )

    def said(self) -> dict[str, Any]:
        """Returns the mark for JSON, without fields that do not apply."""
        said: dict[str, Any] = {"program": PROGRAM, "digital_source_type": SOURCE_TYPE}
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        changes = plain.pop("changes")
        del plain["has_classes"]
        plain |= {"truncation": changes.truncation, "truncation_seed": changes.truncation_seed}
        if changes.along:
            names = [f"{kind}:{number}" for kind, number, _ in changes.along]
            strengths = [strength for *_, strength in changes.along]
            plain["direction"] = ",".join(names)
            plain["strength"] = strengths if len(strengths) > 1 else strengths[0]
        plain["seeds"] = _as_ranges(self.seeds)
        for name, value in plain.items():
            if value not in (None, "", (), False) and value != _UNSAID.get(name):
                said[name] = value
        return said


_UNSAID = {"truncation": 1.0, "truncation_seed": 0, "scale": 1, "columns": 0, "count": 1}


def read_mark(path: str) -> Mark:
    """Reads a picture's mark. Raises UserError if it has none, or one that makes no sense."""
    contents = read_whole(path, _MOST_BYTES)
    try:
        with Image.open(io.BytesIO(contents), formats=["PNG", "WEBP", "JPEG"]) as image:
            xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or ""
    except Exception as error:  # Pillow's decoders may raise anything for broken files
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(f"--redraw: expected {_EXPECTED}, got {path!r} ({reason})") from None
    text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp)
    found = _MARK.search(text)
    if not found:
        raise UserError(f"--redraw: expected {_EXPECTED}, got {path!r} without a mark")
    try:
        return _parse(json.loads(html.unescape(found[1])))
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as error:
        reason = ascii(str(error))[1:-1][:160]
        raise UserError(f"--redraw: expected {_EXPECTED}, got {path!r} with {reason}") from None


def _parse(said: dict[str, Any]) -> Mark:
    """Makes a mark of untrusted JSON. Raises ValueError, TypeError or KeyError."""

    def read(name: str, bounds: Bounds, default: float) -> Any:
        value = said.get(name, default)
        bounds.check(value, name)
        return value

    for name in ("generator", "latents"):
        if not re.fullmatch("[0-9a-f]{64}" + "|" * (name == "latents"), said.get(name, "")):
            raise ValueError(f"{name} {shown(said.get(name, ''))}")
    classes = tuple(said.get("classes", ()))
    for number in classes:
        Bounds(0, 10**6, whole=True).check(number, "classes")
    if "view" in said:
        raise ValueError(
            f"a {shown(said['view'])} of a web page, of which no picture is drawn again"
        )
    if not said.get("seeds") and not said.get("latents"):
        raise ValueError("neither seeds nor latents, as a server draws it")
    along: tuple[tuple[str, int, float], ...] = ()
    if "direction" in said:
        strengths = said.get("strength", 0.0)
        strengths = strengths if isinstance(strengths, list) else [strengths]
        for strength in strengths:
            STRENGTHS.check(strength, "strength")
        along = with_strengths(parse_directions(said["direction"]), strengths)
    seeds = parse_seeds(said["seeds"]) if "seeds" in said else []
    mark = Mark(
        generator=said["generator"],
        weights=str(said.get("weights", ""))[:40],
        kimg=read("kimg", Bounds(0, 1e9), 0.0) if "kimg" in said else None,
        seeds=tuple(seeds),
        latents=said.get("latents", ""),
        has_classes=bool(classes),
        classes=classes,
        class_names=tuple(str(name) for name in said.get("class_names", ())),
        changes=Changes(
            truncation=read("truncation", Bounds(0, 1), 1.0),
            truncation_seed=read("truncation_seed", SEEDS, 0),
            along=along,
        ),
        columns=read("columns", Bounds(0, MOST_SEEDS, whole=True), 0),
        captions=said.get("captions") is True,
        count=read("count", _SIZES, 1),
        scale=read("scale", Bounds(1, 64, whole=True), 1),
        batch=read("batch", Bounds(1, 1024, whole=True), 1),
        place=read("place", Bounds(0, 1023, whole=True), 0),
    )
    given = len(mark.seeds) or (mark.count if mark.latents else 0)
    if given != mark.count or mark.place >= mark.batch or len(classes) > MOST_SEEDS:
        raise ValueError(f"{mark.count} pictures of {given} seeds or latents")
    return mark


def _as_ranges(seeds: tuple[int, ...]) -> str:
    """Writes seeds as `parse_seeds` reads them: `3,7,100-199`."""
    ranges: list[list[int]] = []
    for seed in seeds:
        if ranges and seed == ranges[-1][1] + 1:
            ranges[-1][1] = seed
        else:
            ranges.append([seed, seed])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in ranges)
