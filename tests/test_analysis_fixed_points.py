"""Fixed points of networks whose fixed points are known; what is merged, dropped and far away."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X

from lstmx import analysis, cells
from lstmx.analysis import fixed_points
from lstmx.analysis.fixed_points import Code, Kind, Shape
from lstmx.testing import oracles

GAIN = 2.0
BISTABLE = 0.9575040240772687  # the positive solution of s = tanh(2 s)
METHODS = ["newton", "adam"]


def of_step(step, size, params=()):
    return analysis.system(lambda params, s, x: (step(params, s, x), ()), params, state=size)


def zeros(size):
    return jnp.zeros(size)


def drawn(count, size, scale=1.0):
    return scale * np.random.default_rng(0).normal(size=(count, size))


def two_units():
    """Two units with s' = tanh(2 s): fixed points at -a, 0 and a of each, nine in all."""
    return of_step(lambda params, s, x: jnp.tanh(GAIN * s), zeros(2))


@pytest.mark.parametrize("method", METHODS)
def test_all_nine_fixed_points_of_two_bistable_units(x64, method):
    system = two_units()
    found = fixed_points.search(system, (), drawn(200, 2), method=method)
    points = fixed_points.unique(found)
    grid = [(a, b) for a in (-BISTABLE, 0, BISTABLE) for b in (-BISTABLE, 0, BISTABLE)]
    ordered = points.points[np.lexsort(points.points.round(3).T[::-1])]
    np.testing.assert_allclose(ordered, grid, atol=1e-7)
    assert points.counts["converged"].tolist() == [200]
    assert points.counts["duplicates"].tolist() == [191]
    assert points.members.sum() == 200
    around = fixed_points.stability(system, (), points.points)
    outside = np.isclose(points.points, 0, atol=1e-6).sum(1)
    kinds = [Kind.STABLE, Kind.SADDLE, Kind.REPELLER]
    assert around.kind.tolist() == [kinds[n] for n in outside]
    assert around.unstable.tolist() == outside.tolist()
    # f'(0) = 2, f'(a) = 2 (1 - a^2) by hand.
    slope = GAIN * (1 - BISTABLE**2)
    corner = np.flatnonzero(outside == 0)[0]
    np.testing.assert_allclose(around.time_constants[corner], -1 / np.log(slope), rtol=1e-6)
    apart = fixed_points.manifolds(points.points, around, scale=points.scale)
    assert apart.shape.tolist() == [Shape.POINT] * 9


def test_every_input_of_a_set_has_its_own_fixed_points(x64):
    """A bistable unit with an input: three points, or one where the input decides."""
    system = of_step(lambda params, s, x: jnp.tanh(GAIN * s + x), zeros(1))
    inputs = np.array([[0.0], [1.0]])
    found = fixed_points.search(system, (), drawn(30, 1), inputs, outlier=5.0)
    points = fixed_points.unique(found)
    assert points.input.tolist() == [0, 0, 0, 1]
    assert points.inputs.tolist() == inputs[points.input].tolist()
    assert points.counts["kept"].tolist() == [3, 1]
    s = points.points
    np.testing.assert_allclose(s, np.tanh(GAIN * s + points.inputs), atol=1e-8)
    around = fixed_points.stability(system, (), s, points.inputs)
    slopes = GAIN / np.cosh(GAIN * s + points.inputs) ** 2
    np.testing.assert_allclose(around.jacobians[..., 0], slopes, rtol=1e-9)


def test_linear_network_has_one_fixed_point_which_newton_meets_exactly(x64):
    rng = np.random.default_rng(1)
    A = 0.995 * np.linalg.qr(rng.normal(size=(H, H)))[0]
    bias = rng.normal(size=H)
    system = of_step(lambda params, s, x: A @ s + bias, zeros(H))
    found = fixed_points.search(system, (), drawn(20, H), outlier=None)
    points = fixed_points.unique(found)
    expected = np.linalg.solve(np.eye(H) - A, bias)
    np.testing.assert_allclose(points.points, expected[None], rtol=1e-9)
    assert found.iterations.max() <= 10
    around = fixed_points.stability(system, (), points.points, margin=1e-3)
    assert around.kind.tolist() == [Kind.STABLE]
    np.testing.assert_allclose(around.time_constants, -1 / np.log(0.995), rtol=1e-9)
    angles = np.abs(np.angle(np.linalg.eigvals(A)))
    np.testing.assert_allclose(
        np.sort(2 * np.pi / around.periods[0]), np.sort(angles), rtol=1e-9, atol=1e-12
    )


