"""A figure of the time scales of units."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, STYLE, Line

PER_DECADE = 6
"""Bins in a power of ten; their edges are the same for all rows."""


def time_scales(
    scales: Mapping[str, ArrayLike],
    *,
    lines: Sequence[Line] = (),
    narrow: bool = False,
) -> Figure:
    """Histograms of the time scales of units, one above the other, on one log axis in steps.

    A tick below a histogram is a unit, and the longer one the median. Units that never decay, with
    an infinite time scale, are counted at the right; those with 0 at the left.

    Args:
        scales: row, such as "trained" or a layer -> time scales in steps, [H].
        lines: times of the task, such as its lag, as vertical dotted lines with names.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no rows, a row without units or with NaN.
    """
    rows = {name: np.asarray(values, float).ravel() for name, values in scales.items()}
    wrong = [name for name, tau in rows.items() if not tau.size or np.isnan(tau).any()]
    if not rows or wrong:
        raise ValueError(f"got no time scales for {wrong or 'any row'}; expected numbers [H]")
    with matplotlib.rc_context(STYLE):
        width = _draw.NARROW if narrow else _draw.WIDE
        height = 0.75 + 1.15 * len(rows)
        figure = _draw.Drawing(figsize=(width, height))
        grid = figure.subplots(len(rows), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        everything = np.concatenate([*rows.values(), np.array([line.value for line in lines])])
        finite = everything[np.isfinite(everything) & (everything > 0)]
        low, high = (finite.min(), finite.max()) if finite.size else (1.0, 10.0)
        first = np.floor(np.log10(low) * PER_DECADE) - 1
        last = np.ceil(np.log10(high) * PER_DECADE) + 1
        edges = 10 ** (np.arange(first, last + 1) / PER_DECADE)
        for index, (axes, (name, tau)) in enumerate(zip(grid, rows.items())):
            color, gid = _draw.look(index)["color"], f"series-{index}"
            inside = tau[np.isfinite(tau) & (tau > 0)]
            counts = np.histogram(inside, edges)[0]
            axes.stairs(counts, edges, fill=True, color=color, alpha=0.75, lw=0, gid=gid)
            place = axes.get_xaxis_transform()
            axes.plot(
                inside, np.full(inside.size, -0.06), "|", color=color, ms=5, mew=0.9,
                transform=place, clip_on=False, gid=gid,
            )  # fmt: skip
            middle = np.median(tau)
            if np.isfinite(middle) and middle > 0:
                axes.plot(
                    [middle], [-0.06], "|", color=INK, ms=12, mew=1.6, transform=place,
                    clip_on=False,
                )  # fmt: skip
            for text, number, x, side in (
                ("0", (tau <= 0).sum(), 0.008, "left"),
                ("∞", np.isinf(tau).sum(), 1.0, "right"),
            ):
                if number:
                    axes.annotate(
                        f"{number} at {text}",
                        (x, 0.5),
                        xycoords="axes fraction",
                        ha=side,
                        color=MUTED,
                    )
            shown = _draw.count(float(f"{middle:.3g}")) if np.isfinite(middle) else "∞"
            axes.set_title(f"{name}: median {shown} steps", color=color, pad=3)
            axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
            axes.grid(axis="y")
            axes.set_axisbelow(True)
            axes.tick_params(axis="x", which="both", pad=12, length=0)
            for line in lines:
                axes.axvline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
        bottom = grid[-1]
        bottom.set(xscale="log", xlim=(edges[0], edges[-1]))
        bottom.xaxis.set_major_formatter(FuncFormatter(_draw.count))
        bottom.xaxis.set_minor_formatter(FuncFormatter(lambda v, _: ""))
        bottom.set_xlabel("time scale −1 / ln(retention), steps")
        figure.supylabel("units", color=MUTED, fontsize=9.5, x=0.01, ha="left")
        _draw.margins(figure, left=46, right=14, top=22, bottom=48)
        figure.subplots_adjust(hspace=0.62)
        _draw.name_places(grid[0], lines)
        return figure
