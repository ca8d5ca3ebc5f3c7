"""Checks of values: what passes, and the message of one line for what does not."""

import math

import numpy as np
import pytest

from lstmx import checks

REFUSED = {
    "H=0; expected at least 1": lambda: checks.size("H", 0),
    "T=1; expected at least 2": lambda: checks.sizes(2, B=3, T=1),
    "H=True; expected a whole number of at least 1": lambda: checks.size("H", True),
    "H=2.0; expected a whole number of at least 1": lambda: checks.size("H", 2.0),
    "dt=0; expected a number above 0 and at most 1": lambda: checks.number(
        "dt", 0, above=0, most=1
    ),
    "c=1; expected a number at least 0 and below 1": lambda: checks.number(
        "c", 1, least=0, below=1
    ),
    "c=nan; expected a finite number": lambda: checks.number("c", math.nan),
    "c=inf; expected a number above 0": lambda: checks.number("c", math.inf, above=0),
    "c='1'; expected a finite number": lambda: checks.number("c", "1"),
    "p=1.0; expected a rate in [0, 1)": lambda: checks.rate("p", 1.0),
    "p=nan; expected a rate in [0, 1)": lambda: checks.rate("p", math.nan),
    "unknown reset 'befor'; did you mean 'before'? known: after, before": lambda: checks.one_of(
        "reset", "befor", ("before", "after")
    ),
    "unknown cell 'LSTM'; did you mean 'lstm'? known: gru, lstm": lambda: checks.one_of(
        "cell", "LSTM", ("lstm", "gru")
    ),
    "names='v' has the wrong type; expected tuple, such as ('v',)": lambda: checks.typed(
        "names", "v", tuple
    ),
    "unknown reset 3; known: after, before": lambda: checks.one_of("reset", 3, ("before", "after")),
    "cell: n='a' has the wrong type; expected int": lambda: checks.typed("cell: n", "a", int),
    "n=True has the wrong type; expected float": lambda: checks.typed("n", True, float),
    "n=1.0 has the wrong type; expected int or None": lambda: checks.typed(
        "n", 1.0, int, nullable=True
    ),
    "n=None has the wrong type; expected str": lambda: checks.typed("n", None, str),
}


@pytest.mark.parametrize("line", REFUSED)
def test_refusals_say_what_is_wrong_in_one_line(line):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        REFUSED[line]()
    assert str(error.value) == line


def test_what_fits_passes():
    assert checks.size("H", np.int64(3)) == 3
    assert checks.number("dt", 1, above=0, most=1) == 1.0
    assert checks.rate("p", 0) == 0.0
    assert checks.one_of("reset", "after", {"after": 1}) == "after"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (2, float, 2.0),
        ([1, 2], tuple, (1, 2)),
        (np.float32(0.5), float, 0.5),
        (np.int64(7), int, 7),
        (True, bool, True),
        ({"a": 1}, object, {"a": 1}),
    ],
)
def test_values_take_the_type_of_their_option(value, kind, expected):
    result = checks.typed("option", value, kind)
    assert (result, type(result)) == (expected, type(expected))


def test_long_values_and_lists_are_cut():
    assert checks.shown("x" * 1000) == "'" + "x" * 76 + "..."
    line = checks.unknown("column", "y", [f"c{n:03}" for n in range(500)])
    assert line.endswith("c099, and 400 more")
