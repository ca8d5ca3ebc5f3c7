"""The fused engine: any cell fast, values and every derivative equal to the reference engine.

Autodiff through a scan takes the gradient of every weight step by step, T small products for each.
Here the forward pass saves the states that the steps saw and their pre-activations `a`. The tangent
program is then arranged by hand:

    outside the loop, over K steps at once    da  = d recur (d params, d project (d params, dx))
    in the loop, the state's tangent alone    ds' = d update (ds, da + d recur (ds))

Its transpose, which JAX derives, is the fused reverse pass: a reverse scan that carries cotangents
of the state only, and outside it the gradients of parameters and inputs as a few large products. As
a `custom_jvp` it keeps forward mode, Hessians, reverse over reverse and `vmap`. Nothing here knows
any particular cell; derivatives are taken at the real state and inputs, so that a `recur` that is
not linear is as right as one that is, only slower.
"""

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lstmx.engines import _leaves
from lstmx.engines._blocks import over_blocks
from lstmx.engines._leaves import Leaves
from lstmx.engines._plan import Plan, plan
from lstmx.engines._step import batch_shape, held, select
from lstmx.types import Array, Cell, Noise, Params, State, Trace, Unrolled


class _How(NamedTuple):
    """What of an unroll is static."""

    cell: Cell
    plan: Plan
    return_trace: bool


class _Inputs(NamedTuple):
    """What of an unroll is traced; from `xs` on, every leaf has time leading."""

    params: Params
    initial: State
    state: State
    xs: Any
    noise: Noise
    resets: Array | None
    mask: Array | None


class _Saved(NamedTuple):
    """What the forward pass keeps for the derivative; what of it, the plan says.

    Attributes:
        starts: the state before every block.
        states: the state that every step saw, after its reset.
        a: the pre-activations of every step.
    """

    starts: Any = None
    states: State = None
    a: Any = None


