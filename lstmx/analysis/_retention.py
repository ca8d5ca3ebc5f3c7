"""What a step retains of each unit: by the gate that does so, or measured on the step itself."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from lstmx import checks, jaxprs
from lstmx.analysis._system import leaf_name
from lstmx.types import Array, Cell, Gates, Params, State, Trace

RETAINED: Mapping[frozenset[str], Callable[[Gates], dict[str, Array]]] = {
    frozenset("ifzo"): lambda g: {"c": g["f"]},  # the LSTMs and the sLSTM
    frozenset("ifo"): lambda g: {"C": g["f"]},  # mLSTM
    frozenset("ifz"): lambda g: {"c": g["f"]},  # JANET; minLSTM, whose c is named h
    frozenset("run"): lambda g: {"h": g["u"]},  # GRU
    frozenset("zn"): lambda g: {"h": 1 - g["z"]},  # minGRU
    frozenset("zrn"): lambda g: {"h": 1 - g["z"]},  # MUT1 to MUT3
    frozenset("gc"): lambda g: {"h": g["g"]},  # UGRNN
    frozenset(("dt1", "dt2", "nz", "ny")): lambda g: {"y": 1 - g["dt1"], "z": 1 - g["dt2"]},  # LEM
}
"""Names of the gates of a cell -> (gates) -> leaf of the state -> its retention."""

AGREEMENT = 1e-4
"""Largest difference of two probes of a Jacobian that counts as diagonal, in units of 1 + |r|:
float32 rounds each of some ten operations of a step by 1e-7."""


def retention(trace: Trace, *, gate: str | None = None) -> dict[str, Array]:
    """Returns by leaf of the state the share that each step retains, [B, T, H], from a trace.

    This is the cell's own gate: a wrapper that decays or mixes the state outside of the cell's step
    adds to it, see `measured_retention`. The memories of xLSTM cells are stored divided by exp(m);
    the retention is that of the undivided memory, and NaN in the first step.

    Args:
        trace: of one layer, from `lstmx.unroll(..., return_trace=True)`.
        gate: for a cell of your own, "f" if that gate retains, "1 - z" if z overwrites; also for
            the MGU, whose f overwrites in the paper's convention and retains in Flax's.

    Raises:
        ValueError: no gate, or none that is known to retain; an unknown gate.
    """
    if not isinstance(trace, Trace):
        kind = ", ".join(trace) if isinstance(trace, Mapping) else type(trace).__name__
        raise ValueError(f"got {kind}; expected the Trace of one layer, such as trace['layer_0']")
    gates, states = trace.gates, leaves(trace.states)
    check_gates(gates, None)
    if gate is not None:
        name = gate.replace(" ", "").removeprefix("1-")
        check_gates(gates, [name])
        found = {gate: 1 - gates[name] if name != gate else gates[name]}
    elif frozenset(gates) in RETAINED:
        found = RETAINED[frozenset(gates)](gates)
    elif any(name.startswith("c_") for name in gates):  # RHN: c_1, c_2, ... one after the other
        carried = [g for name, g in gates.items() if name.startswith("c_")]
        found = {"s": functools.reduce(jnp.multiply, carried)}
    else:
        raise ValueError(
            f"which of the gates {', '.join(gates)} retains the state is not known; expected "
            "gate='f' or gate='1 - f' with a name of yours, or measured_retention"
        )
    m = next((leaf for path, leaf in states.items() if path.split(".")[-1] == "m"), None)
    if m is not None:  # f' = f exp(m - m'), see cells/_stabiliser.py
        empty = m[:, :-1] < jnp.finfo(m.dtype).min / 8  # nothing has been written yet
        grown = jnp.where(empty, jnp.nan, m[:, 1:] - m[:, :-1])
        grown = jnp.concatenate([jnp.full_like(m[:, :1], jnp.nan), grown], axis=1)
        found = {name: jnp.exp(jnp.log(r) + grown) for name, r in found.items()}
    if gate is not None:
        return found
    own = {path.split(".")[-1]: path for path in states}
    # A leaf that goes by another name in this cell: its output.
    fallback = own.get("h", next(iter(states)))
    return {own.get(name, fallback): r for name, r in found.items()}


def measured_retention(
    cell: Cell, params: Params, inputs: Any, state: State = None, *, mask: Array | None = None
) -> dict[str, Array]:
    """Returns by leaf of the state the derivative of a unit's new value by its old one, [B, T, H].

    All values that the step returns as gates, candidates included, are held fixed, and so are the
    other leaves: what is left of d c' / d c is what the step carries over, whatever its equations
    are. Leaves that are not carried over are left out. The memories of xLSTM cells are those that
    are stored, divided by exp(m).

    Args:
        cell: wrapped or not.
        params: its parameters.
        inputs: [B, T, X], or a pytree of arrays with [B, T] leading.
        state: before the first step; the initial state if None.
        mask: [B, T] bool, False where a step does not exist: the retention is 1 there.

    Raises:
        ValueError: a cell, such as an Elman network, none of whose units carries over its value
            by itself.
    """
    first = jax.tree.leaves(inputs)[0]
    rows, length = max(jax.tree.leaves(inputs), key=jnp.ndim).shape, first.shape[1]
    shape = (rows[0], *rows[2:-1])
    prepared, noise = cell.prepare(params, None, shape, length)
    start = cell.initial_state(prepared, shape) if state is None else state
    over_time = jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), (inputs, noise, mask))
    found, apart = _measured(cell, prepared, start, over_time)
    kept = {
        name: jnp.swapaxes(r, 0, 1)
        for name, r in found.items()
        if bool(apart[name]) and bool(jnp.any(r != 0))
    }
    if not kept:
        raise ValueError(
            f"no unit of the state ({', '.join(found)}) retains its own value at fixed gates; "
            "expected a cell with a gate that does, such as the forget gate of an LSTM"
        )
    return kept


def check_gates(gates: Gates, names: Sequence[str] | None) -> None:
    """Raises ValueError for no gates, or names that are not among them."""
    if not gates:
        raise ValueError("the trace has no gates; expected a cell with gates, such as an LSTM")
    for name in names or ():
        checks.one_of("gate", name, gates)


def trailing(flags: Array, like: Array) -> Array:
    """Flags [B, T], or [B], as [B, T, 1, ...] with as many axes as another array."""
    return flags.reshape(flags.shape + (1,) * (like.ndim - flags.ndim))


@functools.partial(jax.jit, static_argnums=0)
def _measured(cell: Cell, params: Params, start: State, over_time: Any) -> tuple[Any, Any]:
    """Retentions by leaf, [T, B, ...], and whether the derivative is diagonal."""

    def body(state: State, now: Any) -> tuple[State, Any]:
        x, noise, here = now
        new, run = _with_fixed_gates(cell, params, state, x, noise)
        found, apart = {}, {}
        for number, (name, leaf) in enumerate(leaves(state).items()):
            # A fixed pattern of signs, as good as random ones: a full row would have to sum to the
            # same number under both probes.
            bits = np.random.default_rng(0).integers(0, 2, leaf.shape[1:])
            signs = jnp.broadcast_to(jnp.asarray(2 * bits - 1, leaf.dtype), leaf.shape)
            r = _probe(run, state, number, jnp.ones_like(leaf))
            other = signs * _probe(run, state, number, signs)
            found[name] = r
            apart[name] = jnp.all(jnp.abs(r - other) <= AGREEMENT * (1 + jnp.abs(r)))
        if here is not None:
            keep = lambda a, b: jnp.where(trailing(here, a).astype(bool), a, b)
            new = jax.tree.map(keep, new, state)
            found = {name: keep(r, jnp.ones_like(r)) for name, r in found.items()}
        return new, (found, apart)

    found, apart = jax.lax.scan(body, start, over_time)[1]
    return found, {name: flags.all() for name, flags in apart.items()}


def _with_fixed_gates(
    cell: Cell, params: Params, state: State, x: Any, noise: Any
) -> tuple[State, Callable[[list[Array]], list[Array]]]:
    """The new state, and a function from the leaves of the state to the new ones: gates fixed."""
    outcome = lambda state: cell.step(params, state, x, noise)[::2]
    program = jaxprs.inlined(jax.make_jaxpr(outcome)(state))
    number = len(jax.tree.leaves(state))
    fixed = {v for v in program.jaxpr.outvars[number:] if not isinstance(v, Literal)}

    def rule(equation: Any, operands: list[Any]) -> list[Any]:
        results = jaxprs.bind(equation, operands)
        pairs = zip(equation.outvars, results)
        return [jax.lax.stop_gradient(r) if v in fixed else r for v, r in pairs]

    def run(given: list[Array]) -> list[Array]:
        return jaxprs.evaluate(program.jaxpr, program.consts, given, rule)[:number]

    return jax.tree.unflatten(jax.tree.structure(state), run(jax.tree.leaves(state))), run


def _probe(
    run: Callable[[list[Array]], list[Array]], state: State, number: int, tangent: Array
) -> Array:
    """The derivative of a new leaf of the state in a direction of the same leaf."""
    given = jax.tree.leaves(state)
    tangents = [tangent if n == number else jnp.zeros_like(a) for n, a in enumerate(given)]
    return jax.jvp(run, (given,), (tangents,))[1][number]


def leaves(state: State) -> dict[str, Array]:
    """The leaves of a state by name, such as "c", and "cell.c" within a wrapper."""
    paths = jax.tree_util.tree_flatten_with_path(state)[0]
    return {leaf_name(path): leaf for path, leaf in paths}
