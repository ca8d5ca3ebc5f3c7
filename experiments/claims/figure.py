"""The figure: measured / published of every claim with a number, on a logarithmic axis."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from lstmx import tables
from lstmx.plots import _draw
from lstmx.plots._draw import FAINT, INK, MUTED, SERIES, STYLE

from . import Claim
from .results import NOT, OPEN, REPRODUCED, Result, Verdict

LOOK = {REPRODUCED: (SERIES[2], "o"), NOT: (SERIES[1], "X"), OPEN: (MUTED, "o")}
"""Verdict -> colour and marker; both differ, for readers who see few colours."""

TICKS = (0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 1, 1.1, 1.25, 2, 5, 10, 20)
EDGE = 20.0  # largest ratio shown, and 1 / the smallest; beyond it an arrow marks the edge
FAR = 4.0  # largest ratio of a tolerance that widens the axis, and 1 / the smallest
LEAST = 1.12  # the axis shows at least 1 / this to this
PRINTED = 6
"""Significant digits of a published number."""
PER_ROW = 17.0  # points from row to row
CAPTION = (
    "Measured / published with the 95 % interval of the mean; the grey bars are what counts as "
    "reproduced. A red cross within its grey bar: the mean of the trials that succeeded would do, "
    "but fewer of them succeeded than the claim asks for. Claims without a number, or without a "
    "measurement, have no mark."
)


class _Bar(NamedTuple):
    """A row: all numbers are ratios to the published one, NaN where one is missing."""

    name: str
    word: str
    ratio: float
    interval: tuple[float, float]
    band: tuple[float, float]
    numbers: str


def forest(rows: Sequence[tuple[Claim, Result | None, Verdict]]) -> Any:
    """The figure: one row per claim, a mark with its interval over the bar of its tolerance.

    None if no claim has a positive published number.
    """
    bars = [_bar(*row) for row in rows if row[0].published and row[0].published > 0]
    if not bars:
        return None
    low, high = _limits(bars)
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(False, (92 + PER_ROW * max(2, len(bars))) / 72)
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.axvline(1, color=INK, lw=0.9, zorder=2)
        for y, bar in enumerate(bars):
            _row(axes, y, bar, low, high)
        axes.set_yticks(range(len(bars)), [bar.name for bar in bars], color=INK)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(FixedLocator(_ticks(low, high)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("measured / published")
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        axes.legend(
            handles=_legend(bars), ncols=4, loc="lower left", bbox_to_anchor=(0, 1),
            frameon=False, borderaxespad=0.3, handletextpad=0.4, columnspacing=1.4,
        )  # fmt: skip
        left, right = (
            max(map(len, column)) for column in zip(*((b.name, b.numbers) for b in bars))
        )
        _draw.margins(
            figure,
            left=16 + left * _draw.CHARACTER,
            right=20 + right * _draw.CHARACTER * 0.86,  # digits are narrow
            top=32,
            bottom=40,
        )
        return figure


def _row(axes: Any, y: int, bar: _Bar, low: float, high: float) -> None:
    color, mark = LOOK[bar.word]
    if not math.isnan(bar.band[0]):
        a, b = (min(max(edge, low), high) for edge in bar.band)
        axes.plot([a, b], [y, y], color=FAINT, lw=9, solid_capstyle="butt", zorder=1)
        if bar.band[0] == bar.band[1]:  # a bar without width would not be visible
            axes.plot(
                [1, 1], [y - 0.3, y + 0.3], color=FAINT, lw=5, solid_capstyle="butt", zorder=1
            )
    if math.isfinite(bar.ratio):
        if all(map(math.isfinite, bar.interval)):
            a, b = (min(max(edge, low), high) for edge in bar.interval)
            axes.plot([a, b], [y, y], color=color, lw=1.8, zorder=3)
        beyond = "<" if bar.ratio < low else ">" if bar.ratio > high else mark
        fill = "white" if bar.word == OPEN else color
        place = min(max(bar.ratio, low), high)
        axes.plot(place, y, beyond, color=color, mfc=fill, ms=6.5, zorder=4, clip_on=False)
    axes.annotate(
        bar.numbers, (1, y), xycoords=("axes fraction", "data"), xytext=(10, 0),
        textcoords="offset points", va="center", color=color if bar.word != OPEN else MUTED,
    )  # fmt: skip


def _bar(claim: Claim, result: Result | None, verdict: Verdict) -> _Bar:
    published = claim.published or math.nan
    mean, interval = math.nan, (math.nan, math.nan)
    if result is not None:
        mean, interval = result.mean, result.interval
    band = claim.criterion.band(published) if claim.criterion.band else (math.nan, math.nan)
    scaled = [v / published for v in (mean, *interval, *band)]
    measured = "open" if math.isnan(mean) and verdict.word == OPEN else f"{mean:,.4g}"
    if mean >= 1000:
        measured = f"{mean:,.0f}"
    if verdict.word == NOT and math.isnan(mean):
        measured = "failed"
    low, high = scaled[1:3], scaled[3:5]
    return _Bar(
        claim.name, verdict.word, scaled[0], (low[0], low[1]), (high[0], high[1]),
        f"{measured} / {tables.brief(published, PRINTED)}",
    )  # fmt: skip


def _limits(bars: Sequence[_Bar]) -> tuple[float, float]:
    measured = [v for bar in bars for v in (bar.ratio, *bar.interval)]
    shown = _within(measured, EDGE) + _within([v for bar in bars for v in bar.band], FAR)
    room = 1.06
    return min(*shown, 1 / LEAST) / room, max(*shown, LEAST) * room


def _within(ratios: Sequence[float], most: float) -> list[float]:
    return [min(max(v, 1 / most), most) for v in ratios if math.isfinite(v) and v > 0]


def _ticks(low: float, high: float) -> list[float]:
    """The ticks within the limits; the fine ones around 1 only where the axis is short."""
    fine = high / low < 4
    return [t for t in TICKS if low <= t <= high and (fine or t not in (0.8, 0.9, 1.1, 1.25))]


def _legend(bars: Sequence[_Bar]) -> list[Any]:
    words = [word for word in LOOK if any(bar.word == word for bar in bars)]
    marks = [
        Line2D(
            [], [], color=LOOK[word][0], marker=LOOK[word][1], lw=1.8, ms=6.5, label=word,
            mfc="white" if word == OPEN else LOOK[word][0],
        )
        for word in words
    ]  # fmt: skip
    return [*marks, Patch(color=FAINT, label="tolerance")]
