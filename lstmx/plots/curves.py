"""Figures of many runs: learning curves and the ranking."""

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

LINE = 13.0  # points of a line of text below a figure
FAR = 100.0  # ranges; a log scale shows what is nearer
MOST_TICKS = 6  # up to this number of points, each has a tick
Runs = Sequence[tuple[ArrayLike, ArrayLike]]
"""The runs of one row, (x [n], y [n]) each, x ascending; None and nan are missing values."""


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
    """The mean over the runs of each row, and a band from the worst to the best of them.

    A run that ends early continues at its last value. One whose last values are not finite leaves
    the mean at its last finite value, which a cross marks. A row without values is listed below.

    Args:
        curves: row label -> runs; the order determines the colors.
        ylabel: name and unit of the values.
        xlabel: name of x.
        lines: reference levels, horizontal dotted lines with names.
        markers: whether values have dots and ticks, for curves of few points.
        from_zero: whether the axis of values starts at 0, unless it is a log scale.
        narrow: whether the figure is for a phone.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=4.7)
        rows = {label: _aggregate(runs) for label, runs in curves.items()}
        levels = np.array([line.value for line in lines])
        _draw.scale(axes, "y", np.concatenate([levels, *(a[1] for a in rows.values())]))
        ends = []
        for index, (label, (x, mean, low, high)) in enumerate(rows.items()):
            if not x.size:
                continue
            style, gid = _draw.look(index), f"series-{index}"
            dots: dict[str, Any] = (
                {"marker": "o", "markersize": 4} if markers or x.size == 1 else {}
            )
            if len(curves[label]) > 1:
                axes.fill_between(x, low, high, color=style["color"], alpha=0.1, lw=0, gid=gid)
            axes.plot(x, mean, lw=1.8, gid=gid, clip_on=False, **style, **dots)
            for place in filter(None, map(_divergence, curves[label])):
                axes.plot(*place, "x", color=style["color"], ms=8, mew=2, gid=gid, zorder=5)
            if np.isfinite(mean[-1]):
                ends.append(End(label, float(mean[-1]), style["color"], gid))
        for line in lines:
            axes.axhline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
            ends.append(End(line.name, line.value, MUTED))
        axes.margins(x=0)
        if from_zero and axes.get_yscale() == "linear":
            axes.set_ylim(bottom=0)
        axes.set_xlabel(xlabel)
        axes.set_title(ylabel, color=MUTED, x=-36 / (72 * figure.get_size_inches()[0]), pad=9)
        places = np.unique(np.concatenate([np.array([]), *(a[0] for a in rows.values())]))
        few = markers and places.size <= MOST_TICKS
        some = MaxNLocator(4 if narrow else 8, integer=True)
        axes.xaxis.set_major_locator(FixedLocator(list(places)) if few else some)
        axes.xaxis.set_major_formatter(FuncFormatter(_draw.count))
        axes.grid(axis="y")
        characters, room = _draw.room_for([e.text for e in ends], narrow)
        empty = [label for label, a in rows.items() if not a[0].size]
        below = _draw.wrapped("no values: " + ", ".join(empty), narrow) if empty else ""
        # Below the name of the axis, which a note at its height would cover on a phone.
        _draw.margins(figure, right=24 + room, bottom=40 + LINE * (below.count("\n") + bool(below)))
        _draw.end_labels(figure, axes, ends, characters)
        if below:
            figure.text(0.01, 0.01, below, color=MUTED, va="bottom", linespacing=1.1)
        return figure


def ranking(
    rows: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    lines: Sequence[Line] = (),
    narrow: bool = False,
) -> Figure:
    """One line per row, the first at the top: a point per run, the mean, and its interval.

    Args:
        rows: row label -> values [n], one per run; nan is a run without a value, and a row without
            any is labeled "no values". A mean more than `FAR` times the range of the middle rows
            and the levels away from them is written at the edge, where it would else leave the
            other rows one point on the axis.
        xlabel: name and unit of the values.
        intervals: row label -> (low, high) of the mean; nan for none.
        lines: reference levels, vertical dotted lines with names.
        narrow: whether the figure is for a phone.
    """
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=1.1 + 0.18 * len(lines) + 0.29 * len(rows))
        samples = {label: _finite(values) for label, values in rows.items()}
        levels = np.array([line.value for line in lines])
        far = _far(samples, levels)
        near = [values for label, values in samples.items() if label not in far]
        _draw.scale(axes, "x", np.concatenate([levels, *near]))
        for index, (label, values) in enumerate(samples.items()):
            color, gid = SERIES[index % len(SERIES)], f"series-{index}"
            if not values.size:
                place = axes.get_yaxis_transform()
                axes.text(0.01, index, "no values", transform=place, color=MUTED, va="center")
                continue
            if label in far:
                _at_edge(axes, index, values.mean(), far[label], {"color": color, "gid": gid})
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
        _draw.name_levels(figure, axes, lines)
        return figure


def _aggregate(runs: Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x, mean, minimum and maximum over the runs, at every x at which a run has a value."""
    values = []
    for x, y in runs:
        xs, ys = np.asarray(x, float), np.asarray(y, float)
        finite = np.isfinite(ys)
        if finite.any():
            # A run that diverged has no values afterwards; one that only stopped keeps its last.
            end = np.inf if finite[-1] else xs[finite][-1]
            values.append((xs[finite], ys[finite], end))
    grid = np.unique(np.concatenate([v[0] for v in values])) if values else np.array([])
    table = np.full((len(values), grid.size), np.nan)
    for row, (xs, ys, end) in zip(table, values):
        row[:] = np.where(grid > end, np.nan, np.interp(grid, xs, ys, left=np.nan))
    if not grid.size:
        return grid, grid, grid, grid
    return grid, np.nanmean(table, 0), np.nanmin(table, 0), np.nanmax(table, 0)


