"""Figures of gates, gradients, saliency and structure: what is drawn is what was given."""

import numpy as np
import pytest
from matplotlib.text import Text

from lstmx import plots

pytestmark = pytest.mark.no_jax


def line(axes, gid):
    """The x and y of the line of a row."""
    (found,) = (drawn for drawn in axes.lines if drawn.get_gid() == gid)
    return found.get_xdata(), found.get_ydata()


def texts(figure):
    return {t.get_text() for axes in figure.axes for t in axes.texts}


def test_time_scales_are_counted_on_a_log_axis():
    tau = [1.0, 1.05, 10.0, 1000.0, np.inf, 0.0]
    figure = plots.time_scales({"lstm": tau, "gru": [5.0]}, lines=[plots.Line("lag", 100)])
    above, below = figure.axes
    assert above.get_xscale() == below.get_xscale() == "log"
    (stairs,) = above.patches
    assert stairs.get_data().values.sum() == 4
    assert stairs.get_data().values.max() == 2
    np.testing.assert_array_equal(line(above, "series-0")[0], tau[:4])
    assert texts(figure) == {"1 at 0", "1 at ∞", "lag"}
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["lstm: median 5.53 steps", "gru: median 5 steps"]
    never = plots.time_scales({"lstm": [np.inf, np.inf, 2.0]}, narrow=True)
    assert never.axes[0].get_title(loc="left") == "lstm: median ∞ steps"


@pytest.mark.parametrize("scales", [{}, {"lstm": []}, {"lstm": [1.0, np.nan]}])
def test_time_scales_without_units_are_refused(scales):
    with pytest.raises(ValueError, match="got no time scales"):
        plots.time_scales(scales)


def test_reach_is_drawn_in_powers_of_ten_beyond_all_floats():
    lags = np.arange(8)
    norms = {"a": [-100.0 * lags, -300.0 * lags], "b": 100.0 * lags, "c": [-np.inf] * 3}
    figure = plots.gradient_reach(norms, lines=[plots.Line("lag of the task", 5)])
    (axes,) = figure.axes
    np.testing.assert_allclose(line(axes, "series-0")[1], -200 * lags)
    np.testing.assert_allclose(line(axes, "series-1")[1], 100 * lags)
    assert texts(figure) == {"a", "b", "c: all 0", "lag of the task"}
    figure.draw_without_rendering()
    places = [t.get_text() for t in axes.get_yticklabels() if t.get_position()[1] in (0, 600)]
    assert places == ["1", "10⁶⁰⁰"]


def test_reach_ends_with_the_examples():
    norms = np.array([[0.0, -1, -2, np.nan], [0.0, -3, np.nan, np.nan], [0, -np.inf, -np.inf, 1e9]])
    x, y = line(plots.gradient_reach({"a": norms[:2]}).axes[0], "series-0")
    np.testing.assert_allclose(x, [0, 1, 2])
    np.testing.assert_allclose(y, [0, -2, -2])
    with pytest.raises(ValueError, match="no rows"):
        plots.gradient_reach({})
    with pytest.raises(ValueError, match="'a'"):
        plots.gradient_reach({"a": np.zeros((2, 3, 4))})


def test_gradients_over_time_are_their_logarithms():
    figure = plots.gradients_over_time({"c": [[1e-4, 1e-2], [1e-2, 1.0]], "h": [0.0, 1e-3]})
    np.testing.assert_allclose(line(figure.axes[0], "series-0")[1], [-3, -1])
    x, y = line(figure.axes[0], "series-1")
    assert (x.tolist(), y.tolist()) == ([1], [-3])


