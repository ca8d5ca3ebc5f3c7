"""A figure of trials as lines through all hyperparameters."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import FAINT, INK, MUTED, STYLE


def parallel_coordinates(
    points: Mapping[str, Sequence[Any] | np.ndarray],
    values: ArrayLike,
    *,
    name: str,
    maximize: bool,
    log: Collection[str] = (),
    best: float = 0.1,
    worst: float | None = None,
    narrow: bool = False,
) -> Figure:
    """One line per trial through its hyperparameters to its metric; the best are colored.

    The axes run from the lowest to the highest value that occurs; the better end of the metric is
    on top. A trial without a value is not drawn.

    Args:
        points: name of a hyperparameter -> [n] its values: numbers, or others for a choice.
        values: [n] of the metric.
        name: name and unit of the metric.
        maximize: whether larger values are better.
        log: names that are drawn on a log scale; the metric is where it spans decades.
        best: the share of the trials that is colored.
        worst: where some trials are better, the metric's axis ends here, and those that are worse
            are drawn at its end; see `ends_at`.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no trial with a value, or hyperparameters of other trials.
    """
    metric = np.asarray(values, float).ravel()
    known = np.isfinite(metric)
    beyond = ends_at(metric, worst, maximize=maximize)
    if beyond:
        metric = np.clip(metric, *((worst, None) if maximize else (None, worst)))
    wrong = [n for n, column in points.items() if len(column) != metric.size]
    if not known.any() or wrong:
        raise ValueError(f"got {metric.size} values for {wrong or 'no trial'}; expected one each")
    decades = metric[known].min() > 0 and (
        np.log10(metric[known].max() / metric[known].min()) >= _draw.DECADES
    )
    columns: dict[str, tuple[np.ndarray, list[tuple[float, str]]]] = {
        n: _axis(list(column), known, n in log) for n, column in points.items()
    }
    y, ticks = _axis(list(metric), known, bool(decades))
    if not maximize:
        y, ticks = 1 - y, [(1 - place, text) for place, text in ticks]
    if beyond:  # the lowest tick is that of the trials which were moved there
        sign = "≤" if maximize else "≥"
        ticks = [(place, f"{sign} {text}" if place == 0 else text) for place, text in ticks]
    columns[name] = y, ticks
    heights = np.stack([column for column, _ in columns.values()], axis=1)
    number = max(1, round(best * len(heights)))
    order = np.argsort(y, kind="stable")  # the best last, on top of the others
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=4.2)
        lines = [np.stack([np.arange(heights.shape[1]), heights[k]], axis=1) for k in order]
        axes.add_collection(LineCollection(lines[:-number], colors=FAINT, lw=0.8))
        shades = matplotlib.colormaps["viridis"](np.linspace(0.65, 0, number))
        axes.add_collection(LineCollection(lines[-number:], colors=shades, lw=1.5, alpha=0.9))
        for place, (_, marks) in enumerate(columns.values()):
            _upright(axes, place, marks)
        titles = [_draw.shorten(n, 12 if narrow else 18) for n in columns]
        axes.set_xticks(range(len(columns)), titles)
        slanted = narrow or len(columns) > 7
        if slanted:
            axes.set_xticklabels(titles, rotation=35, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="x", length=0, labelcolor=INK)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set(xlim=(-0.25, len(columns) - 0.75 + (0.5 if narrow else 0.3)), ylim=(-0.04, 1.04))
        axes.set_title(f"{len(heights)} trials, the best {number} colored", color=MUTED)
        left, below = (40 if narrow else 14), (64 if slanted else 24)
        _draw.margins(figure, left=left, right=14, bottom=below)
        return figure


def ends_at(values: ArrayLike, worst: float | None, *, maximize: bool) -> bool:
    """Whether the metric's axis ends at `worst`: some values are better, and some are not."""
    metric = np.asarray(values, float)
    if worst is None:
        return False
    better = metric > worst if maximize else metric < worst
    return bool(better.any() and (np.isfinite(metric) & ~better).any())


def _upright(axes: Axes, place: int, marks: Sequence[tuple[float, str]]) -> None:
    """The axis of one column with its ticks, on a white ground above the lines."""
    axes.plot([place, place], [0, 1], color=MUTED, lw=1, zorder=3)
    for height, text in marks:
        axes.annotate(
            text,
            (place, height),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=INK,
            fontsize=8,
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75},
            zorder=4,
        )


def _axis(
    column: list[Any], known: np.ndarray, log: bool
) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Heights between 0 and 1 of the trials that have a value, and (height, text) of ticks."""
    kept = [value for value, there in zip(column, known) if there]
    if not all(isinstance(v, int | float | np.integer | np.floating) for v in kept) or any(
        isinstance(v, bool) for v in kept
    ):
        names = list(dict.fromkeys(kept))
        top = max(len(names) - 1, 1)
        marks = [(k / top, _draw.shorten(str(n), 10)) for k, n in enumerate(names)]
        return np.array([names.index(v) / top for v in kept]), marks
    x = np.array(kept, float)
    scaled = np.log10(x) if log else x
    low, high = scaled.min(), scaled.max()
    heights = (scaled - low) / (high - low) if high > low else np.full(x.size, 0.5)
    ticks = np.linspace(low, high, 5) if high > low else np.array([low])
    shown = [_text(10**t if log else t) for t in ticks]
    places = np.linspace(0, 1, 5) if high > low else np.array([0.5])
    return heights, list(zip(places.tolist(), shown))


def _text(value: float) -> str:
    if value == 0 or abs(value) >= 1:
        return f"{value:.3g}"
    return f"{value:.2g}" if abs(value) >= 1e-3 else f"{value:.0e}"
