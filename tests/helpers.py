"""Small cells and comparisons that several test files share."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

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

    def project(params, x):
        return jnp.einsum("...x,xgh->...gh", x, params["W"]) + params["b"]

    def recur(params, state, u):
        return u + jnp.einsum("...h,hgk->...gk", state.h, params["R"])

    def update(params, state, a, noise=()):
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

    cell = Cell(init, initial_state, project, recur, update, hidden_size, ("i", "z"))
    return cell._replace(prepare=prepare) if noise else cell


def close(got, expected, rtol=1e-5, atol=1e-6):
    """Two pytrees are equal but for the rounding of float32 (about 1e-7 per step of T = 7)."""
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected)):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
