"""Predicted memory and speed of an unroll, for every way to compute it, before it runs.

    >>> import lstmx
    >>> cell = lstmx.cells.make("lstm", hidden_size=64)
    >>> plan = lstmx.plan_memory(cell, 16, 1000, 8, calibrate=False)
    >>> plan.ways[0].name, plan.ways[0].horizon
    ('plain scan', 1000)

`print(plan)` prints the table. Bytes are computed from the traced program, see
`lstmx.planner._program`; on a CPU they agree with the compiler's numbers to some percent.
Speeds are estimates from a few measured rates, good for ordering the ways only.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, engines, machine, sequence
from lstmx import precision as precisions
from lstmx.constants import split_constants
from lstmx.engines._blocks import Remat
from lstmx.engines._plan import even
from lstmx.planner import _program, _rates
from lstmx.planner._program import size_of
from lstmx.planner._table import MemoryPlan, Way, explained
from lstmx.planner.replicas import side_by_side
from lstmx.sequence import Layer, Stack
from lstmx.types import Array, Cell, Key

__all__ = ["MemoryPlan", "Way", "available", "plan_memory", "side_by_side", "size_of"]


class _Work(NamedTuple):
    """The model and its sizes, which are the same for every way."""

    layers: tuple[Layer, ...]
    in_features: int
    out_features: int
    spatial: tuple[int, ...]
    masks: bool
    stack: Stack


def plan_memory(
    layers: Cell | Sequence[Layer],
    batch_size: int,
    length: int,
    in_features: int,
    *,
    out_features: int = 1,
    stack: Stack = Stack(),
    window: int | None = None,
    evaluations: Mapping[str, tuple[int, int]] = {},
    spatial: tuple[int, ...] = (),
    masks: bool = False,
    optimizer_slots: int = 2,
    memory: int | None = None,
    calibrate: bool = True,
) -> MemoryPlan:
    """The bytes, operations and speed of one training step, for every way to compute it.

    The step is that of a model: the layers over [B, T, X], a linear readout at every step, a mean
    squared error, and the gradients of all parameters.

    Args:
        layers: a cell, or cells and (forward, backward) pairs as `lstmx.sequence.stack` takes them.
        batch_size: rows B that one device computes at once, all replicas of a `vmap` together.
        length: number of steps T.
        in_features: width X of the inputs.
        out_features: width Y of the readout.
        stack: how the layers are connected and computed; the way of its `engine` and `remat_every`
            is the chosen one.
        window: steps of a window of truncated gradients; about a tenth of T if None.
        evaluations: name -> (B, T) of programs without gradients.
        spatial: sizes of the axes between T and X, for a cell over maps.
        masks: whether the batch has a mask and resets, as in `experiments.train`.
        optimizer_slots: number of arrays per parameter in the optimizer's state; 2 in Adam.
        memory: available bytes; those of the device if None.
        calibrate: measure this machine for half a second; without it ways have no speed.

    Raises:
        ValueError: a size below one, no layers, a window longer than the sequence, or options that
            the engine, the layers or the precision do not support.
    """
    stacked = (layers,) if isinstance(layers, Cell) else tuple(layers)
    window = max(1, length // 10) if window is None else window
    checks.sizes(batch_size=batch_size, length=length, in_features=in_features, window=window)
    if window > length:
        raise ValueError(f"window={window} is longer than the sequence of {length} steps")
    work = _Work(stacked, in_features, out_features, spatial, masks, stack)
    engine, remat_every = stack.engine, stack.remat_every
    cells = [cell for layer in stacked for cell in _sides(layer)]
    if not cells:
        raise ValueError("no layers; expected a cell, or a sequence of cells and pairs of cells")
    sequence.check_widths(stacked, stack.skip_connections)
    refused = [] if engine == "auto" else [engines.refusal(engine.split(":")[0], c) for c in cells]
    if any(refused):
        raise ValueError(next(filter(None, refused)))
    rates = None
    if calibrate:
        rates = _rates.measure(batch_size, max(cell.out_features for cell in cells))
    way = functools.partial(_way, work, batch_size, slots=optimizer_slots, rates=rates)
    names, automatic = _names(cells, batch_size * math.prod(spatial), length)
    with precisions.scope(stack.precision):
        ways = [way(name, length, *options, horizon=length) for name, options in names.items()]
        # "auto" is one of the named ways; other settings are a way in addition, so that the table
        # compares them with the named ones.
        if engine == "auto" and remat_every is None:
            chosen = next(one for one in ways if one.name == automatic)
        else:
            chosen = way("as set", length, engine, remat_every, horizon=length)
            ways.append(chosen)
        # Windows of truncated gradients come after all ways over the whole sequence: they need
        # less memory, but compute other gradients.
        if window < length:
            ways.append(way(f"windows of {window}", window, "auto", None, horizon=window))
        for name, (rows, steps) in evaluations.items():
            ways.append(_way(work, rows, f"evaluation {name}", steps, engine, rates=rates))
    memory = available() if memory is None else memory
    title = f"B={batch_size} T={length} X={in_features} Y={out_features}"
    return MemoryPlan(title, tuple(ways), chosen, explained(ways, chosen, memory), memory)


def available() -> int:
    """The free bytes of the default device; those of the machine for a CPU."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        if "bytes_limit" in stats:
            return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    return machine.memory()


