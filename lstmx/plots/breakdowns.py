"""Figures of structure: a metric against sparsity, without each unit, and by position."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, SERIES, STYLE, Line
from lstmx.plots.curves import Runs, learning_curves

MOST_DOTS = 30
"""Up to this number of positions, each has a dot."""


def pruning_curve(
    curves: Mapping[str, Runs],
    *,
    ylabel: str,
    lines: Sequence[Line] = (),
    narrow: bool = False,
) -> Figure:
    """A metric against the share of weights that are set to zero, one line for each row.

    Args:
        curves: row, such as a way to choose the weights or a gate -> runs, (sparsity [K], score
            [K]) each; a band is from the worst to the best of several.
        ylabel: name and unit of the metric.
        lines: reference levels, such as the trivial baseline.
        narrow: whether the figure is for a phone.
    """
    figure = learning_curves(
        curves,
        ylabel=ylabel,
        xlabel="weights set to zero",
        lines=lines,
        markers=True,
        narrow=narrow,
    )
    axes = figure.axes[0]
    axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 5))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def metric_by_position(
    curves: Mapping[str, ArrayLike],
    *,
    ylabel: str,
    positions: ArrayLike | None = None,
    xlabel: str = "time step",
    lines: Sequence[Line] = (),
    narrow: bool = False,
) -> Figure:
    """A metric at each step, or at each length, one line for each row; gaps where it is unknown.

    Args:
        curves: row -> values [G], such as `structure.by_position(...).values["loss"]`.
        ylabel: name and unit of the metric.
        positions: [G]; 0, 1, ... if None.
        xlabel: name of the positions.
        lines: reference levels, such as the trivial baseline.
        narrow: whether the figure is for a phone.
    """
    runs: dict[str, Runs] = {}
    most = 0
    for name, values in curves.items():
        y = np.asarray(values, float)
        x = np.arange(y.size) if positions is None else np.asarray(positions)
        known = np.isfinite(y)  # a trailing gap is no divergence
        runs[name] = [(x[known], y[known])]
        most = max(most, int(known.sum()))
    few = most <= MOST_DOTS
    return learning_curves(
        runs, ylabel=ylabel, xlabel=xlabel, lines=lines, markers=few, narrow=narrow
    )


def ablations(
    without: Mapping[str, ArrayLike],
    whole: float,
    *,
    xlabel: str,
    most: int = 20,
    narrow: bool = False,
) -> Figure:
    """A metric without each unit: one dot a unit, sorted by how far it moves the metric.

    Args:
        without: row, such as a layer -> the metric without each unit, [H].
        whole: the metric with all units, a vertical line.
        xlabel: name and unit of the metric.
        most: number of units that are named, those that move it furthest.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no units.
    """
    values = {name: np.asarray(v, float) for name, v in without.items()}
    units = [
        (abs(v - whole), name, k, v) for name, row in values.items() for k, v in enumerate(row)
    ]
    if not units:
        raise ValueError("got no units; expected name -> the metric without each unit, [H]")
    units.sort(reverse=True)
    shown = units[:most]
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=1.1 + 0.2 * len(shown))
        colors = {name: SERIES[index % len(SERIES)] for index, name in enumerate(values)}
        labels = []
        for place, (_, name, unit, value) in enumerate(shown):
            axes.plot([whole, value], [place, place], color=colors[name], lw=1.6, alpha=0.5)
            axes.plot(value, place, "o", color=colors[name], ms=5)
            labels.append(f"{name} {unit}")
        axes.axvline(whole, color=INK, lw=1.1)
        characters, room = _draw.room_for(labels, narrow)
        axes.set_yticks(range(len(shown)), [_draw.shorten(t, characters) for t in labels])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        rest = len(units) - len(shown)
        more = f"; {rest} more move it less" if rest else ""
        axes.set_title(f"line: all units{more}", color=MUTED)
        axes.set_xlabel(xlabel)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        _draw.margins(figure, left=16 + room)
        return figure
