"""Figures of one sequence: its gates, or its forecast."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, NARROW, SERIES, STYLE, WIDE, End


def gates_heatmap(
    gates: Mapping[str, ArrayLike],
    *,
    marks: Mapping[int, str] | None = None,
    title: str = "",
    narrow: bool = False,
) -> Figure:
    """Heat maps of the gates of one sequence: time on the x axis, one row per hidden unit.

    Args:
        gates: name of a gate or state -> values [T, H]; white to blue between 0 and 1, or red for
            negative and blue for positive values.
        marks: time step -> label above it; the step is framed in every map.
        title: title of the figure.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no gates, or a shape other than [T, H].
    """
    if not gates:
        raise ValueError("got no gates; expected a dict name -> values [T, H]")
    arrays = {name: np.asarray(g, float) for name, g in gates.items()}
    for name, g in arrays.items():
        if g.ndim != 2:
            raise ValueError(f"gate {name!r} has shape {g.shape}; expected [T, H] of one sequence")
    with matplotlib.rc_context(STYLE):
        width = NARROW if narrow else WIDE
        figure = _draw.Drawing(figsize=(width, 0.9 + 1.1 * len(gates)), layout="constrained")
        grid = figure.subplots(len(gates), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, g) in zip(grid, arrays.items()):
            signed = bool(np.nanmin(g) < 0)
            bound = max(1.0, float(np.nanmax(np.abs(g))))
            image = axes.imshow(
                g.T,
                aspect="auto",
                interpolation="nearest",
                cmap="RdBu" if signed else "Blues",
                vmin=-bound if signed else 0.0,
                vmax=bound,
            )
            axes.set_ylabel(name, rotation=0, ha="right", va="center", color=INK, fontsize=12)
            axes.yaxis.set_major_locator(NullLocator())
            for step in marks or {}:
                axes.axvspan(step - 0.5, step + 0.5, fill=False, ec=INK, lw=1.1, clip_on=False)
            figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03, aspect=8)
        for step, text in (marks or {}).items():
            place = grid[0].get_xaxis_transform()
            grid[0].text(step, 1.04, text, transform=place, ha="center", va="bottom", color=INK)
        grid[-1].set_xlabel("time step")
        grid[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if title:
            grid[0].set_title(title, pad=20 if marks else 6)
        return figure


def forecast(
    times: ArrayLike,
    history: ArrayLike,
    truth: ArrayLike,
    prediction: ArrayLike,
    references: Mapping[str, ArrayLike] | None = None,
    *,
    ylabel: str = "",
    narrow: bool = False,
) -> Figure:
    """A forecast: the history, the true values, the prediction, and reference predictions.

    Args:
        times: [P + K] numbers or dates, of history and horizon.
        history: [P] inputs of the model; nan is a missing value.
        truth: [K] true values after the history; nan is a missing value.
        prediction: [K] outputs of the model.
        references: name -> [K], for example the seasonal naive forecast.
        ylabel: name and unit of the values.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: inconsistent lengths.
    """
    t, past = np.asarray(times), np.asarray(history, float)
    series = {"truth": truth, "forecast": prediction, **(references or {})}
    futures = {name: np.asarray(values, float) for name, values in series.items()}
    horizon = t.size - past.size
    wrong = {name: values.shape for name, values in futures.items() if values.shape != (horizon,)}
    if past.ndim != 1 or horizon < 1 or wrong:
        raise ValueError(
            f"got {t.size} times, history {past.shape} and {wrong or futures['truth'].shape}; "
            "expected times [P + K], history [P], and [K] everywhere else"
        )
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=3.8)
        before, observed = t[: past.size], np.isfinite(past)
        # Every line starts at the last known value, so that the first step is visible.
        start = np.concatenate([before[observed][-1:], t[past.size :]])
        lines = {k: np.concatenate([past[observed][-1:], v]) for k, v in futures.items()}
        axes.plot(before, past, color=INK, lw=1.5)
        axes.axvline(t[max(past.size - 1, 0)], color=MUTED, lw=0.8)
        ends = []
        for index, (name, y) in enumerate(lines.items()):
            gid = f"series-{index}"
            color = INK if name == "truth" else SERIES[(index - 1) % len(SERIES)]
            width = 2.4 if name == "forecast" else 1.4
            dots = (0, (1.5, 1.2)) if name == "truth" else "solid"
            above = 3 if name == "truth" else 2
            axes.plot(start, y, gid=gid, color=color, lw=width, ls=dots, zorder=above)
            finite = y[np.isfinite(y)]
            if finite.size:
                ends.append(End(name, float(finite[-1]), color, gid))
        axes.margins(x=0)
        axes.set_title(ylabel, color=MUTED)
        axes.grid(axis="y")
        if t.dtype.kind == "M":
            dates = AutoDateLocator(minticks=3, maxticks=5 if narrow else 9)
            axes.xaxis.set_major_locator(dates)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(dates))
        characters, room = _draw.room_for([e.text for e in ends], narrow)
        _draw.margins(figure, right=24 + room, left=52)
        _draw.end_labels(figure, axes, ends, characters)
        return figure
