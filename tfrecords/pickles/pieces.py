"""What the names in a pickle stand for: arrays of numbers, made of bytes that are there.

A dtype is made from a code in a short list, an array by `np.frombuffer`; what else NumPy's own
classes would believe of a file (a field that holds pointers, a size) is never handed to them.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np

_MOST_DIMENSIONS = 32


class Piece:
    """An object in a pickle, made from the arguments. Some take a state."""

    def set_state(self, state: Any) -> None:
        """Takes what the file says is in it. Raises UnpicklingError for what is out of place."""
        raise pickle.UnpicklingError("a state where none belongs")


class _ArrayClass(Piece):
    """NumPy's ndarray, as an argument."""


class _DType(Piece):
    """NumPy's dtype: of numbers only, made from its code alone."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?(f[248]|[iu][1248]|b1)", code):
            raise pickle.UnpicklingError("an array of something else than numbers")
        self.dtype = np.dtype(code)

    def set_state(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an unknown order of bytes")
        self.dtype = self.dtype.newbyteorder(order)


class _Array(Piece):
    """What becomes an array once its state has come."""

    value: np.ndarray

    def __init__(self, array_class: Any, shape: Any, code: Any) -> None:
        if array_class is not _ArrayClass:
            raise pickle.UnpicklingError("an array of an unknown class")

    def set_state(self, state: Any) -> None:
        _, shape, dtype, by_columns, data = state
        self.value = _make_array(data, dtype, shape, "F" if by_columns else "C")


def plain(value: Any) -> Any:
    """Returns the array that something in a pickle stands for; else the value itself."""
    return value.value if isinstance(value, _Array) else value


def printable(value: Any) -> str:
    """Returns something of a file as a few characters that do no harm in a message."""
    if not isinstance(value, (str, int, float, np.number, type(None), Exception)):
        return f"a {type(value).__name__}"  # what is in it might be endless
    return ascii(str(value))[1:-1][:80]


def _make_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Returns bytes as an array, in this machine's order of bytes; sizes have to agree."""
    if isinstance(data, str):  # Python 2's
        data = data.encode("latin1")
    if not isinstance(dtype, _DType) or not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError("an array without numbers")
    if (
        not isinstance(shape, tuple)
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(n) is int and n >= 0 for n in shape)
    ):
        raise pickle.UnpicklingError("an array without a shape")
    if order not in ("C", "F") or len(data) != math.prod(shape) * dtype.dtype.itemsize:
        raise pickle.UnpicklingError(f"an array of {len(data)} bytes for the shape {shape}")
    array = np.frombuffer(data, dtype.dtype).reshape(shape, order=order)
    return array.astype(dtype.dtype.newbyteorder("="), copy=False)


def _make_number(dtype: Any, data: Any) -> Any:
    return _make_array(data, dtype, (), "C")[()]


def _make_bytes(text: Any, encoding: Any) -> bytes:
    """Returns bytes, as Python 3 writes them for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes that are none")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _make_bytes,
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 2 has other names for its modules than NumPy 1
    ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _Array
    ADMITTED[f"{_core}.multiarray", "scalar"] = _make_number
    ADMITTED[f"{_core}.numeric", "_frombuffer"] = _make_array
