"""Parts of all figures: colors, axes, labels that do not overlap, and SVG for a page."""

import io
import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

# After Okabe & Ito 2008: distinct with any color vision. From the eighth on, lines are dashed.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7b6651")
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.6)), (0, (1.2, 1.2)))
INK, MUTED, FAINT = "#1c2024", "#6b7280", "#d7dbe0"
STYLE: dict[Any, Any] = {
    "font.family": ["sans-serif"],
    "font.size": 9.5,
    "svg.fonttype": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "lines.solid_capstyle": "round",
}
WIDE, NARROW = 8.8, 4.2  # inches
PNG_DPI, SHOWN_DPI = 160, 90  # in a notebook: sharp on fine screens, as wide as its text
LINE_HEIGHT = 12.5  # points between labels at the font size above
CHARACTER = 6.2  # points, an upper estimate of the mean width of a character at that size
DECADES = 1.5  # smallest log10 of largest / smallest value of an axis with a log scale


class Line(NamedTuple):
    """A reference level: a trivial baseline, or the value from which a task is solved.

    Attributes:
        name: its label.
        value: its height, in the unit of the axis.
    """

    name: str
    value: float


class End(NamedTuple):
    """A label at the right end of a line.

    Attributes:
        text: of the label.
        y: the end of the line, in data coordinates.
        color: of the line.
        gid: id of the line's SVG group; "" for none.
    """

    text: str
    y: float
    color: str
    gid: str = ""


class Drawing(Figure):
    """A Figure that a notebook displays without pyplot.

    Its background is white, as the text is dark; `svg` has a transparent background.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        out = io.BytesIO()
        with matplotlib.rc_context(STYLE):
            self.savefig(out, format="png", dpi=PNG_DPI, metadata={"Software": None})
        width, height = (round(size * SHOWN_DPI) for size in self.get_size_inches())
        return out.getvalue(), {"width": width, "height": height}


def axes_of(narrow: bool, height: float) -> tuple[Figure, Axes]:
    """An empty figure with a height in inches, and its axes."""
    figure = Drawing(figsize=(NARROW if narrow else WIDE, height))
    return figure, figure.subplots()


def look(index: int) -> dict[str, Any]:
    """Color and dashes of the row with this number."""
    turn, color = divmod(index, len(SERIES))
    return {"color": SERIES[color], "linestyle": DASHES[turn % len(DASHES)]}


def scale(axes: Axes, which: Literal["x", "y"], values: np.ndarray) -> None:
    """Set short tick labels, and a log scale if positive values span `DECADES` powers of ten."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    finite = values[np.isfinite(values)]
    if finite.size and finite.min() > 0 and math.log10(finite.max() / finite.min()) >= DECADES:
        log_scale(axes, which, float(finite.max() / finite.min()))
    else:
        axis.set_major_locator(MaxNLocator(6))


def log_scale(axes: Axes, which: Literal["x", "y"], ratio: float, numticks: int = 8) -> None:
    """Set a log scale with short tick labels, for values with this ratio of largest to smallest."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set(**{f"{which}scale": "log"})
    few = math.log10(ratio) < 2.5
    axis.set_major_locator(LogLocator(subs=(1.0, 3.0) if few else (1.0,), numticks=numticks))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}" if v >= 1e-3 else f"{v:.0e}"))


def count(value: float, _: int = 0) -> str:
    """A number of steps, abbreviated: 1500 -> 1.5k."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def shorten(text: str, characters: int) -> str:
    """The text with at most this many characters: an ellipsis replaces its middle."""
    if len(text) <= characters:
        return text
    half = (characters - 1) // 2
    return f"{text[: characters - 1 - half]}…{text[-half:]}"


def wrapped(text: str, narrow: bool) -> str:
    """The text in lines that fit into the width of a figure."""
    width = 72 * (NARROW if narrow else WIDE)
    return textwrap.fill(text, int(0.97 * width / CHARACTER))


def margins(
    figure: Figure, *, left: float = 44, right: float = 12, top: float = 24, bottom: float = 40
) -> None:
    """Set the margins around the axes, in points."""
    width, height = (72 * size for size in figure.get_size_inches())
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, top=1 - top / height, bottom=bottom / height
    )


def beside(figure: Figure, axes: Axes, least: float) -> float:
    """The margin that the ticks and the label of the y axis need, in points; at least so many."""
    figure.draw_without_rendering()
    box = axes.yaxis.get_tightbbox()
    if box is None:
        return least
    return max(least, 72 / figure.dpi * (axes.get_window_extent().x0 - box.x0) + 4)


