"""Forecasts from single origins, one panel each: what was known, what came, and intervals."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, NARROW, SERIES, STYLE, WIDE, End


class Case(NamedTuple):
    """A forecast from one origin.

    Attributes:
        title: which origin it is.
        times: [P + H] numbers or dates, of history and forecast.
        truth: [P + H]; nan is a missing value, or one that is not known yet.
        forecasts: name -> [H]; the first is emphasized.
        bands: coverage, such as 0.8 -> lower and upper end [H] of the first forecast's interval.
    """

    title: str
    times: ArrayLike
    truth: ArrayLike
    forecasts: Mapping[str, ArrayLike]
    bands: Mapping[float, tuple[ArrayLike, ArrayLike]] = {}


def forecast_cases(cases: Sequence[Case], *, ylabel: str = "", narrow: bool = False) -> Figure:
    """Panels of forecasts below each other, each with its history, truth and intervals.

    Args:
        cases: at least one.
        ylabel: name and unit of the values.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no case, or one whose arrays have different lengths.
    """
    if not cases:
        raise ValueError("got no case to plot; expected at least one")
    with matplotlib.rc_context(STYLE):
        figure = _draw.Drawing(figsize=(NARROW if narrow else WIDE, 1.2 + 2.3 * len(cases)))
        panels = figure.subplots(len(cases), 1, squeeze=False)[:, 0]
        ends = [_panel(axes, case, narrow) for axes, case in zip(panels, cases)]
        names = [end.text for some in ends for end in some]
        characters, room = _draw.room_for(names, narrow)
        _draw.margins(figure, right=24 + room, left=56, top=46, bottom=34)
        figure.subplots_adjust(hspace=0.55)
        figure.text(0.005, 0.995, ylabel, color=MUTED, va="top")
        for axes, some in zip(panels, ends):
            _draw.end_labels(figure, axes, some, characters)
        return figure


def _panel(axes: matplotlib.axes.Axes, case: Case, narrow: bool) -> list[End]:
    times, truth = np.asarray(case.times), np.asarray(case.truth, float)
    forecasts = {name: np.asarray(y, float) for name, y in case.forecasts.items()}
    sizes = {y.shape for y in forecasts.values()}
    if times.shape != truth.shape or len(sizes) != 1 or next(iter(sizes))[0] >= times.size:
        raise ValueError(
            f"got {times.shape} times, truth {truth.shape} and forecasts {sorted(sizes)}; expected "
            "[P + H], [P + H] and [H]"
        )
    horizon = next(iter(sizes))[0]
    origin = times.size - horizon - 1
    ahead = times[origin + 1 :]
    for coverage, (low, high) in sorted(case.bands.items(), reverse=True):
        alpha = 0.14 if coverage > 0.9 else 0.22
        ends = np.asarray(low, float), np.asarray(high, float)
        axes.fill_between(ahead, *ends, color=SERIES[0], alpha=alpha, lw=0, zorder=1)
    axes.axvline(times[origin], color=MUTED, lw=0.8, zorder=0.5)
    axes.plot(times, truth, color=INK, lw=1.3, gid="truth", zorder=3)
    known = truth[: origin + 1][np.isfinite(truth[: origin + 1])]
    start = known[-1:] if known.size else np.array([np.nan])
    after = truth[origin + 1 :][np.isfinite(truth[origin + 1 :])]
    labels = [End("truth", float(after[-1]), INK)] if after.size else []
    for index, (name, values) in enumerate(forecasts.items()):
        style, gid = _draw.look(index), f"series-{index}"
        path = np.concatenate([start, values])
        width = 2.2 if index == 0 else 1.3
        axes.plot(times[origin:], path, lw=width, gid=gid, zorder=5 - index, **style)
        if np.isfinite(values).any():
            last = float(values[np.isfinite(values)][-1])
            labels.append(End(name, last, style["color"], gid))
    axes.margins(x=0)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_title(case.title, color=INK, fontsize=9.5)
    if times.dtype.kind == "M":
        dates = AutoDateLocator(minticks=3, maxticks=5 if narrow else 9)
        axes.xaxis.set_major_locator(dates)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))
    return labels
