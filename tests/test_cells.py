"""Cells: each equals its float64 oracle, answers every question, and refuses contradictions."""

import functools
import importlib
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import B, T, X

from lstmx import cells
from lstmx.cells.lstm import VARIANTS, LSTMSpec
from lstmx.scan import unroll
from lstmx.testing import check_cell
from lstmx.testing.cells import QUICKLY
from lstmx.types import step

H = 6  # divides into blocks of 2 and 3 cells
XS = np.random.default_rng(1).normal(size=(B, T, X))
V = {"variant": "V"}
COMBINATIONS = {
    "cifg-np-fgr": {"variant": "FGR", "coupled": True, "peepholes": "none"},
    "full": dict(V, peepholes="full"),
    "full-old-input": dict(V, peepholes="full", output_peephole="old", input_peephole=True),
    "old": dict(V, output_peephole="old"),
    "input": dict(V, input_peephole=True),
    "blocks": dict(V, block_size=2, input_peephole=True),
    "blocks-full-fgr": {
        "variant": "FGR",
        "block_size": 3,
        "peepholes": "full",
        "input_peephole": True,
    },
    "blocks-nig-nfg-relu": {
        "variant": "NIG",
        "forget_gate": False,
        "block_size": 2,
        "input_activation": "relu",
    },
    "only-input-gate": dict(V, forget_gate=False, output_gate=False, gate_recurrence=True),
}
QUICK = "lstm-V lstm-NP lstm-CIFG lstm-blocks-full-fgr gru-after gru-before rnn-tanh".split()
CASES = [
    *(pytest.param("lstm", {"variant": v}, id=f"lstm-{v}") for v in VARIANTS),
    *(pytest.param("lstm", options, id=f"lstm-{name}") for name, options in COMBINATIONS.items()),
    pytest.param("gru", {"reset": "after"}, id="gru-after"),
    pytest.param("gru", {"reset": "before"}, id="gru-before"),
    pytest.param("rnn", {}, id="rnn-tanh"),
    pytest.param("rnn", {"activation": "relu"}, id="rnn-relu"),
    pytest.param("rnn", {"activation": "relu", "start": "identity"}, id="rnn-identity"),
]


def quick_first(cases):
    """The cases, with a slow mark on those whose step differs little from a quick one's."""
    marks = lambda case: () if case.id in QUICK else pytest.mark.slow
    return [pytest.param(*case.values, id=case.id, marks=marks(case)) for case in cases]


def oracle(name):
    return importlib.import_module(f"reference.{name}").run


def moved(params, size=0.3):
    """Parameters away from their start: no zero biases, no orthogonal matrices."""
    rng = np.random.default_rng(2)
    return {k: v + jnp.asarray(size * rng.normal(size=v.shape), v.dtype) for k, v in params.items()}


def made(name, options, size=H):
    cell = cells.make(name, hidden_size=size, **options)
    return cell, moved(cell.init(jax.random.key(0), X))


def by_steps(cell, params):
    """Outputs, gates and states at every step; what `unroll` adds has tests of its own."""
    one = jax.jit(functools.partial(step, cell, params), compiler_options=QUICKLY)
    state, rows = cell.initial_state(params, (B,)), []
    for t in range(T):
        state, y, gates = one(state, XS[:, t])
        rows.append((y, gates, state._asdict()))
    return jax.tree.map(lambda *a: np.stack(a, axis=1), *rows)


def count(params):
    return sum(a.size for a in jax.tree.leaves(params))


@pytest.mark.parametrize("name", cells.names())
def test_shipped_cell_has_an_oracle_and_a_case_here(name):
    assert importlib.util.find_spec(f"reference.{name}"), f"write tests/reference/{name}.py"
    assert name in {case.values[0] for case in CASES}


@pytest.mark.parametrize("name", cells.names())
def test_bare_call_makes_a_cell_whose_output_is_64_wide(name):
    cell = cells.make(name)
    assert cell.out_features == 64
    params = cell.init(jax.random.key(0), X)
    _, y, gates = step(cell, params, cell.initial_state(params, (B,)), jnp.ones((B, X)))
    assert y.shape == (B, 64)
    assert tuple(gates) == cell.gates


@pytest.mark.parametrize(("name", "options"), CASES)
def test_values_gates_and_states_equal_the_oracle(x64, strict, name, options):
    cell, params = made(name, options)
    outputs, gates, states = by_steps(cell, params)
    expected = oracle(name)(jax.tree.map(np.asarray, params), XS, hidden_size=H, **options)
    assert outputs.dtype == np.float64
    np.testing.assert_allclose(outputs, expected["outputs"], rtol=1e-10, atol=1e-12)
    for got, wanted in ((gates, expected["gates"]), (states, expected["states"])):
        assert set(got) == set(wanted)
        for key, value in wanted.items():
            np.testing.assert_allclose(got[key], value, rtol=1e-10, atol=1e-12, err_msg=key)


