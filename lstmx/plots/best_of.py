"""A figure of what the best of k trials is expected to be."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import MUTED, STYLE, End, Line

Curve = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]
"""Numbers of trials [K], the expectation [K] and the ends of its interval [K], [K]."""


def best_of_curves(
    curves: Mapping[str, Curve],
    *,
    ylabel: str,
    xlabel: str = "number of trials",
    lines: Sequence[Line] = (),
    worst: float | None = None,
    narrow: bool = False,
) -> Figure:
    """The expected best of k trials, with pointwise intervals as bands. Dodge et al. 2019.

    Args:
        curves: row label -> such as `lstmx.stats.expected_best` or `tunability` returns.
        ylabel: name and unit of the values.
        xlabel: of what k are chosen from.
        lines: reference levels, horizontal dotted lines with names.
        worst: where the axis ends, if that is where every curve ends on one side of it: what lies
            beyond, such as diverged trials, would leave no room for the rest.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: a curve whose parts differ in length, or without points.
    """
    rows = {n: tuple(np.asarray(x, float).ravel() for x in c) for n, c in curves.items()}
    for name, row in rows.items():
        if len({x.size for x in row}) > 1 or not row[0].size:
            sizes = [x.size for x in row]
            raise ValueError(f"{name}: got {sizes} points; expected equally many, one or more")
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=4.3)
        levels = np.array([line.value for line in lines])
        means = np.concatenate([row[1] for row in rows.values()])
        reached = np.array([row[1][-1] for row in rows.values()])
        below = worst is not None and bool((reached < worst).all())
        cut = worst if below or (worst is not None and (reached > worst).all()) else None
        if cut is not None:
            means = np.minimum(means, cut) if below else np.maximum(means, cut)
        _draw.scale(axes, "y", np.concatenate([levels, means]))
        _draw.scale(axes, "x", np.concatenate([np.array([]), *(r[0] for r in rows.values())]))
        if axes.get_xscale() == "linear":
            axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8, integer=True))
        ends = []
        for index, (label, (budgets, mean, low, high)) in enumerate(rows.items()):
            style, gid = _draw.look(index), f"series-{index}"
            axes.fill_between(budgets, low, high, color=style["color"], alpha=0.12, lw=0, gid=gid)
            axes.plot(budgets, mean, lw=1.8, gid=gid, clip_on=cut is not None, **style)
            if len(budgets) == 1:  # a line of one point is none
                axes.plot(budgets, mean, "o", ms=5, color=style["color"], gid=gid, clip_on=False)
            ends.append(End(label, float(mean[-1]), style["color"], gid))
        for line in lines:
            axes.axhline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
            ends.append(End(line.name, line.value, MUTED))
        axes.margins(x=0)
        if cut is not None:
            room = 0.06 * abs(cut - (means.min() if below else means.max()))
            axes.set_ylim(*((means.min() - room, cut) if below else (cut, means.max() + room)))
        axes.set_xlabel(xlabel)
        axes.set_title(ylabel, color=MUTED, x=-36 / (72 * figure.get_size_inches()[0]), pad=9)
        axes.grid(axis="y")
        characters, room = _draw.room_for([e.text for e in ends], narrow)
        _draw.margins(figure, right=24 + room)
        _draw.end_labels(figure, axes, ends, characters)
        return figure
