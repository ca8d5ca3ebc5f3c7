"""The unroll as a Python loop over `step`, which `lstmx.sequence.unroll` must equal."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from lstmx.types import Array, Cell, Params, State, Trace, Unrolled

QUICKLY = {"xla_backend_optimization_level": 0}
"""Compiler options for programs that run a few times on few numbers: half the time to compile."""


def loop(
    cell: Cell, params: Params, xs: Any, state: State, key: Array
) -> Callable[[Any, Any], Unrolled]:
    """Unroll a cell step by step, in NumPy but for the steps, which are compiled once.

    Args:
        xs: inputs [B, T, ...].
        state: the state before the first step.
        key: the key of the cell's noise.

    Returns:
        (resets, mask), [B, T] bool -> outputs, last state and trace, batch axis first.
    """
    length = jax.tree.leaves(xs)[0].shape[1]
    params, noise = cell.prepare(params, key, batch_shape(xs), length)
    initial, xs, noise = jax.tree.map(
        np.asarray, (cell.initial_state(params, batch_shape(xs)), xs, noise)
    )
    one = jax.jit(functools.partial(cell.step, params), compiler_options=QUICKLY)
    start = jax.tree.map(np.asarray, state)

    def run(resets: Any, mask: Any) -> Unrolled:
        state = start
        outputs, states, gates = [], [], []
        for t in range(length):
            state = _where(resets[:, t], initial, state)
            x, now = jax.tree.map(lambda a, t=t: a[:, t], (xs, noise))
            new, y, g = one(state, x, now)
            state = _where(mask[:, t], new, state)
            y, g = _where(mask[:, t], (y, g), jax.tree.map(np.zeros_like, (y, g)))
            outputs.append(y)
            states.append(state)
            gates.append(g)
        series = lambda steps: jax.tree.map(lambda *a: np.stack(a, axis=1), *steps)
        return Unrolled(series(outputs), state, Trace(series(states), series(gates)))

    return run


def batch_shape(xs: Any) -> tuple[int, ...]:
    """Batch and spatial axes of inputs [B, T, spatial..., X]."""
    shape = max(jax.tree.leaves(xs), key=lambda a: a.ndim).shape
    return (shape[0], *shape[2:-1])


def _where(condition: np.ndarray, a: Any, b: Any) -> Any:
    pick = lambda a, b: np.stack([a[k] if true else b[k] for k, true in enumerate(condition)])
    return jax.tree.map(lambda a, b: pick(np.asarray(a), np.asarray(b)), a, b)
