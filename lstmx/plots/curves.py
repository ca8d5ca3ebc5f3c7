"""Figures over many runs: learning curves and the ranking."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, SERIES, STYLE, End, Line

MOST_TICKS = 6  # with at most so many points, each has its own tick
Runs = Sequence[tuple[ArrayLike, ArrayLike]]
"""The runs of one row, (x [n], y [n]) each, x rising; None and nan are points without a value."""


def learning_curves(
    curves: Mapping[str, Runs],
    *,
    ylabel: str,
    xlabel: str = "training step",
    lines: Sequence[Line] = (),
    markers: bool = False,
    from_zero: bool = False,
    narrow: bool = False,
) -> Figure:
    """Per row the mean over its runs and the band from the worst to the best of them.

    A run that ends early is carried on at its last value; one whose last values are not finite
    leaves the mean there, and a cross marks the place. A row without any value is listed below.

    Args:
        curves: row label -> runs; the order gives the colours.
        ylabel: name and unit of the values.
        xlabel: what x is.
        lines: horizontal levels, drawn dotted and named.
        markers: dots at the values and ticks below them, for curves of few points.
        from_zero: start the axis of values at 0, unless it is a log scale.
        narrow: draw for a phone.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=4.7)
        drawn = {label: _aggregate(runs) for label, runs in curves.items()}
        levels = np.array([line.value for line in lines])
        _draw.scale(axes, "y", np.concatenate([levels, *(a[1] for a in drawn.values())]))
        ends = []
        for index, (label, (x, mean, low, high)) in enumerate(drawn.items()):
            if not x.size:
                continue
            look, gid = _draw.look(index), f"series-{index}"
            dots: dict[str, Any] = (
                {"marker": "o", "markersize": 4} if markers or x.size == 1 else {}
            )
            if len(curves[label]) > 1:
                axes.fill_between(x, low, high, color=look["color"], alpha=0.1, lw=0, gid=gid)
            axes.plot(x, mean, lw=1.8, gid=gid, clip_on=False, **look, **dots)
            for place in filter(None, map(_divergence, curves[label])):
                axes.plot(*place, "x", color=look["color"], ms=8, mew=2, gid=gid, zorder=5)
            if np.isfinite(mean[-1]):
                ends.append(End(label, float(mean[-1]), look["color"], gid))
        for line in lines:
            axes.axhline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
            ends.append(End(line.name, line.value, MUTED))
        axes.margins(x=0)
        if from_zero and axes.get_yscale() == "linear":
            axes.set_ylim(bottom=0)
        axes.set_xlabel(xlabel)
        axes.set_title(ylabel, color=MUTED, x=-36 / (72 * figure.get_size_inches()[0]), pad=9)
        places = np.unique(np.concatenate([np.array([]), *(a[0] for a in drawn.values())]))
        few = markers and places.size <= MOST_TICKS
        some = MaxNLocator(4 if narrow else 8, integer=True)
        axes.xaxis.set_major_locator(FixedLocator(list(places)) if few else some)
        axes.xaxis.set_major_formatter(FuncFormatter(_draw.count))
        axes.grid(axis="y")
        characters, room = _draw.room_for([e.text for e in ends], narrow)
        _draw.margins(figure, right=24 + room)
        _draw.end_labels(figure, axes, ends, characters)
        silent = [label for label, a in drawn.items() if not a[0].size]
        if silent:
            figure.text(0.01, 0.01, "no values: " + ", ".join(silent), color=MUTED, va="bottom")
        return figure


def ranking(
    rows: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    lines: Sequence[Line] = (),
    narrow: bool = False,
) -> Figure:
    """One line per row, the first on top: a point per run, the mean, and its interval.

    Args:
        rows: row label -> values [n], one a run; nan (a run without a value) is not drawn, and
            a row without any value says so.
        xlabel: name and unit of the values.
        intervals: row label -> (low, high) of the mean; nan draws none.
        lines: vertical levels, drawn dotted and named.
        narrow: draw for a phone.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=1.1 + 0.18 * len(lines) + 0.29 * len(rows))
        sample = {label: _finite(values) for label, values in rows.items()}
        levels = np.array([line.value for line in lines])
        _draw.scale(axes, "x", np.concatenate([levels, *sample.values()]))
        for index, (label, values) in enumerate(sample.items()):
            color, gid = SERIES[index % len(SERIES)], f"series-{index}"
            if not values.size:
                place = axes.get_yaxis_transform()
                axes.text(0.01, index, "no values", transform=place, color=MUTED, va="center")
                continue
            interval = (intervals or {}).get(label, (math.nan, math.nan))
            y = np.full(values.size, float(index))
            axes.plot(interval, [index, index], color=color, lw=6, alpha=0.28, gid=gid)
            axes.plot(values, y, "o", color=color, ms=4.5, alpha=0.6, mew=0, gid=gid)
            axes.plot(values.mean(), index, "D", color=color, ms=7, mec="white", mew=1, gid=gid)
        characters, room = _draw.room_for(list(rows), narrow)
        names = [_draw.shorten(label, characters) for label in rows]
        axes.set_yticks(range(len(rows)), names, color=INK)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(xlabel)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        _draw.margins(figure, left=16 + room, top=8 + 13 * len(lines))
        _name_levels(figure, axes, lines)
        return figure


def _name_levels(figure: Figure, axes: Axes, lines: Sequence[Line]) -> None:
    """Vertical lines, each named above the axes on a height of its own."""
    figure.draw_without_rendering()
    for rank, line in enumerate(sorted(lines, key=lambda line: -line.value)):
        axes.axvline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
        place = axes.transAxes.inverted().transform(axes.transData.transform((line.value, 0)))[0]
        axes.annotate(
            line.name,
            xy=(line.value, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 3 + 13 * rank),
            textcoords="offset points",
            color=MUTED,
            ha="right" if place > 0.5 else "left",
        )


def _aggregate(runs: Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, mean, smallest and largest over the runs at every x at which any run has a value."""
    known = []
    for x, y in runs:
        xs, ys = np.asarray(x, float), np.asarray(y, float)
        finite = np.isfinite(ys)
        if finite.any():
            # A run that diverged ends where it did; one that just stopped is carried on.
            end = np.inf if finite[-1] else xs[finite][-1]
            known.append((xs[finite], ys[finite], end))
    grid = np.unique(np.concatenate([k[0] for k in known])) if known else np.array([])
    table = np.full((len(known), grid.size), np.nan)
    for row, (xs, ys, end) in zip(table, known):
        row[:] = np.where(grid > end, np.nan, np.interp(grid, xs, ys, left=np.nan))
    if not grid.size:
        return grid, grid, grid, grid
    return grid, np.nanmean(table, 0), np.nanmin(table, 0), np.nanmax(table, 0)


def _divergence(run: tuple[ArrayLike, ArrayLike]) -> tuple[float, float] | None:
    """The last point of a run before its values stopped being finite; None where they did not."""
    x, y = np.asarray(run[0], float), np.asarray(run[1], float)
    finite = np.isfinite(y)
    if not finite.any() or finite[-1]:
        return None
    return float(x[finite][-1]), float(y[finite][-1])


def _finite(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, float)
    return array[np.isfinite(array)]
