"""Figures of gradients through time: over the lag, and over the steps of a sequence."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import MUTED, STYLE, End, Line

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def gradient_reach(
    norms: Mapping[str, ArrayLike],
    *,
    lines: Sequence[Line] = (),
    ylabel: str = "size of d s(T) / d s(T − k)",
    narrow: bool = False,
) -> Figure:
    """How large the derivative of the last state by the state k steps earlier is, over the lag k.

    A line is the mean of the logarithm over the examples, its band from the smallest to the
    largest. A line that ends early has reached exactly 0, or the end of the longest example.

    Args:
        norms: row, such as "trained" -> log10 of a norm for the lags 0, 1, ..., [B, K] or [K], such
            as `gradients.Reach.norms`; nan is a missing value.
        lines: lags of the task, as vertical dotted lines with names.
        ylabel: what is drawn.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no rows, norms that are neither [B, K] nor [K].
    """
    return _decades(norms, lines, "lag k, steps", ylabel, narrow)


def gradients_over_time(
    norms: Mapping[str, ArrayLike],
    *,
    lines: Sequence[Line] = (),
    ylabel: str = "|dL / d state|",
    narrow: bool = False,
) -> Figure:
    """How large the gradient of the loss by the state is, over the steps, on a log axis.

    A line is the mean of the logarithm over the examples, its band from the smallest to the
    largest; a gradient of exactly 0 is not drawn.

    Args:
        norms: row, such as a leaf of the state -> norms of steps 0, 1, ..., [B, T] or [T].
        lines: steps with a name, as vertical dotted lines.
        ylabel: what is drawn.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no rows, norms that are neither [B, T] nor [T].
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = {name: np.log10(np.asarray(values, float)) for name, values in norms.items()}
    return _decades(logs, lines, "time step t", ylabel, narrow)


def _decades(
    rows: Mapping[str, ArrayLike],
    lines: Sequence[Line],
    xlabel: str,
    ylabel: str,
    narrow: bool,
) -> Figure:
    """Lines over steps of values given by their log10, which may be beyond all floats."""
    tables = {name: np.atleast_2d(np.asarray(values, float)) for name, values in rows.items()}
    wrong = {name: table.shape for name, table in tables.items() if table.ndim != 2}
    if not tables or wrong:
        raise ValueError(f"got {wrong or 'no rows'}; expected norms [B, K] or [K] by name")
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=4.2)
        ends = []
        for index, (name, table) in enumerate(tables.items()):
            style, gid = _draw.look(index), f"series-{index}"
            finite = np.where(np.isfinite(table), table, np.nan)
            columns = ~np.isnan(finite).all(0)
            x = np.arange(table.shape[1])[columns]
            if not x.size:
                ends.append(End(f"{name}: all 0", 0.0, style["color"], gid))
                continue
            inside = finite[:, columns]
            mean = np.nanmean(inside, 0)
            if len(table) > 1:
                low, high = np.nanmin(inside, 0), np.nanmax(inside, 0)
                axes.fill_between(x, low, high, color=style["color"], alpha=0.12, lw=0, gid=gid)
            axes.plot(x, mean, lw=1.8, gid=gid, **style)
            ends.append(End(name, float(mean[-1]), style["color"], gid))
        axes.margins(x=0)
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(_power_of_ten))
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8, integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(_draw.count))
        axes.set_xlabel(xlabel)
        axes.set_title(ylabel, color=MUTED, x=-36 / (72 * figure.get_size_inches()[0]), pad=9)
        axes.grid(axis="y")
        characters, room = _draw.room_for([e.text for e in ends], narrow)
        _draw.margins(figure, left=48, right=24 + max(room, 14), top=26)
        for line in lines:
            axes.axvline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
        _draw.name_places(axes, lines)
        _draw.end_labels(figure, axes, ends, characters)
        return figure


def _power_of_ten(value: float, _: int = 0) -> str:
    """10 to a whole number: -20 -> 10⁻²⁰."""
    if abs(value - round(value)) > 1e-6:
        return ""
    return "1" if round(value) == 0 else f"10{str(round(value)).translate(SUPERSCRIPTS)}"
