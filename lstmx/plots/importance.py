"""Figures of which hyperparameters matter: shares of variance, and marginal curves."""

import math
from collections.abc import Collection, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from lstmx.plots import _draw, _lines
from lstmx.plots._draw import INK, MUTED, SERIES, STYLE

TIMES = " × "
Share = tuple[Sequence[str], float, float, float]
"""One name or two, the share, and the ends of its spread."""
Marginal = tuple[str, ArrayLike, ArrayLike, ArrayLike, ArrayLike]
"""Name, values of the hyperparameter [G], the mean metric [G] and the ends of its spread."""


def importance_bars(
    shares: Sequence[Share],
    *,
    r2: float,
    most: int = 12,
    narrow: bool = False,
) -> Figure:
    """The share of the variance that each hyperparameter and each pair explains, by fANOVA.

    Args:
        shares: the largest first, such as `lstmx.stats.Shares.ranked` returns.
        r2: out-of-bag R^2 of the forest, which the title has: the shares are of what it explains.
        most: number of bars.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no shares.
    """
    if not shares:
        raise ValueError("got no shares; expected (names, share, low, high), one or more")
    shown = list(shares[:most])
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=1.1 + 0.29 * len(shown))
        labels = [TIMES.join(names) for names, *_ in shown]
        for place, (names, mean, low, high) in enumerate(shown):
            color = SERIES[0] if len(names) == 1 else SERIES[1]
            axes.barh(place, mean, height=0.62, color=color, alpha=0.85, lw=0)
            axes.plot([low, high], [place, place], color=INK, lw=1.1, solid_capstyle="butt")
            axes.annotate(
                f"{100 * mean:.1f} %",
                (max(mean, high), place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
                color=INK,
            )
        characters, room = _draw.room_for(labels, narrow)
        axes.set_yticks(range(len(shown)), [_label(n, characters) for n, *_ in shown])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(left=min(0.0, *(low for *_, low, _ in shown)))
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8))
        axes.set_xlabel("share of the variance")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        rest = f"; {len(shares) - len(shown)} smaller ones" if len(shares) > len(shown) else ""
        more = "" if narrow else f"; lines: spread over trees{rest}"
        axes.set_title(f"R² of the forest {r2:.2f}{more}", color=MUTED)
        _draw.margins(figure, left=16 + room, right=48)
        return figure


def marginal_curves(
    rows: Mapping[str, Sequence[Marginal]],
    *,
    ylabel: str,
    log: Collection[str] = (),
    narrow: bool = False,
) -> Figure:
    """The metric along each hyperparameter, averaged over the others, with the spread as bands.

    One panel per hyperparameter, with one metric axis for all; a choice has dots with bars.

    Args:
        rows: row label, such as a variant -> one per hyperparameter, such as
            `lstmx.stats.marginal` returns.
        ylabel: name and unit of the metric.
        log: names of the hyperparameters that were searched on the log scale.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no row, or one without hyperparameters.
    """
    names = list(dict.fromkeys(marginal[0] for row in rows.values() for marginal in row))
    if not names:
        raise ValueError("got no marginals; expected row label -> (name, grid, mean, low, high)")
    down = math.ceil(len(names) / (2 if narrow else 4))
    across = math.ceil(len(names) / down)
    with matplotlib.rc_context(STYLE):
        width = _draw.NARROW if narrow else _draw.WIDE
        figure = _draw.Drawing(figsize=(width, 0.9 + 1.95 * down))
        grid = figure.subplots(down, across, sharey=True, squeeze=False).ravel()
        choices = {m[0] for row in rows.values() for m in row if not _is_range(m[1])}
        for axes, name in zip(grid, names):
            for index, row in enumerate(rows.values()):
                for found in row:
                    if found[0] == name:
                        _curve(axes, found, index, len(rows))
            if name in log:
                begin, end = axes.get_xlim()
                _draw.log_scale(axes, "x", end / begin, numticks=4)
            elif name not in choices:
                axes.xaxis.set_major_locator(MaxNLocator(3))
            axes.set_xlabel(_draw.shorten(name, 22))
            axes.grid(axis="y")
        for axes in grid[len(names) :]:
            axes.set_visible(False)
        keys = [_lines.key(label, k, narrow) for k, label in enumerate(rows)]
        _lines.finish(figure, grid[0], keys if len(rows) > 1 else [], ylabel, narrow=narrow)
        figure.subplots_adjust(wspace=0.24, hspace=0.55)
        return figure


def _label(names: Sequence[str], characters: int) -> str:
    """The names within so many characters, each shortened by itself."""
    if len(TIMES.join(names)) <= characters:
        return TIMES.join(names)
    each = (characters - len(TIMES) * (len(names) - 1)) // len(names)
    return TIMES.join(_draw.shorten(name, each) for name in names)


def _is_range(values: ArrayLike) -> bool:
    """Whether the values of a hyperparameter are numbers; else it is a choice."""
    return np.asarray(values).dtype.kind in "iuf"


def _curve(axes: Axes, found: Marginal, index: int, rows: int) -> None:
    """One row in the panel of its hyperparameter."""
    _, values, mean, low, high = found
    style, gid = _draw.look(index), f"series-{index}"
    x = np.asarray(values)
    y, bottom, top = (np.asarray(part, float) for part in (mean, low, high))
    if not _is_range(x):
        places = np.arange(x.size) + 0.15 * (index - (rows - 1) / 2)
        axes.vlines(places, bottom, top, color=style["color"], lw=4, alpha=0.25, gid=gid)
        axes.plot(places, y, "o", color=style["color"], ms=5, gid=gid)
        axes.set_xticks(range(x.size), [_draw.shorten(str(value), 9) for value in x])
        axes.set_xlim(-0.5, x.size - 0.5)
        return
    axes.fill_between(x, bottom, top, color=style["color"], alpha=0.15, lw=0, gid=gid)
    axes.plot(x, y, lw=1.7, gid=gid, **style)
    axes.margins(x=0)
