"""Memory blocks as first published: S cells behind one set of gates. The LSTMs of 1997 to 2002.

    q = (h, i, f, o) | h | nothing      what the pre-activations read of the previous step
    i = sigma(W_i x + R_i q + p_i c + b_i)        f and o alike, o with c'
    c' = f c + i g(W_z x + R_z q + b_z)
    h' = o g_out(c')

A gate is shared by the cells of its block, so its size is H / S. An absent gate has no parameter.
Weights are initialized uniformly in a small range, and so are biases, unless the spec sets their
values by block.
"""

import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lstmx import checks, initializers
from lstmx.cells import _gates
from lstmx.cells._gates import sigmoid
from lstmx.cells.lstm import GATES, LSTMState, fgr_state
from lstmx.types import Array, Cell, Gates, Key, Noise, Params, State

SQUASHES = {
    "wide": lambda v: 4 * sigmoid(v) - 2,
    "narrow": lambda v: 2 * sigmoid(v) - 1,
    **_gates.ACTIVATIONS,
}
"""Name -> activation; from the paper, "wide" within [-2, 2] and "narrow" within [-1, 1]."""


class Form(NamedTuple):
    """The structure of one published form; its options and their defaults are in its file.

    Attributes:
        gates: names of its gates, in the order i, f, o.
        peepholes: whether gates read the cell states of their block.
    """

    gates: tuple[str, ...]
    peepholes: bool


FORMS = {
    "lstm1997": Form(("i", "o"), peepholes=False),
    "lstm2000": Form(("i", "f", "o"), peepholes=False),
    "lstm2002": Form(("i", "f", "o"), peepholes=True),
}
"""Cell -> its form. Each has a file with its equations, its options and their defaults."""

RECURRENCES = ("all", "cells", "none")
BIASES = ("all", "gates", "none")


@dataclass(frozen=True)
class BlockSpec:
    """A network of memory blocks as data.

    Attributes:
        hidden_size: number of cells H.
        block_size: number of cells S of a block.
        gates: names of the gates, in the order i, f, o.
        recurrence: which units feed all units: "all" (cells and gates), "cells" or "none".
        biases: which units have a bias: "all", "gates" or "none".
        peepholes: whether gates read the cell states of their block.
        input_activation: g, a name of `SQUASHES`.
        output_activation: of the cell state, before the output gate.
        bias_starts: (gate, initial biases by block), for gates whose biases are not sampled.
        weight_range: r; all other parameters are sampled from U(-r, r).
        truncated: whether gradients through q and through peepholes are cut: they go back in time
            through c alone.

    Raises:
        ValueError: on construction, for values that are unknown or that contradict each other.
    """

    hidden_size: int
    block_size: int
    gates: tuple[str, ...]
    recurrence: str
    biases: str
    peepholes: bool
    input_activation: str
    output_activation: str
    bias_starts: tuple[tuple[str, tuple[float, ...]], ...]
    weight_range: float
    truncated: bool

    def __post_init__(self) -> None:
        _gates.check_blocks(self.hidden_size, self.block_size)
        checks.one_of("recurrence", self.recurrence, RECURRENCES)
        checks.one_of("biases", self.biases, BIASES)
        checks.one_of("input_activation", self.input_activation, SQUASHES)
        checks.one_of("output_activation", self.output_activation, SQUASHES)
        checks.number("weight_range", self.weight_range, above=0)
        for gate, start in self.bias_starts:
            option = {"i": "input_bias", "f": "forget_bias", "o": "output_bias"}[gate]
            if start and gate not in self.gates:
                raise ValueError(f"{option}={start}, but there is no such gate; leave it at ()")
            if start and self.biases == "none":
                raise ValueError(f"{option}={start}, but biases='none'; leave one of them out")
            if len(start) not in (0, self.gate_width):
                raise ValueError(
                    f"{option}={start}; expected a number for each of the {self.gate_width} "
                    "blocks, or () to sample them like weights"
                )

    @property
    def gate_width(self) -> int:
        """Number of blocks, H / S."""
        return self.hidden_size // self.block_size

    @property
    def blocks(self) -> dict[str, int]:
        """The pre-activations in the order i, f, z, o, with their sizes."""
        names = [gate for gate in GATES if gate == "z" or gate in self.gates]
        return {g: self.hidden_size if g == "z" else self.gate_width for g in names}

    @property
    def biased(self) -> dict[str, int]:
        """The pre-activations that have a bias, with their sizes."""
        names = {"all": GATES, "gates": self.gates, "none": ()}[self.biases]
        return {gate: width for gate, width in self.blocks.items() if gate in names}

    @property
    def recurrent_size(self) -> int:
        """The size of q: the number of units that feed all units."""
        cells = 0 if self.recurrence == "none" else self.hidden_size
        return cells + self.gate_width * len(self.gates) * (self.recurrence == "all")


