"""Figures of states: what is drawn is what was given, and it fits."""

import numpy as np
import pytest

from lstmx import plots

pytestmark = pytest.mark.no_jax

MATRIX = np.array([[0, 0.25, 1], [0.25, 0, 0.5], [1, 0.5, 0]])
PATHS = np.random.default_rng(0).normal(size=(3, 7, 2))


@pytest.mark.parametrize("narrow", [False, True])
def test_matrix_has_its_values_and_labels(narrow):
    names = ["lstm", "gru with a long name of its own", "rnn"]
    figure = plots.similarity_matrix(MATRIX, names, name="distance (rad)", narrow=narrow)
    axes, bar = figure.axes
    np.testing.assert_array_equal(axes.images[0].get_array(), MATRIX)
    assert [t.get_text() for t in axes.texts] == "0 0.25 1 0.25 0 0.5 1 0.5 0".split()
    assert [t.get_text() for t in axes.get_yticklabels()][::2] == ["lstm", "rnn"]
    assert bar.get_ylabel() == "distance (rad)"
    figure.draw_without_rendering()
    inside = figure.bbox.padded(1)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), bar.yaxis.label):
        box = text.get_window_extent()
        assert inside.x0 <= box.x0 < box.x1 <= inside.x1
        assert inside.y0 <= box.y0 < box.y1 <= inside.y1


def test_large_matrices_have_no_values_and_a_scale_can_be_given():
    figure = plots.similarity_matrix(np.eye(40), ["V"] * 40, name="CKA", low=-1, high=2)
    assert not figure.axes[0].texts
    assert figure.axes[0].images[0].get_clim() == (-1, 2)


def test_values_that_are_missing_are_not_written():
    figure = plots.similarity_matrix([[0, np.nan], [np.nan, 0]], ["V", "rnn"], name="distance")
    assert [t.get_text() for t in figure.axes[0].texts] == ["0", "0"]


def test_trajectories_are_colored_by_time():
    mask = np.arange(7) < np.array([[7], [4], [0]])
    figure = plots.state_plane(PATHS, ratio=[0.61, 0.22], mask=mask)
    axes, bar = figure.axes
    lines = axes.collections
    assert [len(c.get_segments()) for c in lines] == [6, 3]
    np.testing.assert_array_equal(lines[1].get_segments()[2], PATHS[1, 2:4])
    np.testing.assert_array_equal(lines[1].get_array(), [1, 2, 3])
    assert axes.get_xlabel() == "PC 1 (61 % of variance)"
    assert bar.get_ylabel() == "time step"
    ends = [a.get_xydata()[0] for a in axes.lines]
    np.testing.assert_array_equal(ends[:2], PATHS[0, [0, -1]])


@pytest.mark.parametrize("narrow", [False, True])
def test_trajectories_are_colored_by_class(narrow):
    names = ["low", "between", "high"]
    figure = plots.state_plane(PATHS, classes=[2, 0, 2], names=names, narrow=narrow)
    axes = figure.axes[0]
    paths = [a for a in axes.lines if a.get_gid()]
    assert [a.get_gid() for a in paths] == ["series-2", "series-0", "series-2"]
    np.testing.assert_array_equal(paths[1].get_xydata(), PATHS[1])
    legend = axes.get_legend()
    assert [t.get_text() for t in legend.get_texts()] == ["low", "high"]
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    assert axes.get_window_extent().y1 - 1 <= box.y0 < box.y1 <= figure.bbox.height + 1


def test_variance_is_cumulated_and_marked():
    ratios = {"V": [0.5, 0.3, 0.2], "rnn": [0.9, 0.1]}
    figure = plots.explained_variance(ratios, dimensions={"V": 1.5})
    curves = [a for a in figure.axes[0].lines if a.get_gid()]
    np.testing.assert_allclose(curves[0].get_ydata(), [0.5, 0.8, 1])
    np.testing.assert_array_equal(curves[1].get_xdata(), [1, 2])
    (mark,) = (a for a in figure.axes[0].lines if a.get_marker() == "D")
    np.testing.assert_allclose(mark.get_xydata(), [[1.5, 0.65]])
    texts = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert texts == ["V  PR 1.5", "rnn"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.similarity_matrix(MATRIX, ["V"], name=""), r"\[N, N\]"),
        (lambda: plots.state_plane(PATHS[0]), r"\[B, T, 2\]"),
        (lambda: plots.state_plane(PATHS, classes=[0, 1]), r"classes \[B\]"),
        (lambda: plots.state_plane(PATHS, classes=[0, 1, 2], names=["V"]), "class 2 and 1 names"),
        (lambda: plots.explained_variance({"V": MATRIX}), r"expected \[C\]"),
    ],
)
def test_other_shapes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
