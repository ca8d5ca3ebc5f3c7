"""The networks of 1997 to 2002 have as many weights as their papers say, and the papers' gradient.

Hochreiter & Schmidhuber 1997, section 5; Gers, Schmidhuber & Cummins 2000, section 4; Gers,
Schraudolph & Schmidhuber 2002, section 4. A network is inputs, memory blocks and output units, each
of which sees the cells and, in some networks, the inputs as well ("shortcut"). Our readout has a
bias and no shortcut, so what a paper's output units have less or more is stated with each network.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, T, X

from lstmx import cells, models
from lstmx.sequence import unroll


def network(name, inputs, outputs, *, output_bias=True, shortcut=False, **options):
    """The number of weights of a whole network."""
    cell = cells.make(name, **options)
    model = models.sequence_model(cell, inputs, outputs)
    params = jax.eval_shape(model.init, jax.random.key(0))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return count - (not output_bias) * outputs + shortcut * inputs * outputs


REBER = {"biases": "gates", "output_bias": False}
LONG_LAG = {
    "hidden_size": 1,
    "output_gate": False,
    "recurrence": "none",
    "biases": "none",
    "output_bias": False,
    "shortcut": True,
}
DISTRACTORS = {"hidden_size": 2, "biases": "none", "output_bias": False}
PUBLISHED = {
    "1997-1-4x1": ("lstm1997", 7, 7, REBER | {"hidden_size": 4}, 264),
    "1997-1-3x2": ("lstm1997", 7, 7, REBER | {"hidden_size": 6, "block_size": 2}, 276),
    "1997-2a": ("lstm1997", 101, 101, LONG_LAG, 10504),
    "1997-2c-50": ("lstm1997", 54, 2, DISTRACTORS, 364),
    "1997-2c-100": ("lstm1997", 104, 2, DISTRACTORS, 664),
    "1997-2c-200": ("lstm1997", 204, 2, DISTRACTORS, 1264),
    "1997-2c-500": ("lstm1997", 504, 2, DISTRACTORS, 3064),
    "1997-2c-1000": ("lstm1997", 1004, 2, DISTRACTORS, 6064),
    "1997-3": ("lstm1997", 1, 1, {"hidden_size": 3, "output_bias": False}, 102),
    "1997-4": ("lstm1997", 2, 1, {"hidden_size": 4, "block_size": 2}, 93),
    "1997-6a": ("lstm1997", 8, 4, {"hidden_size": 4, "block_size": 2}, 156),
    "1997-6b": ("lstm1997", 8, 8, {"hidden_size": 6, "block_size": 2}, 308),
    "2000-1": ("lstm2000", 7, 7, {"hidden_size": 8, "block_size": 2, "shortcut": True}, 424),
    "2002": ("lstm2002", 1, 1, {"hidden_size": 1}, 17),
}
"""Network -> cell, inputs, outputs, options, weights as published."""


@pytest.mark.parametrize(
    ("name", "inputs", "outputs", "options", "published"), PUBLISHED.values(), ids=PUBLISHED
)
def test_network_has_the_published_number_of_weights(name, inputs, outputs, options, published):
    assert network(name, inputs, outputs, **options) == published


@pytest.mark.parametrize(
    ("name", "kept"), [("lstm1997", False), ("lstm2000", True), ("lstm2002", True)]
)
def test_truncated_gradient_goes_back_in_time_through_the_cells_alone(x64, strict, name, kept):
    """From the last output to the first c: o g_out'(c_T) times the forget gates, and nothing else.

    The values are those of the same cell with its complete gradient.
    """
    options = {"hidden_size": 4, "block_size": 2, "recurrence": "all"}
    options |= {"weight_range": 0.9, "output_activation": "identity"}
    whole, cut = (cells.make(name, **options, truncated=truncated) for truncated in (False, True))
    params = whole.init(jax.random.key(0), X)
    xs = jnp.asarray(np.random.default_rng(1).normal(size=(B, T, X)))
    start = jax.tree.map(lambda a: a + 0.3, whole.initial_state(params, (B,)))

    def last(cell, state):
        result = unroll(cell, params, xs, state, return_trace=True)
        return result.outputs[:, -1].sum(), result

    run = lambda cell: jax.jit(
        lambda state: jax.value_and_grad(lambda s: last(cell, s), has_aux=True)(state),
    )(start)
    ((_, complete), full), ((_, result), slopes) = run(whole), run(cut)
    np.testing.assert_allclose(result.outputs, complete.outputs, rtol=1e-12)
    gates = result.trace.gates
    decay = np.prod(gates["f"], axis=1) if kept else 1.0
    expected = np.repeat(gates["o"][:, -1] * decay, 2, axis=-1)
    np.testing.assert_allclose(slopes.c, expected, rtol=1e-10)
    for before in slopes[1:]:  # h and the gates
        np.testing.assert_array_equal(before, 0)
    assert np.all(full.h != 0)
    assert np.max(np.abs(full.c - expected)) > 1e-3