def refusal(cell: Cell, **asked: bool) -> None:
    """Every cell runs here."""


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
        remat_every: save one state every so many steps only, whatever the plan says.
        settings: what overrules the plan for these shapes, see `lstmx.engines.Plan`.
    """
    shape = batch_shape(xs)
    features = sum(a.shape[-1] for a in jax.tree.leaves(xs) if a.ndim > 2)
    length, rows = jax.tree.leaves(xs)[0].shape[0], math.prod(shape)
    how = plan(length, rows, features, cell.out_features, platform=jax.default_backend())
    how = how._replace(**settings)
    if remat_every is not None:
        how = how._replace(block=remat_every, save="boundaries")
    initial = cell.initial_state(params, shape) if resets is not None else state
    if mask is not None:
        # A NaN in the padding must reach neither results nor gradients.
        xs = select(mask, xs, jax.tree.map(jnp.zeros_like, xs))
    inputs = _Inputs(params, initial, state, xs, noise, resets, mask)
    return _unroll(_How(cell, how, return_trace), inputs)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _unroll(how: _How, inputs: _Inputs) -> Unrolled:
    return _forward(how, inputs, save="nothing")[0]


@functools.partial(_unroll.defjvp, symbolic_zeros=True)
def _unroll_jvp(how: _How, primals: Any, tangents: Any) -> tuple[Unrolled, Unrolled]:
    (inputs,), (changes,) = primals, tangents
    result, saved = _forward(how, inputs, how.plan.save)
    return result, _tangent(how, inputs, saved, changes)


def _forward(how: _How, inputs: _Inputs, save: str) -> tuple[Unrolled, _Saved]:
    """The unroll itself, and what its derivative needs of it."""
    cell, plan, return_trace = how
    params, initial, state, xs, noise, resets, mask = inputs

    def one(state: State, now: Any) -> tuple[State, Any]:
        u, noise, reset, mask = now
        if reset is not None:
            state = select(reset, initial, state)
        a = cell.recur(params, state, u if plan.hoist else cell.project(params, u))
        new, y, gates = held(mask, state, cell.update(params, state, a, noise))
        saved = _Saved(None, None if save == "nothing" else state, a if save == "all" else None)
        return new, (saved, (y, Trace(new, gates) if return_trace else None))

    def several(state: State, steps: Any) -> tuple[State, Any]:
        xs, *others = steps
        us = _all_rows(cell.project, params, xs) if plan.hoist else xs
        return lax.scan(one, state, (us, *others))

    def block(state: State, part: Any) -> tuple[State, Any]:
        after, (_, results) = several(state, part[1])
        return after, (state, results)

    steps = (xs, noise, resets, mask)
    if save == "boundaries":
        state, starts, (y, trace) = over_blocks(block, state, steps, plan.block)
        return Unrolled(y, state, trace), _Saved(starts)
    state, (saved, (y, trace)) = several(state, steps)
    return Unrolled(y, state, trace), saved


def _tangent(how: _How, inputs: _Inputs, saved: _Saved, changes: _Inputs) -> Unrolled:
    """The tangent of an unroll, linear in `changes`; its transpose is the reverse pass."""
    cell, plan, return_trace = how
    params, initial, state, xs, noise, resets, mask = inputs
    dparams, dxs, dnoise = map(_leaves.changed, (changes.params, changes.xs, changes.noise))
    vectors, matrices = _of_update(how, inputs, dparams)
    rows = jax.tree.leaves(xs)[0].shape[1]
    everyone = lambda w: {k: jnp.broadcast_to(a, (rows, *a.shape)) for k, a in w.items()}
    own, vectors = everyone(_leaves.at(params, vectors)), everyone(vectors)
    reset_to = _leaves.instantiated(changes.initial, initial) if resets is not None else None
    leaves = jax.tree.leaves(params)
    turned = _turned(leaves) if plan.turn else {}

    def pre_activations(params: Params, state: State, x: Any) -> Any:
        return cell.recur(params, state, cell.project(params, x))

    def one(ds: State, now: Any) -> tuple[State, Any]:
        (s, a, u, noise, reset, mask), (da, beside, dnoise) = now
        if reset is not None:
            ds = select(reset, reset_to, ds)
        upright = _leaves.replaced(
            params, {k: a.T.reshape(leaves[k].shape) for k, a in turned.items()}
        )
        da = _sum(jax.jvp(lambda s: cell.recur(upright, s, u), (s,), (ds,))[1], da)

        def update(w: Leaves, s: State, a: Any, n: Leaves) -> Any:
            return _by_row(cell.update, params, w, s, a, _leaves.replaced(noise, n))

        at = (own, s, a, _leaves.at(noise, dnoise))
        results = jax.jvp(update, at, (vectors, ds, da, dnoise))[1]
        new, y, gates = held(mask, ds, _sum(results, beside))
        return new, (y, Trace(new, gates) if return_trace else None)

    def block(ds: State, part: Any) -> tuple[State, Any]:
        start, (saved, (xs, noise, resets, mask), dxs, dnoise) = part
        if plan.save == "boundaries":
            here = inputs._replace(state=start, xs=xs, noise=noise, resets=resets, mask=mask)
            saved = _forward(how._replace(return_trace=False), here, save="all")[1]
        s, a = saved.states, saved.a
        if a is None:
            a = _all_rows(pre_activations, params, s, xs)
        us = _all_rows(cell.project, params, xs)

        def sums(w: Leaves, x: Leaves) -> Any:
            return _all_rows(
                pre_activations, _leaves.replaced(params, w), s, _leaves.replaced(xs, x)
            )

        def update(w: Leaves) -> Any:
            return _all_rows(cell.update, _leaves.replaced(params, w), s, a, noise)

        da = beside = None
        if dparams or dxs:
            at = (_leaves.at(params, dparams), _leaves.at(xs, dxs))
            da = jax.jvp(sums, at, (dparams, dxs))[1]
        if matrices:
            beside = jax.jvp(update, (_leaves.at(params, matrices),), (matrices,))[1]
        steps = ((s, a, us, noise, resets, mask), (da, beside, dnoise))
        # Checkpoints keep JAX from saving what it can compute again of what is saved already.
        ds, results = lax.scan(jax.checkpoint(one, prevent_cse=False), ds, steps)
        return ds, (None, results)

    steps = (saved._replace(starts=None), (xs, noise, resets, mask), dxs, dnoise)
    ds, _, (dy, dtrace) = over_blocks(
        jax.checkpoint(block, prevent_cse=False),
        _leaves.instantiated(changes.state, state),
        steps,
        plan.block,
        saved.starts,
    )
    return Unrolled(dy, ds, dtrace)


def _all_rows(part: Callable[..., Any], params: Params, *steps: Any) -> Any:
    """A part of the cell on the rows of all steps at once: [K, B, ...] as [K B, ...].

    A `vmap` over the steps is the same, but XLA then copies the cotangents before it multiplies:
    the gradients of weights take up to twice the time.
    """
    times, rows = jax.tree.leaves(steps)[0].shape[:2]
    flat = jax.tree.map(lambda a: a.reshape(times * rows, *a.shape[2:]), steps)
    results = part(params, *flat)
    return jax.tree.map(lambda a: a.reshape(times, rows, *a.shape[1:]), results)


def _turned(leaves: Sequence[Array]) -> Leaves:
    """Matrices [rows, ...] as transposed copies, made before the loop.

    The reverse loop multiplies by transposed weights. Turned back within it, such a copy is what
    the product reads as it lies; the barrier keeps XLA from seeing that nothing was turned at all.
    """
    turn = lambda a: lax.optimization_barrier(a.reshape(a.shape[0], -1).T)
    return {k: turn(a) for k, a in enumerate(leaves) if a.ndim in (2, 3)}


def _by_row(update: Callable[..., Any], params: Params, own: Leaves, *now: Any) -> Any:
    """`update` with some parameters [B, ...] that each row has for itself."""
    if not own:
        return update(params, *now)
    alone = jax.tree.map(lambda a: a[:, None], now)
    results = jax.vmap(lambda own, *now: update(_leaves.replaced(params, own), *now))(own, *alone)
    return jax.tree.map(lambda a: a[:, 0], results)


def _of_update(how: _How, inputs: _Inputs, dparams: Leaves) -> tuple[Leaves, Leaves]:
    """The changing parameters that `update` reads: (vectors, matrices).

    The gradients of vectors (peepholes) are cheapest added up in the loop, those of matrices
    outside it, over a block.
    """
    cell = how.cell
    one = lambda a: jax.ShapeDtypeStruct(a.shape[1:], a.dtype)
    x, noise = jax.tree.map(one, (inputs.xs, inputs.noise))
    sums = lambda params, state, x: cell.recur(params, state, cell.project(params, x))
    a = jax.eval_shape(sums, inputs.params, inputs.state, x)
    # By a function of this call: what JAX has traced it keeps as long as the function lives, which
    # for that of a cell is as long as the process does.
    update = lambda *arguments: cell.update(*arguments)
    jaxpr = jax.make_jaxpr(update)(inputs.params, inputs.state, a, noise).jaxpr
    read = {id(var) for equation in jaxpr.eqns for var in equation.invars}
    read |= {id(var) for var in jaxpr.outvars}
    leaves = jax.tree.leaves(inputs.params)
    there = {k: d for k, d in dparams.items() if id(jaxpr.invars[k]) in read}
    vectors = {k: d for k, d in there.items() if leaves[k].ndim < 2}
    return vectors, {k: d for k, d in there.items() if k not in vectors}


def _sum(a: Any, b: Any) -> Any:
    return a if b is None else jax.tree.map(jnp.add, a, b)
