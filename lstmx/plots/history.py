"""A figure of how a search went: every trial, and the best so far."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw, _lines
from lstmx.plots._draw import INK, MUTED, SERIES, STYLE, End, Line

MOST_LARGE = 400
"""Trials with large dots."""


def optimisation_history(
    rows: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    ylabel: str,
    maximize: bool,
    lines: tuple[Line, ...] = (),
    narrow: bool = False,
) -> Figure:
    """One dot per trial over the numbers of the trials, and a line at the best one so far.

    A search that learns from its results has lower dots (higher ones, if more is better) to the
    right; one that draws points at random has not, and its line shows what more trials still gain.

    Args:
        rows: row label, such as a variant -> numbers [n] and values [n] of its trials; nan is a
            trial without a value.
        ylabel: name and unit of the values.
        maximize: whether larger values are better.
        lines: reference levels, horizontal dotted lines with names.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no trial with a value, or values of other trials.
    """
    found = {n: tuple(np.asarray(x, float).ravel() for x in row) for n, row in rows.items()}
    wrong = [n for n, (numbers, values) in found.items() if numbers.size != values.size]
    every = [np.concatenate(part) for part in zip(*found.values())]
    if wrong or not every or not np.isfinite(every[1]).any():
        raise ValueError(f"got {wrong or 'no'} trials with a value; expected numbers and values")
    order = np.argsort(every[0], kind="stable")
    numbers, values = (part[order] for part in every)
    worst = -np.inf if maximize else np.inf
    known = np.where(np.isfinite(values), values, worst)
    best = (np.maximum if maximize else np.minimum).accumulate(known)
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=4.0)
        levels = np.array([line.value for line in lines])
        _draw.scale(axes, "y", np.concatenate([levels, values]))
        keys = []
        for index, (label, (of, row)) in enumerate(found.items()):
            look: dict[str, Any] = {
                "color": SERIES[index % len(SERIES)],
                "marker": "o" if index < len(SERIES) else "D",
                "ms": 4.5 if values.size <= MOST_LARGE else 2.5,
                "mew": 0,
                "lw": 0,
            }
            axes.plot(of, row, alpha=0.6, gid=f"series-{index}", **look)
            text = _draw.shorten(label, 28 if narrow else 48)
            keys.append(Line2D([], [], label=text, **{**look, "ms": 6}))
        there = np.isfinite(best)
        axes.step(numbers[there], best[there], where="post", color=INK, lw=1.5)
        for line in lines:
            axes.axhline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8, integer=True))
        axes.margins(x=0.02)
        axes.set_xlabel("trial; the line is the best so far")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        characters, room = _draw.room_for([line.name for line in lines], narrow)
        keys = keys if len(found) > 1 else []
        right = 24 + room if lines else 12
        _lines.finish(figure, axes, keys, ylabel, narrow=narrow, right=right)
        ends = [End(line.name, line.value, MUTED) for line in lines]
        _draw.end_labels(figure, axes, ends, characters)
        return figure
