"""Reads arrays of numbers from untrusted .npy files and pickles.

A dtype is made only from a code in a short list, and an array only by `np.frombuffer` from bytes in
the file. NumPy's classes never see anything else from a pickle, such as object fields or sizes.
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
    """Reads a .npy file of numbers. Raises ValueError for other types or a wrong size."""
    file = io.BytesIO(data)
    try:
        shape, by_columns, dtype = _READ_HEADER[npy.read_magic(file)](file)
    except Exception as error:  # a header is a Python literal, which may raise anything
        raise ValueError("a damaged header, or an unknown version") from error
    if dtype.kind not in "fiub":
        raise ValueError(f"expected numbers, got {dtype}"[:99])
    return _shaped(memoryview(data)[file.tell() :], dtype, shape, "F" if by_columns else "C")


class PickledObject:
    """An object in a pickle, made from its arguments. Some also have a state."""

    def set_state(self, state: Any) -> None:
        """Sets the state from the file. Raises ValueError if the object takes none."""
        raise ValueError("an unexpected state")


class _ArrayClass(PickledObject):
    """NumPy's ndarray, as an argument."""


class _DType(PickledObject):
    """NumPy's dtype, only for numbers and made only from its code."""

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?(f[248]|[iu][1248]|b1)", code):
            raise ValueError("an array of something other than numbers")
        self.dtype = np.dtype(code)

    def set_state(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError("an unknown order of bytes")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(PickledObject):
    """An array, once its state is set."""

    value: np.ndarray

    def __init__(self, array_class: Any, shape: Any, code: Any) -> None:
        if array_class is not _ArrayClass:
            raise ValueError("an array of an unknown class")

    def set_state(self, state: Any) -> None:
        _, shape, dtype, by_columns, data = state
        self.value = _make_array(data, dtype, shape, "F" if by_columns else "C")


def plain(value: Any) -> Any:
    """Returns the array that a pickled object represents, or any other value itself."""
    return value.value if isinstance(value, _Array) else value


def printable(value: Any) -> str:
    """Returns a short text about an untrusted value that is safe to print."""
    if not isinstance(value, (str, int, float, np.number, type(None), Exception)):
        return f"a {type(value).__name__}"  # its contents might be endless
    return ascii(str(value))[1:-1][:80]


def _make_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Returns bytes as an array, in this machine's byte order."""
    if isinstance(data, str):  # written by Python 2
        data = data.encode("latin1")
    if not isinstance(dtype, _DType) or not isinstance(data, (bytes, bytearray)):
        raise ValueError("an array without numbers")
    array = _shaped(data, dtype.dtype, shape, order)
    return array.astype(dtype.dtype.newbyteorder("="), copy=False)


def _shaped(data: Any, dtype: np.dtype, shape: Any, order: Any) -> np.ndarray:
    """Returns bytes as an array. Raises ValueError unless their number matches the shape."""
    is_shape = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not is_shape or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("an array without a shape")
    if order not in ("C", "F") or len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for the shape {shape}"[:99])
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _make_bytes(text: Any, encoding: Any) -> bytes:
    """Returns bytes that Python 3 wrote for Python 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes in an unknown encoding")
    return text.encode("latin1")


ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _make_bytes,
}
for _core in ("numpy.core", "numpy._core"):  # the module's names in NumPy 1 and NumPy 2
    _multiarray = f"{_core}.multiarray"
    ADMITTED[_multiarray, "_reconstruct"] = _Array
    ADMITTED[_multiarray, "scalar"] = lambda dtype, data: _make_array(data, dtype, (), "C")[()]
    ADMITTED[f"{_core}.numeric", "_frombuffer"] = _make_array
