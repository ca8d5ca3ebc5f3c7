"""One cell over time, in one direction or both."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import engines, registry
from lstmx import precision as precisions
from lstmx.engines._blocks import Remat, levels
from lstmx.parallel import shards
from lstmx.sequence import _checks, _inputs
from lstmx.sequence._eager import compiled_once, is_eager
from lstmx.types import Array, Cell, Key, Params, State, Unrolled

SIDES = ("forward", "backward")
"""Names of the directions, in this order."""


def unroll(
    cell: Cell,
    params: Params,
    xs: Any,
    state: State | None = None,
    *,
    resets: Array | None = None,
    mask: Array | None = None,
    lengths: Array | None = None,
    key: Key | None = None,
    reverse: bool = False,
    time_major: bool = False,
    return_trace: bool = False,
    remat_every: Remat = None,
    engine: str = "auto",
    precision: str = "float32",
) -> Unrolled:
    """Applies a cell to every step of a sequence.

    Within a step, the reset comes first: it replaces the state by the initial one. A masked step
    then leaves the state unchanged, and its outputs and gates are zero. So padding of any kind
    (left, right, holes, a length of zero) equals removing these steps, in values and in gradients.

    A call outside of `jax.jit` with a cell of lstmx, and its derivative, is compiled once for these
    shapes. With a cell of your own, or under `jax.vmap`, it is in every call: use `jax.jit`.

        >>> import jax, lstmx
        >>> cell = lstmx.cells.make("lstm", hidden_size=5)
        >>> params = cell.init(jax.random.key(0), 3)
        >>> lstmx.unroll(cell, params, jax.numpy.ones((2, 7, 3))).outputs.shape
        (2, 7, 5)

    Args:
        xs: inputs [B, T, X], or a pytree of arrays with [B, T] leading.
        state: state before the first step; the cell's initial state if None.
        resets: [B, T] bool, or 0 and 1; True where the initial state replaces the state before the
            step.
        mask: [B, T] bool, or 0 and 1; False where a step does not exist.
        lengths: [B] integers, the number of steps that exist from the left; combined with `mask`.
        key: key of the cell's noise; None is evaluation.
        reverse: run from the last step to the first. Outputs have the positions of their inputs,
            and a reset at t separates the steps t - 1 and t in this direction too.
        time_major: all arrays have [T, B] leading instead of [B, T], outputs and trace too.
        return_trace: also return every state and gate of every step.
        remat_every: see `lstmx.engines.scan.run`.
        engine: one of `lstmx.engines.names()`, or "auto".
        precision: "float32" computes in the dtypes of the arrays, "bfloat16" rounds the operands
            of matrix products, "float64" casts all floats; see `lstmx.precision`.

    Raises:
        ValueError: shapes that do not fit together, a state or inputs that do not fit the cell and
            its parameters, a mask of floats, an unknown engine or precision, `remat_every` below 1,
            float64 while the 64-bit types of JAX are disabled.

    Returns:
        Outputs [B, T, H], the state after the last step, and the trace or None.
    """
    resets, mask, lengths = _inputs.check_steps(xs, resets, mask, lengths, time_major)
    if remat_every is not None:
        levels(remat_every)
    arrays = (params, xs, state, resets, mask, lengths, key)
    how = _How(reverse, time_major, return_trace, remat_every, engine, precision)
    # What a cell of somebody else computes may depend on a variable that has changed since.
    once = registry.is_own(cell) and is_eager(arrays)
    return (_compiled if once else _run)(cell, arrays, how)


class _How(NamedTuple):
    """The options of `unroll` that are not arrays."""

    reverse: bool
    time_major: bool
    return_trace: bool
    remat_every: Remat
    engine: str
    precision: str


def _run(cell: Cell, arrays: tuple[Any, ...], how: _How) -> Unrolled:
    """An unroll with checked masks: (params, xs, state, resets, mask, lengths, key)."""
    params, xs, state, resets, mask, lengths, key = arrays
    # 1. Precision: the products of the cell, and for float64 the dtypes of its arguments.
    cell = precisions.of(cell, how.precision)
    if how.precision == "float64":
        params, xs, state = precisions.cast(how.precision, (params, xs, state))
    params, state = on_jax((params, state))
    # 2. Engines scan over the leading axis: all arrays are time-major from here on.
    if not how.time_major:
        xs, resets, mask = _swap((xs, resets, mask))
    length = jax.tree.leaves(xs)[0].shape[0]
    if lengths is not None:
        within = jnp.arange(length)[:, None] < lengths[None]
        mask = within if mask is None else mask & within
    # 3. Noise of all steps is sampled here, before the loop: an engine may compute steps in blocks,
    # recompute them in the backward pass or run them backward, and must use the same noise. The
    # leaf with the most axes has all batch axes, [T, B, spatial..., X]; others may have less.
    shape = max(jax.tree.leaves(xs), key=lambda a: a.ndim).shape
    made = params
    with _checks.explained(cell, made, xs):
        params, noise = _prepare(cell, params, key, shape[1:-1], length)
    over_time = (xs, _swap(noise), resets, mask)
    # After `prepare`, which may have changed the parameters that the initial state is made of.
    state = _checks.start(cell, made, params, state, *over_time[:2])
    # 4. The reverse direction is the forward one on flipped arrays.
    if how.reverse:
        if resets is not None:
            # A reset at t separates t - 1 from t. From the right, the first step after this border
            # is t - 1: so resets move one step to the left, and the one at step 0 has no effect.
            resets = jnp.concatenate([resets[1:], jnp.zeros_like(resets[:1])])
        over_time = _flip((xs, over_time[1], resets, mask))
    run = engines.get(how.engine)
    if not jax.tree.leaves(xs)[0].size:  # no rows or no steps: nothing that an engine could do
        run = engines.get("scan")
    result = run(
        cell,
        params,
        state,
        *over_time,
        return_trace=how.return_trace,
        remat_every=how.remat_every,
    )
    # 5. Back to the order of the caller. The state has no time axis.
    outputs, trace = result.outputs, result.trace
    if how.reverse:
        outputs, trace = _flip((outputs, trace))
    if not how.time_major:
        outputs, trace = _swap((outputs, trace))
    return Unrolled(outputs, result.state, trace)


_compiled = compiled_once(_run, (0, 2))


def bidirectional(
    cells: tuple[Cell, Cell],
    params: Mapping[str, Params],
    xs: Any,
    state: Mapping[str, State] | None = None,
    *,
    key: Key | None = None,
    **options: Any,
) -> Unrolled:
    """Unrolls one cell forward and one backward; outputs are concatenated, [B, T, 2 H].

    Args:
        cells: (forward, backward).
        params: {"forward": ..., "backward": ...}; state and trace likewise.
        options: as for `unroll`, without `reverse`.

    Raises:
        ValueError: `reverse`; params or a state without a direction; as `unroll`.
    """
    if options.pop("reverse", False):
        raise ValueError("reverse=True with a bidirectional layer, which runs both ways already")
    _checks.has_names("params", params, SIDES)
    keys = (None, None) if key is None else jax.random.split(key)
    if state is None:
        state = dict.fromkeys(SIDES)
    _checks.by_name("state", state, SIDES)
    runs = {}
    for side, cell, k in zip(SIDES, cells, keys):
        with _checks.within(side):
            runs[side] = unroll(
                cell, params[side], xs, state[side], key=k, reverse=side == "backward", **options
            )
    outputs = jnp.concatenate([r.outputs for r in runs.values()], axis=-1)
    traces: Any = {side: r.trace for side, r in runs.items()}
    return Unrolled(
        outputs,
        {side: r.state for side, r in runs.items()},
        traces if options.get("return_trace") else None,
    )


def on_jax(tree: Any) -> Any:
    """Returns a tree with NumPy arrays as JAX arrays, in dtypes that JAX has enabled.

    Otherwise the initial state, which has the dtype of the parameters, would warn at every unroll
    with NumPy parameters in float64.
    """
    return jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, tree)


def _prepare(
    cell: Cell, params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
) -> tuple[Params, Any]:
    """Returns the cell's parameters and noise for this unroll, the noise of the local rows only."""
    if key is None:
        return cell.prepare(params, None, batch_shape, length)
    # On several devices each has some rows of the batch. All sample the noise of the whole batch
    # and take theirs, so that a row has the same noise on any number of devices.
    count, _ = shards.position()
    rows, *rest = batch_shape
    params, noise = cell.prepare(params, key, (rows * count, *rest), length)
    return params, shards.local(noise)


def _swap(tree: Any) -> Any:
    return jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), tree)


def _flip(tree: Any) -> Any:
    return jax.tree.map(lambda a: jnp.flip(a, 0), tree)
