"""Errors of a cell against its oracle and finite differences, of an engine against the reference.

The tests compare them with limits, and `python -m experiments.certify` prints them. An oracle is a
module as described in `tests/reference`; all of this needs float64.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import engines, sequence
from lstmx.testing import cells as checks
from lstmx.testing._compare import difference
from lstmx.types import Cell, Params

VALUES, SLOPES = 1e-10, 1e-6
"""Largest allowed errors of values and slopes; a finite difference itself is off by 1e-9."""
SMALL_VALUE, SMALL_SLOPE = 0.01, 0.1
"""Added to the size of a number before an error is divided by it."""
STEP = 1e-5
"""Step of finite differences: about the cube root of the rounding of float64."""


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
    """Random inputs [B, T, spatial..., X]; only cells on grids have spatial axes."""
    spatial = getattr(oracle, "spatial", lambda **options: ())(**options)
    return np.random.default_rng(1).normal(size=(batch_size, length, *spatial, X))


def sample_params(cell: Cell, in_features: int = 3, scale: float = 0.5) -> Params:
    """Random parameters unlike initial ones: no zero biases, no orthogonal matrices."""
    shapes = jax.eval_shape(lambda key: cell.init(key, in_features), jax.random.key(0))
    rng = np.random.default_rng(2)
    return jax.tree.map(lambda leaf: scale * rng.normal(size=leaf.shape), shapes)


def oracle_errors(
    cell: Cell,
    oracle: Any,
    options: Mapping[str, Any],
    *,
    scale: float = 0.5,
    **sizes: int,
) -> Errors:
    """Errors of outputs, gates and states against the oracle, and of gradients against its slopes.

    Args:
        cell: the cell.
        oracle: a module with `run(params, xs, **options)`.
        options: those of the cell, `hidden_size` included.
        scale: of the parameters.
        sizes: of the inputs, as `inputs` names them.

    Raises:
        AssertionError: gates or states that only one of the two has; types other than float64.
    """
    xs, rng = inputs(oracle, options, **sizes), np.random.default_rng(3)
    params = sample_params(cell, xs.shape[-1], scale)
    weights = rng.normal(size=(*xs.shape[:-1], cell.out_features))

    def loss(params: Params) -> Any:
        result = sequence.unroll(cell, params, jnp.asarray(xs), return_trace=True)
        return jnp.sum(weights * result.outputs), result

    graded = jax.jit(jax.value_and_grad(loss, has_aux=True), compiler_options=checks.QUICKLY)
    (_, got), gradient = graded(params)
    assert got.outputs.dtype == np.float64, "expected float64; see lstmx.precision.scope"
    expected = oracle.run(params, xs, **options)
    values = {"outputs": _relative(got.outputs, expected["outputs"], SMALL_VALUE)}
    for kind, arrays in (("gates", got.trace.gates), ("states", got.trace.states._asdict())):
        assert set(arrays) == set(expected[kind]), f"{kind}: {set(arrays) ^ set(expected[kind])}"
        for key, value in expected[kind].items():
            values[f"{kind}: {key}"] = _relative(arrays[key], value, SMALL_VALUE)

    leaves, tree = jax.tree.flatten(params)
    slopes = {}
    for k, (path, slope) in enumerate(jax.tree.leaves_with_path(gradient)):
        direction = rng.normal(size=slope.shape)

        def at(by: float, k: int = k, direction: np.ndarray = direction) -> Any:
            shifted = [a + by * direction if j == k else a for j, a in enumerate(leaves)]
            changed = jax.tree.unflatten(tree, shifted)
            return np.sum(weights * oracle.run(changed, xs, **options)["outputs"])

        quotient = (at(STEP) - at(-STEP)) / (2 * STEP)
        slopes[jax.tree_util.keystr(path)] = _relative(
            np.vdot(slope, direction), quotient, SMALL_SLOPE
        )
    return Errors(values, slopes)


def engine_errors(cell: Cell, xs: np.ndarray) -> dict[str, tuple[float, float] | str]:
    """Engine -> largest difference to the reference engine in (values, gradients), or its refusal.

    With resets, masked steps and the trace; differences are relative to an array's largest entry.
    """
    params = jax.tree.map(jnp.asarray, sample_params(cell, xs.shape[-1]))
    state = cell.initial_state(params, (xs.shape[0], *xs.shape[2:-1]))
    case = checks.Case(cell, params, jnp.asarray(xs), state, jax.random.key(0))
    now = (params, case.xs, state, *checks.resets_and_mask(*xs.shape[:2]))
    (_, values), gradients = checks.compiled(case, "scan")[0](*now)
    errors: dict[str, tuple[float, float] | str] = {}
    for name in engines.names():
        refusal = engines.refusal(name, cell, resets=True, mask=True, return_trace=True)
        if name == "scan" or refusal:
            errors.update({name: refusal} if refusal else {})
            continue
        (_, got), slopes = checks.compiled(case, name)[0](*now)
        pairs = ((got, values), (slopes, gradients))
        of_values, of_gradients = (
            max(difference(a, b) for a, b in zip(*map(jax.tree.leaves, pair))) for pair in pairs
        )
        errors[name] = (of_values, of_gradients)
    return errors


def _relative(got: Any, expected: Any, small: float) -> float:
    assert np.shape(got) == np.shape(expected), f"{np.shape(got)}, not {np.shape(expected)}"
    got, expected = np.asarray(got), np.asarray(expected)
    finite = np.isfinite(expected)
    if not np.array_equal(got[~finite], expected[~finite]):  # a stabiliser starts at -inf
        return float("inf")
    error = np.abs(got[finite] - expected[finite]) / (np.abs(expected[finite]) + small)
    return float(np.max(error, initial=0.0))
