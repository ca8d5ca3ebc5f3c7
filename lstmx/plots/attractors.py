"""Figures of fixed points: where they are, and how fast what a search has found still moves."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, SERIES, STYLE, Line

KINDS = {
    "stable": ("o", SERIES[0], SERIES[0]),
    "saddle": ("D", SERIES[1], "white"),
    "repeller": ("^", SERIES[3], "white"),
    "marginal": ("s", SERIES[2], SERIES[2]),
}
"""Kind of a fixed point -> marker, colour, and what fills it: filled where nothing leaves it."""


def fixed_points(
    points: ArrayLike,
    kinds: Sequence[str],
    trajectories: ArrayLike,
    *,
    directions: ArrayLike | None = None,
    title: str = "",
    narrow: bool = False,
) -> Figure:
    """Fixed points and trajectories in the plane of the first two principal components.

    The components are those of the trajectories, whose share of the variance the axes name.

    Args:
        points: [P, D] fixed or slow points.
        kinds: [P] names of `KINDS`: "stable", "saddle", "repeller" or "marginal".
        trajectories: [B, T, D] states, nan where there is none.
        directions: [P, D] of a line through each point, such as the unstable mode of a saddle; nan
            for none.
        title: of the figure.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: other shapes or kinds, a state of one dimension.
    """
    paths, marks = np.asarray(trajectories, float), np.asarray(points, float)
    D = paths.shape[-1]
    if paths.ndim != 3 or marks.shape != (len(kinds), D) or D < 2:
        raise ValueError(
            f"got points {marks.shape}, {len(kinds)} kinds, trajectories {paths.shape}; expected "
            "[P, D], P and [B, T, D] with D at least 2"
        )
    if not set(kinds) <= set(KINDS):
        raise ValueError(f"got kinds {sorted(set(kinds))}; known: {', '.join(KINDS)}")
    visited = paths.reshape(-1, D)
    visited = visited[np.isfinite(visited).all(-1)]
    if len(visited) < 2:
        raise ValueError("got fewer than two finite states; expected trajectories [B, T, D]")
    center = visited.mean(0)
    _, sizes, axes_of_states = np.linalg.svd(visited - center, full_matrices=False)
    plane = axes_of_states[:2].T
    shares = sizes[:2] ** 2 / max(float(np.sum(sizes**2)), np.finfo(float).tiny)
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, 4.2 if narrow else 5.2)
        for path in (paths - center) @ plane:
            axes.plot(*path.T, color=MUTED, lw=0.8, alpha=0.45, zorder=1)
        flat = (marks - center) @ plane
        if directions is not None:
            length = 0.06 * float(np.ptp((visited - center) @ plane, axis=0).max())
            way = np.asarray(directions, float) @ plane
            way = length * way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-12)
            for place, half in zip(flat, way):
                axes.plot(*np.stack([place - half, place + half]).T, color=INK, lw=1.2, zorder=2)
        present = [kind for kind in KINDS if kind in kinds]
        for index, kind in enumerate(present):
            mark, color, fill = KINDS[kind]
            chosen = flat[[k == kind for k in kinds]]
            style: dict[str, Any] = {"color": color, "mfc": fill, "ms": 7, "mew": 1.5}
            label = f"{kind} ({len(chosen)})"
            axes.plot(*chosen.T, mark, gid=f"series-{index}", label=label, zorder=3, **style)
        axes.set_xlabel(f"PC 1 ({100 * shares[0]:.0f} % of the variance)")
        axes.set_ylabel(f"PC 2 ({100 * shares[1]:.0f} %)")
        axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 8))
        axes.yaxis.set_major_locator(MaxNLocator(6))
        axes.set_title(title)
        rows = _draw.legend_above(figure, axes, len(present), bool(title)) if present else 0
        left, above = _draw.beside(figure, axes, 52), 14 * bool(title) + 16 * rows
        _draw.margins(figure, left=left, top=10 + above)
        return figure


def speed_histogram(
    edges: ArrayLike,
    counts: ArrayLike,
    *,
    lines: Sequence[Line] = (),
    narrow: bool = False,
) -> Figure:
    """How many starts of a search ended at which speed q, on a log scale.

    Args:
        edges: [E + 1] of the bins of q.
        counts: [E] numbers of starts.
        lines: tolerances, vertical dotted lines with names.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: other shapes.
    """
    borders, numbers = np.asarray(edges, float), np.asarray(counts, float)
    if numbers.ndim != 1 or borders.shape != (numbers.size + 1,):
        raise ValueError(
            f"got {borders.shape} edges, {numbers.shape} counts; expected [E + 1], [E]"
        )
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, 3.0)
        axes.stairs(numbers, borders, fill=True, color=SERIES[0], gid="series-0")
        axes.set_xscale("log")
        low = min(borders[0], *(line.value for line in lines)) if lines else borders[0]
        high = max(borders[-1], *(line.value for line in lines)) if lines else borders[-1]
        axes.set_xlim(low / 1.3, high * 1.3)
        decades = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        every = -(-len(decades) // (5 if narrow else 9))
        axes.xaxis.set_major_locator(FixedLocator(list(10.0 ** decades[::every])))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"1e{round(math.log10(v))}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="x", which="minor", length=0)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set_xlabel("speed q = |F(s) - s|² / 2")
        axes.set_ylabel("number of starts")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        _draw.margins(figure, left=_draw.beside(figure, axes, 52), top=10 + 13 * len(lines))
        _draw.name_levels(figure, axes, lines)
        return figure