def test_states_of_a_cell_are_sampled_and_lead_to_its_joint_fixed_point(x64):
    cell = cells.make("lstm", hidden_size=H)
    params = oracles.sample_params(cell, X, scale=0.3)
    system = analysis.system(cell, params)
    xs = np.random.default_rng(2).normal(size=(B, T, X))
    states, _ = analysis.trajectory(system, params, xs)
    mask = np.arange(T) < np.array([[T], [3]])
    starts = fixed_points.sample(states, T + 3, mask=mask)
    assert {tuple(row) for row in starts} == {tuple(row) for row in np.asarray(states)[mask]}
    # At a constant input the network goes where the search says it would.
    found = fixed_points.search(system, params, starts, xs[:1, 0], outlier=10.0)
    points = fixed_points.unique(found)
    assert len(points.points) == 1
    long = np.broadcast_to(xs[:1, :1], (1, 400, X))
    later, _ = analysis.trajectory(system, params, long)
    np.testing.assert_allclose(points.points[0], later[0, -1], atol=1e-8)
    noisy = fixed_points.sample(states, 500, noise=0.1)
    near = np.min(
        np.linalg.norm(noisy[:, None] - np.asarray(states).reshape(-1, 2 * H), axis=-1), 1
    )
    spread = np.asarray(states).reshape(-1, 2 * H).std(0)
    assert near.mean() == pytest.approx(0.1 * np.linalg.norm(spread), rel=0.2)


def drift(speed):
    """A unit that moves by `speed` at 0 and faster elsewhere: no fixed point, a slow one."""
    return of_step(lambda params, s, x: s + speed + s**2, zeros(1))


@pytest.mark.parametrize("method", METHODS)
def test_codes_tell_slow_points_from_failures(x64, method):
    starts = np.linspace(-0.4, 0.4, 9)[:, None]
    results = {
        speed: fixed_points.search(drift(speed), (), starts, method=method, outlier=5.0)
        for speed in (1e-4, 1e-2)
    }
    slow, fast = results.values()
    np.testing.assert_allclose(slow.q, 1e-4**2 / 2, rtol=1e-3)
    assert set(slow.code.ravel()) == {Code.SLOW}
    assert set(fast.code.ravel()) == {Code.NOT_CONVERGED}
    kept = fixed_points.unique(slow, same=0.1)
    np.testing.assert_allclose(kept.points, 0, atol=2e-3)
    assert kept.share.tolist() == [0.0]
    nothing = fixed_points.unique(fast)
    assert nothing.points.shape == (0, 1)
    assert nothing.counts["not_converged"].tolist() == [9]


def test_outliers_and_divergence_are_counted_and_left_out(x64):
    far = of_step(lambda params, s, x: 0.5 * s + 10, zeros(1))
    starts = np.array([[0.0], [1.0], [19.5], [np.inf]])
    found = fixed_points.search(far, (), starts, visited=starts[:2], outlier=3.0)
    assert found.code.tolist() == [[Code.OUTLIER] * 3 + [Code.DIVERGED]]
    np.testing.assert_allclose(found.distance[0, :3], 19 / 0.5)
    points = fixed_points.unique(found)
    assert len(points.points) == 0
    assert {k: v.tolist() for k, v in points.counts.items() if v.any()} == {
        "starts": [4],
        "outlier": [3],
        "diverged": [1],
    }
    kept = fixed_points.unique(found, codes=[Code.CONVERGED, Code.OUTLIER])
    np.testing.assert_allclose(kept.points, 20.0)
    visited = fixed_points.search(far, (), starts, visited=starts[:3])
    assert visited.code.tolist() == [[Code.CONVERGED] * 3 + [Code.DIVERGED]]


def test_histogram_counts_every_finite_speed():
    q = np.array([[0.0, 2e-9, 3e-9, 5e-2, np.nan], [1e-3, 2e-3, 2e-3, 2e-3, 2e-3]])
    points = np.zeros((2, 5, 1))
    found = fixed_points.Search(points, q, q, q, q, None, 1.0)
    edges, numbers = fixed_points.histogram(found)
    assert numbers.shape == (2, len(edges) - 1)
    assert numbers.sum(1).tolist() == [4, 5]
    assert numbers[0, 0] == 1
    place = np.searchsorted(edges, 2.5e-9) - 1
    assert edges[place] == pytest.approx(1e-9)
    assert numbers[0, place] == 2
    assert edges[-1] == pytest.approx(0.1)


def ring(params, s, x):
    """A circle of fixed points in the first two of five dimensions; the origin repels."""
    radius = s[0] ** 2 + s[1] ** 2
    return jnp.concatenate([s[:2] * (1.5 - 0.5 * radius), 0.5 * s[2:] + 0.1 * s[0]])


def segment(params, s, x):
    """Fixed points at -1 <= s_0 <= 1; beyond them s_0 falls back to the ends."""
    inside = jnp.clip(s[0], -1, 1)
    return jnp.stack([inside + 0.3 * (s[0] - inside), 0.5 * s[1] + 0.2 * inside, 0.2 * s[2]])


def sheet(params, s, x):
    return jnp.array([1.0, 1.0, 0.3]) * s


