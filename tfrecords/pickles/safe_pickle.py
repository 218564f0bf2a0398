"""Reads pickles of numbers, text and arrays, and runs nothing of what is in them.

A pickle is a program for a small machine: it may name any function of any module and have it
called. Python's own machine is not used here. This one knows what such files consist of and
refuses the rest. A name in the file stands for a class of `pickles.pieces`, or one that the caller
adds, which keeps what it is given and checks it. Neither the classes that wrote the file nor
NumPy's own are ever called. Work and memory are bounded by the size of the
file: sizes that it claims are compared with the bytes that are there, and of parts that are used
many times (a list of a list of a list, two each) what is reached counts.
"""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from tfrecords.common.errors import UserError
from tfrecords.pickles.pieces import ADMITTED, Encoded, Piece, plain, printable

_MOST_DEPTH = 100
_BITS = 64  # of the largest whole number

# What reading bytes that make no sense comes to.
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


def load(
    data: bytes,
    source: str,
    what: str,
    most_operations: int,
    classes: Mapping[tuple[str, str], type[Piece]] | None = None,
) -> Any:
    """Reads a pickle of any protocol.

    Args:
        data: the file.
        source: what messages call it, such as a path.
        what: it should hold, such as `networks`.
        most_operations: that it may take, and values that it may hold, parts that are used
            many times counted as often.
        classes: what more than arrays it may name, by module and name.

    Returns:
        What was saved: numbers, text, tuples, lists and dicts, with something for `plain` in the
        place of each array.

    Raises:
        UserError: it is no pickle, cut off, or holds anything else.
    """
    if data[:1] == b"<":
        raise UserError(
            f"{source}: expected a pickle of {what}, got a web page: download the file itself"
        )
    try:
        value = _Machine(len(data), most_operations, ADMITTED | dict(classes or {})).run(data)
        _check_reached(value, most_operations)
    except _RefusedError as error:
        raise UserError(
            f"{source}: expected a pickle of {what}, got one that {error}: refused, and nothing "
            "in it was run"
        ) from None
    except _DAMAGED as error:
        raise UserError(
            f"{source}: expected a pickle of {what}, got something else or a damaged file "
            f"({printable(error)}): download it again"
        ) from None
    return value


class _RefusedError(Exception):
    """A pickle that does what none of these files does; the message says what."""


