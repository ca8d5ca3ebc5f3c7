"""Stacks of layers, and the skip connections between them."""

import functools
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import checks, engines
from lstmx import precision as precisions
from lstmx.engines._blocks import Remat, levels
from lstmx.parallel import shards
from lstmx.sequence import _checks
from lstmx.sequence._unroll import SIDES, bidirectional, on_jax, unroll
from lstmx.types import Array, Cell, Key, Params, State, Unrolled

Layer = Cell | tuple[Cell, Cell]
"""A cell, or a pair (forward, backward) of cells whose outputs are concatenated."""
SKIP_CONNECTIONS = ("none", "residual", "highway", "graves")
"""Names of skip connections; see `Stack`."""
LINK = zlib.crc32(b"link") >> 1
"""Folded into the key of a layer, for its highway; 31 bits, as `initializers` has."""


@dataclass(frozen=True)
class Stack:
    """How layers are connected and computed; validated on construction.

        residual  y = layer(x) + x; He et al. 2016
        highway   y = t layer(x) + (1 - t) x   with t = sigma(W x + b); Srivastava et al. 2015
        graves    each layer also reads the inputs of the stack, whose outputs are those of all
                  layers concatenated; Graves 2013

    Attributes:
        skip_connections: "none", "residual" or "highway" (around every layer above the first), or
            "graves".
        dropout: rate of dropout on the inputs of every layer but the first, sampled at every step;
            off without a key.
        remat_every: steps per rematerialised block, or None; see `lstmx.engines.scan.run`.
        engine: one of `lstmx.engines.names()`, or "auto".
        precision: "float32", "bfloat16" or "float64", as for `lstmx.unroll`.

    Raises:
        ValueError: an unknown choice, or a number out of range.
    """

    skip_connections: str = "none"
    dropout: float = 0.0
    remat_every: Remat = None
    engine: str = "auto"
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown choice or a number out of range."""
        checks.one_of("skip_connections", self.skip_connections, SKIP_CONNECTIONS)
        checks.rate("dropout", self.dropout)
        if self.remat_every is not None:
            levels(self.remat_every)
        engines.get(self.engine)
        precisions.check(self.precision)


def stack(
    layers: Sequence[Layer],
    params: Mapping[str, Params],
    xs: Any,
    state: Mapping[str, State] | None = None,
    *,
    stack: Stack = Stack(),
    key: Key | None = None,
    mask: Array | None = None,
    **options: Any,
) -> Unrolled:
    """Unrolls a stack of layers: the outputs of one layer are the inputs of the next.

    Args:
        layers: cells, or (forward, backward) pairs; output sizes may differ.
        params: {"layer_0": ..., "layer_1": ...}; state and trace likewise. Highways add
            {"link_1": {"W": [H, H], "b": [H]}, ...}.
        stack: skip connections, dropout between the layers, and how they are computed.
        options: `resets`, `lengths`, `reverse`, `time_major` and `return_trace`, as for `unroll`.

    Raises:
        ValueError: skip connections between layers whose output sizes do not allow them; params or
            a state without a layer; `reverse` with a bidirectional layer; from the layers, as
            `unroll`.

    Returns:
        Outputs [B, T, H] of the last layer (with "graves", of all layers concatenated), and the
        states and traces by layer.
    """
    check_widths(layers, stack.skip_connections)
    names = [f"layer_{number}" for number in range(len(layers))]
    if state is not None:
        _checks.by_name("state", state, names)
    is_highway = stack.skip_connections == "highway"
    links = [f"link_{number}" for number in range(1, len(layers)) if is_highway]
    _checks.has_names("params", params, [*names, *links])
    dropout, connected = stack.dropout, stack.skip_connections
    how = {
        "remat_every": stack.remat_every,
        "engine": stack.engine,
        "precision": stack.precision,
    }
    outputs, every = xs, []
    states: dict[str, State] = {}
    traces: Any = {}
    for number, layer in enumerate(layers):
        name = f"layer_{number}"
        below = inputs = outputs
        key_cell = key_drop = None
        if key is not None:
            key_cell, key_drop = jax.random.split(jax.random.fold_in(key, number))
        if number and dropout and key_drop is not None:
            keep = shards.sample(
                functools.partial(jax.random.bernoulli, key_drop, 1 - dropout),
                inputs.shape,
                axis=1 if options.get("time_major") else 0,
            )
            inputs = jnp.where(keep, inputs / (1 - dropout), 0)
        if number and connected == "graves":
            inputs = jnp.concatenate([inputs, xs], axis=-1)
        apply: Callable[..., Unrolled] = unroll if isinstance(layer, Cell) else bidirectional
        before = None if state is None else state[name]
        with _checks.within(name):
            result = apply(
                layer, params[name], inputs, before, key=key_cell, mask=mask, **how, **options
            )
        outputs, states[name], traces[name] = result
        if number and connected == "residual":
            outputs = outputs + below
        if number and connected == "highway":
            gate = params[f"link_{number}"]
            product = precisions.products(jnp.matmul, stack.precision)
            t = jax.nn.sigmoid(product(below, gate["W"]) + gate["b"][None, None])
            outputs = t * outputs + (1 - t) * below
        every.append(outputs)
    outputs = jnp.concatenate(every, axis=-1) if connected == "graves" else outputs
    return Unrolled(outputs, states, traces if options.get("return_trace") else None)


def init_stack(
    layers: Sequence[Layer], key: Key, in_features: int, skip_connections: str = "none"
) -> dict[str, Params]:
    """Returns parameters of a stack: {"layer_0": ..., ...}; by direction in a bidirectional layer.

    A highway's W is normal with variance 1 / H, and its b is -1, so that it initially carries most
    of its input (Srivastava et al. 2015).
    """
    params: dict[str, Any] = {}
    shortcut = in_features if skip_connections == "graves" else 0
    for number, layer in enumerate(layers):
        key_layer = jax.random.fold_in(key, number)
        if not isinstance(layer, Cell):
            keys = jax.random.split(key_layer)
            params[f"layer_{number}"] = {
                side: cell.init(k, in_features) for side, cell, k in zip(SIDES, layer, keys)
            }
        else:
            params[f"layer_{number}"] = layer.init(key_layer, in_features)
        size = out_features(layer)
        if number and skip_connections == "highway":
            # A key derived from the layer's key: no layer is initialized otherwise than without
            # skip connections. A small number in place of `LINK` may give a key of the layer's
            # own, since `fold_in(key, i)` is `split(key, n)[i]`.
            key_link = jax.random.fold_in(key_layer, LINK)
            W = jax.nn.initializers.lecun_normal()(key_link, (size, size), float)
            params[f"link_{number}"] = {"W": W, "b": jnp.full(size, -1.0)}
        in_features = size + shortcut
    return params


def initial_states(
    layers: Sequence[Layer], params: Mapping[str, Params], batch_shape: tuple[int, ...]
) -> dict[str, State]:
    """Returns the initial states of a stack: {"layer_0": ..., ...}."""
    states: dict[str, State] = {}
    params = on_jax(params)
    for number, layer in enumerate(layers):
        layer_params = params[f"layer_{number}"]
        if not isinstance(layer, Cell):
            states[f"layer_{number}"] = {
                side: cell.initial_state(layer_params[side], batch_shape)
                for side, cell in zip(SIDES, layer)
            }
        else:
            states[f"layer_{number}"] = layer.initial_state(layer_params, batch_shape)
    return states


def out_features(layer: Layer) -> int:
    """Returns the output size of a layer: H, or the sum of both directions."""
    if isinstance(layer, Cell):
        return layer.out_features
    return sum(cell.out_features for cell in layer)


def stack_features(layers: Sequence[Layer], skip_connections: str = "none") -> int:
    """Returns the output size of a stack: of its last layer, or with "graves" of all layers."""
    sizes = [out_features(layer) for layer in layers]
    return sum(sizes) if skip_connections == "graves" else sizes[-1]


def check_widths(layers: Sequence[Layer], skip_connections: str) -> None:
    """Raises ValueError if skip connections would add outputs of different sizes."""
    sizes = [out_features(layer) for layer in layers]
    if skip_connections in ("residual", "highway") and len(set(sizes)) > 1:
        raise ValueError(
            f"skip_connections={skip_connections!r} needs layers of one width; got widths {sizes}"
        )
