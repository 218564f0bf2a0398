"""Reads the pickles of the published implementation, and runs nothing of what is in them.

A pickle is a program: it may name any function of any module and have it called. Here it is
looked through first, for what such files consist of and nothing else. Then each name that it asks
for has to be in a short list, and stands for a class of this file that keeps what it is given and
checks it. Neither the classes that wrote the file nor NumPy's own are ever called.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from typing import Any

import numpy as np

from tfrecords.errors import UserError

# What pickles of protocol 2 and later do with values, containers and objects.
_OPERATIONS = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK"),
        *("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET"),
        *("NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG1"),
        *("FLOAT", "BINFLOAT", "BINSTRING", "SHORT_BINSTRING", "BINUNICODE", "SHORT_BINUNICODE"),
        *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
        *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS"),
        *("GLOBAL", "STACK_GLOBAL", "NEWOBJ", "REDUCE", "BUILD"),
    )
)

# Ten times as many as networks of 1024 px take. (Python itself breaks down when it has to compare
# tuples within tuples, a million deep.)
_MOST_OPERATIONS = 50_000

# Modules and functions of StyleGAN, 2, 2-ADA and 3, in TensorFlow and in PyTorch.
_STYLEGAN = (
    *(b"dnnlib", b"torch_utils.persistence", b"training.networks", b"networks_stylegan"),
    *(b"G_style", b"G_mapping", b"G_synthesis", b"D_stylegan"),
)

# What unpickling bytes that make no sense comes to.
_DAMAGED = (
    pickle.UnpicklingError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    EOFError,
    ArithmeticError,
    MemoryError,
    RecursionError,
)


class _Piece:
    """What a name in a pickle stands for. Only those below that say so take a state."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a state where none belongs")


class SavedNetwork(_Piece):
    """A network object.

    Attributes:
        state: its fields by name, in which arrays and numbers are as `plain` takes them.
    """

    __slots__ = ("state",)

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("a network without fields")
        self.state = state


class _ArrayClass(_Piece):
    """NumPy's ndarray, as an argument."""

    __slots__ = ()


class _DType(_Piece):
    """NumPy's dtype: of numbers only."""

    __slots__ = ("value",)

    def __init__(self, code: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?(f[248]|[iu][1248]|b1)", code):
            raise pickle.UnpicklingError("an array of something else than numbers")
        self.value = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        if order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("an unknown order of bytes")
        self.value = self.value.newbyteorder(order)


class _Array(_Piece):
    """What becomes an array once its state has come."""

    __slots__ = ("value",)

    def __init__(self, array_class: Any, shape: Any, code: Any) -> None:
        if array_class is not _ArrayClass:
            raise pickle.UnpicklingError("an array of an unknown class")

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, by_columns, data = state
        self.value = _make_array(data, dtype, shape, "F" if by_columns else "C")


class _ArrayOfBuffer(_Piece):
    """An array, as later pickles have it."""

    __slots__ = ("value",)

    def __init__(self, data: Any, dtype: Any, shape: Any, order: Any) -> None:
        self.value = _make_array(data, dtype, shape, order)


class _Scalar(_Piece):
    """A number of NumPy's."""

    __slots__ = ("value",)

    def __init__(self, dtype: Any, data: Any) -> None:
        self.value = _make_array(data, dtype, (), "C")[()]


# All that a pickle may ask for. NumPy 2 has other names for its own modules than NumPy 1.
_ADMITTED = {
    ("tfutil", "Network"): SavedNetwork,
    ("network", "Network"): SavedNetwork,  # the Theano version
    ("numpy", "ndarray"): _ArrayClass,
    ("numpy", "dtype"): _DType,
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


def load(data: bytes, source: str) -> Any:
    """Reads a pickle of networks.

    Args:
        data: the file.
        source: what messages call it, such as a path.

    Returns:
        What was saved: numbers, text, tuples, lists and dicts, with a `SavedNetwork` for each
        network and something for `plain` in the place of each array.

    Raises:
        UserError: it is no pickle, cut off, or holds anything else.
    """
    if data[:1] == b"<":
        raise UserError(
            f"{source}: expected a pickle of networks, got a web page: download the file itself"
        )
    try:
        _look_through(data)
        return _Unpickler(io.BytesIO(data), encoding="latin1").load()
    except UserError as error:
        if words := _other_program(data):
            raise UserError(f"{source}: {words}") from None
        raise UserError(f"{source}: {error}") from None
    except _DAMAGED as error:
        raise UserError(
            f"{source}: expected a pickle of networks, got something else or a damaged file "
            f"({printable(error)}): download it again"
        ) from None


def plain(value: Any) -> Any:
    """Returns the array or number that something in a pickle stands for; else the value itself."""
    return value.value if isinstance(value, (_Array, _ArrayOfBuffer, _Scalar)) else value


def printable(value: Any) -> str:
    """Returns something of a file as a few characters that do no harm in a message."""
    if not isinstance(value, (str, int, float, np.number, type(None), Exception)):
        return f"a {type(value).__name__}"  # what is in it might be endless
    return ascii(str(value))[1:-1][:80]


def _look_through(data: bytes) -> None:
    """Checks that nothing but `_OPERATIONS` is there, to the end, and not too many of them."""
    for count, (operation, argument, position) in enumerate(pickletools.genops(data)):
        if count == _MOST_OPERATIONS:
            raise _refusal(f"takes more than {count} operations")
        if operation.name not in _OPERATIONS:
            raise _refusal(f"uses {operation.name}")
        # Memory is reserved for all places up to it.
        if operation.name.endswith("PUT") and not 0 <= argument <= position:
            raise _refusal(f"wants {argument} values remembered")


def _other_program(data: bytes) -> str | None:
    """Returns a message about a pickle that was refused, if StyleGAN's modules are named in it."""
    names = [name for name in _STYLEGAN if name in data]
    if not names:
        return None
    return (
        f"expected a pickle of Progressive GAN's networks, got one of StyleGAN (it asks for "
        f"{names[0].decode()}), whose networks are others: use the program that wrote it; refused, "
        f"and nothing in it was run"
    )


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type[_Piece]:
        if (module, name) not in _ADMITTED:
            raise _refusal(f"asks for {printable(f'{module}.{name}')}")
        return _ADMITTED[module, name]


def _refusal(what: str) -> UserError:
    return UserError(
        f"expected a pickle of networks, got one that {what}: refused, and nothing in it was run"
    )


def _make_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Returns bytes as an array, in this machine's order of bytes; sizes have to agree."""
    if isinstance(data, str):  # Python 2's
        data = data.encode("latin1")
    if not isinstance(dtype, _DType) or not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError("an array without numbers")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError("an array without a shape")
    if order not in ("C", "F") or len(data) != math.prod(shape) * dtype.value.itemsize:
        raise pickle.UnpicklingError(f"an array of {len(data)} bytes for the shape {shape}")
    array = np.frombuffer(data, dtype.value).reshape(shape, order=order)
    return array.astype(dtype.value.newbyteorder("="), copy=False)
