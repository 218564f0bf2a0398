"""What the names in a pickle stand for: arrays of numbers, made of bytes that are there.

A dtype is made from a code in a short list, an array by `np.frombuffer`; what else NumPy's own
classes would believe of a file (a field that holds pointers, a size) is never handed to them.
"""

from __future__ import annotations

import math
import pickle
import re
from typing import Any

import numpy as np

_MOST_DIMENSIONS = 32


class Piece:
    """What a name in a pickle stands for, made from the arguments. Some take a state."""

    __slots__ = ()

    def set_state(self, state: Any) -> None:
        """Takes what the file says is in the object.

        Raises:
            pickle.UnpicklingError: it is not what belongs there.
        """
        raise pickle.UnpicklingError("a state where none belongs")


class _ArrayClass(Piece):
    """NumPy's ndarray, as an argument."""

    __slots__ = ()


class _DType(Piece):
    """NumPy's dtype: of numbers only, made from its code alone."""

    __slots__ = ("value",)

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?(f[248]|[iu][1248]|b1)", code):
            raise pickle.UnpicklingError("an array of something else than numbers")
        self.value = np.dtype(code)

    def set_state(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an unknown order of bytes")
        self.value = self.value.newbyteorder(order)


class _Array(Piece):
    """What becomes an array once its state has come."""

    __slots__ = ("value",)

    def __init__(self, array_class: Any, shape: Any, code: Any) -> None:
        if array_class is not _ArrayClass:
            raise pickle.UnpicklingError("an array of an unknown class")

    def set_state(self, state: Any) -> None:
        _, shape, dtype, by_columns, data = state
        self.value = _make_array(data, dtype, shape, "F" if by_columns else "C")


class _ArrayOfBuffer(Piece):
    """An array, as later pickles have it."""

    __slots__ = ("value",)

    def __init__(self, data: Any, dtype: Any, shape: Any, order: Any) -> None:
        self.value = _make_array(data, dtype, shape, order)


class _Scalar(Piece):
    """A number of NumPy's."""

    __slots__ = ("value",)

    def __init__(self, dtype: Any, data: Any) -> None:
        self.value = _make_array(data, dtype, (), "C")[()]


class Encoded(Piece):
    """Bytes, as Python 3 writes them for Python 2."""

    __slots__ = ("value",)

    def __init__(self, text: Any, encoding: Any) -> None:
        if not isinstance(text, str) or encoding != "latin1":
            raise pickle.UnpicklingError("bytes that are none")
        self.value = text.encode("latin1")


# NumPy 2 has other names for its own modules than NumPy 1.
ADMITTED: dict[tuple[str, str], type[Piece]] = {
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): Encoded,
    **{
        (f"numpy.{core}.{module}", name): piece
        for core in ("core", "_core")
        for module, name, piece in (
            ("multiarray", "_reconstruct", _Array),
            ("multiarray", "scalar", _Scalar),
            ("numeric", "_frombuffer", _ArrayOfBuffer),
        )
    },
}


def plain(value: Any) -> Any:
    """Returns the array or number that something in a pickle stands for; else the value itself."""
    return value.value if isinstance(value, (_Array, _ArrayOfBuffer, _Scalar, Encoded)) else value


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
    if order not in ("C", "F") or len(data) != math.prod(shape) * dtype.value.itemsize:
        raise pickle.UnpicklingError(f"an array of {len(data)} bytes for the shape {shape}")
    array = np.frombuffer(data, dtype.value).reshape(shape, order=order)
    return array.astype(dtype.value.newbyteorder("="), copy=False)
