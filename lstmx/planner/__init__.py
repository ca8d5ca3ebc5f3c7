"""What an unroll will need, before it runs: bytes and speed of every way to compute it.

    >>> import lstmx
    >>> cell = lstmx.cells.make("lstm", hidden_size=64)
    >>> plan = lstmx.plan_memory(cell, 16, 1000, 8, calibrate=False)
    >>> plan.ways[0].name, plan.ways[0].horizon
    ('plain scan', 1000)

`print(plan)` shows the table. Bytes are read off the program that would be compiled, see
`lstmx.planner._program`; on a CPU they agree with the compiler's own account to some percent.
Speeds are estimates from a few measured rates, good for an order, not for a race.
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
from lstmx.engines._plan import even
from lstmx.planner import _program, _rates
from lstmx.planner._program import size_of
from lstmx.planner._table import MemoryPlan, Way, explained
from lstmx.sequence import Layer, Stack
from lstmx.types import Cell

__all__ = ["MemoryPlan", "Way", "available", "plan_memory", "size_of"]


class _Work(NamedTuple):
    """What is to be computed, whatever the way."""

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
    """Bytes, operations and speed of one training step, for every way to compute it.

    The step is that of a model: the layers over [B, T, X], a linear readout at every step, a mean
    of squares, and the gradients of all parameters.

    Args:
        layers: a cell, or cells and (forward, backward) pairs as `lstmx.sequence.stack` takes them.
        batch_size: rows B that one device computes at once, all replicas of a `vmap` together.
        length: number of steps T.
        in_features: width X of the inputs.
        out_features: width Y of the readout.
        stack: how the layers are connected and computed; its `engine` and `remat_every` are those
            that are going to be used.
        window: steps of the truncated form; about a tenth of T if None.
        evaluations: name -> (B, T) of programs without gradients.
        spatial: sizes of the axes between T and X, for a cell that has some.
        masks: the batch has a mask and resets, as in `experiments.train`.
        optimizer_slots: arrays per parameter that the optimizer keeps; 2 in Adam.
        memory: bytes that may be used; what the device has available if None.
        calibrate: measure this machine for half a second; without it no speed is told.

    Raises:
        ValueError: a size below one, no layers, a window longer than the sequence, or what the
            engine, the layers or the precision refuse.
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
    names, picked = _names(cells, batch_size * math.prod(spatial), length)
    with precisions.scope(stack.precision):
        ways = [way(name, length, *how, horizon=length) for name, how in names.items()]
        if engine == "auto" and remat_every is None:
            chosen = next(one for one in ways if one.name == picked)
        else:
            chosen = way("as set", length, engine, remat_every, horizon=length)
            ways.append(chosen)
        if window < length:
            ways.append(way(f"windows of {window}", window, "auto", None, horizon=window))
        for name, (rows, steps) in evaluations.items():
            ways.append(_way(work, rows, f"evaluation {name}", steps, engine, rates=rates))
    memory = available() if memory is None else memory
    title = f"B={batch_size} T={length} X={in_features} Y={out_features}"
    return MemoryPlan(title, tuple(ways), chosen, explained(ways, chosen, memory), memory)


def available() -> int:
    """Bytes that the default device can still give; a CPU has those of the machine."""
    device = jax.devices()[0]
    if device.platform != "cpu":
        said = device.memory_stats() or {}
        if "bytes_limit" in said:
            return int(said["bytes_limit"] - said.get("bytes_in_use", 0))
    return machine.memory()


def _names(
    cells: Sequence[Cell], rows: int, length: int
) -> tuple[dict[str, tuple[str, int | None]], str]:
    """The ways over all steps, name -> (engine, remat_every); and which of them "auto" is."""
    width = max(cell.out_features for cell in cells)
    plan = engines.plan(length, rows, width, platform=jax.default_backend())
    root = even(length, math.isqrt(length))
    short = plan.block if plan.block < length else root
    names: dict[str, tuple[str, int | None]] = {
        "plain scan": ("scan", None),
        "fused, save=all": ("fused:save=all", None),
        f"fused, save=states, block={short}": (f"fused:save=states,block={short}", None),
    }
    for block in sorted({root, short} - {length}):
        names[f"fused, remat_every={block}"] = ("fused", block)
    if all(cell.linear is not None for cell in cells):
        names["associative"] = ("associative", None)
    saving = {
        "all": "fused, save=all",
        "states": f"fused, save=states, block={short}",
        "boundaries": f"fused, remat_every={short}",
    }
    picked = "associative" if engines.choose(cells[0]) == "associative" else saving[plan.save]
    names[picked] = ("auto", None)
    return names, picked


def _way(
    work: _Work,
    batch_size: int,
    name: str,
    length: int,
    engine: str,
    remat_every: int | None = None,
    *,
    horizon: int = 0,
    slots: int = 2,
    rates: _rates.Rates | None,
) -> Way:
    """One way, traced; without a horizon there are no gradients."""
    arguments = _shapes(work, batch_size, length, noise=bool(horizon))
    run = functools.partial(_loss, work, engine, remat_every)
    needed = _program.cost(jax.value_and_grad(run) if horizon else run, *arguments)
    own, data = (size_of(tree) for tree in (arguments[0], arguments[1:]))
    layers, *readout = arguments[0]
    trained = size_of((split_constants(layers)[0], readout))
    gradients = trained if horizon else 0
    return Way(
        name=name,
        engine=engine,
        remat_every=remat_every,
        length=length,
        horizon=horizon,
        activations=max(0, needed.peak - gradients) + data,
        weights=own + gradients + (trained * slots if horizon else 0),
        flops=needed.flops,
        steps_per_second=length / rates.seconds(needed) if rates else None,
    )


def _loss(
    work: _Work,
    engine: str,
    remat_every: int | None,
    params: Any,
    inputs: Any,
    targets: Any,
    mask: Any,
    resets: Any,
    key: Any,
) -> Any:
    """The loss of the model: layers, readout, mean of squares."""
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
    """The arguments of `_loss` as shapes; an evaluation draws no noise."""
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
    held = jax.ShapeDtypeStruct((batch_size, length), bool) if work.masks else None
    params = (layers, array(width, work.out_features), array(work.out_features))
    inputs, targets = array(*steps, work.in_features), array(*steps, work.out_features)
    return params, inputs, targets, held, held, key if noise else None


def _sides(layer: Layer) -> tuple[Cell, ...]:
    return (layer,) if isinstance(layer, Cell) else layer
