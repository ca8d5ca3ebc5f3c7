"""Figures of dynamics: Lyapunov spectra, eigenvalues."""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import FAINT, INK, MUTED, NARROW, SERIES, STYLE, WIDE

MARKED = 40  # up to so many exponents or eigenvalues in a row, each has a clear marker
MARKS = "osD^v<>"
STEPS = [1, 2, 5, 10]  # of ticks
Estimate = tuple[ArrayLike, ArrayLike]


def lyapunov_spectrum(
    spectra: Mapping[str, Estimate],
    curves: Mapping[str, Estimate],
    *,
    floors: Mapping[str, float] | None = None,
    shown: int = 4,
    unit: str = "step",
    narrow: bool = False,
) -> Figure:
    """Lyapunov exponents with their standard errors, beside how the largest converged.

    Args:
        spectra: name -> (exponents [K], standard errors [K]); the order determines the colours. An
            exponent of -inf is an arrow at the bottom.
        curves: name -> (times [P], estimates up to then [P, K]).
        floors: name -> level below which exponents are rounding errors, a dotted line.
        shown: number of exponents whose convergence is drawn.
        unit: of time, as in "nats per step".
        narrow: whether the figure is for a phone: the panels are one above the other.

    Raises:
        ValueError: no spectra, or other shapes.
    """
    rows = {name: tuple(np.asarray(a, float) for a in pair) for name, pair in spectra.items()}
    paths = {name: tuple(np.asarray(a, float) for a in pair) for name, pair in curves.items()}
    fit = all(e.ndim == 1 and e.size and s.shape == e.shape for e, s in rows.values())
    fit = fit and all(c.ndim == 2 and t.shape == c.shape[:1] for t, c in paths.values())
    if not rows or not fit:
        raise ValueError("expected name -> (exponents [K], errors [K]) and (times [P], [P, K])")
    with matplotlib.rc_context(STYLE):
        figure, (left, right) = _panels(narrow, 3.4)
        finite = np.concatenate([e[np.isfinite(e)] for e, _ in rows.values()])
        bottom = min(float(finite.min(initial=0)), 0.0)
        low = bottom - 0.08 * max(float(finite.max(initial=0)) - bottom, 1e-3)
        for index, (name, (exponents, errors)) in enumerate(rows.items()):
            _spectrum(left, index, name, exponents, errors, low)
            floor = (floors or {}).get(name, -math.inf)
            if floor > low:
                style = {"color": _draw.look(index)["color"], "ls": (0, (1, 2)), "lw": 1.1}
                left.axhline(floor, **style, label=f"rounding{', ' if name else ''}{name}")
        for index, (name, (times, curve)) in enumerate(paths.items()):
            look = _draw.look(list(rows).index(name) if name in rows else index)
            for k in range(min(shown, curve.shape[1])):
                style = {**look, "alpha": 1 - 0.7 * k / shown, "lw": 1.5}
                right.plot(times, curve[:, k], gid=f"series-{index}", **style)
        for axes in (left, right):
            axes.axhline(0, color=INK, lw=0.8, zorder=1)
            axes.grid(axis="y")
            axes.yaxis.set_major_locator(MaxNLocator(6, steps=STEPS))
        left.set_xlabel("number of the exponent")
        left.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        left.set_title(f"exponent, nats per {unit}", color=MUTED)
        most = max((c.shape[1] for _, c in paths.values()), default=0)
        which = f"the first {min(shown, most)}" if min(shown, most) > 1 else "the first"
        right.set_title(f"estimate of {which}", color=MUTED)
        right.set_xlabel("time, steps" if unit == "step" else "time")
        times = np.concatenate([t for t, _ in paths.values()] or [np.array([])])
        _draw.scale(right, "x", times[times > 0])
        if left.get_legend_handles_labels()[1]:
            left.legend(frameon=False, fontsize=9)
        return figure