def test_saliency_strips_share_the_steps_of_the_inputs():
    inputs = np.arange(14.0).reshape(7, 2)
    values = inputs - 3
    strips = {"gradient": values, "occlusion": values[:, 0]}
    figure = plots.saliency_strip(inputs, strips, features=["value", "marker"], marks={2: "0.5"})
    above, first, second = figure.axes
    np.testing.assert_array_equal(line(above, "series-1")[1][:-1], inputs[:, 1])
    np.testing.assert_array_equal(first.images[0].get_array(), values.T)
    assert first.images[0].get_clim() == (-10, 10)
    np.testing.assert_array_equal(second.images[0].get_array(), values[None, :, 0])
    assert [t.get_text() for t in first.get_yticklabels()] == ["value", "marker"]
    assert first.get_title(loc="left") == "gradient   (largest 10)"
    assert (first.patches[0].get_x(), first.patches[0].get_width()) == (1.5, 1)
    assert texts(figure) == {"0.5"}


def test_saliency_of_tokens_and_of_many_features():
    figure = plots.saliency_strip([0, 1, 2], {"occlusion": [0.0, 0, 0]}, tokens=["a", "b", "c"])
    assert [t.get_text() for t in figure.axes[0].texts] == ["a", "b", "c"]
    assert figure.axes[1].images[0].get_clim() == (-1, 1)
    many = np.arange(35.0).reshape(7, 5)
    figure = plots.saliency_strip(many, {"gradient": many}, narrow=True)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), many.T)
    for saliency, names in (({}, {}), ({"a": np.zeros(4)}, {}), ({"a": many}, {"features": ["x"]})):
        with pytest.raises(ValueError, match="expected"):
            plots.saliency_strip(many, saliency, **names)


def test_pruning_curve_is_in_percent():
    sparsity = [0.0, 0.5, 1.0]
    runs = [(sparsity, [0.9, 0.8, 0.1]), (sparsity, [0.7, 0.6, 0.1])]
    figure = plots.pruning_curve({"global": runs}, ylabel="accuracy")
    np.testing.assert_allclose(line(figure.axes[0], "series-0")[1], [0.8, 0.7, 0.1])
    figure.draw_without_rendering()
    labels = [t.get_text() for t in figure.axes[0].get_xticklabels()]
    assert {"0%", "100%"} <= set(labels)


def test_metric_by_position_leaves_out_what_is_unknown():
    figure = plots.metric_by_position({"loss": [np.nan, 1.0, 0.5, np.nan]}, ylabel="loss, nats")
    x, y = line(figure.axes[0], "series-0")
    assert (x.tolist(), y.tolist()) == ([1, 2], [1, 0.5])
    lengths = plots.metric_by_position(
        {"loss": [1.0, 0.5]}, ylabel="loss", positions=[10, 20], xlabel="length, steps"
    )
    assert line(lengths.axes[0], "series-0")[0].tolist() == [10, 20]


def test_ablations_are_sorted_by_what_they_move():
    without = {"layer 0 unit": [0.1, 0.5, 0.12], "layer 1 unit": [-0.2]}
    figure = plots.ablations(without, 0.1, xlabel="mse", most=3)
    (axes,) = figure.axes
    names = [t.get_text() for t in axes.get_yticklabels()]
    assert names == ["layer 0 unit 1", "layer 1 unit 0", "layer 0 unit 2"]
    dots = [float(drawn.get_xdata()[0]) for drawn in axes.lines if drawn.get_marker() == "o"]
    assert dots == [0.5, -0.2, 0.12]
    assert axes.get_title(loc="left") == "line: all units; 1 more move it less"
    with pytest.raises(ValueError, match="got no units"):
        plots.ablations({}, 0.1, xlabel="mse")


@pytest.mark.parametrize("narrow", [False, True])
def test_names_stay_inside(narrow):
    lags = np.arange(101)
    figures = [
        plots.gradient_reach(
            {"forget bias 1, trained": -lags, "c": 0 * lags},
            lines=[plots.Line("lag of the task", 90)],
            narrow=narrow,
        ),
        plots.time_scales({"layer 0": [1, 10, 100]}, lines=[plots.Line("lag", 90)], narrow=narrow),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        for axes in figure.axes:
            # 5 % beyond the edge: another machine's font may be a little wider.
            assert all(Text.get_window_extent(t).x1 < 1.05 * figure.bbox.width for t in axes.texts)
            assert all(Text.get_window_extent(t).x0 > 0 for t in axes.texts)
