"""The benchmark of analyses: its loops compute the same, and a part of the work is scaled."""

import time

import numpy as np
import pytest

from experiments.benchmarks import loops, peers
from experiments.benchmarks.tables import Settings
from experiments.benchmarks.tables import analysis as table
from lstmx.analysis import jacobians, lyapunov

SIZES = table.QUICK


def test_jacobian_by_hand_is_that_of_the_cell():
    system, params, weights = table._network(SIZES.H, 2.0)
    s = np.random.default_rng(1).normal(size=system.size).astype(np.float32)
    x = table._inputs(1, 1)[0, 0]
    after, J = loops.jacobian(weights, s, x)
    np.testing.assert_allclose(J, jacobians.state(system, params, s, x), atol=1e-6)
    np.testing.assert_allclose(after, system.step(params, s, x)[0], atol=1e-6)


def exponents():
    """(exponents of lstmx, arguments of the loops)."""
    system, params, weights = table._network(SIZES.H, 1.0)
    xs = table._inputs(1, 30)
    tangents = np.random.default_rng(0).standard_normal((system.size, system.size))
    start = np.linalg.qr(tangents)[0].astype(np.float32)
    expected = lyapunov.spectrum(system, params, xs, qr_every=2, check=False).exponents[0]
    return expected, (weights, xs[0], 2, start)


def test_loops_compute_what_lstmx_does():
    expected, given = exponents()
    np.testing.assert_allclose(loops.lyapunov(*given), expected, atol=1e-3)
    ours, loop = table._newton(SIZES).values()
    np.testing.assert_allclose(loop.compute(), ours.compute(), atol=table.AGREED)


@pytest.mark.slow  # imports torch
@pytest.mark.skipif(peers.missing("torch"), reason="needs torch; lstmx[peers] brings it")
def test_torch_computes_what_lstmx_does():
    from experiments.benchmarks.peers import torch_dynamics

    expected, given = exponents()
    np.testing.assert_allclose(torch_dynamics.lyapunov(*given), expected, atol=1e-3)
    ours, torch = table._descents(SIZES).values()
    np.testing.assert_allclose(torch.compute(), ours.compute(), atol=1e-3)


def made(sizes):
    return {
        "lstmx": table.Contestant(lambda: np.ones(3)),
        "part": table.Contestant(lambda: time.sleep(0.01) or np.ones(2), 0.5),
        "wrong": table.Contestant(lambda: np.zeros(2)),
        "absent": peers.MISSING,
    }


def test_a_part_is_scaled_and_what_differs_is_not_timed():
    rows = {row.name: row for row in table.measure("spectrum", made, SIZES, "H=5", 1)}
    assert 20 <= rows["part"].times.minimum < 200
    assert rows["part"].over_lstmx.minimum > 1
    assert rows["wrong"].times == "not measured: differs from lstmx by 1"
    page = table.markdown(list(rows.values()))
    assert page.endswith("- absent: not installed")
    line = next(line for line in page.splitlines() if "| part" in line.replace("  ", ""))
    assert "50 %" in line
    assert set(table.figures(list(rows.values()))) == {"analysis"}


@pytest.mark.parametrize(("quick", "hidden"), [(True, "H=5"), (False, "H=128")])
def test_parts_name_what_they_compute(quick, hidden):
    parts = table.parts(Settings("cpu", quick, 10))
    assert [part.name for part in parts] == ["spectrum", "search, Newton", "search, descent"]
    assert hidden in parts[0].measure.args[3]
