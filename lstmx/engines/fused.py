"""The fused engine: any step function fast, values and every derivative equal to `lax.scan`'s.

Autodiff through a scan takes the gradient of every weight step by step, T small products for each.
Here the tangent program is arranged by hand, from what `lstmx.programs` finds in the step: its
sites, which are sums of products with parameters. A site a = R h + W x + b has the tangent

    outside the loop, over K steps at once    D   = dR h + dW x + W dx + db
    in the loop, the state's tangent alone    da  = R dh + D

The first line needs no dh, since the states are known at every step. The transpose of both, which
JAX derives, is the fused reverse pass: a reverse scan that carries cotangents of the state only,
and outside it the gradients of parameters and inputs as a few large products. As a `custom_jvp` it
keeps forward mode, Hessians, reverse over reverse and `vmap`.

Nothing here depends on a particular cell: products may depend on one another, and derivatives are
taken at the real state and inputs. What the forward pass saves for the tangent is what the tangent
reads; see `Plan.save`.

Steps are taken K at a time, in blocks: the D of a block and its cotangent, [K, B, G, H], are
written by one of the two lines and read by the other, and stay in the cache in between.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from lstmx.engines import _derivative
from lstmx.engines._blocks import over_blocks
from lstmx.engines._derivative import Changing, Direct, Reads
from lstmx.engines._plan import Plan, plan_step
from lstmx.engines._step import batch_shape, first, masked_step
from lstmx.engines._tangents import bind_rows, filled
from lstmx.parallel import shards
from lstmx.programs import INPUTS, Program, Values, trace
from lstmx.types import Array, Cell, Noise, Params, State, Trace, Unrolled


class _Static(NamedTuple):
    """The static arguments of a scan."""

    program: Program
    plan: Plan


class _Inputs(NamedTuple):
    """The traced arguments of a scan.

    Attributes:
        weights: the values of `Program.weights`.
        state: before the first step; the leaves.
        xs: the leaves, [T, ...].
    """

    weights: list[Array]
    state: list[Array]
    xs: list[Array]


def refusal(cell: Cell, **requested: bool) -> None:
    """None: every cell runs here."""


def run(
    cell: Cell,
    params: Params,
    state: State,
    xs: Any,
    noise: Noise,
    resets: Array | None,
    mask: Array | None,
    *,
    return_trace: bool,
    remat_every: int | None,
    settings: Mapping[str, Any] = {},
) -> Unrolled:
    """Unroll a cell over time-major inputs; arguments as for `lstmx.engines.scan.run`.

    Args:
        remat_every: save one state every so many steps only, whatever the plan.
        settings: fields of `lstmx.engines.Plan` that overrule the plan for these shapes.
    """
    shape = batch_shape(xs)
    initial = cell.initial_state(params, shape) if resets is not None else None

    def step(given: Any, state: State, now: Any) -> tuple[State, Any]:
        params, initial = given
        x, noise, reset, mask = now
        state, y, gates = masked_step(cell, params, initial, state, x, noise, reset, mask)
        return state, (y, Trace(state, gates) if return_trace else None)

    choose = functools.partial(
        plan_step,
        length=jax.tree.leaves(xs)[0].shape[0],
        size=(math.prod(shape), cell.out_features),
        settings=settings,
        remat_every=remat_every,
    )
    steps = (xs, noise, resets, mask)
    state, (outputs, trace) = scan(step, (params, initial), state, steps, choose)
    return Unrolled(outputs, state, trace)


def scan(
    step: Callable[[Any, Any, Any], tuple[Any, Any]],
    params: Any,
    state: Any,
    xs: Any,
    choose: Callable[[Program], Plan],
) -> tuple[Any, Any]:
    """Applies a step function over time: `lax.scan` with another derivative.

    Args:
        step: (params, state, x) -> (state, y); the new state has the shapes and dtypes of the old.
        xs: pytree of arrays with time leading, [T, ...].
        choose: returns the plan for the traced step.

    Returns:
        the last state, and y of every step, leaves [T, ...].
    """
    program, closed, results = trace(step, params, state, first(xs))
    placed = shards.as_types(state, results[0])
    if any(a is not b for a, b in zip(*map(jax.tree.leaves, (state, placed)))):
        return scan(step, params, placed, xs, choose)
    # What depends on parameters alone is computed here, by plain JAX, once for all steps.
    given = dict(zip(program.params, [*closed, *jax.tree.leaves(params)]))
    weights = Values(program, given).all(program.weights)
    inputs = _Inputs(weights, jax.tree.leaves(state), jax.tree.leaves(xs))
    new, ys = _scan(_Static(program, choose(program)), inputs)
    into = lambda tree, leaves: jax.tree.unflatten(jax.tree.structure(tree), leaves)
    return into(results[0], new), into(results[1], ys)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _scan(static: _Static, inputs: _Inputs) -> tuple[list[Array], list[Array]]:
    state, ys, _ = _forward(static, inputs, ())
    return state, ys


# Symbolic zeros say which inputs do not change at all: no gradient is arranged for those.
@functools.partial(_scan.defjvp, symbolic_zeros=True)
def _scan_jvp(static: _Static, primals: Any, tangents: Any) -> Any:
    (inputs,), (changes,) = primals, tangents
    program, plan = static
    moving = _derivative.changing(program, changes.weights, changes.xs)
    reads = _derivative.reads(program, moving, results=plan.save != "sites", hoist=plan.hoist)
    # What the forward pass saves: all that the tangent reads, or the states from which a block
    # computes it. Within a block, or of one state for each of them, nothing is saved.
    starts = None
    if plan.save == "boundaries":
        state, starts, ys = _forward_by_blocks(static, inputs)
        saved: list[Array] = []
    else:
        names = program.state if plan.save == "states" else reads.stored
        state, ys, saved = _forward(static, inputs, names)
    dstate, dys = _tangent(static, inputs, changes, moving, reads, saved, starts)
    return (state, ys), (_tangents(state, dstate), _tangents(ys, dys))


def _forward(
    static: _Static, inputs: _Inputs, save: Sequence[Any]
) -> tuple[list[Array], list[Array], list[Array]]:
    """The scan itself: the last state, the outputs, and the variables to save, of every step."""
    program, plan = static
    weights = dict(zip(program.weights, inputs.weights))
    ahead = program.frontier if plan.hoist else []
    given = weights | dict(zip(program.xs, inputs.xs))
    values = Values(program, given, bind_rows)  # of all steps at once
    early = [v for v in save if plan.hoist and program.kinds[v] == INPUTS]
    late = [v for v in save if v not in early]

    def one(state: list[Array], now: Any) -> tuple[list[Array], Any]:
        here = zip([*program.state, *program.xs, *ahead], [*state, *now[0], *now[1]])
        values = Values(program, weights | dict(here))
        return values.all(program.new_state), (values.all(program.outputs), values.all(late))

    state, (ys, saved) = lax.scan(one, inputs.state, (inputs.xs, values.all(ahead)))
    by_name = dict(zip([*early, *late], [*values.all(early), *saved]))
    return state, ys, [by_name[v] for v in save]


def _forward_by_blocks(
    static: _Static, inputs: _Inputs
) -> tuple[list[Array], list[Any], list[Array]]:
    """The last state, the state before every block, and the outputs."""

    def block(state: list[Array], part: Any) -> tuple[list[Array], Any]:
        after, ys, _ = _forward(static, inputs._replace(state=state, xs=part[1]), ())
        return after, (state, ys)

    return over_blocks(block, inputs.state, inputs.xs, static.plan.block)


def _tangent(
    static: _Static,
    inputs: _Inputs,
    changes: _Inputs,
    moving: Changing,
    reads: Reads,
    saved: list[Array],
    starts: list[Any] | None,
) -> tuple[dict[int, Array], dict[int, Array]]:
    """The tangents of the last state and of the outputs by number, linear in `changes`.

    JAX transposes what is linear in tangents: it runs backwards, the last block first and in each
    block the loop first, then the direct terms; a broadcast over rows becomes a sum over rows. All
    else is computed again where the transposed program needs it.
    """
    program, plan = static
    weights = dict(zip(program.weights, inputs.weights))
    dweights = {program.weights[k]: changes.weights[k] for k in moving.weights}
    vectors = _derivative.by_row(program, Values(program, weights), dweights)
    transposed = _derivative.transposes(program, weights) if plan.turn else {}
    # Variables stay outside of what JAX transforms, where only lists of arrays enter and leave.
    states = [program.state[k] for k in moving.state]
    floats = _floats(program.outputs)
    read_xs, read_stored = [program.xs[k] for k in reads.xs], set(reads.loop)

    def block(ds: list[Array], part: Any) -> tuple[list[Array], Any]:
        """K steps: first all that needs no `ds`, over all of them at once, then the loop."""
        start, (xs, dxs, saved) = part
        # Fill in what the plan did not save: run the block again from the state before it, or
        # compute it from the states of all its steps at once.
        given = weights | dict(zip(program.xs, xs))
        if plan.save == "boundaries":
            here = inputs._replace(state=start, xs=xs)
            saved = _forward(static, here, reads.stored)[2]
        elif plan.save == "states":
            values = Values(program, given | dict(zip(program.state, saved)), bind_rows)
            saved = values.all(reads.stored)
        given |= dict(zip(reads.stored, saved))
        changing_xs = dict(zip([program.xs[k] for k in moving.xs], dxs))
        # The transpose of this is one product for each weight matrix, over the rows of K steps.
        steps = jax.tree.leaves((xs, saved))[0].shape[0]
        values = Values(program, given, bind_rows)
        terms = _derivative.direct(program, values, dweights, changing_xs, steps)

        def one(ds: list[Array], now: Any) -> tuple[list[Array], Any]:
            """One step of the loop: everything but `ds` is known before it."""
            xs, stored, sites, entering = now
            here = zip([*read_xs, *reads.loop], [*xs, *stored])
            terms_now = Direct(dict(zip(terms.sites, sites)), dict(zip(terms.entering, entering)))
            dnew, dys = _derivative.loop(
                program,
                Values(program, weights | dict(here)),
                dict(zip(states, ds)),
                terms_now,
                vectors,
                transposed,
            )
            new = [filled(program.state[k], dnew[k]) for k in moving.state]
            return new, [filled(program.outputs[k], dys[k]) for k in floats]

        stored = [array for v, array in zip(reads.stored, saved) if v in read_stored]
        now = (
            [xs[k] for k in reads.xs],
            stored,
            list(terms.sites.values()),
            list(terms.entering.values()),
        )
        # Without a checkpoint, JAX would save the derivatives of the equations at every step before
        # the reverse loop starts; with it, they are computed in that loop.
        ds, results = lax.scan(jax.checkpoint(one, prevent_cse=False), ds, now)
        return ds, (None, results)

    ds = [filled(program.state[k], _nonzero(changes.state[k])) for k in moving.state]
    steps = (inputs.xs, [changes.xs[k] for k in moving.xs], saved)
    # This checkpoint does the same for blocks: what one of them fills in lives no longer than the
    # reverse pass over it. XLA cannot merge the bodies of two scans, so no barrier is needed
    # against it (`prevent_cse`), which would also keep it from fusing.
    again = jax.checkpoint(block, prevent_cse=False)
    ds, _, dys = over_blocks(again, ds, steps, plan.block, starts)
    return dict(zip(moving.state, ds)), dict(zip(floats, dys))


def _floats(atoms: Sequence[Any]) -> list[int]:
    """The numbers of the atoms that are floats, and so have a tangent."""
    return [k for k, a in enumerate(atoms) if jnp.issubdtype(a.aval.dtype, jnp.inexact)]


def _nonzero(tangent: Any) -> Any:
    """A tangent, or None for a symbolic zero."""
    return None if isinstance(tangent, SymbolicZero) else tangent


def _tangents(values: Sequence[Array], tangents: Mapping[int, Array]) -> list[Any]:
    """Tangents by number as a list: integers have one of type float0."""
    zero = lambda value: np.zeros(value.shape, jax.dtypes.float0)
    return [tangents.get(k, zero(value)) for k, value in enumerate(values)]
