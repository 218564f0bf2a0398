"""Classes in words: which there are, and how many pictures each has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from tfrecords.common.in_words import counted

_MOST_NAMES = 12
_LONGEST_NAME = 40


def readable_name(name: str) -> str:
    r"""Returns a class's name as text that can be written: a byte that is none becomes \x….

    Names of folders need not be UTF-8; Python keeps their bytes as lone surrogates.
    """
    return re.sub(
        "[\ud800-\udfff]", lambda match: ascii(match[0])[1:-1].replace("\\udc", "\\x"), name
    )


def find_classes(wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    """Returns for each name the index of its class, or -1.

    Accents may be in another Unicode form, as other systems write them.
    """
    known = {_composed(name): index for index, name in enumerate(names)}
    known |= {name: index for index, name in enumerate(names)}  # what is written so comes first
    return [known.get(name, known.get(_composed(name), -1)) for name in wanted]


def find_alike(names: Sequence[str]) -> str | None:
    """Returns a name that another one differs from in the Unicode form of its accents only."""
    known: set[str] = set()
    for name in map(_composed, names):
        if name in known:
            return name
        known.add(name)
    return None


def list_names(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    """Returns the first names on one line, and how many there are if that is not all."""
    listed = ", ".join(_short(name) for name in names[:most])
    return listed if len(names) <= most else f"{listed}, … ({len(names):,} in all)"


def describe_classes(names: Sequence[str], counts: Sequence[int] | np.ndarray) -> str:
    """Returns a line on classes: `Classes: 2, cat (10 pictures), dog (7)`; the first of many.

    Args:
        names: of the classes, in order; their numbers stand for names that are not known.
        counts: how many pictures each has.
    """
    shown = [
        f"{_short(names[index]) if names else index} "
        f"({f'{count:,}' if index else counted(count, 'picture')})"
        for index, count in enumerate(counts[:_MOST_NAMES])
    ]
    more = [f"… {len(counts):,} classes"] if len(counts) > _MOST_NAMES else []
    return f"Classes: {len(counts):,}, {', '.join([*shown, *more])}"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _short(name: str) -> str:
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in name)
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
