"""The truncated gradient of 1997 is the one that the paper computes forwards in time.

Hochreiter & Schmidhuber 1997, appendix A.1: no error goes back. Each weight into a cell or an input
gate carries along what it has done to the cells so far, ds/dw, and meets the error of every step
with it; weights into output gates and output units meet only the error of their own step.
"""

import jax
import jax.numpy as jnp
import numpy as np
from helpers import T, X

from lstmx import cells
from lstmx.cells import _gates
from lstmx.sequence import unroll

H, S, Y = 6, 2, 3
BLOCKS = {"i": H // S, "z": H, "o": H // S}


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def forwards(W, R, b, V, xs, targets):
    """Gradients of half the squared error of sigmoid(V h) in W, R, b and V, as the paper has them.

    W [X, 12], R [12, 12] and b [12] hold i, z, o side by side; V [H, Y]; xs [T, X].
    """
    i_, z_, o_ = slice(0, 3), slice(3, 9), slice(9, 12)
    spread = lambda gate: np.repeat(gate, S)
    by_block = lambda v: v.reshape(H // S, S, *v.shape[1:]).sum(1)
    weights = np.concatenate([W, R, b[None]])  # all that a unit sees: x, q and 1
    seen = np.zeros(len(weights))
    seen[-1] = 1
    c = np.zeros(H)
    of_z, of_i = np.zeros((H, len(weights))), np.zeros((H, len(weights)))  # dc/dw
    total, total_V = np.zeros_like(weights), np.zeros_like(V)
    for x, target in zip(xs, targets):
        seen[: len(x)] = x
        a = seen @ weights
        i, z, o = sigmoid(a[i_]), 4 * sigmoid(a[z_]) - 2, sigmoid(a[o_])
        dz = 4 * sigmoid(a[z_]) * (1 - sigmoid(a[z_]))
        of_z = of_z + np.outer(spread(i) * dz, seen)
        of_i = of_i + np.outer(z * spread(i * (1 - i)), seen)
        c = c + spread(i) * z
        squashed = 2 * sigmoid(c) - 1
        h = spread(o) * squashed
        y = sigmoid(h @ V)
        delta = (y - target) * y * (1 - y)
        total_V += np.outer(h, delta)
        error = V @ delta  # of h
        total[:, o_] += np.outer(seen, by_block(error * squashed) * o * (1 - o))
        of_cell = error * spread(o) * (1 - squashed**2) / 2
        total[:, z_] += (of_cell[:, None] * of_z).T
        total[:, i_] += by_block(of_cell[:, None] * of_i).T
        seen[len(x) : -1] = np.concatenate([h, i, o])
    return total[: W.shape[0]], total[W.shape[0] : -1], total[-1], total_V


def test_truncated_gradient_is_the_papers_forward_recursion(x64):
    cell = cells.make("lstm1997", hidden_size=H, block_size=S, weight_range=0.8, truncated=True)
    random = np.random.default_rng(0)
    params = jax.tree.map(lambda a: a.astype(float), cell.init(jax.random.key(0), X))
    V = random.normal(size=(H, Y))
    xs, targets = random.normal(size=(T, X)), random.uniform(size=(T, Y))

    def loss(params, V):
        h = unroll(cell, params, jnp.asarray(xs)[None]).outputs[0]
        return jnp.sum((jax.nn.sigmoid(h @ V) - targets) ** 2) / 2

    mine, mine_V = jax.jit(jax.grad(loss, (0, 1)))(params, V)
    assert [v.shape[-1] for v in _gates.split(params["b"], BLOCKS).values()] == [3, 6, 3]
    theirs = forwards(*(np.asarray(params[k]) for k in ("W", "R", "b")), V, xs, targets)
    for name, expected in zip("WRb", theirs):
        np.testing.assert_allclose(mine[name], expected, rtol=1e-10, atol=1e-12, err_msg=name)
    np.testing.assert_allclose(mine_V, theirs[3], rtol=1e-10)