def _names(
    cells: Sequence[Cell], rows: int, length: int
) -> tuple[dict[str, tuple[str, int | None]], str]:
    """The ways over all steps, name -> (engine, remat_every); and the name of the one of "auto".

    The plain scan; the fused engine with all activations saved, with states only, or with one state
    per block (`remat_every`); and the associative scan, where all cells are linear in their state.
    """
    width = max(cell.out_features for cell in cells)
    plan = engines.plan(length, rows, width, platform=jax.default_backend())
    # Blocks of the square root of T need the least memory: T / block states at the boundaries, and
    # the activations of one block. "auto" may plan another block, which is listed too.
    root = even(length, math.isqrt(length))
    short = plan.block if plan.block < length else root
    kept = "results" if plan.save == "results" else "sites"
    names: dict[str, tuple[str, int | None]] = {
        "plain scan": ("scan", None),
        f"fused, save={kept}": (f"fused:save={kept}", None),
        f"fused, save=states, block={short}": (f"fused:save=states,block={short}", None),
    }
    for block in sorted({root, short} - {length}):
        names[f"fused, remat_every={block}"] = ("fused", block)
    if all(cell.linear is not None for cell in cells):
        names["associative"] = ("associative", None)
    planned = {
        kept: f"fused, save={kept}",
        "states": f"fused, save=states, block={short}",
        "boundaries": f"fused, remat_every={short}",
    }
    automatic = "associative" if engines.choose(cells[0]) == "associative" else planned[plan.save]
    # Traced as "auto" itself, so that the chosen row is the program that will run.
    names[automatic] = ("auto", None)
    return names, automatic


def _way(
    work: _Work,
    batch_size: int,
    name: str,
    length: int,
    engine: str,
    remat_every: Remat = None,
    *,
    horizon: int = 0,
    slots: int = 2,
    rates: _rates.Rates | None,
) -> Way:
    """One way, traced; with a horizon of 0 it has no gradients."""
    arguments = _shapes(work, batch_size, length, noise=bool(horizon))
    run = functools.partial(_loss, work, engine, remat_every)
    needed = _program.cost(jax.value_and_grad(run) if horizon else run, *arguments)
    params, data = (size_of(tree) for tree in (arguments[0], arguments[1:]))
    layers, *readout = arguments[0]
    trained = size_of((split_constants(layers)[0], readout))
    gradients = trained if horizon else 0
    # Gradients are results of the program, so that its peak includes them: they are counted once,
    # with the weights. The arguments are not in the peak, so that the batch is added.
    return Way(
        name=name,
        engine=engine,
        remat_every=remat_every,
        length=length,
        horizon=horizon,
        activations=max(0, needed.peak - gradients) + data,
        weights=params + gradients + (trained * slots if horizon else 0),
        flops=needed.flops,
        steps_per_second=length / rates.seconds(needed) if rates else None,
    )


def _loss(
    work: _Work,
    engine: str,
    remat_every: Remat,
    params: tuple[Any, Array, Array],
    inputs: Array,
    targets: Array,
    mask: Array | None,
    resets: Array | None,
    key: Key | None,
) -> Array:
    """The loss of the model: layers, readout, mean squared error; a scalar."""
    layers, W, b = params
    outputs = sequence.stack(
        work.layers,
        layers,
        inputs,
        stack=dataclasses.replace(work.stack, engine=engine, remat_every=remat_every),
        key=key,
        mask=mask,
        resets=resets,
    ).outputs
    return jnp.mean((outputs @ W + b - targets) ** 2)


def _shapes(work: _Work, batch_size: int, length: int, noise: bool = True) -> tuple[Any, ...]:
    """The arguments of `_loss` as shapes; without noise the key is None, as in an evaluation."""
    dtype = precisions.dtype(work.stack.precision)
    array = lambda *shape: jax.ShapeDtypeStruct(shape, dtype)
    key = jax.eval_shape(lambda: jax.random.key(0))
    connected = work.stack.skip_connections
    layers = jax.eval_shape(
        lambda k: sequence.init_stack(work.layers, k, work.in_features, connected), key
    )
    layers = jax.tree.map(lambda a: array(*a.shape), layers)
    width = sequence.stack_features(work.layers, connected)
    steps = (batch_size, length, *work.spatial)
    flags = jax.ShapeDtypeStruct((batch_size, length), bool) if work.masks else None
    params = (layers, array(width, work.out_features), array(work.out_features))
    inputs, targets = array(*steps, work.in_features), array(*steps, work.out_features)
    return params, inputs, targets, flags, flags, key if noise else None


def _sides(layer: Layer) -> tuple[Cell, ...]:
    """The cells of a layer: two for a bidirectional one."""
    return (layer,) if isinstance(layer, Cell) else layer