def make(
    form: str,
    hidden_size: int,
    block_size: int,
    *,
    output_gate: bool = True,
    input_bias: tuple[float, ...] = (),
    forget_bias: tuple[float, ...] = (),
    output_bias: tuple[float, ...] = (),
    recurrence: str,
    biases: str,
    input_activation: str,
    output_activation: str,
    weight_range: float,
    truncated: bool,
) -> Cell:
    """Returns the cell of a form, a key of `FORMS`; see `BlockSpec` for the options."""
    gates, peepholes = FORMS[form]
    starts = {"i": input_bias, "f": forget_bias, "o": output_bias}
    return from_spec(
        BlockSpec(
            hidden_size,
            block_size,
            tuple(gate for gate in gates if gate != "o" or output_gate),
            recurrence,
            biases,
            peepholes,
            input_activation,
            output_activation,
            # Of all gates of the form: a start for one that is switched off is refused.
            tuple((gate, starts[gate]) for gate in gates),
            weight_range,
            truncated,
        )
    )


def from_spec(spec: BlockSpec) -> Cell:
    """Returns the cell of a spec."""
    blocks, width = spec.blocks, spec.gate_width
    g, g_out = SQUASHES[spec.input_activation], SQUASHES[spec.output_activation]
    fed_back = spec.gates if spec.recurrence == "all" else ()
    make_state: Any = fgr_state(fed_back) if fed_back else LSTMState
    detach = lax.stop_gradient if spec.truncated else lambda x: x
    spread = lambda gate: _gates.spread(gate, spec.block_size)

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        zeros = lambda size: jnp.zeros((*batch_shape, size), params["W"].dtype)
        return make_state(
            zeros(spec.hidden_size), zeros(spec.hidden_size), *map(zeros, [width] * len(fed_back))
        )

    def step(
        params: Params, state: State, x: Array, noise: Noise = ()
    ) -> tuple[State, Array, Gates]:
        u = _gates.product(x, params["W"])
        if spec.biased:
            b = _gates.split(params["b"], spec.biased)
            biases = _gates.join(b, blocks, jnp.zeros(sum(blocks.values()), u.dtype))
            u = u + _gates.rows(biases, u)
        if spec.recurrent_size:
            q = jnp.concatenate([state.h, *(getattr(state, gate) for gate in fed_back)], axis=-1)
            u = u + _gates.product(detach(q), params["R"])
        a, one = _gates.split(u, blocks), jnp.ones((*u.shape[:-1], width), u.dtype)

        def gate(name: str, c: Array) -> Array:
            if name not in spec.gates:
                return one
            if not spec.peepholes:
                return sigmoid(a[name])
            peephole = _gates.sum_blocks(
                _gates.rows(params[f"p_{name}"], c) * detach(c), spec.block_size
            )
            return sigmoid(a[name] + peephole)

        i, f, z = gate("i", state.c), gate("f", state.c), g(a["z"])
        c = spread(f) * state.c + spread(i) * z
        o = gate("o", c)
        h = spread(o) * g_out(c)
        gates = {"i": i, "f": f, "z": z, "o": o}
        return make_state(c, h, *(gates[name] for name in fed_back)), h, gates

    init, size = functools.partial(_init, spec), spec.hidden_size
    return Cell(init, initial_state, step, size, gates=GATES, output="h")


def _init(spec: BlockSpec, key: Key, in_features: int) -> Params:
    r = spec.weight_range
    sample = initializers.by_gate(
        lambda key, shape, hidden_size: jax.random.uniform(key, shape, float, -r, r)
    )
    key_input, key_recurrent, key_bias, key_peepholes = jax.random.split(key, 4)
    params = {"W": sample(key_input, in_features, spec.blocks, spec.hidden_size)}
    if spec.recurrent_size:
        params["R"] = sample(key_recurrent, spec.recurrent_size, spec.blocks, spec.hidden_size)
    if spec.biased:
        b = _gates.split(sample(key_bias, 1, spec.biased, spec.hidden_size)[0], spec.biased)
        stated = {gate: jnp.array(start, float) for gate, start in spec.bias_starts if start}
        params["b"] = jnp.concatenate([stated.get(gate, sampled) for gate, sampled in b.items()])
    if spec.peepholes:
        cells = dict.fromkeys(spec.gates, spec.hidden_size)
        p = _gates.split(sample(key_peepholes, 1, cells, spec.hidden_size)[0], cells)
        params |= {f"p_{gate}": weights for gate, weights in p.items()}
    return params
