"""Figures of many trials: what is drawn is what was given."""

import math

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.text import Text

from lstmx import plots

pytestmark = pytest.mark.no_jax


def drawn(axes, gid):
    """x of the lines of a row, sorted by their height on the page."""
    lines = [line for line in axes.lines if line.get_gid() == gid]
    return [(float(np.mean(line.get_ydata())), list(line.get_xdata())) for line in lines]


def test_boxes_are_of_all_and_of_the_best_by_validation():
    values = np.arange(60.0)
    validation = np.roll(values, 10)  # the lowest six are trials 10 ... 15
    figure = plots.trial_boxes(
        {"V": values, "rnn": [3.0, 1.0, np.nan]},
        xlabel="loss",
        maximize=False,
        validation={"V": validation, "rnn": [2.0, 1.0, 0.0]},
    )
    axes = figure.axes[0]
    low, high = np.quantile(np.arange(10.0, 16), [0.25, 0.75])
    found = {(y, tuple(x)) for y, x in drawn(axes, "series-0")}
    assert (-0.2, (29.5, 29.5)) in found  # the median of all
    assert (0.2, (10.0, low)) in found
    assert (0.2, (high, 15.0)) in found
    # Too few for a box: all are dots, and the best of them is one.
    dots = {y: sorted(x) for y, x in drawn(axes, "series-1")}
    assert dots == {0.8: [1.0, 3.0], 1.2: [1.0]}
    assert [t.get_text() for t in axes.get_yticklabels()] == ["V", "rnn"]


def test_the_best_can_have_an_axis_of_their_own():
    values = np.arange(100.0)
    options = {"xlabel": "loss", "maximize": False}
    axes = plots.trial_boxes({"V": values}, only_best=True, **options).axes[0]
    assert {y for y, _ in drawn(axes, "series-0")} == {0.0}
    assert axes.get_xlim()[1] < 12  # the best ten are 0 ... 9
    assert axes.get_title(loc="left") == "the best 10 %"


def test_the_history_has_every_trial_and_the_best_so_far():
    rows = {"V": ([0, 3, 4], [3.0, np.nan, 1.0]), "NP": ([1, 2], [2.0, 5.0])}
    for maximize, expected in ((False, [3, 2, 2, 2, 1]), (True, [3, 3, 5, 5, 5])):
        figure = plots.optimisation_history(
            rows, ylabel="loss", maximize=maximize, lines=(plots.Line("trivial", 4.0),)
        )
        axes = figure.axes[0]
        *dots, best, level = axes.lines
        assert [list(line.get_xdata()) for line in dots] == [[0, 3, 4], [1, 2]]
        assert [line.get_gid() for line in dots] == ["series-0", "series-1"]
        assert (list(best.get_xdata()), list(best.get_ydata())) == ([0, 1, 2, 3, 4], expected)
        assert best.get_drawstyle() == "steps-post"
        assert list(level.get_ydata()) == [4.0, 4.0]
        assert "trivial" in {t.get_text() for t in axes.texts}
        assert [t.get_text() for t in axes.get_legend().get_texts()] == ["V", "NP"]
    for wrong in ({}, {"V": ([0, 1], [1.0])}, {"V": ([0], [np.nan])}):
        with pytest.raises(ValueError, match="trials with a value"):
            plots.optimisation_history(wrong, ylabel="loss", maximize=False)


def test_far_trials_are_dots():
    values = [*np.linspace(1, 2, 20), 9.0]
    axes = plots.trial_boxes({"V": values}, xlabel="loss", maximize=True).axes[0]
    assert (-0.2, [9.0]) in drawn(axes, "series-0")
    best = [x for y, x in drawn(axes, "series-0") if y > 0]
    assert sorted(best[0]) == [pytest.approx(2 - 1 / 19), 2.0, 9.0]  # 10 % of 21, rounded up


