"""How far a cell is from its oracle, from finite differences, and an engine from the reference.

What the tests hold against a limit, and `python -m experiments.certify` prints. An oracle is a
module as `tests/reference` describes it; all of this belongs into float64.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import engines, sequence
from lstmx.testing import cells as questions
from lstmx.types import Cell, Params

VALUES, SLOPES = 1e-10, 1e-6
"""Largest errors: of values; and of slopes, of which a finite difference itself has 1e-9."""
SMALL_VALUE, SMALL_SLOPE = 0.01, 0.1
"""What is added to the size of a number before an error is divided by it."""
STEP = 1e-5
"""Of finite differences: about the cube root of the rounding of float64."""


class Errors(NamedTuple):
    """Largest relative errors by name.

    Attributes:
        values: "outputs", "gates: i", "states: c", ... -> error.
        slopes: path of a parameter -> error of the derivative along a random direction.
    """

    values: dict[str, float]
    slopes: dict[str, float]


def inputs(
    oracle: Any, options: Mapping[str, Any], *, batch_size: int = 2, length: int = 7, X: int = 3
) -> np.ndarray:
    """Inputs [B, T, spatial..., X]; only cells on grids have spatial axes."""
    spatial = getattr(oracle, "spatial", lambda **options: ())(**options)
    return np.random.default_rng(1).normal(size=(batch_size, length, *spatial, X))


def drawn(cell: Cell, in_features: int = 3) -> Params:
    """Parameters that are far from any start: no zero biases, no orthogonal matrices."""
    shapes = jax.eval_shape(lambda key: cell.init(key, in_features), jax.random.key(0))
    rng = np.random.default_rng(2)
    return jax.tree.map(lambda leaf: 0.5 * rng.normal(size=leaf.shape), shapes)


def oracle_errors(cell: Cell, oracle: Any, options: Mapping[str, Any]) -> Errors:
    """Outputs, gates and states against the oracle, gradients against differences of it.

    Args:
        options: those of the cell, `hidden_size` included.

    Raises:
        AssertionError: gates or states that only one of the two has; no float64.
    """
    xs, params, rng = inputs(oracle, options), drawn(cell), np.random.default_rng(3)
    weights = rng.normal(size=(*xs.shape[:-1], cell.out_features))

    def loss(params: Params) -> Any:
        result = sequence.unroll(cell, params, jnp.asarray(xs), return_trace=True)
        return jnp.sum(weights * result.outputs), result

    graded = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=questions.QUICKLY)
    (_, got), gradient = graded(params)
    assert got.outputs.dtype == np.float64, "expected float64; see lstmx.precision.scope"
    expected = oracle.run(params, xs, **options)
    values = {"outputs": _relative(got.outputs, expected["outputs"], SMALL_VALUE)}
    for kind, found in (("gates", got.trace.gates), ("states", got.trace.states._asdict())):
        assert set(found) == set(expected[kind]), f"{kind}: {set(found) ^ set(expected[kind])}"
        for key, value in expected[kind].items():
            values[f"{kind}: {key}"] = _relative(found[key], value, SMALL_VALUE)

    leaves, tree = jax.tree.flatten(params)
    slopes = {}
    for k, (path, slope) in enumerate(jax.tree.leaves_with_path(gradient)):
        direction = rng.normal(size=slope.shape)

        def at(by: float, k: int = k, direction: np.ndarray = direction) -> Any:
            moved = [a + by * direction if j == k else a for j, a in enumerate(leaves)]
            changed = jax.tree.unflatten(tree, moved)
            return np.sum(weights * oracle.run(changed, xs, **options)["outputs"])

        quotient = (at(STEP) - at(-STEP)) / (2 * STEP)
        slopes[jax.tree_util.keystr(path)] = _relative(
            np.vdot(slope, direction), quotient, SMALL_SLOPE
        )
    return Errors(values, slopes)


def engine_errors(cell: Cell, xs: np.ndarray) -> dict[str, tuple[float, float] | str]:
    """Engine -> largest difference to the reference engine in (values, gradients), or its refusal.

    With resets, masked steps and a collected trace, relative to the largest entry of an array.
    """
    params = jax.tree.map(jnp.asarray, drawn(cell, xs.shape[-1]))
    state = cell.initial_state(params, (xs.shape[0], *xs.shape[2:-1]))
    case = questions.Case(cell, params, jnp.asarray(xs), state, jax.random.key(0))
    now = (params, case.xs, state, *questions.resets_and_mask(*xs.shape[:2]))
    (_, values), gradients = questions.compiled(case, "scan")[0](*now)
    found: dict[str, tuple[float, float] | str] = {}
    for name in engines.names():
        refusal = engines.refusal(name, cell, resets=True, mask=True, return_trace=True)
        if name == "scan" or refusal:
            found.update({name: refusal} if refusal else {})
            continue
        (_, got), slopes = questions.compiled(case, name)[0](*now)
        pairs = ((got, values), (slopes, gradients))
        of_values, of_gradients = (
            max(questions.difference(a, b) for a, b in zip(*map(jax.tree.leaves, pair)))
            for pair in pairs
        )
        found[name] = (of_values, of_gradients)
    return found


def _relative(got: Any, expected: Any, small: float) -> float:
    assert np.shape(got) == np.shape(expected), f"{np.shape(got)}, not {np.shape(expected)}"
    got, expected = np.asarray(got), np.asarray(expected)
    there = np.isfinite(expected)
    if not np.array_equal(got[~there], expected[~there]):  # a stabiliser starts at -inf
        return float("inf")
    error = np.abs(got[there] - expected[there]) / (np.abs(expected[there]) + small)
    return float(np.max(error, initial=0.0))
