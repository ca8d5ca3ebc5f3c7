"""Figures of memory: the curves are the scores, the band is chance, the labels have the sums."""

import numpy as np
import pytest

from lstmx import plots

pytestmark = pytest.mark.no_jax

LAGS = np.arange(0, 14, 2)
SCORES = {"lstm": np.linspace(1, 0, 7), "gru": np.linspace(0.8, -0.1, 7)}
CHANCE = {"lstm": np.linspace(-0.1, 0.1, 21)[:, None] + np.zeros(7)}


def texts(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def line(figure, index):
    """The curve of a row, which is its thickest line."""
    lines = [a for a in figure.axes[0].lines if a.get_gid() == f"series-{index}"]
    return max(lines, key=lambda a: a.get_linewidth())


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("draw", [plots.decoding_curve, plots.capacity_curve])
def test_curves_are_the_scores_by_lag(draw, narrow):
    figure = draw(LAGS, SCORES, narrow=narrow)
    for index, values in enumerate(SCORES.values()):
        np.testing.assert_array_equal(line(figure, index).get_xdata(), LAGS)
        np.testing.assert_array_equal(line(figure, index).get_ydata(), values)
    assert "lag" in figure.axes[0].get_xlabel()
    figure.draw_without_rendering()
    box = figure.axes[0].get_legend().get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width


def test_chance_is_a_band_around_its_mean():
    figure = plots.decoding_curve(LAGS, SCORES, chance=CHANCE)
    (band,) = figure.axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([heights.min(), heights.max()], [-0.095, 0.095])  # the middle 95 %
    (mean,) = (a for a in figure.axes[0].lines if a.get_linewidth() == 1)
    np.testing.assert_allclose(mean.get_ydata(), 0, atol=1e-12)
    assert texts(figure) == ["lstm", "gru", "chance (95 % band)"]


def test_labels_have_the_capacity_less_its_bias():
    curves = {"lstm": np.full(7, 0.5), "gru": np.full(7, 0.25)}
    figure = plots.capacity_curve(LAGS, curves, chance={"lstm": np.full((3, 7), 0.1)})
    assert texts(figure)[:2] == ["lstm  MC 2.8", "gru  MC 1.8"]
    none = plots.capacity_curve(LAGS, curves, chance={"lstm": np.zeros((0, 7))})
    assert texts(none) == ["lstm  MC 3.5", "gru  MC 1.8"]


@pytest.mark.parametrize(
    ("scores", "chance"),
    [({"V": np.zeros(6)}, None), ({"V": np.zeros(7)}, {"V": np.zeros(7)})],
)
def test_other_shapes_are_refused(scores, chance):
    with pytest.raises(ValueError, match=r"'V' has shape .*expected lags \[L\]"):
        plots.decoding_curve(LAGS, scores, chance=chance)
