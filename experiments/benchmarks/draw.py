"""The two kinds of figures of all tables: dots by row, and lines by length."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, SERIES, STYLE

MARKS = "oDs^vPX*<>hp"
PER_ROW = 15.0  # points from row to row
LEGEND = 5  # names in a line of the legend
LSTMX = "lstmx"


def dots(
    rows: Mapping[str, Mapping[str, float]],
    xlabel: str,
    *,
    line: tuple[str, float] | None = None,
    zero: bool = False,
) -> Figure:
    """A line of dots per row, a colour and a marker per series; those of lstmx filled and larger.

    Args:
        rows: label -> {series: value}.
        line: name and value of a reference line.
        zero: whether the axis starts at 0.
    """
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    names = [*series, line[0]] if line and len(series) > 1 else series
    above = 20.0 * -(-len(names) // LEGEND) if len(names) > 1 else 16.0
    with matplotlib.rc_context(STYLE):
        height = (above + 46 + PER_ROW * max(2, len(rows))) / 72
        figure, axes = _draw.axes_of(False, height)
        for index, name in enumerate(series):
            filled = name == LSTMX or len(series) == 1
            points = [(row[name], y) for y, row in enumerate(rows.values()) if name in row]
            # Ink for lstmx, so that the colours are left for seven others.
            color = INK if name == LSTMX else SERIES[(index - (LSTMX in series)) % len(SERIES)]
            axes.plot(
                [x for x, _ in points],
                [y for _, y in points],
                MARKS[index % len(MARKS)],
                color=color,
                mfc=color if filled else "white",
                ms=7.5 if filled else 5.5,
                label=name,
                zorder=3 if filled else 2,
            )
        axes.set_yticks(range(len(rows)), list(rows), color=INK)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(xlabel)
        values = np.array([value for row in rows.values() for value in row.values()], float)
        if zero:
            axes.set_xlim(0, 1.06 * values.max())
        else:
            _draw.scale(axes, "x", values)
        axes.grid(axis="both")
        axes.set_axisbelow(True)
        if line:
            axes.axvline(line[1], color=MUTED, lw=1.1, ls=(0, (1, 2)), label=line[0], zorder=1)
        if len(names) > 1:
            axes.legend(
                ncols=min(LEGEND, len(names)),
                loc="lower left",
                bbox_to_anchor=(0, 1),
                frameon=False,
                borderaxespad=0.3,
                handletextpad=0.3,
                columnspacing=1.2,
            )
        characters = max(map(len, rows), default=0)
        _draw.margins(figure, left=16 + characters * _draw.CHARACTER, top=above)
        return figure


def lines(panels: Mapping[str, Mapping[str, Mapping[float, float]]], xlabel: str) -> Figure:
    """Panels in a row, a line per series over a logarithmic axis.

    Args:
        panels: title -> {series: {x: y}}.
    """
    with matplotlib.rc_context(STYLE):
        figure = _draw.Drawing(figsize=(_draw.WIDE, 3.0), layout="constrained")
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (title, curves) in zip(grid, panels.items()):
            for index, (name, curve) in enumerate(curves.items()):
                mark = MARKS[index % len(MARKS)]
                axes.plot(*zip(*curve.items()), marker=mark, ms=5, label=name, **_draw.look(index))
            axes.set_title(title)
            axes.set_xlabel(xlabel)
            ys = np.array([y for curve in curves.values() for y in curve.values()], float)
            axes.set_xscale("log")
            _draw.scale(axes, "y", ys)
            if axes.get_yscale() == "linear":
                axes.set_ylim(0, None)
            axes.grid()
        handles = grid[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper left", ncols=LEGEND, frameon=False)
        return figure