def eigenvalues(
    values: Mapping[str, ArrayLike], *, title: str = "", narrow: bool = False
) -> Figure:
    """Eigenvalues in the complex plane, beside the time constants -1 / log |eigenvalue|.

    Modes decay inside the unit circle. On the faint ones they fall to 1 / e in 2 and in 10 steps.

    Args:
        values: name -> complex values [D]; the order determines colours and markers.
        title: of the figure.
        narrow: whether the figure is for a phone: the panels are one above the other.

    Raises:
        ValueError: no values, values that are not finite.
    """
    rows = {name: np.asarray(v, complex).ravel() for name, v in values.items()}
    if not rows or not all(v.size and np.isfinite(v).all() for v in rows.values()):
        raise ValueError("expected name -> finite eigenvalues [D], at least one")
    with matplotlib.rc_context(STYLE):
        figure, (left, right) = _panels(narrow, 4.2 if narrow else 4.4)
        _circle(left)
        reach = 1.06 * max(1.0, *(float(np.abs(v).max()) for v in rows.values()))
        longest = []
        for index, (name, v) in enumerate(rows.items()):
            color = SERIES[index % len(SERIES)]
            style: dict[str, Any] = {
                "color": color,
                "mfc": color if index == 0 else "none",
                "marker": MARKS[index % len(MARKS)],
                "ms": 5.5 if v.size <= MARKED else 3.5,
                "mew": 1.1,
                "ls": "none",
                "gid": f"series-{index}",
            }
            left.plot(v.real, v.imag, alpha=0.85, label=name or None, zorder=3, **style)
            size = np.sort(np.abs(v))[::-1]
            inside = (size > 0) & (size < 1)
            times = -1 / np.log(size[inside])
            right.plot(1 + np.flatnonzero(inside), times, alpha=0.85, **style)
            longest.append(times)
        left.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        left.set_xlabel("real part")
        left.set_ylabel("imaginary part")
        for axis in (left.xaxis, left.yaxis, right.yaxis):
            axis.set_major_locator(MaxNLocator(5, steps=STEPS))
        _draw.scale(right, "y", np.concatenate(longest))
        right.set_xlabel("number of the mode, longest first")
        right.set_ylabel("time constant of decaying modes, steps")
        right.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        right.grid(axis="y")
        if title:
            left.set_title(title)
        if any(rows):
            right.legend(*left.get_legend_handles_labels(), frameon=False, fontsize=9)
        return figure


def _circle(axes: Axes) -> None:
    """The unit circle, those of time constants of 2 and 10 steps, and the axes."""
    angle = np.linspace(0, 2 * np.pi, 361)
    for time, text in ((math.inf, ""), (10, "10"), (2, "2 steps")):
        radius = math.exp(-1 / time)
        color, width = (FAINT, 0.9) if text else (INK, 1.1)
        axes.plot(radius * np.cos(angle), radius * np.sin(angle), color=color, lw=width, zorder=1)
        x, y = radius * math.cos(3.9), radius * math.sin(3.9)
        axes.text(x, y, text, color=MUTED, ha="center", va="center", fontsize=8, zorder=1)
    axes.axhline(0, color=FAINT, lw=0.9, zorder=0)
    axes.axvline(0, color=FAINT, lw=0.9, zorder=0)


def _panels(narrow: bool, height: float) -> tuple[Figure, Any]:
    """Two axes, side by side or one above the other."""
    size = (NARROW, 1.7 * height) if narrow else (WIDE, height)
    figure = _draw.Drawing(figsize=size, layout="constrained")
    return figure, figure.subplots(2, 1) if narrow else figure.subplots(1, 2)


def _spectrum(
    axes: Axes, index: int, name: str, exponents: np.ndarray, errors: np.ndarray, low: float
) -> None:
    """The exponents of one row with a band of one standard error; arrows at `low` for -inf."""
    numbers, look = np.arange(1, exponents.size + 1), _draw.look(index)
    gid, finite = f"series-{index}", np.isfinite(exponents)
    few = exponents.size <= MARKED
    mark: dict[str, Any] = {"marker": "o", "ms": 4.5 if few else 2.5, "lw": 1.2 if few else 1.0}
    band = np.where(np.isfinite(errors), errors, 0)
    if few:
        axes.errorbar(
            numbers[finite],
            exponents[finite],
            band[finite],
            color=look["color"],
            fmt="none",
            lw=1.2,
        )
    else:
        around = exponents[finite] - band[finite], exponents[finite] + band[finite]
        axes.fill_between(numbers[finite], *around, color=look["color"], alpha=0.2, lw=0)
    axes.plot(numbers[finite], exponents[finite], gid=gid, label=name or None, **look, **mark)
    if not finite.all():
        where = numbers[exponents == -np.inf]
        style = {"color": look["color"], "marker": "v", "ls": "none", "ms": 5}
        axes.plot(where, np.full(where.size, low), label=f"-inf ({where.size})", **style)
