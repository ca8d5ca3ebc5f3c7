"""The LSTM, its ablations and every combination of them. Greff et al. 2017, section II.

    i = sigma(W_i x + R_i h + p_i c + b_i)     input gate
    f = sigma(W_f x + R_f h + p_f c + b_f)     forget gate
    z = g(W_z x + R_z h + b_z)                 cell input
    c' = f c + i z
    o = sigma(W_o x + R_o h + p_o c' + b_o)    output gate, reads the new cell
    h' = o g_out(c')                           with a projection, h' = W_hr (o g_out(c'))

`variant` names a row of `VARIANTS`, and every flag of that row can be changed. The default is NP,
without peepholes: the LSTM that every framework ships. V, with peepholes, is the paper's vanilla
LSTM, and each of the other seven changes one thing of V:

    NIG, NFG, NOG   no input, forget or output gate
    NIAF, NOAF      no input or output activation function, g or g_out
    CIFG            coupled input and forget gate, f = 1 - i
    FGR             full gate recurrence: gates also read all gates of the step before

Deviations from the paper: the forget bias starts at 1 (Jozefowicz et al. 2015), and weights start
orthogonal per gate.

Not from that paper: the projection (Sak et al. 2014, arXiv:1402.1128), the input gate capped at
1 - f, which keeps |c| <= 1 (Melis et al. 2018, arXiv:1707.05589), and heads, a block-diagonal R.
"""

import collections
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.cells._lstm_spec import VARIANTS, LSTMSpec
from lstmx.types import Array, Cell, Gates, Kernel, Key, Noise, Params, State

LABEL = "LSTM"
BIBTEX = """
@article{greff2017odyssey,
  author = {Klaus Greff and Rupesh K. Srivastava and Jan Koutník and Bas R. Steunebrink and Jürgen
    Schmidhuber},
  title = {{LSTM}: A Search Space Odyssey},
  journal = {IEEE Transactions on Neural Networks and Learning Systems},
  volume = {28},
  number = {10},
  year = {2017},
}
"""

__all__ = ["VARIANTS", "LSTMSpec", "LSTMState", "cell"]

GATES = ("i", "f", "z", "o")