def test_best_of_curves_have_bands():
    curve = ([1, 10, 100], [3.0, 2.0, 1.5], [2.5, 1.8, 1.4], [3.5, 2.2, 1.6])
    figure = plots.best_of_curves({"V": curve}, ylabel="loss", lines=[plots.Line("published", 1.0)])
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), curve[1])
    edges = axes.collections[0].get_paths()[0].vertices
    assert {1.4, 3.5} < set(edges[:, 1])
    assert axes.get_xscale() == "log"
    assert {t.get_text() for t in axes.texts} == {"V", "published"}
    rows = {"V": curve, "one": [part[:1] for part in curve]}
    dot = plots.best_of_curves(rows, ylabel="loss").axes[0].lines[-1]
    assert (dot.get_marker(), list(dot.get_xdata()), list(dot.get_ydata())) == ("o", [1], [3])
    few = plots.best_of_curves({"V": [part[:2] for part in curve]}, ylabel="loss")
    assert few.axes[0].get_xscale() == "linear"


@pytest.mark.parametrize("maximize", [False, True])
def test_diverged_trials_leave_room_for_the_others(maximize):
    sign = -1 if maximize else 1
    curve = lambda *values: ([1, 2, 3], *[[sign * v for v in values]] * 3)
    curves = {"V": curve(900.0, 2.0, 1.0), "rnn": curve(3.0, 2.5, 2.0)}
    ends = lambda worst: sorted(
        plots.best_of_curves(curves, ylabel="loss", worst=sign * worst).axes[0].get_ylim()
    )
    assert sign * 3.5 in ends(3.5)
    assert max(abs(end) for end in ends(3.5)) == 3.5
    assert max(abs(end) for end in ends(1.5)) > 800  # a curve ends beyond it: nothing is cut
    options = {"name": "loss", "maximize": maximize, "best": 0.5}
    values = [sign * v for v in (1.0, 2.0, 900.0)]
    axes = plots.parallel_coordinates({"a": [1, 2, 3]}, values, worst=sign * 3, **options).axes[0]
    assert plots.ends_at(values, sign * 3, maximize=maximize)
    assert not plots.ends_at(values, sign * 0.5, maximize=maximize)  # none is better
    shown = [text.get_text() for text in axes.texts]
    assert ("≤ -3" if maximize else "≥ 3") in shown
    pale, full = (c.get_segments() for c in axes.collections)
    assert sorted(line[-1][1] for line in [*pale, *full]) == pytest.approx([0.0, 0.5, 1.0])


def test_importance_bars_are_the_shares():
    shares = [
        (("rate",), 0.6, 0.5, 0.7),
        (("rate", "width"), 0.3, 0.2, 0.35),
        (("width",), 0.1, 0, 0),
    ]
    figure = plots.importance_bars(shares, r2=0.87, most=2)
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.6, 0.3]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.5, 0.7], [0.2, 0.35]]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["rate", "rate × width"]
    assert "0.87" in axes.get_title(loc="left")
    assert "1 smaller" in axes.get_title(loc="left")
    single, pair = (bar.get_facecolor() for bar in axes.patches)
    assert single != pair


def test_long_names_of_pairs_are_both_shown():
    share = (("learning_rate", "hidden_size"), 0.3, 0.2, 0.35)
    figure = plots.importance_bars([share], r2=0.5, narrow=True)
    (label,) = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert len(label) <= 20
    assert label.startswith("lear")
    assert label.endswith("ize")


