"""The LSTM's variants: their sizes, what they have in common, and what contradicts itself.

That each equals its equations is asked in `test_cells.py`, of the cases in `reference/lstm.py`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, T, X

from lstmx import cells
from lstmx.cells.lstm import VARIANTS, LSTMSpec
from lstmx.sequence import unroll

H = 6  # divides into blocks of 2 and 3 cells
XS = np.random.default_rng(1).normal(size=(B, T, X))
V = {"variant": "V"}


def shapes(cell, in_features=X):
    return jax.eval_shape(lambda key: cell.init(key, in_features), jax.random.key(0))


def drawn(variant):
    """Parameters of a variant, far from any start."""
    rng = np.random.default_rng(2)
    cell = cells.make("lstm", hidden_size=H, variant=variant)
    return {k: jnp.asarray(0.5 * rng.normal(size=v.shape)) for k, v in shapes(cell).items()}


def outputs(variant, params, **options):
    cell = cells.make("lstm", hidden_size=H, variant=variant, **options)
    run = lambda params: unroll(cell, params, jnp.asarray(XS)).outputs
    return jax.jit(run)(params)


N, M = 5, 3
COUNTS = {  # Greff et al. 2017, with M inputs and N cells
    "V": 4 * N * M + 4 * N**2 + 7 * N,
    "NIG": 3 * N * M + 3 * N**2 + 5 * N,
    "NFG": 3 * N * M + 3 * N**2 + 5 * N,
    "NOG": 3 * N * M + 3 * N**2 + 5 * N,
    "NIAF": 4 * N * M + 4 * N**2 + 7 * N,
    "NOAF": 4 * N * M + 4 * N**2 + 7 * N,
    "CIFG": 3 * N * M + 3 * N**2 + 5 * N,
    "NP": 4 * N * M + 4 * N**2 + 4 * N,
    "FGR": 4 * N * M + 13 * N**2 + 7 * N,
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_variant_has_the_papers_number_of_parameters(variant):
    cell = cells.make("lstm", hidden_size=N, variant=variant)
    assert sum(a.size for a in shapes(cell, M).values()) == COUNTS[variant]


def with_gate(params, gate, W=0.0, R=0.0, b=0.0, p=0.0):
    """Parameters of V from those of a variant that lacks one gate."""
    k = "ifzo".index(gate)
    insert = lambda name, value, axis: jnp.insert(params[name], k, value, axis=axis)
    return dict(params, W=insert("W", W, 1), R=insert("R", R, 1), b=insert("b", b, 0)) | {
        f"p_{gate}": jnp.zeros(H) + p
    }


@pytest.mark.parametrize(("variant", "gate"), [("NIG", "i"), ("NFG", "f"), ("NOG", "o")])
def test_absent_gate_equals_an_open_one(x64, strict, variant, gate):
    params = drawn(variant)
    np.testing.assert_allclose(
        outputs(variant, params), outputs("V", with_gate(params, gate, b=100.0)), rtol=1e-12
    )


def test_coupled_forget_gate_equals_one_imposed_on_the_vanilla_lstm(x64, strict):
    params = drawn("CIFG")
    # 1 - sigma(a) = sigma(-a): the forget gate whose weights are the input gate's, negated.
    imposed = {k: -params[k][..., 0, :] for k in ("W", "R", "b")} | {"p": -params["p_i"]}
    np.testing.assert_allclose(
        outputs("CIFG", params), outputs("V", with_gate(params, "f", **imposed)), rtol=1e-12
    )


def test_no_peepholes_equals_zero_peepholes_and_no_gate_recurrence_zero_recurrence(x64, strict):
    params = drawn("NP")
    zero = dict(params) | {f"p_{gate}": jnp.zeros(H) for gate in "ifo"}
    np.testing.assert_allclose(outputs("NP", params), outputs("V", zero), rtol=1e-12)
    fgr = zero | {"R_gates": jnp.zeros((3, H, 3, H))}
    np.testing.assert_allclose(outputs("NP", params), outputs("FGR", fgr), rtol=1e-12)


def test_full_peephole_equals_a_diagonal_one_where_the_matrix_is_diagonal(x64, strict):
    params = drawn("V")
    full = {k: v for k, v in params.items() if not k.startswith("p_")}
    full |= {f"P_{gate}": jnp.diag(params[f"p_{gate}"]) for gate in "ifo"}
    np.testing.assert_allclose(
        outputs("V", params), outputs("V", full, peepholes="full"), rtol=1e-12
    )


@pytest.mark.parametrize(("bias", "kept"), [(0.0, 7.9e-31), (1.0, 2.5e-14), (5.0, 0.51)])
def test_cell_with_zero_weights_retains_what_its_forget_bias_says(x64, strict, bias, kept):
    length = 100
    cell = cells.make("lstm", hidden_size=1, forget_bias=bias)
    start = cell.init(jax.random.key(0), X)
    params = {"W": jnp.zeros_like(start["W"]), "R": jnp.zeros_like(start["R"]), "b": start["b"]}

    def last(c):
        state = cell.initial_state(params, (1,))._replace(c=c)
        return unroll(cell, params, jnp.zeros((1, length, X)), state).state.c[0, 0]

    retained = float(jax.grad(last)(jnp.zeros((1, 1)))[0, 0])
    assert retained == pytest.approx((1 / (1 + np.exp(-bias))) ** length, rel=1e-5)
    assert retained == pytest.approx(kept, rel=0.02)  # two digits are printed


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"variant": "NIG", "coupled": True}, "coupled=True .* input_gate=False"),
        ({"variant": "NFG", "coupled": True}, "coupled=True .* forget_gate=False"),
        (
            {"variant": "NOG", "output_peephole": "old"},
            "output_peephole='old' needs an output gate",
        ),
        ({"variant": "NP", "output_peephole": "old"}, "output_peephole='old' needs peepholes"),
        ({"variant": "NP", "input_peephole": True}, "input_peephole=True needs peepholes"),
        (
            {"variant": "NIG", "forget_gate": False, "output_gate": False},
            "nothing reads the cell state",
        ),
        (
            dict(V, input_gate=False, forget_gate=False, output_gate=False)
            | {"peepholes": "none", "gate_recurrence": True},
            "there is no gate",
        ),
        ({"hidden_size": 0}, "hidden_size=0; expected at least 1"),
        ({"hidden_size": -3}, "hidden_size=-3; expected at least 1"),
        ({"hidden_size": 5, "block_size": 2}, "hidden_size=5 .* block_size=2"),
        ({"block_size": 0}, "block_size=0; expected at least 1"),
        ({"input_activation": "tan"}, "input_activation 'tan'; did you mean 'tanh'"),
        ({"output_activation": "rely"}, "output_activation 'rely'; did you mean 'relu'"),
        ({"peepholes": "diag"}, "peepholes 'diag'; did you mean 'diagonal'"),
        (dict(V, output_peephole="next"), "output_peephole 'next'"),
        ({"variant": "CIGF"}, "variant 'CIGF'; did you mean 'CIFG'"),
        ({"initializer": "ortogonal"}, "initializer 'ortogonal'; did you mean 'orthogonal'"),
        ({"variant": "NFG", "chrono": 100}, "chrono=100 .* forget_gate=False"),
        ({"chrono": 1}, "chrono=1; expected the longest dependency"),
        ({"chrono": -5}, "chrono=-5; expected the longest dependency"),
        ({"chrono": 50, "forget_bias": 2.0}, "leave forget_bias at 1.0"),
        ({"capped": True, "variant": "CIFG"}, "capped=True .* coupled=True"),
        ({"capped": True, "variant": "NFG"}, "capped=True .* forget_gate=False"),
        ({"capped": 1}, "capped=1 has the wrong type; expected bool"),
        ({"heads": 3}, "hidden_size=64 does not divide into heads=3 parts"),
        ({"heads": 2, "projection": 5}, "projection=5 does not divide into heads=2 parts"),
        ({"heads": 2, "block_size": 2}, "heads=2 and block_size=2 group the same cells twice"),
        ({"projection": -1}, "projection=-1; expected a positive number, or 0 for off"),
        ({"cell_clip": -1.0}, "cell_clip=-1.0; expected a positive number, or 0 for off"),
        ({"projection_clip": 1.0}, "projection_clip=1.0 needs a projection"),
        ({"input_gate": 1}, "input_gate=1 has the wrong type; expected bool"),
        ({"forget_start": "linaer"}, "forget_start 'linaer'; did you mean 'linear'"),
        (
            {"forget_start": "linear", "variant": "NFG"},
            "forget_start='linear' .* forget_gate=False",
        ),
        ({"forget_start": "linear", "forget_bias": 2.0}, "forget_bias=2.0; leave it at 1.0"),
        ({"forget_start": "linear", "chrono": 9}, "forget_start='linear' and chrono=9 both"),
        ({"coupled": "yes"}, "coupled='yes' has the wrong type; expected bool"),
        ({"peephole": "full"}, "did you mean 'peepholes'"),
        ({"hidden_size": 5.0}, "expected int"),
    ],
)
def test_contradiction_is_refused_in_one_line(options, line):
    with pytest.raises(ValueError, match=line) as error:
        cells.make("lstm", **options)
    assert "\n" not in str(error.value)


def test_spec_of_each_variant_is_the_vanilla_lstm_but_for_what_the_table_says():
    assert LSTMSpec() == LSTMSpec(**VARIANTS["V"])
    assert tuple(LSTMSpec(**VARIANTS["CIFG"]).blocks) == ("i", "z", "o")
    assert LSTMSpec(8, block_size=4).blocks == {"i": 2, "f": 2, "z": 8, "o": 2}
