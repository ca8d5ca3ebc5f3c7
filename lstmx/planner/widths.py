"""Widths: those of compiled programs that several hidden sizes share, and those within a budget.

A run of another hidden size computes masked in the program of a wider one. That saves a compilation
and costs the work on units that do not exist, which a CPU does and an accelerator hardly notices.
Equal arguments give equal widths on every machine: nothing is measured.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import jax
import numpy as np

from lstmx import sequence
from lstmx.planner import _way, _Work
from lstmx.planner._rates import Rates
from lstmx.sequence import Layer, Stack

NOMINAL = Rates(
    small=8e10, large=5e10, step=0, elements=2.5e10, bytes=4e9, start=4.5e-7, kernel=5e-8
)
"""Rates of one core of a server of 2023, rounded; predicted times are within a factor of two."""
PROGRAM = 6.0
"""Seconds that one more program costs: to trace and to compile training and evaluation. Measured on
the same machine for an LSTM with peepholes: 9 s of processor time, about 6 on two cores."""
LARGEST = 2**20
"""The largest width to try."""
LARGEST_UNIT = 64
"""The largest number of cells in a block or of heads that a width is tried to be a multiple of."""


def buckets(widths: Sequence[int], seconds: Callable[[int], float], program: float) -> list[int]:
    """The widths of the programs for runs of these widths, ascending; the last is the largest.

    Each run computes in the narrowest program that is wide enough. The choice has the least sum of
    compilations and training.

    Args:
        widths: hidden size of every run.
        seconds: hidden size of a program -> seconds of training of one run in it.
        program: seconds that one more program costs.
    """
    distinct, counts = np.unique(np.asarray(widths), return_counts=True)
    total = [0, *itertools.accumulate(map(int, counts))]
    times = [seconds(int(width)) for width in distinct]
    # least[n]: the best programs of the first n widths, as (seconds, their widths).
    least: list[tuple[float, list[int]]] = [(0.0, [])]
    for n in range(1, len(distinct) + 1):
        least.append(
            min(
                (
                    least[start][0] + program + (total[n] - total[start]) * times[n - 1],
                    [*least[start][1], int(distinct[n - 1])],
                )
                for start in range(n)
            )
        )
    return least[-1][1]


def chosen(
    widths: Sequence[int],
    layers: Callable[[int], Sequence[Layer]],
    sizes: tuple[int, int, int, int],
    updates: int,
    *,
    stack: Stack = Stack(),
    platform: str | None = None,
) -> list[int]:
    """The widths of programs for runs on this device: a few on a CPU, one on an accelerator.

    Args:
        widths: hidden size of every run.
        layers: hidden size -> the layers of the model.
        sizes: (B, T, X, Y) of a batch.
        updates: of a run.
        stack: how the layers are computed.
        platform: "cpu", "gpu", ...; that of JAX if None.
    """
    low, high = min(widths), max(widths)
    if (platform or jax.default_backend()) != "cpu" or low == high:
        return [high]
    # Work per update is a polynomial in the width, of the second degree: products are R h.
    known = sorted({low, high, min(widths, key=lambda width: abs(2 * width - low - high))})
    times = [update_seconds(layers(width), *sizes, stack=stack) for width in known]
    fit = np.polynomial.Polynomial.fit(known, times, len(known) - 1)
    seconds = lambda width: max(0.0, float(fit(width))) * updates
    return buckets(widths, seconds, PROGRAM)


def update_seconds(
    layers: Sequence[Layer],
    batch_size: int,
    length: int,
    in_features: int,
    out_features: int,
    stack: Stack = Stack(),
) -> float:
    """The predicted seconds of one update on a CPU, by `NOMINAL` rates; compiles nothing."""
    work = _Work(tuple(layers), in_features, out_features, (), True, stack)
    width = max(map(sequence.out_features, layers))
    rates = NOMINAL._replace(step=8 * batch_size * width**2)
    options = (stack.engine, stack.remat_every)
    way = _way(work, batch_size, "", length, *options, horizon=length, slots=2, rates=rates)
    return length / (way.steps_per_second or math.inf)


def program_for(width: int, programs: Sequence[int]) -> int:
    """The width of the program that a run computes in.

    Args:
        width: its hidden size.
        programs: ascending; beyond the last one a run has its own.
    """
    return next((p for p in programs if p >= width), width)


def within(count: Callable[[int], int], budget: int, what: str) -> int:
    """The largest width whose count is at most the budget: never above it, nearest from below.

    Args:
        count: hidden size -> parameters, say; grows with it. A ValueError of a width that the cell
            does not have, such as no multiple of its blocks, makes that width no candidate.
        budget: the most.
        what: the budget as it was given, for the message.

    Raises:
        ValueError: the narrowest model exceeds the budget, or the budget has no bound.
    """
    unit, least = _narrowest(count)
    if least > budget:
        raise ValueError(f"{what}, but hidden_size={unit}, the least, has {least}")
    low, high = 1, 2
    while count(high * unit) <= budget:
        low, high = high, 2 * high
        if high * unit > LARGEST:
            raise ValueError(f"{what}: hidden_size={low * unit} is still within it")
    while high - low > 1:
        middle = (low + high) // 2
        if count(middle * unit) <= budget:
            low = middle
        else:
            high = middle
    return low * unit


def _narrowest(count: Callable[[int], int]) -> tuple[int, int]:
    """The smallest width that the model can have, of which others are multiples; and its count."""
    for width in range(1, LARGEST_UNIT + 1):
        try:
            return width, count(width)
        except ValueError as error:
            refused = error
    raise refused
