"""What figures of a few labelled curves have in common."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lstmx.plots import _draw
from lstmx.plots._draw import MUTED

CHANCE = Line2D([], [], color=MUTED, lw=1, ls=(0, (1, 2)), label="chance (95 % band)")


def key(label: str, index: int, narrow: bool) -> Line2D:
    """The entry of a row in the legend."""
    text = _draw.shorten(label, 28 if narrow else 48)
    return Line2D([], [], lw=2, label=text, **_draw.look(index))


def finish(
    figure: Figure,
    axes: Axes,
    keys: Sequence[Line2D],
    title: str = "",
    *,
    narrow: bool,
    left: float = 44,
    right: float = 12,
) -> None:
    """Margins, and above the axes the name of y and a legend, where it hides no curve."""
    longest = max((len(str(key.get_label())) for key in keys), default=0)
    columns = max(1, (46 if narrow else 100) // (7 + longest))
    rows = -(-len(keys) // columns)
    above = 6 + 15 * rows if keys else 0
    _draw.margins(figure, left=left, right=right, top=12 + 12 * bool(title) + above)
    if title:
        place = -(left - 8) / (72 * figure.get_size_inches()[0])
        axes.set_title(title, color=MUTED, x=place, pad=9 + above)
    if keys:
        axes.legend(
            handles=keys,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=columns,
            frameon=False,
            handlelength=1.3,
            labelcolor="linecolor",
            borderaxespad=0.6,
        )