@pytest.mark.parametrize(("name", "options"), quick_first(CASES))
def test_cell_answers_every_question(strict, name, options):
    check_cell(cells.make(name, hidden_size=H, **options), in_features=X)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lstm", COMBINATIONS["blocks-full-fgr"]),
        ("lstm", V),
        ("gru", {"reset": "after"}),
        ("gru", {"reset": "before"}),
    ],
    ids=["lstm-blocks-full-fgr", "lstm-V", "gru-after", "gru-before"],
)
def test_gradient_equals_difference_quotient_of_the_oracle(x64, strict, name, options):
    cell, params = made(name, options)
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(B, T, H))
    loss = lambda p: jnp.sum(weights * unroll(cell, p, jnp.asarray(XS)).outputs)
    gradient = jax.grad(loss)(params)
    exact = {k: np.asarray(v) for k, v in params.items()}
    for key, value in exact.items():
        direction = rng.normal(size=value.shape)

        def at(by, key=key, direction=direction):
            changed = exact | {key: exact[key] + by * direction}
            return np.sum(weights * oracle(name)(changed, XS, hidden_size=H, **options)["outputs"])

        quotient = (at(1e-5) - at(-1e-5)) / 2e-5  # error of the quotient itself about 1e-9
        np.testing.assert_allclose(np.vdot(gradient[key], direction), quotient, rtol=1e-6)


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
    assert count(cell.init(jax.random.key(0), M)) == COUNTS[variant]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        # Coupled gates drop the forget rows and columns of the gate recurrence: 4 matrices stay.
        ("lstm", COMBINATIONS["cifg-np-fgr"], 3 * (H * X + H * H + H) + 4 * H * H),
        ("lstm", COMBINATIONS["full"], 4 * (H * X + H * H + H) + 3 * H * H),
        ("lstm", COMBINATIONS["input"], 4 * (H * X + H * H + H) + 4 * H),
        # Three gates of 3 units for 6 cells, each gate with one peephole from every cell.
        ("lstm", dict(V, block_size=2), (H + 3 * H // 2) * (X + H + 1) + 3 * H),
        ("gru", {"reset": "after"}, 3 * (H * X + H * H + H) + H),
        ("gru", {"reset": "before"}, 3 * (H * X + H * H + H)),
        ("rnn", {}, H * X + H * H + H),
    ],
)
def test_combination_has_the_parameters_of_its_equations_and_no_others(name, options, expected):
    assert count(cells.make(name, hidden_size=H, **options).init(jax.random.key(0), X)) == expected


def outputs(variant, params, **options):
    return by_steps(cells.make("lstm", hidden_size=H, variant=variant, **options), params)[0]


def with_gate(params, gate, W=0.0, R=0.0, b=0.0, p=0.0):
    """Parameters of V from those of a variant that lacks one gate."""
    k = "ifzo".index(gate)
    insert = lambda name, value, axis: jnp.insert(params[name], k, value, axis=axis)
    return dict(params, W=insert("W", W, 1), R=insert("R", R, 1), b=insert("b", b, 0)) | {
        f"p_{gate}": jnp.zeros(H) + p
    }


@pytest.mark.parametrize(("variant", "gate"), [("NIG", "i"), ("NFG", "f"), ("NOG", "o")])
def test_absent_gate_equals_an_open_one(x64, strict, variant, gate):
    _, params = made("lstm", {"variant": variant})
    np.testing.assert_allclose(
        outputs(variant, params), outputs("V", with_gate(params, gate, b=100.0)), rtol=1e-12
    )


def test_coupled_forget_gate_equals_one_imposed_on_the_vanilla_lstm(x64, strict):
    _, params = made("lstm", {"variant": "CIFG"})
    # 1 - sigma(a) = sigma(-a): the forget gate whose weights are the input gate's, negated.
    imposed = {k: -params[k][..., 0, :] for k in ("W", "R", "b")} | {"p": -params["p_i"]}
    np.testing.assert_allclose(
        outputs("CIFG", params), outputs("V", with_gate(params, "f", **imposed)), rtol=1e-12
    )


def test_no_peepholes_equals_zero_peepholes_and_no_gate_recurrence_zero_recurrence(x64, strict):
    _, params = made("lstm", {"variant": "NP"})
    zero = dict(params) | {f"p_{gate}": jnp.zeros(H) for gate in "ifo"}
    np.testing.assert_allclose(outputs("NP", params), outputs("V", zero), rtol=1e-12)
    fgr = zero | {"R_gates": jnp.zeros((3, H, 3, H))}
    np.testing.assert_allclose(outputs("NP", params), outputs("FGR", fgr), rtol=1e-12)


