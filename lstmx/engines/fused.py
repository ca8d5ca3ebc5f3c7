"""The fused engine: any cell fast, values and every derivative equal to the reference engine.

Autodiff through a scan takes the gradient of every weight step by step, T small products for each.
Here the forward pass saves the states that the steps saw and their pre-activations `a`. The tangent
program is then arranged by hand. A step is s' = update(s, a), a = recur(s, project(x)), so that

    outside the loop, over K steps at once    da  = d recur (d params, d project (d params, dx))
    in the loop, the state's tangent alone    ds' = d update (ds, da + d recur (ds))

The first line needs no ds, since s and a are known at every step. The transpose of both, which JAX
derives, is the fused reverse pass: a reverse scan that carries cotangents of the state only, and
outside it the gradients of parameters and inputs as a few large products. As a `custom_jvp` it
keeps forward mode, Hessians, reverse over reverse and `vmap`.

Nothing here depends on a particular cell; derivatives are taken at the real state and inputs, so
that a `recur` that is not linear is as right as one that is, only slower.

Steps are taken K at a time, in blocks: a block's da and its cotangent, [K, B, G, H], are written by
one of the two lines and read by the other, and stay in the cache in between.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lstmx import jaxprs
from lstmx.engines import _leaves
from lstmx.engines._blocks import over_blocks
from lstmx.engines._leaves import Leaves
from lstmx.engines._plan import Plan, plan
from lstmx.engines._rows import all_rows, with_row_params
from lstmx.engines._step import batch_shape, masked, select
from lstmx.types import Array, Cell, Noise, Params, State, Trace, Unrolled


class _Static(NamedTuple):
    """The static arguments of an unroll."""

    cell: Cell
    plan: Plan
    return_trace: bool


class _Inputs(NamedTuple):
    """The traced arguments of an unroll; from `xs` on, every leaf has time leading.

    Attributes:
        initial: the state after a reset.
        state: the state before the first step.
    """

    params: Params
    initial: State
    state: State
    xs: Any
    noise: Noise
    resets: Array | None
    mask: Array | None


class _Saved(NamedTuple):
    """What the forward pass saves for the derivative; `Plan.save` decides which fields are filled.

    Attributes:
        starts: the state before every block.
        states: the state that every step saw, after its reset, [T, B, ...].
        a: the pre-activations of every step, [T, B, ...].
    """

    starts: Any = None
    states: State = None
    a: Any = None


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
    length, rows = jax.tree.leaves(xs)[0].shape[0], math.prod(shape)
    chosen = plan(length, rows, cell.out_features, platform=jax.default_backend())
    chosen = chosen._replace(**settings)
    if remat_every is not None:
        chosen = chosen._replace(block=remat_every, save="boundaries")
    initial = cell.initial_state(params, shape) if resets is not None else state
    if mask is not None:
        # A NaN in the padding must reach neither results nor gradients.
        xs = select(mask, xs, jax.tree.map(jnp.zeros_like, xs))
    inputs = _Inputs(params, initial, state, xs, noise, resets, mask)
    return _unroll(_Static(cell, chosen, return_trace), inputs)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _unroll(static: _Static, inputs: _Inputs) -> Unrolled:
    return _forward(static, inputs, save="nothing")[0]


# Symbolic zeros say which inputs do not change at all: no gradient is arranged for those.
@functools.partial(_unroll.defjvp, symbolic_zeros=True)
def _unroll_jvp(static: _Static, primals: Any, tangents: Any) -> tuple[Unrolled, Unrolled]:
    (inputs,), (changes,) = primals, tangents
    result, saved = _forward(static, inputs, static.plan.save)
    return result, _tangent(static, inputs, saved, changes)


def _forward(static: _Static, inputs: _Inputs, save: str) -> tuple[Unrolled, _Saved]:
    """The unroll itself, and what its derivative needs of it: `Plan.save`, or "nothing"."""
    cell, plan, return_trace = static
    params, initial, state, xs, noise, resets, mask = inputs

    def one(state: State, now: Any) -> tuple[State, Any]:
        u, noise, reset, mask = now
        if reset is not None:
            state = select(reset, initial, state)
        a = cell.recur(params, state, u if plan.hoist else cell.project(params, u))
        new, y, gates = masked(mask, state, cell.update(params, state, a, noise))
        # Not the pullback of `update`: that is a dozen arrays for each step, and writing them takes
        # longer than computing them again from these two.
        saved = _Saved(None, None if save == "nothing" else state, a if save == "all" else None)
        return new, (saved, (y, Trace(new, gates) if return_trace else None))

    def several(state: State, steps: Any) -> tuple[State, Any]:
        xs, *others = steps
        us = all_rows(cell.project, params, xs) if plan.hoist else xs
        return lax.scan(one, state, (us, *others))

    def block(state: State, part: Any) -> tuple[State, Any]:
        after, (_, results) = several(state, part[1])
        return after, (state, results)

    steps = (xs, noise, resets, mask)
    # The cache matters in the reverse pass alone, so only "boundaries" needs blocks here.
    if save == "boundaries":
        state, starts, (y, trace) = over_blocks(block, state, steps, plan.block)
        return Unrolled(y, state, trace), _Saved(starts)
    state, (saved, (y, trace)) = several(state, steps)
    return Unrolled(y, state, trace), saved


def _tangent(static: _Static, inputs: _Inputs, saved: _Saved, changes: _Inputs) -> Unrolled:
    """The tangent of an unroll, linear in `changes`; its transpose is the reverse pass.

    `ds` is the tangent of `s`, and so on; `block` computes the first line of the module's docstring
    and `one` the second. JAX transposes what is linear in tangents: it runs backwards, the last
    block first and in each block the loop first, then the first line; a broadcast over rows becomes
    a sum over rows. All else is computed again where the transposed program needs it.
    """
    cell, plan, return_trace = static
    params, initial, state, xs, noise, resets, mask = inputs
    dparams, dxs, dnoise = map(_leaves.changed, (changes.params, changes.xs, changes.noise))
    vectors, matrices = _of_update(static, inputs, dparams)
    # A peephole enters the loop once for each row. Transposed, the loop then adds up its gradient
    # as [B, H], without a sum over rows at every step; that sum is this broadcast's transpose.
    rows = jax.tree.leaves(xs)[0].shape[1]
    by_row = lambda w: {k: jnp.broadcast_to(a, (rows, *a.shape)) for k, a in w.items()}
    row_params, drow_params = by_row(_leaves.at(params, vectors)), by_row(vectors)
    dinitial = _leaves.instantiated(changes.initial, initial) if resets is not None else None
    leaves = jax.tree.leaves(params)
    transposed = _transposed(leaves) if plan.turn else {}

    def pre_activations(params: Params, state: State, x: Any) -> Any:
        return cell.recur(params, state, cell.project(params, x))

    def one(ds: State, now: Any) -> tuple[State, Any]:
        """One step of the loop: everything but `ds` is known before it."""
        (s, a, u, noise, reset, mask), (da, dupdate, dnoise) = now
        if reset is not None:
            ds = select(reset, dinitial, ds)
        upright = _leaves.replaced(
            params, {k: a.T.reshape(leaves[k].shape) for k, a in transposed.items()}
        )
        # For most cells the only product in the loop: of the state's tangent with R.
        da = _sum(jax.jvp(lambda s: cell.recur(upright, s, u), (s,), (ds,))[1], da)

        def update(w: Leaves, s: State, a: Any, n: Leaves) -> Any:
            return with_row_params(cell.update, params, w, s, a, _leaves.replaced(noise, n))

        at = (row_params, s, a, _leaves.at(noise, dnoise))
        results = jax.jvp(update, at, (drow_params, ds, da, dnoise))[1]
        new, y, gates = masked(mask, ds, _sum(results, dupdate))
        return new, (y, Trace(new, gates) if return_trace else None)

    def block(ds: State, part: Any) -> tuple[State, Any]:
        """K steps: first all that needs no `ds`, over all of them at once, then the loop."""
        start, (saved, (xs, noise, resets, mask), dxs, dnoise) = part
        # Fill in what the plan did not save: run the block again from the state before it, or
        # compute the pre-activations of all its steps in one product.
        if plan.save == "boundaries":
            here = inputs._replace(state=start, xs=xs, noise=noise, resets=resets, mask=mask)
            saved = _forward(static._replace(return_trace=False), here, save="all")[1]
        s, a = saved.states, saved.a
        if a is None:
            a = all_rows(pre_activations, params, s, xs)
        # Where `recur` adds u to a product, its derivative needs no u, and XLA drops this line.
        us = all_rows(cell.project, params, xs)

        def of_changes(w: Leaves, x: Leaves) -> Any:
            return all_rows(
                pre_activations, _leaves.replaced(params, w), s, _leaves.replaced(xs, x)
            )

        def update(w: Leaves) -> Any:
            return all_rows(cell.update, _leaves.replaced(params, w), s, a, noise)

        # The first line, at fixed states: its transpose is one product for each weight
        # matrix over the rows of all K steps. `dupdate` is the same for matrices in `update`.
        da = dupdate = None
        if dparams or dxs:
            at = (_leaves.at(params, dparams), _leaves.at(xs, dxs))
            da = jax.jvp(of_changes, at, (dparams, dxs))[1]
        if matrices:
            dupdate = jax.jvp(update, (_leaves.at(params, matrices),), (matrices,))[1]
        steps = ((s, a, us, noise, resets, mask), (da, dupdate, dnoise))
        # Without a checkpoint, JAX would save the derivatives of `update` at every step before the
        # reverse loop starts; with it, they are computed in that loop, from s and a.
        ds, results = lax.scan(jax.checkpoint(one, prevent_cse=False), ds, steps)
        return ds, (None, results)

    steps = (saved._replace(starts=None), (xs, noise, resets, mask), dxs, dnoise)
    # This checkpoint does the same for blocks: what one of them fills in lives no longer than the
    # reverse pass over it. XLA cannot merge the bodies of two scans, so no barrier is needed
    # against it (`prevent_cse`), which would also keep it from fusing.
    ds, _, (dy, dtrace) = over_blocks(
        jax.checkpoint(block, prevent_cse=False),
        _leaves.instantiated(changes.state, state),
        steps,
        plan.block,
        saved.starts,
    )
    return Unrolled(dy, ds, dtrace)


def _transposed(leaves: Sequence[Array]) -> Leaves:
    """Weight matrices [rows, ...] as transposed copies [columns, rows], made before the loop.

    The reverse loop multiplies by transposed weights, and would copy them into that order at every
    step. Here the tangent multiplies by the transpose of such a copy, so that its own transpose
    reads the copy as it is. The barrier keeps XLA from canceling the two transpositions.
    """
    transpose = lambda a: lax.optimization_barrier(a.reshape(a.shape[0], -1).T)
    return {k: transpose(a) for k, a in enumerate(leaves) if a.ndim in (2, 3)}


def _of_update(static: _Static, inputs: _Inputs, dparams: Leaves) -> tuple[Leaves, Leaves]:
    """The changing parameters that `update` reads: (vectors, matrices).

    The gradients of vectors (peepholes) are cheapest added up in the loop: 6.4 ms against 7.2 over
    a block, for LSTM V of 64 units, T=100, B=32, on two cores. Those of matrices are products, and
    cheapest outside the loop, over a block.
    """
    cell = static.cell
    one = lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype)
    x, noise = jax.tree.map(one, (inputs.xs, inputs.noise))
    pre_activations = lambda params, s, x: cell.recur(params, s, cell.project(params, x))
    a = jax.eval_shape(pre_activations, inputs.params, inputs.state, x)
    # A function made in this call: JAX caches what it traced for as long as the function lives, and
    # a cell's function lives as long as the process.
    update = lambda *arguments: cell.update(*arguments)
    read = jaxprs.reads(jax.make_jaxpr(update)(inputs.params, inputs.state, a, noise).jaxpr)
    leaves = jax.tree.leaves(inputs.params)
    there = {k: d for k, d in dparams.items() if read[k]}
    vectors = {k: d for k, d in there.items() if leaves[k].ndim < 2}
    return vectors, {k: d for k, d in there.items() if k not in vectors}


def _sum(a: Any, b: Any) -> Any:
    return a if b is None else jax.tree.map(jnp.add, a, b)
