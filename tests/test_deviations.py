"""Where published code departs from its equations, ours does not: one known answer for each slip.

The oracles would notice too; here each slip has a name. Sums are set by biases alone, so that every
expected value is a line of arithmetic.
"""

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from lstmx import cells, unroll

OPEN, SHUT = 50.0, -50.0  # sigma of it is 1 or 0 in float32


def sigma(v):
    return 1 / (1 + np.exp(-v))


def biased(cell, blocks, **sums):
    """Parameters that are zero but for biases, by block: these are the pre-activations."""
    shapes = jax.eval_shape(lambda key: cell.init(key, 1), jax.random.key(0))
    params = {name: np.zeros(leaf.shape, np.float32) for name, leaf in shapes.items()}
    for block, value in sums.items():
        params["b"][blocks.index(block)] = value
    return params


def after(cell, params, **state):
    """State and gates of one unit after a step without input from this state."""
    before = cell.initial_state(params, (1,))
    before = before._replace(**{name: jnp.full((1, 1), value) for name, value in state.items()})
    new, _, gates = cell.step(params, before, jnp.zeros((1, 1)))
    return {k: np.asarray(v).item() for k, v in (new._asdict() | dict(gates)).items()}


def test_output_peephole_sees_the_new_cell():
    """A library documents p_o c' and feeds c."""
    cell = cells.make("lstm", hidden_size=1, variant="V")
    params = biased(cell, "ifzo", i=OPEN, f=SHUT, z=OPEN) | {"p_o": np.full(1, 2.0)}
    assert after(cell, params, c=-3.0)["o"] == pytest.approx(sigma(2.0), rel=1e-6)


@pytest.mark.parametrize(("convention", "kept"), [("paper", 1 - sigma(2.0)), ("flax", sigma(2.0))])
def test_mgu_gate_overwrites_in_the_paper_and_keeps_in_flax(convention, kept):
    """A library documents (1 - f) h + f n and computes the other."""
    cell = cells.make("mgu", hidden_size=1, convention=convention)
    got = after(cell, biased(cell, "fn", f=2.0), h=0.5)
    assert got["h"] == pytest.approx(0.5 * kept, rel=1e-6)


def test_mgu_in_flax_convention_equals_flax():
    cell = cells.make("mgu", hidden_size=5, convention="flax", reset="after")
    rng = np.random.default_rng(0)
    params = {
        name: jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype)
        for name, leaf in cell.init(jax.random.key(0), 3).items()
    }
    theirs = {}
    for k, gate in enumerate("fn"):
        theirs[f"i{gate}"] = {"kernel": params["W"][:, k], "bias": params["b"][k]}
        theirs[f"h{gate}"] = {"kernel": params["R"][:, k]}
    theirs["hn"]["bias"] = params["b_hn"]
    h, x = (jnp.asarray(rng.normal(size=(2, size)), jnp.float32) for size in (5, 3))
    expected, _ = flax.linen.MGUCell(5).apply({"params": theirs}, h, x)
    new, _, _ = cell.step(params, cell.initial_state(params, (2,))._replace(h=h), x)
    np.testing.assert_allclose(new.h, expected, rtol=1e-5, atol=1e-6)  # float32


def test_lem_has_a_time_step_for_each_of_its_states():
    """A documentation has one for both."""
    cell = cells.make("lem", hidden_size=1)
    params = biased(cell, ("dt1", "dt2", "z", "y"), dt1=OPEN, dt2=SHUT, z=OPEN, y=OPEN)
    got = after(cell, params, y=0.25, z=0.5)
    assert (got["y"], got["z"]) == pytest.approx((1.0, 0.5))


def test_lem_output_sees_the_new_memory():
    cell = cells.make("lem", hidden_size=1)
    params = biased(cell, ("dt1", "dt2", "z", "y"), dt1=OPEN, dt2=OPEN, z=OPEN)
    params["R"][:, 3] = 0.5
    assert after(cell, params, z=-1.0)["y"] == pytest.approx(np.tanh(0.5), rel=1e-6)


def test_cornn_is_damped_by_the_old_velocity():
    """Damped by the new one, v' would be v / (1 + dt epsilon)."""
    cell = cells.make("cornn", hidden_size=1, dt=0.1, gamma=1.0, epsilon=3.0)
    got = after(cell, biased(cell, "z"), v=1.0)
    assert (got["v"], got["h"]) == pytest.approx((0.7, 0.07), rel=1e-6)


def test_gru_has_a_bias_of_its_own_inside_the_reset():
    """A layer documents b_hn and has none."""
    cell = cells.make("gru", hidden_size=1)
    params = biased(cell, "run", r=OPEN, u=SHUT, n=0.25) | {"b_hn": np.full(1, 0.5)}
    assert after(cell, params)["n"] == pytest.approx(np.tanh(0.75), rel=1e-6)
    params["b"][0] = SHUT
    assert after(cell, params)["n"] == pytest.approx(np.tanh(0.25), rel=1e-6)


@pytest.mark.parametrize(("name", "blocks"), [("lstm", "ifzo"), ("gru", "run"), ("ugrnn", "gc")])
def test_gates_are_returned_after_their_activation(name, blocks):
    """A library returns pre-activations under the names of the gates."""
    cell = cells.make(name, hidden_size=1)
    got = after(cell, biased(cell, blocks, **dict.fromkeys(blocks, 3.0)))
    for gate in cell.gates:
        expected = np.tanh(3.0) if gate in "zcn" else sigma(3.0)
        assert got[gate] == pytest.approx(expected, rel=1e-6), gate


def test_cells_are_clipped_only_where_asked_for():
    """A library clips cells at 3 by default."""
    for clip, expected in ((0.0, 100.0), (3.0, 3.0)):
        cell = cells.make("lstm", hidden_size=1, cell_clip=clip)
        got = after(cell, biased(cell, "ifzo", i=SHUT, f=OPEN), c=100.0)
        assert got["c"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["mut1", "mut2"])
def test_mutated_unit_refuses_a_raw_input_of_another_width(name):
    """The papers' equations add inputs to units; where they cannot, others learn in silence."""
    cell = cells.make(name, hidden_size=5, input="raw")
    with pytest.raises(ValueError, match="input='raw' adds 3 inputs to 5 units"):
        cell.init(jax.random.key(0), 3)
    learned, raw = (
        cells.make(name, hidden_size=5).init(jax.random.key(0), width)["W"].shape
        for width in (3, 5)
    )
    assert (learned, raw) == ((3, 3, 5), (5, 2, 5))


@pytest.mark.slow
def test_jacobian_of_a_step_is_of_the_whole_state(x64):
    """A tool takes d h' / d h at fixed c for the Jacobian of the LSTM's step, which is 2 H wide."""
    cell = cells.make("lstm", hidden_size=2)
    params = jax.tree.map(lambda a: a.astype(float), cell.init(jax.random.key(0), 1))
    xs = jnp.ones((1, 3, 1))
    flat, restore = ravel_pytree(cell.initial_state(params, (1,)))

    def after(steps, flat):
        return ravel_pytree(unroll(cell, params, xs[:, :steps], restore(flat)).state)[0]

    jacobian = jax.jacfwd(after, argnums=1)
    product, state = jnp.eye(4), flat
    for _ in range(3):
        product = jacobian(1, state) @ product
        state = after(1, state)
    np.testing.assert_allclose(jacobian(3, flat), product, rtol=1e-12)
    alone = jacobian(1, flat)[2:, 2:]
    assert not np.allclose(product[2:, 2:], alone @ alone @ alone, rtol=0.1)