def test_full_peephole_equals_a_diagonal_one_where_the_matrix_is_diagonal(x64, strict):
    _, params = made("lstm", V)
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
            "nothing to see the cell",
        ),
        (
            dict(V, input_gate=False, forget_gate=False, output_gate=False)
            | {"peepholes": "none", "gate_recurrence": True},
            "there is no gate",
        ),
        ({"hidden_size": 0}, "hidden_size=0; expected a positive number"),
        ({"hidden_size": -3}, "hidden_size=-3; expected a positive number"),
        ({"hidden_size": 5, "block_size": 2}, "hidden_size=5 .* block_size=2"),
        ({"block_size": 0}, "block_size=0; expected a positive number"),
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
        ({"input_gate": 1}, "input_gate=1; expected True or False"),
        ({"coupled": "yes"}, "coupled='yes'; expected True or False"),
        ({"peephole": "full"}, "did you mean 'peepholes'"),
        ({"hidden_size": 5.0}, "expected int"),
    ],
)
def test_contradiction_is_refused_in_one_line(options, line):
    with pytest.raises(ValueError, match=line) as error:
        cells.make("lstm", **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("gru", {"reset": "befor"}, "reset 'befor'; did you mean 'before'"),
        ("gru", {"hidden_size": 0}, "hidden_size=0"),
        ("gru", {"initializer": "eye"}, "unknown initializer 'eye'"),
        ("gru", {"chrono": 9, "update_bias": 1.0}, "leave update_bias at 0.0"),
        ("rnn", {"activation": "tahn"}, "activation 'tahn'; did you mean 'tanh'"),
        ("rnn", {"start": "identiy"}, "start 'identiy'; did you mean 'identity'"),
        ("rnn", {"hidden_size": -1}, "hidden_size=-1"),
    ],
)
def test_wrong_option_is_refused_in_one_line(name, options, line):
    with pytest.raises(ValueError, match=line) as error:
        cells.make(name, **options)
    assert "\n" not in str(error.value)


def test_equal_options_make_the_same_cell_and_others_another():
    assert cells.make("lstm") is cells.make("lstm", hidden_size=64)
    assert cells.make("lstm", forget_bias=1) is cells.make("lstm", forget_bias=1.0)
    assert cells.make("lstm", input_gate=True) is cells.make("lstm", input_gate=True)
    assert cells.make("lstm", hidden_size=5) is not cells.make("lstm")
    # True == 1 in Python, but 1 is no flag; the cached cell must not answer for it.
    with pytest.raises(ValueError, match="expected True or False"):
        cells.make("lstm", input_gate=1)


def test_spec_of_each_variant_is_the_vanilla_lstm_but_for_what_the_table_says():
    assert LSTMSpec() == LSTMSpec(**VARIANTS["V"])
    assert tuple(LSTMSpec(**VARIANTS["CIFG"]).blocks) == ("i", "z", "o")
    assert LSTMSpec(8, block_size=4).blocks == {"i": 2, "f": 2, "z": 8, "o": 2}


@pytest.mark.parametrize("name", cells.names())
def test_types_of_parameters_are_kept_and_init_maps_over_keys(strict, name):
    cell = cells.make(name, hidden_size=H)

    def run(keys):
        params = jax.vmap(lambda key: cell.init(key, X))(keys)
        half = jax.tree.map(lambda a: a[0].astype(jnp.bfloat16), params)
        state = cell.initial_state(half, (B,))
        return state, step(cell, half, state, jnp.ones((B, X), jnp.bfloat16))

    got = jax.eval_shape(run, jax.random.split(jax.random.key(0), 4))
    assert {a.dtype for a in jax.tree.leaves(got)} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("lstm", {}), ("lstm", V), ("gru", {}), ("rnn", {})])
def test_cell_learns_to_recall_the_first_of_ten_inputs(name, options):
    cell = cells.make(name, hidden_size=8, **options)
    optimizer = optax.adam(0.01)

    def loss(params, key):
        xs = jax.random.normal(key, (32, 10, 1))
        recalled = unroll(cell, params["cell"], xs).outputs[:, -1] @ params["readout"]
        return jnp.mean((recalled - xs[:, 0]) ** 2)  # 1 for who has forgotten it

    def update(carry, key):
        params, state = carry
        value, gradient = jax.value_and_grad(loss)(params, key)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), value

    params = {"cell": cell.init(jax.random.key(0), 1), "readout": jnp.zeros((8, 1))}
    keys = jax.random.split(jax.random.key(1), 1500)
    _, losses = jax.jit(lambda c: jax.lax.scan(update, c, keys))((params, optimizer.init(params)))
    assert float(losses[:50].mean()) > 0.5
    assert float(losses[-50:].mean()) < 0.1
