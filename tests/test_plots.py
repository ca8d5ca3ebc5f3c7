"""Figures: what is drawn is what was given."""

import re

import numpy as np
import pytest
from matplotlib.text import Text

from lstmx import plots
from lstmx.plots import _draw

pytestmark = pytest.mark.no_jax

STEPS = [100, 200, 300, 400]


def curve(figure, index):
    """The mean line of a row: its x and y."""
    (line,) = (
        line
        for line in figure.axes[0].lines
        if line.get_gid() == f"series-{index}" and line.get_marker() != "x"
    )
    return line.get_xdata(), line.get_ydata()


def test_curve_is_the_mean_and_carries_on_a_run_that_stopped():
    runs = [(STEPS, [4.0, 3.0, 2.0, 1.0]), (STEPS[:2], [2.0, 1.0])]
    x, y = curve(plots.learning_curves({"V": runs}, ylabel="mse"), 0)
    np.testing.assert_array_equal(x, STEPS)
    np.testing.assert_allclose(y, [3.0, 2.0, 1.5, 1.0])


def test_curve_of_a_diverged_run_ends_with_a_cross():
    runs = [(STEPS, [4.0, 3.0, 2.0, 1.0]), (STEPS, [2.0, 1.0, None, None])]
    figure = plots.learning_curves({"V": runs}, ylabel="mse")
    np.testing.assert_allclose(curve(figure, 0)[1], [3.0, 2.0, 2.0, 1.0])
    (cross,) = (line for line in figure.axes[0].lines if line.get_marker() == "x")
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (200, 1.0)


def test_curves_without_values_are_named():
    curves = {"V": [([], [])], "rnn": [(STEPS, [np.nan] * 4)], "gru": [(STEPS, [1.0] * 4)]}
    figure = plots.learning_curves(curves, ylabel="mse", narrow=True)
    assert [t.get_text() for t in figure.texts] == ["no values: V, rnn"]
    assert plots.learning_curves({}, ylabel="mse").axes


@pytest.mark.parametrize(("last", "scale"), [(1e-3, "log"), (0.5, "linear"), (0.0, "linear")])
def test_axis_is_log_where_values_span_decades(last, scale):
    figure = plots.learning_curves({"V": [([1, 2], [1.0, last])]}, ylabel="mse")
    assert figure.axes[0].get_yscale() == scale


def test_labels_keep_off_each_other_and_inside():
    curves = {f"row {k}": [(STEPS, [1.0, 0.5, 0.2, 0.1 + 1e-6 * k])] for k in range(11)}
    lines = [plots.Line("trivial baseline", 1.0), plots.Line("solved", 0.1)]
    for narrow in (False, True):
        figure = plots.learning_curves(curves, ylabel="mse", lines=lines, narrow=narrow)
        figure.draw_without_rendering()
        boxes = [Text.get_window_extent(a) for a in figure.axes[0].texts]  # without the arrow
        middles = np.sort([(a.y0 + a.y1) / 2 for a in boxes])
        named = {a.get_text() for a in figure.axes[0].texts}
        assert named == {*curves, "trivial baseline", "solved"}
        assert np.diff(middles).min() * 72 / figure.dpi > 9.5  # the font's size in points
        # 5 % beyond the edge: another machine's font may be a little wider.
        assert max(b.x1 for b in boxes) < 1.05 * figure.bbox.width


def test_spread_moves_as_little_as_possible():
    np.testing.assert_allclose(_draw.spread([5, 5, 20], 4, 0, 100), [3, 7, 20])
    np.testing.assert_allclose(_draw.spread([0, 0], 4, 0, 100), [0, 4])
    np.testing.assert_allclose(_draw.spread([99, 100], 4, 0, 100), [96, 100])
    assert _draw.spread([], 4, 0, 100) == []


def test_ranking_draws_runs_mean_and_interval():
    rows = {"V": [0.1, 0.3, np.nan], "rnn": [np.nan]}
    figure = plots.ranking(
        rows, xlabel="mse", intervals={"V": (0.1, 0.3)}, lines=[plots.Line("trivial", 0.5)]
    )
    axes = figure.axes[0]
    lines = [list(line.get_xdata()) for line in axes.lines]
    np.testing.assert_allclose(lines[2], [0.2])
    assert lines[:2] == [[0.1, 0.3], [0.1, 0.3]]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["V", "rnn"]
    assert {t.get_text() for t in axes.texts} == {"no values", "trivial"}


