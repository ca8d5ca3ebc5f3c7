"""A figure of saliency: the inputs of one example, and what a score owes to each of them."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, MUTED, STYLE

MOST_LINES = 4
"""Up to this number of features the inputs are lines, beyond it a heat map."""


def saliency_strip(
    inputs: ArrayLike,
    saliency: Mapping[str, ArrayLike],
    *,
    features: Sequence[str] = (),
    tokens: Sequence[str] = (),
    marks: Mapping[int, str] | None = None,
    narrow: bool = False,
) -> Figure:
    """The inputs of one example over time, and below them one strip for each kind of saliency.

    Blue raises the score, red lowers it; each strip has its own scale, with the largest at its
    right. A strip has a row for each feature.

    Args:
        inputs: [T, X], or [T] for one feature or tokens.
        saliency: name, such as "integrated gradients" -> [T, X] or [T].
        features: names of the X features.
        tokens: the T tokens as texts, written in place of the inputs.
        marks: time step -> label above it; the step is framed in every strip.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: no strips, lengths that differ, names that are not X or T.
    """
    x = np.asarray(inputs, float)
    x = x[:, None] if x.ndim == 1 else x
    strips = {name: np.asarray(values, float) for name, values in saliency.items()}
    strips = {name: v[:, None] if v.ndim == 1 else v for name, v in strips.items()}
    T = len(x)
    wrong = {name: v.shape for name, v in strips.items() if v.ndim != 2 or len(v) != T}
    if x.ndim != 2 or not strips or wrong:
        raise ValueError(
            f"got inputs {x.shape} and {wrong or 'no strips'}; expected [T, X] and [T]"
        )
    if (features and len(features) != x.shape[1]) or (tokens and len(tokens) != T):
        raise ValueError(
            f"got {len(features)} features and {len(tokens)} tokens for inputs {x.shape}; "
            "expected X and T names, or none"
        )
    with matplotlib.rc_context(STYLE):
        tall = {name: min(1.6, 0.34 + 0.17 * v.shape[1]) for name, v in strips.items()}
        above = 0.42 if tokens else 1.15
        figure = _draw.Drawing(
            figsize=(
                _draw.NARROW if narrow else _draw.WIDE,
                1.0 + above + 1.35 * sum(tall.values()),
            ),
            layout="constrained",
        )
        ratios = [above, *tall.values()]
        grid = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
        _draw_inputs(grid[0], x, features, tokens)
        for axes, (name, values) in zip(grid[1:], strips.items()):
            bound = float(np.nanmax(np.abs(values), initial=0)) or 1.0
            axes.imshow(
                values.T, aspect="auto", interpolation="nearest", cmap="RdBu",
                vmin=-bound, vmax=bound, extent=(-0.5, T - 0.5, values.shape[1] - 0.5, -0.5),
            )  # fmt: skip
            named = len(features) == values.shape[1] and len(features) <= 12
            axes.set_yticks(range(len(features)) if named else [], features if named else [])
            axes.tick_params(axis="y", length=0)
            axes.set_title(f"{name}   (largest {bound:.2g})", color=INK, pad=3)
            for step in marks or {}:
                axes.axvspan(step - 0.5, step + 0.5, fill=False, ec=INK, lw=1.1, clip_on=False)
        for step, text in (marks or {}).items():
            place = grid[0].get_xaxis_transform()
            grid[0].axvline(step, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=0)
            grid[0].text(step, 1.04, text, transform=place, ha="center", va="bottom", color=INK)
        grid[-1].set_xlabel("time step")
        grid[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))
        grid[-1].set_xlim(-0.5, T - 0.5)
        return figure


def _draw_inputs(axes: Axes, x: np.ndarray, features: Sequence[str], tokens: Sequence[str]) -> None:
    """Tokens as text, few features as lines of steps, many as a heat map."""
    T, X = x.shape
    if tokens:
        axes.set_ylim(0, 1)
        axes.set_yticks([])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(axis="x", length=0)
        for step, token in enumerate(tokens):
            axes.text(step, 0.5, token, ha="center", va="center", family="monospace")
        return
    if X > MOST_LINES:
        axes.imshow(
            x.T, aspect="auto", interpolation="nearest", cmap="Greys",
            extent=(-0.5, T - 0.5, X - 0.5, -0.5),
        )  # fmt: skip
        axes.set_yticks([])
        axes.set_ylabel("inputs")
        return
    for index in range(X):
        name = features[index] if features else f"x[{index}]"
        steps = np.append(x[:, index], x[-1, index])
        axes.plot(
            np.arange(T + 1) - 0.5, steps, drawstyle="steps-post", lw=1.4, label=name,
            gid=f"series-{index}", **_draw.look(index),
        )  # fmt: skip
    if X > 1 or features:
        axes.legend(
            frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1.2,
            labelcolor=INK,
        )  # fmt: skip
    axes.grid(axis="y")
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_ylabel("inputs")
