"""Plain values from a flag's text, read without evaluating code.

`ast.literal_eval` accepts more than a config can store (sets, bytes, complex numbers, `...`), and
needs unbounded stack and memory for a text that is long or deeply nested.
"""

import ast
import itertools
import warnings
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from lstmx.checks import shown

LONGEST = 10_000
"""Characters of a flag's text; the longest curricula have some hundred."""
DEEPEST = 20
"""Levels of nested brackets."""
BITS = 64
"""Of a whole number; Python does not convert one of over 4300 digits to text."""
STEPS = {**dict.fromkeys("([{", 1), **dict.fromkeys(")]}", -1)}


def literal(text: str) -> Any:
    """The value of a Python literal; the text itself where it is not one."""
    if max(itertools.accumulate(STEPS.get(letter, 0) for letter in text), default=0) > DEEPEST:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an unknown escape, which stays in the text
            return ast.literal_eval(text)
    # Unhashable keys, and long chains of operators.
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text


def check(what: str, value: Any) -> Any:
    """The value, if a config can store it, JSON represent it and a message show it.

    Raises:
        ValueError: it holds anything but numbers, texts, True, False, None, tuples and dicts, or a
            number of more than 64 bits.
    """
    if isinstance(value, tuple):
        for item in value:
            check(what, item)
    elif isinstance(value, Mapping | ConfigDict):
        for key, item in value.items():
            if type(key) is not str:
                raise ValueError(f"{what}: got the key {shown(key)}; expected text")
            check(what, item)
    elif type(value) is int and value.bit_length() > BITS:
        raise ValueError(
            f"{what}: got a number of {value.bit_length()} bits; expected at most {BITS}"
        )
    elif value is not None and type(value) not in (bool, int, float, str):
        raise ValueError(
            f"{what}: got {shown(value)} ({type(value).__name__}); expected numbers, texts, True, "
            "False, None, tuples and dicts"
        )
    return value
