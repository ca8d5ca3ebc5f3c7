"""Small cells and comparisons that several test files share."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr

from lstmx.types import Array, Cell

B, T, H, X = 2, 7, 5, 3


class PairState(NamedTuple):
    """c: a leaking sum, h: the output; both [B, H]."""

    c: Array
    h: Array


def leaky(hidden_size=H, *, noise=0.0, start=0.25):
    """A gated cell with two state leaves and an initial state that is not zero.

    i = sigma(a_i)  z = tanh(a_z)  c' = (1 - i) c + i z + noise  h = c' + 0.1 h
    """

    def init(key, in_features):
        key_w, key_r = jax.random.split(key)
        return {
            "W": jax.random.normal(key_w, (in_features, 2, hidden_size)) / 2,
            "R": jax.random.normal(key_r, (hidden_size, 2, hidden_size)) / 2,
            "b": jnp.full((2, hidden_size), 0.1),
        }

    def initial_state(params, batch_shape):
        c = jnp.full((*batch_shape, hidden_size), start, params["b"].dtype)
        return PairState(c, jnp.zeros_like(c))

    def step(params, state, x, noise=()):
        a = jnp.einsum("...x,xgh->...gh", x, params["W"]) + params["b"]
        a = a + jnp.einsum("...h,hgk->...gk", state.h, params["R"])
        i, z = jax.nn.sigmoid(a[..., 0, :]), jnp.tanh(a[..., 1, :])
        c = (1 - i) * state.c + i * z
        if not isinstance(noise, tuple):
            c = c + noise
        h = c + 0.1 * state.h
        return PairState(c, h), h, {"i": i, "z": z}

    def prepare(params, key, batch_shape, length):
        if key is None:
            return params, ()
        drawn = jax.random.normal(key, (batch_shape[0], length, *batch_shape[1:], hidden_size))
        return params, noise * drawn

    cell = Cell(init, initial_state, step, hidden_size, ("i", "z"), output="h")
    return cell._replace(prepare=prepare) if noise else cell


def close(got, expected, rtol=1e-5, atol=1e-6):
    """Two pytrees are equal but for the rounding of float32 (about 1e-7 per step of T = 7)."""
    for path, a, b in _pairs(got, expected):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=path)


def near(got, expected, tolerance):
    """Every array is within the tolerance times its largest entry, or 1 if that is larger."""
    for path, a, b in _pairs(got, expected):
        size = np.abs(b).max(initial=1.0)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * size, err_msg=path)


def same(got, expected):
    """Two pytrees are equal bit for bit."""
    for path, a, b in _pairs(got, expected):
        np.testing.assert_array_equal(a, b, err_msg=path)


def _pairs(got, expected):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for (path, a), b in zip(jax.tree.leaves_with_path(got), jax.tree.leaves(expected)):
        yield jax.tree_util.keystr(path), np.asarray(a), np.asarray(b)


def weighed(tree):
    """A number on which every entry of every leaf bears in another way."""
    return sum(
        jnp.sum(jnp.cos(jnp.arange(a.size) + k).reshape(a.shape) * a)
        for k, a in enumerate(jax.tree.leaves(tree))
    )


def equations(jaxpr):
    """All equations of a program, those of inner programs too."""
    for equation in jaxpr.eqns:
        yield equation
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda a: isinstance(a, Jaxpr | ClosedJaxpr)
        ):
            if isinstance(inner, Jaxpr | ClosedJaxpr):
                yield from equations(getattr(inner, "jaxpr", inner))


def echo(features):
    """A cell whose output is its input: shows what a layer is handed."""
    zeros = lambda params, batch_shape: jnp.zeros((*batch_shape, features))
    return Cell(
        init=lambda key, in_features: {},
        initial_state=zeros,
        step=lambda params, state, x, noise=(): (x, x, {}),
        out_features=features,
    )


def by_hand(cell, params, xs, state=None, *, resets=None, mask=None, noise=(), reverse=False):
    """Outputs, last state, states and gates by a Python loop over examples and steps.

    Where an example has no step at t, the loop just passes by: this is the compacted sequence.
    """
    state = cell.initial_state(params, (len(xs),)) if state is None else state
    cell = cell._replace(step=jax.jit(cell.step))  # one program, not one for each of its operations
    rows = [_row(cell, params, xs, state, resets, mask, noise, reverse, b) for b in range(len(xs))]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *rows)


def _row(cell, params, xs, state, resets, mask, noise, reverse, b):
    pick = lambda tree, *index: jax.tree.map(lambda a: a[index][None], tree)
    fresh, state = cell.initial_state(params, (1,)), pick(state, b)
    steps = range(xs.shape[1])
    outputs, states, gates = {}, {}, {}
    nothing = jax.tree.map(jnp.zeros_like, cell.step(params, fresh, pick(xs, b, 0))[1:])
    for t in reversed(steps) if reverse else steps:
        if resets is not None and resets[b, t] and not reverse:
            state = fresh
        outputs[t], gates[t] = nothing
        if mask is None or mask[b, t]:
            state, outputs[t], gates[t] = cell.step(
                params, state, pick(xs, b, t), pick(noise, b, t)
            )
        states[t] = state
        # From the right, the border between t - 1 and t is met after t; there is none before 0.
        if resets is not None and resets[b, t] and reverse and t:
            states[t], state = state, fresh
    series = lambda by_time: jax.tree.map(lambda *a: jnp.stack(a, 1), *(by_time[t] for t in steps))
    return series(outputs), state, series(states), series(gates)