def room_for(labels: Sequence[str], narrow: bool) -> tuple[int, float]:
    """The largest number of characters of labels next to the axes, and their width in points."""
    most = 20 if narrow else 40
    characters = min(most, max(map(len, labels), default=0))
    return characters, characters * CHARACTER


def end_labels(figure: Figure, axes: Axes, ends: Sequence[End], characters: int) -> None:
    """Write each label next to the right end of its line, shifted vertically to avoid overlaps."""
    if not ends:
        return
    figure.draw_without_rendering()  # computes the limits and the position of the axes
    box = axes.get_window_extent()
    points = 72 / figure.dpi
    places = [
        (axes.transData.transform((axes.get_xlim()[1], e.y))[1] - box.y0) * points for e in ends
    ]
    height = box.height * points
    for end, place, moved in zip(ends, places, spread(places, LINE_HEIGHT, 0, height)):
        group: dict[str, Any] = {"gid": end.gid} if end.gid else {}
        axes.annotate(
            shorten(end.text, characters),
            xy=(1, min(max(place, 0), height) / height),
            xycoords="axes fraction",
            xytext=(18, moved - min(max(place, 0), height)),
            textcoords="offset points",
            va="center",
            color=end.color,
            arrowprops={
                "arrowstyle": "-", "color": end.color, "lw": 0.8, "shrinkA": 1, "shrinkB": 2,
                "relpos": (0, 0.5), **group,
            },
            **group,
        )  # fmt: skip


def name_levels(figure: Figure, axes: Axes, lines: Sequence[Line]) -> None:
    """Draw vertical lines with names above the axes, each at a different height."""
    figure.draw_without_rendering()
    for rank, line in enumerate(sorted(lines, key=lambda line: -line.value)):
        axes.axvline(line.value, color=MUTED, lw=1.1, ls=(0, (1, 2)), zorder=1)
        place = axes.transAxes.inverted().transform(axes.transData.transform((line.value, 0)))[0]
        axes.annotate(
            line.name,
            xy=(line.value, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, 3 + 13 * rank),
            textcoords="offset points",
            color=MUTED,
            ha="right" if place > 0.5 else "left",
        )


def name_places(axes: Axes, lines: Sequence[Line]) -> None:
    """Write the names of vertical lines next to them, inside of the axes at the top."""
    for rank, line in enumerate(lines):
        place = axes.transAxes.inverted().transform(axes.transData.transform((line.value, 0)))[0]
        axes.annotate(
            line.name,
            (line.value, 1),
            xycoords=axes.get_xaxis_transform(),
            xytext=(-4 if place > 0.5 else 4, -10 - LINE_HEIGHT * rank),
            textcoords="offset points",
            color=MUTED,
            ha="right" if place > 0.5 else "left",
        )


def legend_above(figure: Figure, axes: Axes, names: int, titled: bool) -> int:
    """Place a legend above the axes, and below a title; returns its number of rows."""
    columns = min(names, max(1, int(figure.get_size_inches()[0] * 72 // 120)))
    rows = -(-names // columns)
    axes.legend(
        frameon=False,
        ncols=columns,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1),
        borderaxespad=0.1,
        handletextpad=0.3,
        columnspacing=1.2,
    )
    if titled:
        axes.set_title(axes.get_title(loc="left"), pad=8 + 16 * rows)
    return rows


def spread(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The places, shifted as little as possible (least squares) to be at least `gap` apart.

    The order is preserved, and places are between low and high if there is room.

    With k gaps subtracted from the k-th place, the condition is that places do not decrease:
    isotonic regression, solved by pooling adjacent violators.
    """
    order = sorted(range(len(places)), key=lambda k: places[k])
    blocks: list[list[float]] = []  # [sum of desired places, number] of places that coincide
    for rank, k in enumerate(order):
        blocks.append([places[k] - rank * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, number = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += number
    starts = [total / number for total, number in blocks for _ in range(int(number))]
    last = high - (len(places) - 1) * gap
    moved = [0.0] * len(places)
    for rank, k in enumerate(order):
        moved[k] = max(low, min(starts[rank], last)) + rank * gap
    return moved


def svg(figure: Figure, *, salt: str) -> str:
    """The figure as an `<svg>` element for a page; its groups `series-k` become classes.

    Args:
        figure: the figure.
        salt: makes the ids of figures on one page different.
    """
    out = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": salt}):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(out, format="svg", metadata=nothing, transparent=True)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    # Ids of groups are equal in all figures; those that are referenced (#m..., #p...) are salted.
    text = re.sub(r'<g id="(series-\d+)">', r'<g class="series \1">', text)
    text = re.sub(r' id="[\w.]+_\d+"', "", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    return re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
