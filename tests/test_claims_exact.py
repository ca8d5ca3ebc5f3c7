"""Claims that need no training, exactly: what published networks weigh, what cells keep at first.

Only what no other test checks. Weight counts of the cells with their networks' formulas are in
`test_weight_counts.py`, those of the nine variants, variants as special cases of one another and
sigma(b_f)^T of the LSTM in `test_lstm.py`, the range of chrono biases in `test_initializers.py`,
trivial baselines against simulations with each task (`test_tasks*.py`, `test_data.py`), and
unroll = loop = oracle with finite differences in `test_scan.py`, `test_cells.py` and the
certificate.
"""

import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import _recipe
from lstmx import cells
from lstmx.sequence import unroll

FOLDER = Path(__file__).parents[1] / "configs" / "papers"
EXACT = {
    claim.name: claim
    for path in sorted(FOLDER.glob("*.py"))
    for claim in _recipe.claims(path)
    if not claim.trains and not claim.lacks
}
KEEPS = {
    "lstm1997": ({}, "c", None),
    "NFG": ({"variant": "NFG"}, "c", None),
    "V": ({"variant": "V", "forget_bias": 2.0}, "c", 2.0),
    "CIFG": ({"variant": "CIFG", "forget_bias": 2.0}, "c", 2.0),
    "gru": ({"update_bias": 2.0}, "h", 2.0),
    "janet": ({"forget_bias": 2.0}, "c", 2.0),
    "ugrnn": ({"update_bias": 2.0}, "h", 2.0),
}
"""Cell, or variant of the LSTM -> options, the leaf that remembers, the bias that keeps it."""


@pytest.mark.parametrize("claim", EXACT.values(), ids=EXACT)
def test_claim_that_trains_nothing_holds(claim):
    """The networks that the recipes of the papers train have the printed numbers of weights."""
    values = claim.measure([])
    assert claim.criterion.holds(values, claim.published), f"{values}, published {claim.published}"


@pytest.mark.parametrize("name", KEEPS)
def test_memory_without_weights_decays_by_its_gate_alone(x64, strict, name):
    """d c_T / d c_0 = sigma(b)^T, and 1 without a gate that forgets: the constant error carousel.

    Hochreiter & Schmidhuber 1997, section 4; Gers, Schmidhuber & Cummins 2000, section 3.
    """
    options, leaf, bias = KEEPS[name]
    length = 100
    cell = cells.make(name if "variant" not in options else "lstm", hidden_size=1, **options)
    made = cell.init(jax.random.key(0), 1)
    params = {key: value if key == "b" else jnp.zeros_like(value) for key, value in made.items()}

    def last(start):
        state = cell.initial_state(params, (1,))._replace(**{leaf: start})
        return getattr(unroll(cell, params, jnp.zeros((1, length, 1)), state).state, leaf)[0, 0]

    slope = jax.jit(jax.grad(last))(jnp.zeros((1, 1)))
    expected = 1.0 if bias is None else (1 / (1 + math.exp(-bias))) ** length
    assert slope.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("longest", [50, 1000])
def test_chrono_keeps_a_seventh_for_as_long_as_it_is_told(x64, longest):
    """Tallec & Ollivier 2018, section 2: sigma(log u) = u / (1 + u), u uniform on [1, T - 1].

    So T steps leave exp(-T / u) of a unit, and on average over units e^-1 - E_1(1) = .1485, for
    every T; with forget bias 1 it is .731^T, 1.6e-7 of a cell for T = 50 and nothing for 1000.
    """
    units = 4000
    cell = cells.make("lstm", hidden_size=units, chrono=longest)
    draw = jax.jit(lambda key: cell.init(key, 1)["b"][1])
    kept = (1 / (1 + np.exp(-np.asarray(draw(jax.random.key(0)))))) ** longest
    # E_1(1) = .219384. Next to the sampling error there is one of order 1 / T from u / (1 + u).
    expected = math.exp(-1) - 0.219384
    assert kept.mean() == pytest.approx(expected, abs=3 * kept.std() / units**0.5 + 1 / longest)