class _Machine:
    """Does what a pickle says, as far as it is known here."""

    def __init__(
        self,
        most_bytes: int,
        most_operations: int,
        admitted: Mapping[tuple[str, str], type[Piece]],
    ) -> None:
        # Many arrays of the same bytes would take more. Twice: some are text first.
        self._bytes_left = 2 * most_bytes + 1000
        self._most_operations = most_operations
        self._admitted = admitted
        self.stack: list[Any] = []
        self._marked: list[list[Any]] = []  # the stacks below each mark
        self._memo: dict[int, Any] = {}

    def run(self, data: bytes) -> Any:
        """Returns the value that is left at the end."""
        argument: Any  # of the kind that the operation takes
        for count, (operation, argument, _) in enumerate(pickletools.genops(data)):
            if count == self._most_operations:
                raise _RefusedError(f"takes more than {count} operations")
            name = operation.name
            if name in _VALUES:
                self._push_number_or_text(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif name in _PUTS:
                self._memo[len(self._memo) if argument is None else argument] = self.stack[-1]
            elif name in _GETS:
                self.stack.append(self._memo[argument])
            elif name == "GLOBAL":
                self.stack.append(self._class_of(*argument.split(" ", 1)))
            elif name in _ACTIONS:
                _ACTIONS[name](self)
            elif name not in ("PROTO", "FRAME", "STOP"):
                raise _RefusedError(f"uses {name}")
        return self.stack.pop()

    def _push_number_or_text(self, value: Any) -> None:
        if isinstance(value, int) and value.bit_length() > _BITS:
            raise _RefusedError(f"holds a number of {value.bit_length()} bits")
        self.stack.append(value)

    def _class_of(self, module: Any, name: Any) -> type[Piece]:
        if not isinstance(module, str) or not isinstance(name, str):
            raise pickle.UnpicklingError("a name that is no text")
        if (module, name) not in self._admitted:
            raise _RefusedError(f"asks for {printable(f'{module}.{name}')}")
        return self._admitted[module, name]

    def mark(self) -> None:
        self._marked.append(self.stack)
        self.stack = []

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def pop_mark(self) -> list[Any]:
        values, self.stack = self.stack, self._marked.pop()
        return values

    def tuple_of_marked(self) -> None:
        values = tuple(self.pop_mark())
        self.stack.append(values)

    def list_of_marked(self) -> None:
        values = self.pop_mark()
        self.stack.append(values)

    def dict_of_marked(self) -> None:
        values = self.pop_mark()
        self.stack.append({})
        self.set_items(values)

    def tuple_of(self, size: int) -> None:
        if len(self.stack) < size:
            raise pickle.UnpicklingError("a tuple of what is not there")
        self.stack[-size:] = [tuple(self.stack[-size:])]

    def append(self, values: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise pickle.UnpicklingError("items of what is no list")
        self.stack[-1].extend(values)

    def set_items(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(values) % 2:
            raise pickle.UnpicklingError("items of what is no dict")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Others would be hashed part by part, however often parts are reached, or all alike.
            if type(key) not in (str, bytes):
                raise _RefusedError(f"has {printable(key)} for a key of a dict")
            target[key] = value

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(self._class_of(module, name))

    def reduce(self) -> None:
        arguments, piece = self.stack.pop(), self.stack.pop()
        if not (isinstance(piece, type) and issubclass(piece, Piece)):
            raise pickle.UnpicklingError("a call of what is no function")
        if type(arguments) is not tuple:
            raise pickle.UnpicklingError("a call without arguments")
        self._count_bytes(arguments)
        made = piece(*map(plain, arguments))
        self.stack.append(made.value if isinstance(made, Encoded) else made)

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Piece):
            raise pickle.UnpicklingError("a state for what takes none")
        if type(state) is tuple:
            self._count_bytes(state)
            state = tuple(map(plain, state))
        target.set_state(state)

    def _count_bytes(self, values: tuple[Any, ...]) -> None:
        self._bytes_left -= sum(len(one) for one in values if isinstance(one, _BYTES))
        if self._bytes_left < 0:
            raise _RefusedError("makes many arrays of the same bytes")


_BYTES = (bytes, bytearray, str)
_VALUES = frozenset(
    (
        *("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "FLOAT", "BINFLOAT"),
        *(
            "STRING",
            "UNICODE",
            "BINSTRING",
            "SHORT_BINSTRING",
            "BINUNICODE",
            "SHORT_BINUNICODE",
            "BINUNICODE8",
        ),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"))
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
_ACTIONS: dict[str, Callable[[_Machine], object]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "TUPLE": _Machine.tuple_of_marked,
    "LIST": _Machine.list_of_marked,
    "DICT": _Machine.dict_of_marked,
    "TUPLE1": lambda machine: machine.tuple_of(1),
    "TUPLE2": lambda machine: machine.tuple_of(2),
    "TUPLE3": lambda machine: machine.tuple_of(3),
    "APPEND": lambda machine: machine.append([machine.stack.pop()]),
    "APPENDS": lambda machine: machine.append(machine.pop_mark()),
    "SETITEM": lambda machine: machine.set_items([machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine: machine.set_items(machine.pop_mark()),
    "STACK_GLOBAL": _Machine.stack_global,
    "NEWOBJ": _Machine.reduce,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}


def _check_reached(value: Any, most: int) -> None:
    """Refuses what holds itself, is very deep, or is used so often that too much is reached."""
    sizes: dict[int, tuple[int, int]] = {}  # by id: values reached, and how deep
    open_ones: set[int] = set()
    todo = [value]
    while todo:
        one = todo[-1]
        if id(one) in sizes:
            todo.pop()
            continue
        parts = _parts_of(one)
        if id(one) not in open_ones:
            open_ones.add(id(one))
            inside = [part for part in parts if id(part) not in sizes]
            if any(id(part) in open_ones for part in inside):
                raise _RefusedError("holds itself")
            if inside:
                todo += inside
                continue
        open_ones.discard(id(one))
        todo.pop()
        reached = 1 + sum(sizes[id(part)][0] for part in parts)
        depth = 1 + max((sizes[id(part)][1] for part in parts), default=0)
        if reached > most:
            raise _RefusedError(f"holds more than {most} values, parts of it used many times")
        if depth > _MOST_DEPTH:
            raise _RefusedError(f"is more than {_MOST_DEPTH} lists deep")
        sizes[id(one)] = reached, depth


def _parts_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    state = getattr(value, "state", None) if isinstance(value, Piece) else None
    return [] if state is None else [state]
