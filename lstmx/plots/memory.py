"""Figures of what a state remembers: decoding and capacity by lag."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import ArrayLike

from lstmx.plots import _draw, _lines
from lstmx.plots._draw import STYLE

BAND = (2.5, 97.5)  # percentiles of the permutations that the band of chance spans


def decoding_curve(
    lags: ArrayLike,
    scores: Mapping[str, ArrayLike],
    *,
    chance: Mapping[str, ArrayLike] | None = None,
    ylabel: str = "R² on held-out sequences",
    narrow: bool = False,
) -> Figure:
    """What can be read from the state, against how long ago it was shown.

    The band around a dotted line is chance: the middle 95 % of the permutations and their mean.

    Args:
        lags: [L] steps from the signal to the state.
        scores: row label -> [L], such as R² or accuracy.
        chance: row label -> [P, L], scores with permuted signals.
        ylabel: name and unit of the scores.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: scores or chance levels of another length than the lags.
    """
    curves, bands = _checked(lags, scores, chance)
    return _curves(np.asarray(lags), curves, bands, list(curves), ylabel, narrow, filled=False)


def capacity_curve(
    lags: ArrayLike,
    curves: Mapping[str, ArrayLike],
    *,
    chance: Mapping[str, ArrayLike] | None = None,
    narrow: bool = False,
) -> Figure:
    """The squared correlation of input and readout by lag; the area is the memory capacity.

    The labels have the capacity MC, the sum over the lags, with the bias that the permutations
    measure taken off where there are any.

    Args:
        lags: [L] steps from the input to the state.
        curves: row label -> [L] squared correlations.
        chance: row label -> [P, L], the same with permuted signals.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: curves or chance levels of another length than the lags.
    """
    found, bands = _checked(lags, curves, chance)
    names = []
    for name, curve in found.items():
        bias = bands[name].sum(1).mean() if name in bands else 0.0
        names.append(f"{name}  MC {curve.sum() - bias:.1f}")
    ylabel = "squared correlation of input and readout"
    return _curves(np.asarray(lags), found, bands, names, ylabel, narrow, filled=True)


def _curves(
    lags: np.ndarray,
    curves: Mapping[str, np.ndarray],
    bands: Mapping[str, np.ndarray],
    names: Sequence[str],
    ylabel: str,
    narrow: bool,
    *,
    filled: bool,
) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=3.9)
        keys = [_lines.key(name, index, narrow) for index, name in enumerate(names)]
        for index, (name, curve) in enumerate(curves.items()):
            style, gid = _draw.look(index), f"series-{index}"
            if name in bands:
                low, high = np.percentile(bands[name], BAND, axis=0)
                axes.fill_between(lags, low, high, color=style["color"], alpha=0.2, lw=0, gid=gid)
                middle = bands[name].mean(0)
                axes.plot(lags, middle, color=style["color"], lw=1, ls=(0, (1, 2)), gid=gid)
            if filled:
                axes.fill_between(lags, 0, curve, color=style["color"], alpha=0.08, lw=0, gid=gid)
            dots: dict[str, Any] = {"marker": "o", "markersize": 3.5} if lags.size <= 40 else {}
            axes.plot(lags, curve, lw=1.8, gid=gid, clip_on=False, zorder=3, **style, **dots)
        axes.margins(x=0)
        if lags.size <= 6:
            axes.xaxis.set_major_locator(FixedLocator(list(lags)))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5 if narrow else 9, integer=True))
        axes.set_xlabel("lag (steps from the input to the state)")
        if bands:
            keys.append(_lines.CHANCE)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        _lines.finish(figure, axes, keys, ylabel, narrow=narrow)
        return figure


def _checked(
    lags: ArrayLike, curves: Mapping[str, ArrayLike], chance: Mapping[str, ArrayLike] | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Curves [L] and chance levels [P, L] as arrays; a row without permutations has no band."""
    size = np.shape(lags)
    found = {name: np.asarray(curve, float) for name, curve in curves.items()}
    bands = {name: np.asarray(levels, float) for name, levels in (chance or {}).items()}
    for group, wanted in ((found, 1), (bands, 2)):
        for name, array in group.items():
            if len(size) != 1 or array.ndim != wanted or array.shape[-1:] != size:
                raise ValueError(
                    f"row {name!r} has shape {array.shape}, lags {size}; expected lags [L], a row "
                    "[L], and chance levels [P, L]"
                )
    return found, {name: levels for name, levels in bands.items() if len(levels)}