def _divergence(run: tuple[ArrayLike, ArrayLike]) -> tuple[float, float] | None:
    """The last finite point of a run that diverged, else None."""
    x, y = np.asarray(run[0], float), np.asarray(run[1], float)
    finite = np.isfinite(y)
    if not finite.any() or finite[-1]:
        return None
    return float(x[finite][-1]), float(y[finite][-1])


def _far(samples: Mapping[str, np.ndarray], levels: np.ndarray) -> dict[str, bool]:
    """The rows whose mean is far beyond the others: label -> whether on the side of large values.

    The middle rows are those from the first to the last tenth, so that up to a tenth of the rows,
    but at least one of three or more, can be far on either side.
    """
    means = {label: float(values.mean()) for label, values in samples.items() if values.size}
    if len(means) < 3:
        return {}
    ordered = sorted(means.values())
    cut = max(1, len(ordered) // 10)
    middle = np.concatenate([_finite(levels), ordered[cut:-cut]])
    low, high = middle.min(), middle.max()
    room = FAR * (high - low)
    if room == 0:  # one value alone has no range
        return {}
    return {k: mean > high for k, mean in means.items() if not low - room <= mean <= high + room}


def _at_edge(axes: Axes, index: int, mean: float, right: bool, look: Mapping[str, Any]) -> None:
    """An arrow at the edge of a row of the ranking, with the mean that lies beyond."""
    place = axes.get_yaxis_transform()
    x, marker, aside = (0.985, ">", "right") if right else (0.015, "<", "left")
    axes.plot(x, index, marker, ms=7, mec="white", mew=1, transform=place, **look)
    axes.text(
        x + (-0.02 if right else 0.02),
        index,
        f"{mean:,.4g}",
        transform=place,
        color=MUTED,
        ha=aside,
        va="center",
    )


def _finite(values: ArrayLike) -> np.ndarray:
    array = np.asarray(values, float)
    return array[np.isfinite(array)]
