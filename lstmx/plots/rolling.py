"""A figure of rolling-origin forecasts along a series, and of their errors."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import FAINT, INK, MUTED, NARROW, SERIES, STYLE, WIDE, End


def rolling_forecasts(
    times: ArrayLike,
    truth: ArrayLike,
    origins: Sequence[int] | np.ndarray,
    forecasts: Mapping[str, ArrayLike],
    *,
    ylabel: str = "",
    narrow: bool = False,
) -> Figure:
    """A series with forecasts from several origins, and below it forecast minus truth.

    Each forecast starts at the last known value at its origin, which a vertical line marks.

    Args:
        times: [N] numbers or dates.
        truth: [N]; nan is a missing value.
        origins: [K] indices of the last known values, ascending.
        forecasts: name -> [K, H], the H values after each origin; the first is emphasized.
        ylabel: name and unit of the values.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: forecasts that are not [K, H], or that end after the series.
    """
    t, y, at = np.asarray(times), np.asarray(truth, float), np.asarray(origins, int)
    predicted = {name: np.asarray(values, float) for name, values in forecasts.items()}
    shapes = {values.shape for values in predicted.values()}
    horizon = next(iter(shapes))[-1] if len(shapes) == 1 else 0
    if shapes != {(at.size, horizon)} or t.shape != y.shape or at[-1] + horizon >= t.size:
        raise ValueError(
            f"got {t.shape} times, truth {y.shape}, {at.size} origins and forecasts "
            f"{sorted(shapes)}; expected [N], [N], K and [K, H] within the series"
        )
    with matplotlib.rc_context(STYLE):
        figure = _draw.Drawing(figsize=(NARROW if narrow else WIDE, 5.4))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.3, 1))
        for axes in (above, below):
            axes.grid(axis="y")
            axes.set_axisbelow(True)
            for origin in at:
                axes.axvline(t[origin], color=FAINT, lw=0.9, zorder=0.5)
        above.plot(t, y, color=INK, lw=1.2, gid="truth", zorder=4)
        below.axhline(0, color=INK, lw=1.0)
        ends = [End("truth", _last(y), INK)]
        filled = _filled(y)
        for index, (name, values) in enumerate(predicted.items()):
            color, gid = SERIES[index % len(SERIES)], f"series-{index}"
            style = {"color": color, "gid": gid, "lw": 2.2 if index == 0 else 1.3}
            style |= {"zorder": 3.0 if index == 0 else 2.0}
            for origin, prediction in zip(at, values):
                span = slice(origin, origin + horizon + 1)
                above.plot(
                    t[span], np.concatenate([filled[origin : origin + 1], prediction]), **style
                )
                after = slice(origin + 1, origin + horizon + 1)
                below.plot(t[after], prediction - y[after], **style)
            ends.append(End(name, float(values[-1, -1]), color, gid))
        above.margins(x=0)
        place = -44 / (72 * figure.get_size_inches()[0])
        above.set_title(ylabel, color=MUTED, x=place)
        below.set_title("forecast − truth", color=MUTED, x=place)
        if t.dtype.kind == "M":
            dates = AutoDateLocator(minticks=3, maxticks=5 if narrow else 9)
            below.xaxis.set_major_locator(dates)
            below.xaxis.set_major_formatter(ConciseDateFormatter(dates))
        ends = [end for end in ends if np.isfinite(end.y)]
        characters, room = _draw.room_for([end.text for end in ends], narrow)
        figure.draw_without_rendering()  # sets the offset text of the date axis
        dated = bool(below.xaxis.get_offset_text().get_text())
        _draw.margins(figure, right=24 + room, left=52, bottom=38 if dated else 24)
        figure.subplots_adjust(hspace=0.26)
        _draw.end_labels(figure, above, ends, characters)
        return figure


def _filled(values: np.ndarray) -> np.ndarray:
    """The values, each missing one replaced by the last one before it."""
    latest = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(values.size), 0))
    return values[latest]


def _last(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else float("nan")
