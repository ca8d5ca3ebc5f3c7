"""The forward pass of the fused engine, and its tangent, whose transpose is the reverse pass."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from lstmx.engines import _derivative
from lstmx.engines._blocks import over_blocks
from lstmx.engines._derivative import Changing, Direct, Reads
from lstmx.engines._plan import Plan
from lstmx.engines._tangents import bind_rows, filled
from lstmx.programs import INPUTS, Program, Values
from lstmx.types import Array


class Static(NamedTuple):
    """The static arguments of a scan.

    Attributes:
        program: the traced step.
        plan: how it is computed over time.
    """

    program: Program
    plan: Plan


class Inputs(NamedTuple):
    """The traced arguments of a scan.

    Attributes:
        weights: the values of `Program.weights`.
        state: before the first step; the leaves.
        xs: the leaves, [T, ...].
    """

    weights: list[Array]
    state: list[Array]
    xs: list[Array]


def forward(
    static: Static, inputs: Inputs, save: Sequence[Any]
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


def forward_by_blocks(
    static: Static, inputs: Inputs, *sizes: int
) -> tuple[list[Array], list[Any], list[Array]]:
    """The last state, the state before every block, and the outputs.

    Args:
        sizes: numbers of steps of a block, and of the blocks that it consists of, if any.
    """

    def block(state: list[Array], part: Any) -> tuple[list[Array], Any]:
        here = inputs._replace(state=state, xs=part[1])
        if len(sizes) > 1:
            after, _, ys = forward_by_blocks(static, here, *sizes[1:])
        else:
            after, ys, _ = forward(static, here, ())
        return after, (state, ys)

    return over_blocks(block, inputs.state, inputs.xs, sizes[0])


def tangent(
    static: Static,
    inputs: Inputs,
    changes: Inputs,
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
            saved = forward(static, here, reads.stored)[2]
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

    def outer_block(ds: list[Array], part: Any) -> tuple[list[Array], Any]:
        start, steps = part
        here = inputs._replace(state=start, xs=steps[0])
        _, inner_starts, _ = forward_by_blocks(static, here, plan.block)
        ds, _, dys = over_blocks(again, ds, steps, plan.block, inner_starts)
        return ds, (None, dys)

    if plan.outer:
        outermost = jax.checkpoint(outer_block, prevent_cse=False)
        ds, _, dys = over_blocks(outermost, ds, steps, plan.outer, starts)
    else:
        ds, _, dys = over_blocks(again, ds, steps, plan.block, starts)
    return dict(zip(moving.state, ds)), dict(zip(floats, dys))


def _floats(atoms: Sequence[Any]) -> list[int]:
    """The numbers of the atoms that are floats, and so have a tangent."""
    return [k for k, a in enumerate(atoms) if jnp.issubdtype(a.aval.dtype, jnp.inexact)]


def _nonzero(tangent: Any) -> Any:
    """A tangent, or None for a symbolic zero."""
    return None if isinstance(tangent, SymbolicZero) else tangent