def test_marginal_curves_have_a_panel_each():
    grid = np.geomspace(1e-4, 1e-1, 5)
    rows = {
        name: [
            ("rate", grid, shift + np.arange(5.0), np.arange(5.0), 9 * np.ones(5)),
            ("cell", np.array(["lstm", "gru"], object), [1.0, 2.0], [0.5, 1.5], [1.5, 2.5]),
        ]
        for name, shift in (("V", 0.0), ("NFG", 1.0))
    }
    figure = plots.marginal_curves(rows, ylabel="loss", log=["rate"])
    first, second = figure.axes
    np.testing.assert_array_equal(first.lines[1].get_ydata(), np.arange(5.0) + 1)
    assert first.get_xscale() == "log"
    assert [t.get_text() for t in second.get_xticklabels()] == ["lstm", "gru"]
    np.testing.assert_array_equal(second.lines[0].get_ydata(), [1, 2])
    assert [t.get_text() for t in first.get_legend().get_texts()] == ["V", "NFG"]
    one = plots.marginal_curves({"V": rows["V"]}, ylabel="loss", narrow=True)
    assert one.axes[0].get_legend() is None
    assert one.axes[0].get_xscale() == "linear"


def test_parallel_lines_go_through_the_hyperparameters():
    points = {
        "rate": [1e-4, 1e-3, 1e-2, 1e-3],
        "cell": ["lstm", "gru", "rnn", "gru"],
    }
    figure = plots.parallel_coordinates(
        points, [3.0, 1.0, 2.0, math.nan], name="loss", maximize=False, log=["rate"], best=0.3
    )
    faint, best = figure.axes[0].collections
    (line,) = best.get_segments()
    np.testing.assert_allclose(line, [[0, 0.5], [1, 0.5], [2, 1]])  # the lowest loss is on top
    ends = [segment[:, 1].tolist() for segment in faint.get_segments()]
    np.testing.assert_allclose(ends, [[0, 0, 0], [1, 1, 0.5]])
    texts = {t.get_text() for t in figure.axes[0].texts}
    assert {"1e-04", "0.01", "lstm", "rnn", "1", "3"} < texts
    assert matplotlib.colors.to_hex(faint.get_edgecolors()[0]) == plots.FAINT


@pytest.mark.parametrize("narrow", [False, True])
def test_labels_are_inside(narrow):
    curve = (np.arange(1, 31), np.linspace(2, 1, 30), np.linspace(1.9, 0.9, 30), np.full(30, 2.0))
    shares = [(("learning_rate", f"name{k}"), 0.9 - 0.1 * k, 0.0, 1.0) for k in range(5)]
    points = {"learning_rate": [1e-4, 1e-2], "hidden_size": [20, 200]}
    figures = [
        plots.trial_boxes(
            {"variant": np.arange(30.0)}, xlabel="loss", maximize=True, narrow=narrow
        ),
        plots.best_of_curves({"variant": curve}, ylabel="loss", narrow=narrow),
        plots.importance_bars(shares, r2=0.9, narrow=narrow),
        plots.parallel_coordinates(points, [1.0, 2.0], name="loss", maximize=True, narrow=narrow),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        axes = figure.axes[0]
        texts = [*axes.texts, *axes.get_yticklabels()]
        if figure is figures[-1]:
            texts += axes.get_xticklabels()  # names here; elsewhere numbers, some out of sight
        boxes = [Text.get_window_extent(t) for t in texts]
        # 5 % beyond the edges: another machine's font may be a little wider.
        assert min(b.x0 for b in boxes) > -0.05 * figure.bbox.width
        assert max(b.x1 for b in boxes) < 1.05 * figure.bbox.width
        assert "<svg" in plots.svg(figure, salt="a")


def test_nothing_to_draw_is_refused():
    for call in (
        lambda: plots.trial_boxes({}, xlabel="loss", maximize=True),
        lambda: plots.trial_boxes({"V": [1.0]}, xlabel="x", maximize=True, validation={"V": []}),
        lambda: plots.best_of_curves({"V": ([1], [1], [1], [1, 2])}, ylabel="loss"),
        lambda: plots.importance_bars([], r2=0.0),
        lambda: plots.marginal_curves({}, ylabel="loss"),
        lambda: plots.parallel_coordinates({}, [math.nan], name="loss", maximize=True),
        lambda: plots.parallel_coordinates({"a": [1]}, [1.0, 2], name="loss", maximize=True),
    ):
        with pytest.raises(ValueError, match="expected"):
            call()
