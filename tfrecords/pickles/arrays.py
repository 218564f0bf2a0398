"""Arrays of numbers from files that may claim anything: .npy files, and what pickles hold.

A dtype is made from a code in a short list, an array by `np.frombuffer` from bytes that are there.
NumPy's own classes never get what else a pickle says (a field that holds pointers, a size).
"""

import io
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib import format as npy

_MOST_DIMENSIONS = 32
_READ_HEADER = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def parse_npy(data: bytes) -> np.ndarray:
    """Reads a .npy file of numbers. Raises ValueError for others, and other bytes than it says."""
    file = io.BytesIO(data)
    try:
        shape, by_columns, dtype = _READ_HEADER[npy.read_magic(file)](file)
    except Exception as error:  # a header is a Python literal, and raises all sorts
        raise ValueError("a damaged header, or an unknown version") from error
    if dtype.kind not in "fiub":
        raise ValueError(f"expected numbers, got {dtype}"[:99])
    return _shaped(memoryview(data)[file.tell() :], dtype, shape, "F" if by_columns else "C")


class PickledObject:
    """An object in a pickle, made from its arguments. Some take a state."""

    def set_state(self, state: Any) -> None:
        """Takes the state that the file gives it. Raises ValueError if it is out of place."""
        raise ValueError("an unexpected state")


class _ArrayClass(PickledObject):
    """NumPy's ndarray, as an argument."""


class _DType(PickledObject):
    """NumPy's dtype: of numbers only, made from its code alone."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?(f[248]|[iu][1248]|b1)", code):
            raise ValueError("an array of something other than numbers")
        self.dtype = np.dtype(code)

    def set_state(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError("an unknown order of bytes")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(PickledObject):
    """What becomes an array once its state has come."""

    value: np.ndarray

    def __init__(self, array_class: Any, shape: Any, code: Any) -> None:
        if array_class is not _ArrayClass:
            raise ValueError("an array of an unknown class")

    def set_state(self, state: Any) -> None:
        _, shape, dtype, by_columns, data = state
        self.value = _make_array(data, dtype, shape, "F" if by_columns else "C")


def plain(value: Any) -> Any:
    """Returns the array that an object of a pickle stands for; else the value itself."""
    return value.value if isinstance(value, _Array) else value


def printable(value: Any) -> str:
    """Returns something of a file as a few characters that do no harm in a message."""
    if not isinstance(value, (str, int, float, np.number, type(None), Exception)):
        return f"a {type(value).__name__}"  # what is in it might be endless
    return ascii(str(value))[1:-1][:80]


def _make_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Returns bytes as an array, in this machine's byte order."""
    if isinstance(data, str):  # Python 2's
        data = data.encode("latin1")
    if not isinstance(dtype, _DType) or not isinstance(data, (bytes, bytearray)):
        raise ValueError("an array without numbers")
    array = _shaped(data, dtype.dtype, shape, order)
    return array.astype(dtype.dtype.newbyteorder("="), copy=False)


def _shaped(data: Any, dtype: np.dtype, shape: Any, order: Any) -> np.ndarray:
    """Returns bytes as an array. Raises ValueError unless they are as many as the shape takes."""
    is_shape = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not is_shape or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("an array without a shape")
    if order not in ("C", "F") or len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for the shape {shape}"[:99])
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _make_bytes(text: Any, encoding: Any) -> bytes:
    """Returns bytes, as Python 3 writes them for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes in an unknown encoding")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _make_bytes,
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 2 has other names for its modules than NumPy 1
    _multiarray = f"{_core}.multiarray"
    ADMITTED[_multiarray, "_reconstruct"] = _Array
    ADMITTED[_multiarray, "scalar"] = lambda dtype, data: _make_array(data, dtype, (), "C")[()]
    ADMITTED[f"{_core}.numeric", "_frombuffer"] = _make_array
