"""A parser of pickles of plain values and arrays of bytes that does not unpickle them.

Unpickling runs a program in the file, which can call any function and allocate any amount of memory
(a memo of a billion entries takes five bytes). Here that program is disassembled by `pickletools`,
and only the instructions that plain values need are interpreted. Nothing is imported, called or
assigned; memory is bounded by the size of the content.

Supported are numbers, texts, bytes, None, tuples, lists, dicts, and arrays of uint8 as NumPy 1
pickled them, by Python 2 and 3.
"""

import math
import pickletools
import struct
from typing import Any

import numpy as np

MAKE, ARRAY, DTYPE = "numpy.core.multiarray _reconstruct", "numpy ndarray", "numpy dtype"
BYTE = ("u1", "|u1", b"u1", b"|u1")
"""The names of dtype uint8 in pickles."""
PLAIN = {"INT", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "LONG", "BINFLOAT", "FLOAT"}
TEXTS = {"BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"}
BYTES = {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8"}
PYTHON2 = {"BINSTRING", "SHORT_BINSTRING", "STRING"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
EMPTY: dict[str, type] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
PUT, GET = {"PUT", "BINPUT", "LONG_BINPUT"}, {"GET", "BINGET", "LONG_BINGET"}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
IGNORED = {"PROTO", "FRAME"}


class _Name:
    """A name that the pickle would import."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Array:
    """An array under construction: the BUILD instruction sets its values."""

    value: np.ndarray | None = None


class _Mark:
    """Marks the start of the items of a tuple, list or dict on the stack."""


def parse(content: bytes) -> dict[Any, Any]:
    """The dict in a pickle; strings of Python 2 are bytes.

    Raises:
        ValueError: a pickle of something else, or a broken one.
    """
    try:
        value = _finished(_run(content))
    except (ValueError, KeyError, IndexError, TypeError, struct.error, OverflowError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"no pickle of plain arrays ({reason})") from None
    if not isinstance(value, dict):
        raise ValueError("a pickle of something else than a dict")
    return value


def _run(content: bytes) -> Any:
    """The object at the end of the program, interpreted with a stack and a memo."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for instruction, argument, _ in pickletools.genops(content):
        code = instruction.name
        if code in PLAIN or code in TEXTS or code in BYTES:
            stack.append(argument)
        elif code in PYTHON2:
            stack.append(argument.encode("latin-1"))
        elif code in CONSTANTS:
            stack.append(CONSTANTS[code])
        elif code in EMPTY:
            stack.append(EMPTY[code]())
        elif code in PUT:
            memo[argument] = stack[-1]
        elif code == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code in GET:
            stack.append(memo[argument])
        elif code == "MARK":
            stack.append(_Mark)
        elif code in TUPLES:
            items = [stack.pop() for _ in range(TUPLES[code])]
            stack.append(tuple(reversed(items)))
        elif code == "TUPLE":
            stack.append(tuple(_marked(stack)))
        elif code in ("APPEND", "APPENDS"):
            values = [stack.pop()] if code == "APPEND" else _marked(stack)
            _expect(stack[-1], list).extend(values)
        elif code in ("SETITEM", "SETITEMS"):
            values = [stack.pop(-2), stack.pop()] if code == "SETITEM" else _marked(stack)
            _expect(stack[-1], dict).update(_pairs(values))
        elif code == "GLOBAL":
            stack.append(_name(argument))
        elif code == "STACK_GLOBAL":
            name = stack.pop()
            stack.append(_name(f"{_expect(stack.pop(), str)} {_expect(name, str)}"))
        elif code == "REDUCE":
            arguments = stack.pop()
            stack.append(_call(_expect(stack.pop(), _Name).name, _expect(arguments, tuple)))
        elif code == "BUILD":
            state = stack.pop()
            _fill(stack[-1], _expect(state, tuple))
        elif code == "STOP":
            return stack.pop()
        elif code not in IGNORED:
            raise ValueError(f"it has an instruction {code}, which no array needs")
    raise ValueError("it does not end")


def _marked(stack: list[Any]) -> list[Any]:
    """The items above the last mark, which are removed from the stack together with it."""
    place = len(stack) - 1
    while stack[place] is not _Mark:
        place -= 1
        if place < 0:
            raise ValueError("it ends what it never began")
    items = stack[place + 1 :]
    del stack[place:]
    return items


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    """Pairs of alternating keys and values."""
    # Keys of other types are refused: hashing a nested tuple can take exponential time.
    if not all(type(key) in (str, bytes, int) for key in values[::2]):
        raise ValueError("it has a dict with keys that are no texts")
    return list(zip(values[::2], values[1::2], strict=True))


def _expect(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"it has a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _name(name: str) -> _Name:
    if name not in (MAKE, ARRAY, DTYPE):
        raise ValueError(f"it asks for {_escaped(name)}, which no array needs")
    return _Name(name)


def _escaped(name: str) -> str:
    """A name for a message, with unprintable characters escaped."""
    return repr(name.replace(" ", ".")[:80])[1:-1]


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    """The result that a call of a name would have: an array without values, or dtype uint8."""
    if name == MAKE:
        return _Array()
    if name == DTYPE and arguments and arguments[0] in BYTE:
        return np.dtype(np.uint8)
    raise ValueError("it holds an array of something else than bytes")


def _fill(target: Any, state: tuple[Any, ...]) -> None:
    """Set shape and values of an array; the state of dtype uint8 is irrelevant."""
    if isinstance(target, np.dtype):
        return
    _, shape, dtype, by_columns, values = state
    if not isinstance(dtype, np.dtype) or type(values) is not bytes:
        raise ValueError("it holds an array of something else than bytes")
    if not all(type(size) is int and size >= 0 for size in _expect(shape, tuple)):
        raise ValueError("it holds an array with a wrong shape")
    if math.prod(shape) != len(values):
        raise ValueError(f"it holds an array of {len(values)} values and shape {shape}")
    array = np.frombuffer(values, np.uint8)
    array = array.reshape(shape[::-1]).T if by_columns else array.reshape(shape)
    _expect(target, _Array).value = array


def _finished(value: Any) -> Any:
    """A dict whose `_Array` values are replaced by their arrays; other values unchanged."""
    if isinstance(value, dict):
        return {key: v.value if isinstance(v, _Array) else v for key, v in value.items()}
    return value