@pytest.mark.parametrize(
    ("step", "size", "shape", "extent", "method"),
    [
        (ring, 5, Shape.RING, (2**2 + 3 * 0.4**2) ** 0.5, "newton"),
        (ring, 5, Shape.RING, (2**2 + 3 * 0.4**2) ** 0.5, "adam"),
        (segment, 3, Shape.LINE, (2**2 + 0.8**2) ** 0.5, "newton"),
        (sheet, 3, Shape.SHEET, None, "newton"),
    ],
)
def test_lines_rings_and_sheets_are_told_from_points(x64, step, size, shape, extent, method):
    system = of_step(step, zeros(size))
    found = fixed_points.search(system, (), drawn(200, size), method=method)
    points = fixed_points.unique(found)
    around = fixed_points.stability(system, (), points.points)
    parts = fixed_points.manifolds(points.points, around, scale=points.scale)
    assert len(parts.sizes) == 1
    assert parts.sizes[0] > 100
    member = parts.label == 0
    assert set(parts.shape[member]) == {shape}
    assert (around.kind[member] == Kind.MARGINAL).all()
    if extent:
        assert parts.extents[0] == pytest.approx(extent, rel=0.02)
        assert parts.ends[0] == (0 if shape == Shape.RING else 2)
    if step is ring:
        alone = points.points[~member]
        np.testing.assert_allclose(alone, np.zeros((1, size)), atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(points.points[member, :2], axis=1), 1, atol=1e-6)


def test_a_slow_point_that_is_smeared_by_its_tolerance_is_no_line(x64):
    """A time constant of 1000 steps: within the tolerance points differ, along the slow mode."""
    system = of_step(lambda params, s, x: jnp.array([0.999, 0.5]) * s, zeros(2))
    found = fixed_points.search(system, (), drawn(300, 2), method="adam", tolerance=1e-8)
    points = fixed_points.unique(found)
    assert len(points.points) > 5
    around = fixed_points.stability(system, (), points.points)
    parts = fixed_points.manifolds(points.points, around, scale=points.scale)
    assert set(parts.shape) == {Shape.POINT}


def test_points_of_other_inputs_are_no_neighbours(x64):
    """Each input has one marginal point; together they would make a line."""
    system = of_step(lambda params, s, x: x + 0.995 * (s - x), zeros(1))
    inputs = np.linspace(-1, 1, 20)[:, None]
    found = fixed_points.search(system, (), drawn(10, 1), inputs, outlier=None)
    points = fixed_points.unique(found)
    assert points.counts["kept"].tolist() == [1] * 20
    around = fixed_points.stability(system, (), points.points, points.inputs)
    kinds = [
        fixed_points.manifolds(points.points, around, scale=1.0, group=group).shape[0]
        for group in (points.input, None)
    ]
    assert kinds == [Shape.POINT, Shape.LINE]


def test_linear_flow_is_the_flow_of_a_linear_network_and_near_that_of_others(x64):
    A = np.array([[0.9, 0.3], [-0.2, 0.8]])
    system = of_step(lambda params, s, x: A @ s + 1, zeros(2))
    starts = drawn(B, 2)
    truth, _ = analysis.trajectory(system, (), np.zeros((B, T, 1)), starts)
    elsewhere = np.array([3.0, -1.0])  # not the fixed point: it moves
    flow = fixed_points.linear_flow(elsewhere, A, starts, T, velocity=A @ elsewhere + 1 - elsewhere)
    assert flow.shape == (B, T + 1, 2)
    np.testing.assert_allclose(flow[:, 0], starts)
    np.testing.assert_allclose(flow[:, 1:], truth)


def test_float32_finds_the_same_points():
    found = fixed_points.search(two_units(), (), drawn(200, 2).astype(np.float32))
    points = fixed_points.unique(found)
    assert points.points.dtype == np.float32
    assert len(points.points) == 9
    assert points.share.tolist() == [1.0]
    np.testing.assert_allclose(np.unique(np.abs(points.points).round(4)), [0, 0.9575], atol=1e-4)


def test_wrong_input_is_refused_in_one_line():
    system, starts = two_units(), drawn(5, 2)
    search = lambda *args, **options: fixed_points.search(system, (), *args, **options)
    refused = (
        (lambda: search(starts, method="adams"), "did you mean 'adam'"),
        (lambda: search(starts[:, :1]), r"\(5, 1\); expected \[N, 2\]"),
        (lambda: search(starts, np.float64(1)), r"expected a set \[M, ...\]"),
        (lambda: search(starts[:1]), "outlier=None"),
        (lambda: search(starts, tolerance=0.0), "tolerance=0.0"),
        (lambda: search(starts, tolerance=1e-3), "slow=1e-06"),
        (lambda: search(starts, steps=0), "steps=0"),
        (lambda: fixed_points.sample(starts, 0), "count=0"),
        (lambda: fixed_points.sample(starts, 2, mask=np.zeros(5, bool)), "got states"),
        (lambda: fixed_points.linear_flow(starts[0], np.eye(3), starts, 2), r"\[D, D\]"),
    )
    for call, line in refused:
        with pytest.raises(ValueError, match=line) as error:
            call()
        assert "\n" not in str(error.value)
