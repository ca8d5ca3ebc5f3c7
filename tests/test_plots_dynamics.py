"""Figures of dynamics: what is drawn is what was given."""

import numpy as np
import pytest

from lstmx import plots
from lstmx.plots import Line

pytestmark = pytest.mark.no_jax

SPECTRUM = ([0.5, 0.0, -2.0, -np.inf], [0.1, 0.01, 0.2, np.inf])
CURVE = (np.array([10.0, 100.0, 1000.0]), np.array([[0.9, 0, -1], [0.6, 0, -2], [0.5, 0, -2]]))


def drawn(axes, gid):
    """The x and y of the lines of a group that have points."""
    lines = [line for line in axes.lines if line.get_gid() == gid]
    return [np.stack(line.get_data()).tolist() for line in lines if len(line.get_xdata())]


def texts(figure):
    return [text.get_text() for text in figure.findobj(plots._draw.matplotlib.text.Text)]


@pytest.mark.parametrize("narrow", [False, True])
def test_spectrum_has_every_exponent_and_the_first_curves(narrow):
    figure = plots.lyapunov_spectrum(
        {"chaotic": SPECTRUM}, {"chaotic": CURVE}, floors={"chaotic": -1.5}, shown=2, narrow=narrow
    )
    left, right = figure.axes
    assert drawn(left, "series-0") == [[[1, 2, 3], [0.5, 0, -2]]]
    assert [curve[1] for curve in drawn(right, "series-0")] == [[0.9, 0.6, 0.5], [0, 0, 0]]
    legend = [text.get_text() for text in left.get_legend().get_texts()]
    assert legend == ["chaotic", "-inf (1)", "rounding, chaotic"]
    (floor,) = (line for line in left.lines if line.get_label().startswith("rounding"))
    assert set(floor.get_ydata()) == {-1.5}
    (bars,) = left.containers
    np.testing.assert_allclose(
        [np.ptp(line[:, 1]) / 2 for line in bars[2][0].get_segments()], [0.1, 0.01, 0.2]
    )
    assert right.get_xscale() == "log"
    assert {"exponent, nats per step", "estimate of the first 2", "time, steps"} <= set(
        texts(figure)
    )
    assert (figure.get_size_inches()[0] < 5) == narrow


def test_spectrum_of_many_exponents_has_a_band():
    exponents, errors = -np.arange(100.0), np.full(100, 0.5)
    figure = plots.lyapunov_spectrum({"": (exponents, errors)}, {}, unit="second")
    (band,) = figure.axes[0].collections
    edges = band.get_paths()[0].vertices
    assert edges[:, 1].max() == 0.5
    assert edges[:, 1].min() == -99.5
    assert figure.axes[0].get_legend() is None
    assert "exponent, nats per second" in texts(figure)


@pytest.mark.parametrize("narrow", [False, True])
def test_eigenvalues_are_in_the_plane_and_their_time_constants_beside(narrow):
    values = {"a": [0.5 + 0.5j, 0.5 - 0.5j, np.exp(-1 / 20), 0.0], "b": [1.5]}
    figure = plots.eigenvalues(values, title="modes", narrow=narrow)
    left, right = figure.axes
    (points,) = drawn(left, "series-0")
    assert points == [[0.5, 0.5, np.exp(-1 / 20), 0], [0.5, -0.5, 0, 0]]
    (times,) = drawn(right, "series-0")  # 0 has none, and is the fourth
    np.testing.assert_allclose(times, [[1, 2, 3], [20, 2 / np.log(2), 2 / np.log(2)]])
    assert drawn(right, "series-1") == []  # it grows
    assert left.get_xlim()[1] > 1.5
    assert left.get_aspect() == 1
    circle = next(line for line in left.lines if line.get_gid() is None)
    np.testing.assert_allclose(np.hypot(*circle.get_data()), 1)


def attractors():
    """A plane in four dimensions, of long trajectories along its first axis."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(4, 4)))[0][:2]
    flat = rng.normal(size=(3, 50, 2)) * [3.0, 1.0]
    flat[..., 0] -= flat[..., 0].mean()
    flat[..., 1] -= flat[..., 1].mean()
    return basis, flat @ basis + 7


@pytest.mark.parametrize("narrow", [False, True])
def test_fixed_points_are_projected_on_the_plane_of_the_trajectories(narrow):
    basis, trajectories = attractors()
    places = np.array([[2.0, 1.0], [-2.0, 0.5], [0.0, -1.0]])
    kinds = ["stable", "saddle", "stable"]
    directions = np.array([np.full(4, np.nan), basis[0], np.full(4, np.nan)])
    figure = plots.fixed_points(
        places @ basis + 7, kinds, trajectories, directions=directions, title="bits", narrow=narrow
    )
    (axes,) = figure.axes
    ((x, y),) = drawn(axes, "series-0")
    # Up to the sign of each component, and a small turn between sample and true axes.
    assert abs(x[0] - x[1]) == pytest.approx(2, abs=0.2)
    assert abs(y[0] - y[1]) == pytest.approx(2, abs=0.2)
    assert np.hypot(x[0], y[0]) == pytest.approx(5**0.5)
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["stable (2)", "saddle (1)"]
    small = plots.fixed_points(1e-4 * places @ basis, kinds, 1e-4 * trajectories, narrow=narrow)
    small.draw_without_rendering()
    assert small.axes[0].yaxis.get_tightbbox().x0 >= 0  # long numbers are on the page
    paths = [line for line in axes.lines if len(line.get_xdata()) == 50]
    assert len(paths) == 3
    unnamed = (np.stack(line.get_data(), -1) for line in axes.lines if line.get_gid() is None)
    dashes = [ends for ends in unnamed if len(ends) == 2]
    through = [np.diff(ends, axis=0)[0] for ends in dashes if np.isfinite(ends).all()]
    assert len(through) == 1
    assert abs(through[0][0]) > 10 * abs(through[0][1])
    assert any("% of the variance" in text for text in texts(figure))


def test_speeds_are_bars_between_tolerances():
    edges = 10.0 ** np.arange(-12, -4)
    counts = [5, 0, 0, 1, 2, 3, 4]
    lines = [Line("converged", 1e-10), Line("slow", 1e-3)]
    figure = plots.speed_histogram(edges, counts, lines=lines)
    (axes,) = figure.axes
    (bars,) = axes.patches
    np.testing.assert_allclose(bars.get_data().values, counts)
    np.testing.assert_allclose(bars.get_data().edges, edges)
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[1] > 1e-3
    assert {"converged", "slow"} <= set(texts(figure))


def test_wrong_arrays_are_refused_in_one_line():
    _, paths = attractors()
    refused = (
        (lambda: plots.lyapunov_spectrum({}, {}), "errors"),
        (lambda: plots.lyapunov_spectrum({"a": ([1.0], [1.0, 2.0])}, {}), "errors"),
        (lambda: plots.eigenvalues({"a": [np.nan]}), "finite eigenvalues"),
        (lambda: plots.fixed_points(paths[0, :2], ["stable"], paths), r"\(2, 4\), 1 kinds"),
        (lambda: plots.fixed_points(paths[0, :1], ["stabel"], paths), "known: stable, saddle"),
        (lambda: plots.fixed_points(paths[0, :1], ["stable"], paths * np.nan), "finite states"),
        (lambda: plots.speed_histogram([1.0, 2.0], [1.0, 2.0]), r"\[E \+ 1\]"),
    )
    for call, line in refused:
        with pytest.raises(ValueError, match=line) as error:
            call()
        assert "\n" not in str(error.value)
