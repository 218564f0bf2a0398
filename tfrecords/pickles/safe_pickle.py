"""Reads pickles of numbers, text and arrays without running anything in them.

A pickle is a program that may call any function by name. Here names stand only for classes of
`pickles.arrays` and those that the caller adds; all others are refused. Work and memory are bounded
by the file's size: claimed sizes are compared with the bytes in the file, and shared values (lists
of two equal lists, nested) count as often as they are reached.
"""

import pickletools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.pickles.arrays import ADMITTED, PickledObject, plain, printable

_MOST_DEPTH = 100
_MOST_BITS = 64  # in a whole number

_VALUES = {
    *("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "FLOAT", "BINFLOAT"),
    *("STRING", "UNICODE", "BINSTRING", "SHORT_BINSTRING"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_Named = Mapping[tuple[str, str], Callable[..., Any]]  # by module and name
_Size = tuple[int, int]  # number of values, and depth of nesting


def load(
    data: bytes, source: str, what: str, most_operations: int, classes: _Named | None = None
) -> Any:
    """Reads a pickle of any protocol. Call `plain` to get arrays from its values.

    Messages call it `source`, such as a path, and expect `what` in it, such as `networks`. It may
    name `classes` besides arrays. `most_operations` also limits the number of values, counted as
    often as reached. Raises UserError if it is not a pickle, cut off, or has other values.
    """
    expected = f"{source}: expected a pickle of {what}, got"
    if data[:1] == b"<":
        raise UserError(f"{expected} a web page: download the file itself")
    try:
        value = _Machine(len(data), ADMITTED | dict(classes or {})).run(data, most_operations)
        _measure(value, most_operations, {}, frozenset())
    except _RefusedError as error:
        got = f"one that {error}: refused, and nothing in it was run"
        raise UserError(f"{expected} {got}") from None
    except Exception as error:  # invalid bytes may raise anything
        got = f"something else or a damaged file ({printable(error)})"
        raise UserError(f"{expected} {got}: download it again") from None
    return value


class _RefusedError(Exception):
    """A pickle does something that is not allowed here; the message says what."""


class _Machine:
    """Executes the operations of a pickle that are allowed here."""

    def __init__(self, num_bytes: int, admitted: _Named) -> None:
        # Prevents many arrays from the same bytes. Twice, since some bytes are text first.
        self._bytes_left = 2 * num_bytes + 1000
        self._admitted = admitted
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []  # the stack below each mark
        self._memo: dict[int, Any] = {}

    def run(self, data: bytes, most_operations: int) -> Any:
        """Returns the value that is left at the end."""
        for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
            if count == most_operations:
                raise _RefusedError(f"takes more than {count} operations")
            self._do(operation.name, argument)
        return self._stack.pop()

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        match name:
            case _ if name in _VALUES:
                if isinstance(argument, int) and argument.bit_length() > _MOST_BITS:
                    raise _RefusedError(f"holds a number of {argument.bit_length()} bits")
                stack.append(argument)
            case _ if name in _CONSTANTS:
                stack.append(_CONSTANTS[name])
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "EMPTY_LIST" | "EMPTY_DICT":
                stack.append([] if name == "EMPTY_LIST" else {})
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case "MARK":
                self._marked.append(stack)
                self._stack = []
            case "POP" if stack:
                stack.pop()
            case "POP" | "POP_MARK":
                self._pop_mark()
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                size = int(name[-1])
                if len(stack) < size:
                    raise ValueError("a tuple of missing values")
                stack[-size:] = [tuple(stack[-size:])]
            case "TUPLE" | "LIST":
                values = self._pop_mark()
                self._stack.append(tuple(values) if name == "TUPLE" else values)
            case "APPEND" | "APPENDS":
                values = [stack.pop()] if name == "APPEND" else self._pop_mark()
                if type(self._stack[-1]) is not list:
                    raise ValueError("items for something that is not a list")
                self._stack[-1].extend(values)
            case "DICT" | "SETITEM" | "SETITEMS":
                items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self._pop_mark()
                if name == "DICT":
                    self._stack.append({})
                self._set_items(items)
            case "GLOBAL":
                stack.append(self._find(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                attribute, module = stack.pop(), stack.pop()
                stack.append(self._find(module, attribute))
            case "NEWOBJ" | "REDUCE":
                self._call()
            case "BUILD":
                state, target = stack.pop(), stack[-1]
                if not isinstance(target, PickledObject):
                    raise ValueError("a state for an object that takes none")
                target.set_state(self._plain(state) if type(state) is tuple else state)
            case _:
                raise _RefusedError(f"uses {name}")

    def _pop_mark(self) -> list[Any]:
        values, self._stack = self._stack, self._marked.pop()
        return values

    def _set_items(self, values: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(values) % 2:
            raise ValueError("items for something that is not a dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Hashing other keys may take long, or give equal hashes for all.
            if type(key) not in (str, bytes):
                raise _RefusedError(f"has {printable(key)} for a key of a dict")
            target[key] = value

    def _find(self, module: Any, name: Any) -> Callable[..., Any]:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is not text")
        if (module, name) not in self._admitted:
            raise _RefusedError(f"asks for {printable(f'{module}.{name}')}")
        return self._admitted[module, name]

    def _call(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if not callable(function):  # all callables on the stack are allowed ones
            raise ValueError("a call of something that is not a function")
        if type(arguments) is not tuple:
            raise ValueError("a call without arguments")
        self._stack.append(function(*self._plain(arguments)))

    def _plain(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns arguments with arrays converted. Refuses bytes that are used too often."""
        sizes = (len(one) for one in values if isinstance(one, bytes | bytearray | str))
        self._bytes_left -= sum(sizes)
        if self._bytes_left < 0:
            raise _RefusedError("makes many arrays of the same bytes")
        return tuple(map(plain, values))


def _measure(value: Any, most: int, sizes: dict[int, _Size], around: frozenset[int]) -> _Size:
    """Refuses a value that is recursive, too deep or too large; `around` are its containers."""
    if id(value) in around:
        raise _RefusedError("holds itself")
    if id(value) not in sizes:
        inside = _values_in(value) if len(around) < _MOST_DEPTH else ()
        measured = [_measure(one, most, sizes, around | {id(value)}) for one in inside]
        reached = 1 + sum(count for count, _ in measured)
        depth = 1 + max((depth for _, depth in measured), default=0)
        if reached > most:
            raise _RefusedError(f"holds more than {most} values, parts of it used many times")
        if depth + len(around) > _MOST_DEPTH:
            raise _RefusedError(f"is more than {_MOST_DEPTH} lists deep")
        sizes[id(value)] = reached, depth
    return sizes[id(value)]


def _values_in(value: Any) -> Sequence[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, PickledObject):
        return [value.state] if hasattr(value, "state") else []
    return value if isinstance(value, (list, tuple)) else []
