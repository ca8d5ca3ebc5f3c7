"""Layers on top of each other, and the skip connections between them."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import checks, engines
from lstmx import precision as precisions
from lstmx.parallel import shards
from lstmx.sequence._unroll import bidirectional, on_jax, unroll
from lstmx.types import Array, Cell, Key, Params, State, Unrolled

Layer = Cell | tuple[Cell, Cell]
"""A cell, or a pair (forward, backward) of cells whose outputs are concatenated."""
SKIP_CONNECTIONS = ("none", "residual", "highway", "graves")
"""What a stack may add to a plain chain of layers; see `Stack`."""


@dataclass(frozen=True)
class Stack:
    """How layers are connected and computed; it checks itself when it is built.

        residual  y = layer(x) + x; He et al. 2016
        highway   y = t layer(x) + (1 - t) x   with t = sigma(W x + b); Srivastava et al. 2015
        graves    each layer also reads the inputs of the stack, whose outputs are those of all
                  layers concatenated; Graves 2013

    Attributes:
        skip_connections: "none", "residual" or "highway" (around every layer above the first), or
            "graves".
        dropout: rate on what one layer passes to the next, sampled anew at every step; off without
            a key.
        remat_every: steps per rematerialised block, or None; see `lstmx.engines.scan.run`.
        engine: one of `lstmx.engines.names()`, or "auto".
        precision: "float32", "bfloat16" or "float64", as for `lstmx.unroll`.

    Raises:
        ValueError: an unknown choice, or a number out of range.
    """

    skip_connections: str = "none"
    dropout: float = 0.0
    remat_every: int | None = None
    engine: str = "auto"
    precision: str = "float32"

    def __post_init__(self) -> None:
        """Refuse what no stack can be."""
        checks.one_of("skip_connections", self.skip_connections, SKIP_CONNECTIONS)
        checks.rate("dropout", self.dropout)
        if self.remat_every is not None:
            checks.size("remat_every", self.remat_every)
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
    """Layers on top of each other, the outputs of one being the inputs of the next.

    Args:
        layers: cells, or (forward, backward) pairs; widths may differ.
        params: {"layer_0": ..., "layer_1": ...}; state and trace likewise. Highways add
            {"link_1": {"W": [H, H], "b": [H]}, ...}.
        stack: skip connections, dropout between the layers, and how they are computed.
        options: `resets`, `lengths`, `reverse`, `time_major` and `return_trace`, as for `unroll`.

    Raises:
        ValueError: skip connections between layers whose widths do not allow them.
    """
    check_widths(layers, stack.skip_connections)
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
            kept = shards.sample(
                functools.partial(jax.random.bernoulli, key_drop, 1 - dropout),
                inputs.shape,
                axis=1 if options.get("time_major") else 0,
            )
            inputs = jnp.where(kept, inputs / (1 - dropout), 0)
        if number and connected == "graves":
            inputs = jnp.concatenate([inputs, xs], axis=-1)
        apply: Callable[..., Unrolled] = unroll if isinstance(layer, Cell) else bidirectional
        before = None if state is None else state[name]
        result = apply(
            layer, params[name], inputs, before, key=key_cell, mask=mask, **how, **options
        )
        outputs, states[name], traces[name] = result
        if number and connected == "residual":
            outputs = outputs + below
        if number and connected == "highway":
            own = params[f"link_{number}"]
            product = precisions.products(jnp.matmul, stack.precision)
            t = jax.nn.sigmoid(product(below, own["W"]) + own["b"])
            outputs = t * outputs + (1 - t) * below
        every.append(outputs)
    outputs = jnp.concatenate(every, axis=-1) if connected == "graves" else outputs
    return Unrolled(outputs, states, traces if options.get("return_trace") else None)


def init_stack(
    layers: Sequence[Layer], key: Key, in_features: int, skip_connections: str = "none"
) -> dict[str, Params]:
    """Parameters of a stack: {"layer_0": ..., ...}; a bidirectional layer has two sides.

    A highway's W is normal with variance 1 / H, and its b is -1: at first it carries more than it
    changes (Srivastava et al. 2015).
    """
    params: dict[str, Any] = {}
    beside = in_features if skip_connections == "graves" else 0
    for number, layer in enumerate(layers):
        key_layer = jax.random.fold_in(key, number)
        if not isinstance(layer, Cell):
            keys = jax.random.split(key_layer)
            params[f"layer_{number}"] = {
                side: cell.init(k, in_features)
                for side, cell, k in zip(("forward", "backward"), layer, keys)
            }
        else:
            params[f"layer_{number}"] = layer.init(key_layer, in_features)
        width = out_features(layer)
        if number and skip_connections == "highway":
            # No layer's number: the layers start as they do without skip connections.
            W = jax.nn.initializers.lecun_normal()(
                jax.random.fold_in(key_layer, 1), (width, width), float
            )
            params[f"link_{number}"] = {"W": W, "b": jnp.full(width, -1.0)}
        in_features = width + beside
    return params


def initial_states(
    layers: Sequence[Layer], params: Mapping[str, Params], batch_shape: tuple[int, ...]
) -> dict[str, State]:
    """The states from which a stack starts: {"layer_0": ..., ...}."""
    states: dict[str, State] = {}
    params = on_jax(params)
    for number, layer in enumerate(layers):
        own = params[f"layer_{number}"]
        if not isinstance(layer, Cell):
            states[f"layer_{number}"] = {
                side: cell.initial_state(own[side], batch_shape)
                for side, cell in zip(("forward", "backward"), layer)
            }
        else:
            states[f"layer_{number}"] = layer.initial_state(own, batch_shape)
    return states


def out_features(layer: Layer) -> int:
    """Width of what a layer puts out."""
    if isinstance(layer, Cell):
        return layer.out_features
    return sum(cell.out_features for cell in layer)


def stack_features(layers: Sequence[Layer], skip_connections: str = "none") -> int:
    """Width of what a stack puts out: of its last layer, or with "graves" of all together."""
    widths = [out_features(layer) for layer in layers]
    return sum(widths) if skip_connections == "graves" else widths[-1]


def check_widths(layers: Sequence[Layer], skip_connections: str) -> None:
    """Refuse skip connections that add what has different widths.

    Raises:
        ValueError: see above.
    """
    widths = [out_features(layer) for layer in layers]
    if skip_connections in ("residual", "highway") and len(set(widths)) > 1:
        raise ValueError(
            f"skip_connections={skip_connections!r} needs layers of one width; got widths {widths}"
        )
