"""A figure of attention: which words of the source were read for each word of the target."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from lstmx.plots import _draw
from lstmx.plots._draw import INK, STYLE


def attention_map(
    weights: ArrayLike,
    source: Sequence[str],
    target: Sequence[str],
    *,
    title: str = "",
    narrow: bool = False,
) -> Figure:
    """The weights of the attention as a heat map: white is 0, dark blue is 1.

    Args:
        weights: [T, S].
        source: the S words that were read, on the x axis.
        target: the T words that were written, from top to bottom.
        title: of the figure.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: words that are not S and T.
    """
    a = np.asarray(weights, float)
    if a.shape != (len(target), len(source)):
        raise ValueError(
            f"got weights {a.shape} for {len(target)} target and {len(source)} source words; "
            "expected [T, S]"
        )
    with matplotlib.rc_context(STYLE):
        width = _draw.NARROW if narrow else _draw.WIDE
        # One inch for words on the left, and square fields of at most 0.42 inch.
        size = min(0.42, (width - 1.4) / len(source))
        figure = _draw.Drawing(figsize=(width, size * len(target) + 1.5), layout="constrained")
        axes = figure.subplots()
        image = axes.imshow(a, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest")
        axes.set_xticks(range(len(source)), source, rotation=60, ha="right", color=INK)
        axes.set_yticks(range(len(target)), target, color=INK)
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        figure.colorbar(image, ax=axes, pad=0.02, fraction=0.03, aspect=20, shrink=0.8)
        if title:
            axes.set_title(title)
        return figure
