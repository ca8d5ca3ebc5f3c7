"""A figure of many trials: box plots of all and of the best."""

import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, SERIES, STYLE, Line

APART = 0.2
"""Half the distance of the two boxes of a row, which is 1 high."""


def trial_boxes(
    trials: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    maximize: bool,
    validation: Mapping[str, ArrayLike] | None = None,
    best: float = 0.1,
    only_best: bool = False,
    lines: Sequence[Line] = (),
    narrow: bool = False,
) -> Figure:
    """Two box plots per row: all trials above, pale, and the best of them below. Greff et al. 2017.

    A box has the quartiles and the median; its whiskers end at the farthest trial within 1.5 boxes,
    and dots are the trials beyond. Of fewer than five trials, all are dots.

    Args:
        trials: row label -> values [n], one per trial; nan is a trial without a value.
        xlabel: name and unit of the values.
        maximize: whether larger values are better.
        validation: row label -> [n] what the best are chosen by; the values if None.
        best: the share that is chosen, at least one trial.
        only_best: whether the others are left out, so that the axis has the best ones only.
        lines: reference levels, vertical dotted lines with names.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no rows, or validation of other trials.
    """
    rows = {label: np.asarray(values, float).ravel() for label, values in trials.items()}
    if not rows:
        raise ValueError("got no rows; expected row label -> values, one per trial")
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=1.15 + 0.18 * len(lines) + 0.5 * len(rows))
        levels = np.array([line.value for line in lines])
        extent = [levels]
        for index, (label, values) in enumerate(rows.items()):
            by = values if validation is None else np.asarray(validation[label], float).ravel()
            if by.size != values.size:
                raise ValueError(f"{label}: got {by.size} for {values.size} trials; expected each")
            known = np.isfinite(values) & np.isfinite(by)
            chosen = _best(values[known], by[known], maximize, best)
            color, gid = SERIES[index % len(SERIES)], f"series-{index}"
            extent.append(chosen if only_best else values)
            if not only_best:
                _box(axes, values[np.isfinite(values)], index - APART, color, gid, pale=True)
            _box(axes, chosen, index + (0 if only_best else APART), color, gid, pale=False)
        _draw.scale(axes, "x", np.concatenate(extent))
        characters, room = _draw.room_for(list(rows), narrow)
        axes.set_yticks(range(len(rows)), [_draw.shorten(n, characters) for n in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel(xlabel)
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        _draw.margins(figure, left=16 + room, top=26 + 13 * len(lines))
        _draw.name_levels(figure, axes, lines)
        what = f"the best {100 * best:g} %"
        axes.set_title(
            what if only_best else f"pale: all trials; full: {what}",
            color=MUTED,
            pad=8 + 13 * len(lines),
        )
        return figure


def _best(values: np.ndarray, by: np.ndarray, maximize: bool, share: float) -> np.ndarray:
    order = np.argsort(-by if maximize else by, kind="stable")
    return values[order[: max(1, math.ceil(share * values.size - 1e-9))]]


def _box(axes: Axes, values: np.ndarray, y: float, color: str, gid: str, *, pale: bool) -> None:
    """One box, or dots where there are too few values for one."""
    strength = 0.45 if pale else 1.0
    if values.size < 5:
        axes.plot(
            values,
            np.full(values.size, y),
            "o",
            color=color,
            ms=4.5,
            alpha=strength,
            mew=0,
            gid=gid,
        )
        return
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    reach = 1.5 * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    far = values[(values < low - reach) | (values > high + reach)]
    axes.plot([inside.min(), low], [y, y], color=color, lw=1.3, alpha=strength, gid=gid)
    axes.plot([high, inside.max()], [y, y], color=color, lw=1.3, alpha=strength, gid=gid)
    axes.fill_between(
        [low, high], y - 0.13, y + 0.13, color=color, alpha=0.22 if pale else 0.75, lw=0, gid=gid
    )
    edge = color if pale else INK
    axes.plot([middle, middle], [y - 0.15, y + 0.15], color=edge, lw=1.6, gid=gid)
    if far.size:
        axes.plot(far, np.full(far.size, y), "o", color=color, ms=3, alpha=strength, mew=0, gid=gid)
