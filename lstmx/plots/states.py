"""Figures of visited states: their plane, their variance, and how alike networks are."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from lstmx.plots import _draw, _lines
from lstmx.plots._draw import INK, NARROW, STYLE, WIDE

WRITTEN = 20  # points, the smallest width of a cell of a matrix that has its value written


def similarity_matrix(
    matrix: ArrayLike,
    labels: Sequence[str],
    *,
    name: str,
    low: float | None = None,
    high: float | None = None,
    narrow: bool = False,
) -> Figure:
    """A distance or similarity of all pairs as a heat map, with its values where they fit.

    Args:
        matrix: [N, N]; nan is left white.
        labels: [N] names of the rows.
        name: of the values, with the unit.
        low, high: ends of the color scale; the smallest and the largest value if None.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: a matrix that is not [N, N] with N labels.
    """
    values = np.asarray(matrix, float)
    if values.shape != (len(labels), len(labels)) or not labels:
        raise ValueError(f"got {values.shape} and {len(labels)} labels; expected [N, N] and N")
    size = len(labels)
    with matplotlib.rc_context(STYLE):
        characters, room = _draw.room_for(labels, narrow)
        names = [_draw.shorten(label, characters) for label in labels]
        right, top, bottom = 64, 10, 14 + 0.75 * room
        across = 72 * (NARROW if narrow else WIDE) - 18 - room - right
        side = min(across, max(150, 46 * size))
        figure = _draw.Drawing(
            figsize=(NARROW if narrow else WIDE, (side + top + bottom) / 72),
        )
        axes = figure.subplots()
        _draw.margins(figure, left=18 + room, right=right + across - side, top=top, bottom=bottom)
        image = axes.imshow(values, cmap="cividis", vmin=low, vmax=high, interpolation="nearest")
        axes.set_xticks(range(size), names, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(size), names)
        axes.tick_params(length=0, labelcolor=INK)
        axes.spines[:].set_visible(False)
        if side / size >= WRITTEN:
            font = 7.5 if side / size < 36 else 9.5
            begin, end = image.get_clim()
            for row, column in np.argwhere(np.isfinite(values)):
                light = values[row, column] > begin + 0.55 * (end - begin)
                text = f"{values[row, column]:.2g}"
                color = INK if light else "white"
                axes.text(column, row, text, ha="center", va="center", color=color, fontsize=font)
        bar = figure.add_axes((0, 0, 1, 1))
        place = axes.get_position()
        width = 72 * figure.get_size_inches()[0]
        bar.set_position((place.x1 + 10 / width, place.y0, 9 / width, place.height))
        figure.colorbar(image, cax=bar).set_label(name)
        bar.spines[:].set_visible(False)
        bar.yaxis.set_major_locator(MaxNLocator(5))
        return figure


def state_plane(
    trajectories: ArrayLike,
    *,
    classes: ArrayLike | None = None,
    names: Sequence[str] = (),
    ratio: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    narrow: bool = False,
) -> Figure:
    """Trajectories in the plane of two principal components, colored by time or by class.

    A ring is where a trajectory starts, a dot where it ends.

    Args:
        trajectories: [B, T, 2] coordinates.
        classes: [B] integers, the class of each trajectory; None colors by time.
        names: of the classes, by number; the number itself if there are none.
        ratio: [2] share of the variance along each axis, between 0 and 1.
        mask: [B, T] bool, False where a step does not exist.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: other shapes, or a class without a name.
    """
    points = np.asarray(trajectories, float)
    if points.ndim != 3 or points.shape[2] != 2:
        raise ValueError(f"got trajectories {points.shape}; expected [B, T, 2]")
    present = np.ones(points.shape[:2], bool) if mask is None else np.asarray(mask, bool)
    kinds = None if classes is None else np.asarray(classes)
    if present.shape != points.shape[:2] or (kinds is not None and kinds.shape != points.shape[:1]):
        raise ValueError(f"got trajectories {points.shape}; expected a mask [B, T] and classes [B]")
    if kinds is not None and names and kinds.max() >= len(names):
        raise ValueError(f"got class {kinds.max()} and {len(names)} names; expected one each")
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=3.9 if narrow else 5.2)
        steps = np.arange(points.shape[1])
        scale = matplotlib.colors.Normalize(0, max(points.shape[1] - 1, 1))
        colors = matplotlib.colormaps["cividis"]
        for index, (path, there) in enumerate(zip(points, present)):
            if not there.any():
                continue
            path, times = path[there], steps[there]
            if kinds is None:
                pieces = np.stack([path[:-1], path[1:]], axis=1)
                lines = LineCollection(list(pieces), cmap=colors, norm=scale, lw=1.2, alpha=0.9)
                lines.set_array(times[1:])
                axes.add_collection(lines)
                ends = [colors(scale(times[0])), colors(scale(times[-1]))]
            else:
                style = _draw.look(int(kinds[index]))
                axes.plot(*path.T, lw=1.1, alpha=0.7, gid=f"series-{kinds[index]}", **style)
                ends = [style["color"]] * 2
            axes.plot(*path[0], "o", ms=5, mfc="white", mec=ends[0], mew=1.2, zorder=3)
            axes.plot(*path[-1], "o", ms=5, color=ends[1], mew=0, zorder=4)
        axes.autoscale_view()
        axes.set_aspect("equal", adjustable="datalim")
        shares = (
            [] if ratio is None else [f" ({100 * r:.0f} % of variance)" for r in np.ravel(ratio)]
        )
        axes.set_xlabel("PC 1" + (shares[0] if shares else ""))
        axes.set_ylabel("PC 2" + (shares[1] if shares else ""))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(5))
        if kinds is None:
            _draw.margins(figure, left=_draw.beside(figure, axes, 52), right=10, top=12)
            bar = figure.colorbar(
                matplotlib.cm.ScalarMappable(scale, colors), ax=axes, pad=0.02, aspect=30
            )
            bar.set_label("time step")
            bar.outline.set_visible(False)  # type: ignore[operator]
            bar.locator = MaxNLocator(5, integer=True)
        else:
            shown = [int(k) for k in np.unique(kinds)]
            texts = [names[k] if names else str(k) for k in shown]
            keys = [_lines.key(text, k, narrow) for text, k in zip(texts, shown)]
            _lines.finish(figure, axes, keys, narrow=narrow, left=52)
        return figure


def explained_variance(
    ratios: Mapping[str, ArrayLike],
    *,
    dimensions: Mapping[str, float] | None = None,
    narrow: bool = False,
) -> Figure:
    """The share of the variance in the first components, cumulated.

    Args:
        ratios: row label -> [C], the share of each component, between 0 and 1.
        dimensions: row label -> participation ratio, a diamond on the curve.
        narrow: whether the figure is for a phone.

    Raises:
        ValueError: shares that are not a vector.
    """
    shares = {name: np.asarray(ratio, float) for name, ratio in ratios.items()}
    for name, share in shares.items():
        if share.ndim != 1 or not share.size:
            raise ValueError(f"row {name!r} has shape {share.shape}; expected [C]")
    with matplotlib.rc_context(STYLE):
        figure, axes = _draw.axes_of(narrow, height=3.8)
        keys = []
        for index, (name, share) in enumerate(shares.items()):
            style, gid = _draw.look(index), f"series-{index}"
            number, total = np.arange(1, share.size + 1), np.cumsum(share)
            dots: dict[str, Any] = {"marker": "o", "markersize": 3.5} if share.size <= 40 else {}
            axes.plot(number, total, lw=1.6, gid=gid, clip_on=False, **style, **dots)
            text = name
            if dimensions and name in dimensions:
                at = dimensions[name]
                height = np.interp(at, number, total)
                axes.plot(at, height, "D", ms=8, color=style["color"], mec="white", zorder=5)
                text = f"{name}  PR {at:.1f}"
            keys.append(_lines.key(text, index, narrow))
        axes.margins(x=0)
        axes.set_ylim(0, 1)
        axes.set_xlim(left=1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.xaxis.set_major_locator(MaxNLocator(4 if narrow else 8, integer=True))
        axes.set_xlabel("number of principal components")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        _lines.finish(figure, axes, keys, "variance explained, cumulated", narrow=narrow)
        return figure