class LSTMState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        c: cell, [..., H].
        h: output, [..., H]; [..., P] with a projection.
    """

    c: Array
    h: Array


@functools.cache
def fgr_state(gates: tuple[str, ...]) -> Any:
    """The state with gate recurrence: c, h, and each learned gate of that step, [..., H / S]."""
    return collections.namedtuple("FGRState", ("c", "h", *gates))


def cell(
    hidden_size: int = 64,
    *,
    variant: str = "NP",
    input_gate: bool | None = None,
    forget_gate: bool | None = None,
    output_gate: bool | None = None,
    coupled: bool | None = None,
    peepholes: str | None = None,
    output_peephole: str | None = None,
    input_peephole: bool | None = None,
    gate_recurrence: bool | None = None,
    input_activation: str | None = None,
    output_activation: str | None = None,
    capped: bool = False,
    block_size: int = 1,
    heads: int = 1,
    projection: int = 0,
    cell_clip: float = 0.0,
    projection_clip: float = 0.0,
    forget_bias: float = 1.0,
    forget_start: str = "constant",
    chrono: int = 0,
    initializer: str = "orthogonal",
) -> Cell:
    """An LSTM: a variant by name, and flags that change it. None takes the flag of the variant.

    Args:
        hidden_size: number of cells H.
        variant: V, NIG, NFG, NOG, NIAF, NOAF, CIFG, NP or FGR.
        input_gate: whether the cell has one; without it i = 1.
        forget_gate: whether the cell has one; without it f = 1.
        output_gate: whether the cell has one; without it o = 1.
        coupled: f = 1 - i; the input gate is the learned one, and b_i starts at -forget_bias.
        peepholes: "none", "diagonal" (weights p [H]) or "full" (matrices P [H, H]).
        output_peephole: whether the output gate reads the "new" cell state c' or the "old" c.
        input_peephole: whether the cell input z has a peephole too, from the old cell state.
        gate_recurrence: every gate also reads all gates of the previous step.
        input_activation: g, a name of `_gates.ACTIVATIONS`.
        output_activation: the activation of c' in h'.
        capped: c' = f c + min(1 - f, i) z. Without an input gate that is i = 1 - f, coupled gates
            of which the forget gate is the learned one.
        block_size: S cells share one set of gates (memory blocks). Gates have size H / S, and a
            block's gates have peepholes from all its cells (Gers et al. 2002).
        heads: number N of parts of h, each of which acts on the gates and cells of that part only.
        projection: size P of the output h = W_hr m, which the gates read too; 0 is none.
        cell_clip: largest |c'|, clipped before the output gate reads it; 0 is off.
        projection_clip: largest |h| after the projection; 0 is off.
        forget_bias: initial value of b_f; unused where f = 1.
        forget_start: "constant", "linear" (from 3 to 6 over the units) or "power law" (from 5 down
            to -7): see `initializers.FORGET_STARTS`.
        chrono: longest dependency in steps; b_f and b_i are then sampled by `initializers.chrono`;
            0 off.
        initializer: initializer of W and R, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: an unknown variant, or options that `LSTMSpec` refuses.
    """
    return from_spec(
        describe(
            variant,
            hidden_size=hidden_size,
            input_gate=input_gate,
            forget_gate=forget_gate,
            output_gate=output_gate,
            coupled=coupled,
            peepholes=peepholes,
            output_peephole=output_peephole,
            input_peephole=input_peephole,
            gate_recurrence=gate_recurrence,
            input_activation=input_activation,
            output_activation=output_activation,
            capped=capped,
            block_size=block_size,
            heads=heads,
            projection=projection,
            cell_clip=cell_clip,
            projection_clip=projection_clip,
            forget_bias=forget_bias,
            forget_start=forget_start,
            chrono=chrono,
            initializer=initializer,
        )
    )


def describe(variant: str = "NP", **options: Any) -> LSTMSpec:
    """Returns the spec of a variant with options of `cell`. Raises ValueError as `cell` does."""
    checks.one_of("variant", variant, VARIANTS)
    overrides = {option: value for option, value in options.items() if value is not None}
    return LSTMSpec(**{**VARIANTS[variant], **overrides})


def from_spec(spec: LSTMSpec) -> Cell:
    """Returns the cell that a spec describes."""
    blocks, learned, width = spec.blocks, spec.learned_gates, spec.gate_width
    g, g_out = (_gates.ACTIVATIONS[a] for a in (spec.input_activation, spec.output_activation))
    spread = lambda gate: _gates.spread(gate, spec.block_size)
    fed_back = learned if spec.gate_recurrence else ()
    make_state = fgr_state(fed_back) if fed_back else LSTMState

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        zeros = lambda size: jnp.zeros((*batch_shape, size), params["R"].dtype)
        before = [zeros(width) for _ in fed_back]
        return make_state(zeros(spec.hidden_size), zeros(spec.out_features), *before)

    def step(
        params: Params, state: State, x: Array, noise: Noise = ()
    ) -> tuple[State, Array, Gates]:
        a = _gates.split(_gates.pre_activations(params, x, state.h), blocks)
        if fed_back:
            before = jnp.stack([getattr(state, gate) for gate in fed_back], axis=-2)
            feedback = _gates.split(jnp.tensordot(before, params["R_gates"], axes=2), fed_back)
            a |= {gate: a[gate] + feedback[gate] for gate in fed_back}
        one = jnp.ones((*state.c.shape[:-1], width), state.c.dtype)

        def gate(name: str, c: Array) -> Array:
            if name not in learned:
                return one
            return sigmoid(_add_peephole(spec, params, name, a[name], c))

        i = gate("i", state.c)
        f = 1 - i if spec.coupled else gate("f", state.c)
        z = g(_add_peephole(spec, params, "z", a["z"], state.c))
        written = jnp.minimum(1 - f, i) if spec.capped else i
        c = _clip(spread(f) * state.c + spread(written) * z, spec.cell_clip)
        o = gate("o", c if spec.output_peephole == "new" else state.c)
        h = spread(o) * g_out(c)
        if spec.projection:
            h = _clip(_gates.product(h, params["W_hr"]), spec.projection_clip)
        gates = {"i": i, "f": f, "z": z, "o": o}
        return make_state(c, h, *(gates[name] for name in fed_back)), h, gates

    init, size = functools.partial(_init, spec), spec.out_features
    lstm = Cell(init, initial_state, step, size, gates=GATES, output="h")
    plain = LSTMSpec(
        spec.hidden_size,
        peepholes="none",
        forget_bias=spec.forget_bias,
        forget_start=spec.forget_start,
        chrono=spec.chrono,
        initializer=spec.initializer,
    )
    kernel = Kernel(lstm.step, _cudnn_weights)
    return lstm._replace(cudnn=kernel if spec == plain else None)


def _cudnn_weights(params: Params) -> tuple[Array, Array, Array]:
    """W [4 H, X], R [4 H, H] and b [4 H], gates in the order of cuDNN, i, f, z, o."""
    W, R = (params[name].reshape(len(params[name]), -1).T for name in ("W", "R"))
    return W, R, params["b"].ravel()


def _init(spec: LSTMSpec, key: Key, in_features: int) -> Params:
    key_weights, key_bias, key_peepholes, key_gates = jax.random.split(key, 4)
    H, width = spec.hidden_size, spec.gate_width
    b_f: Array | float = spec.forget_bias
    if spec.chrono:
        b_f = initializers.chrono(key_bias, width, spec.chrono)
    elif spec.forget_start != "constant":
        b_f = initializers.FORGET_STARTS[spec.forget_start](width)
    bias = {"f": b_f}
    if spec.coupled or spec.chrono:
        bias["i"] = -b_f
    start = spec.initializer
    params = _gates.init(
        key_weights,
        in_features,
        H,
        spec.blocks,
        initializer=start,
        bias=bias,
        heads=spec.heads,
        state_size=spec.out_features,
    )
    if spec.projection:
        key_projection = jax.random.fold_in(key_weights, len(GATES))
        sizes = {"hr": spec.projection}
        params["W_hr"] = initializers.get(start).R(key_projection, H, sizes, H)
    for gate in spec.peephole_gates:
        key_gate = jax.random.fold_in(key_peepholes, GATES.index(gate))
        if spec.peepholes == "diagonal":
            params[f"p_{gate}"] = initializers.peephole(key_gate, (H,))
        else:
            shape = (H, H if gate == "z" else width)
            params[f"P_{gate}"] = initializers.peephole(key_gate, shape)
    if spec.gate_recurrence:
        sample = initializers.get(start).R
        rows = [
            sample(
                jax.random.fold_in(key_gates, GATES.index(gate)),
                width,
                dict.fromkeys(spec.learned_gates, width),
                H,
            )
            for gate in spec.learned_gates
        ]
        count = len(spec.learned_gates)
        params["R_gates"] = jnp.stack(rows).reshape(count, width, count, width)
    return params


def _add_peephole(spec: LSTMSpec, params: Params, gate: str, a: Array, c: Array) -> Array:
    """A pre-activation a, plus its peephole term where the gate has one."""
    if gate not in spec.peephole_gates:
        return a
    if spec.peepholes == "full":
        return a + _gates.product(c, params[f"P_{gate}"])
    term = _gates.rows(params[f"p_{gate}"], c) * c
    return a + (term if gate == "z" else _gates.sum_blocks(term, spec.block_size))


def _clip(x: Array, bound: float) -> Array:
    return jnp.clip(x, -bound, bound) if bound else x