@pytest.mark.parametrize(
    ("mean", "written"), [(5409.1, "5,409"), (-4.0, None), (12.0, None), (-5e4, "-5e+04")]
)
def test_ranking_writes_a_row_far_beyond_the_others_at_the_edge(mean, written):
    rows = {"V": [8.7, 8.8], "NP": [8.6, 8.6], "NOAF": [mean - 1, mean + 1]}
    lines = [plots.Line("trivial", 11.0), plots.Line("unknown", np.nan)]
    axes = plots.ranking(rows, xlabel="nll", lines=lines).axes[0]
    low, high = axes.get_xlim()
    texts = [t.get_text() for t in axes.texts if t.get_text() not in ("trivial", "unknown")]
    assert texts == ([written] if written else [])
    assert low < 8.6
    assert high > 11
    assert (low <= mean <= high) == (written is None)


def test_gates_are_drawn_time_to_the_right():
    gates = {"f": np.linspace(0, 1, 35).reshape(7, 5), "z": np.linspace(-1, 1, 35).reshape(7, 5)}
    figure = plots.gates_heatmap(gates, title="V")
    images = [axes.images[0] for axes in figure.axes if axes.images]
    np.testing.assert_array_equal(images[0].get_array(), gates["f"].T)
    assert [image.get_clim() for image in images] == [(0, 1), (-1, 1)]


def test_marked_steps_are_framed_and_named():
    gates = {"f": np.full((7, 5), 0.5), "c": np.linspace(-2, 2, 35).reshape(7, 5)}
    figure = plots.gates_heatmap(gates, marks={2: "0.54", 6: "0.38"})
    pictures = [axes for axes in figure.axes if axes.images]
    for axes in pictures:
        edges = [(p.get_x(), p.get_x() + p.get_width()) for p in axes.patches]
        assert edges == [(1.5, 2.5), (5.5, 6.5)]
    labels = [(t.get_position()[0], t.get_text()) for t in pictures[0].texts]
    assert labels == [(2, "0.54"), (6, "0.38")]


def test_figure_shows_itself_in_a_notebook_on_white():
    import io

    from matplotlib.image import imread

    data, shown = plots.learning_curves({"V": [([1, 2], [3, 4])]}, ylabel="mse")._repr_png_()
    picture = imread(io.BytesIO(data))
    assert picture.shape[1] > 1.5 * shown["width"]  # sharp on a fine screen
    np.testing.assert_array_equal(picture[0, 0], 1)


@pytest.mark.parametrize("gates", [{}, {"f": np.zeros((2, 7, 5))}])
def test_gates_of_a_batch_are_refused(gates):
    with pytest.raises(ValueError, match=r"\[T, H\]"):
        plots.gates_heatmap(gates)


def test_forecast_starts_at_the_last_known_value():
    days = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[D]")
    history = [1.0, 2.0, 3.0, np.nan, 5.0, 6.0, np.nan]
    figure = plots.forecast(days, history, [7.0, np.nan, 9.0], [7, 8, 9.5], {"naive": [6, 6, 6]})
    lines = {line.get_gid(): line for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["series-1"].get_ydata(), [6, 7, 8, 9.5])
    assert lines["series-1"].get_xdata()[0] == days[5]
    assert {t.get_text() for t in figure.axes[0].texts} == {"truth", "forecast", "naive"}


def test_forecast_of_the_wrong_length_is_refused():
    with pytest.raises(ValueError, match="expected times"):
        plots.forecast(np.arange(10), np.zeros(7), np.zeros(3), np.zeros(2))


def test_svg_has_classes_and_nothing_from_outside():
    figure = plots.ranking({"V": [0.1], "rnn": [0.2]}, xlabel="mse")
    text = plots.svg(figure, salt="a")
    assert text.startswith("<svg")
    assert 'class="series series-1"' in text
    assert not re.search(r"(?:src|href)=\"(?!#)", text)
    assert 'width="' not in text[: text.index(">")]
    assert text == plots.svg(figure, salt="a")


def test_drawing_leaves_global_settings_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    plots.svg(plots.ranking({"V": [0.1]}, xlabel="mse"), salt="a")
    assert dict(matplotlib.rcParams) == before
