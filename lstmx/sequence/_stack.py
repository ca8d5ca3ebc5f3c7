"""Layers on top of each other, and the links between them."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import precision as precisions
from lstmx import registry
from lstmx.parallel import shards
from lstmx.sequence._unroll import bidirectional, on_jax, unroll
from lstmx.types import Array, Cell, Key, Params, State, Unrolled

Layer = Cell | tuple[Cell, Cell]
"""A cell, or a pair (forward, backward) of cells whose outputs are concatenated."""
LINKS = ("none", "highway", "skip")
"""What `stack` adds to a plain chain of layers, beside `residual`."""


def stack(
    layers: Sequence[Layer],
    params: Mapping[str, Params],
    xs: Any,
    state: Mapping[str, State] | None = None,
    *,
    residual: bool = False,
    links: str = "none",
    dropout: float = 0.0,
    key: Key | None = None,
    mask: Array | None = None,
    **options: Any,
) -> Unrolled:
    """Layers on top of each other, the outputs of one being the inputs of the next.

        highway   y = t layer(x) + (1 - t) x   with t = sigma(W x + b); Srivastava et al. 2015
        skip      each layer also reads the inputs of the stack, whose outputs are those of all
                  layers side by side; Graves 2013

    Args:
        layers: cells, or (forward, backward) pairs; widths may differ.
        params: {"layer_0": ..., "layer_1": ...}; state and trace likewise. Highways add
            {"link_1": {"W": [H, H], "b": [H]}, ...}.
        residual: every layer above the first adds its input, not dropped, to its output.
        links: "none", "highway" (around every layer above the first) or "skip".
        dropout: rate on what one layer hands to the next, drawn anew at every step; off without
            a key.
        options: as for `unroll`.

    Raises:
        ValueError: linked layers of different width; a dropout rate outside [0, 1).
    """
    check_links(layers, residual, links)
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout={dropout}; expected a rate in [0, 1)")
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
            kept = shards.draw(
                functools.partial(jax.random.bernoulli, key_drop, 1 - dropout),
                inputs.shape,
                axis=1 if options.get("time_major") else 0,
            )
            inputs = jnp.where(kept, inputs / (1 - dropout), 0)
        if number and links == "skip":
            inputs = jnp.concatenate([inputs, xs], axis=-1)
        apply: Callable[..., Unrolled] = unroll if isinstance(layer, Cell) else bidirectional
        before = None if state is None else state[name]
        result = apply(layer, params[name], inputs, before, key=key_cell, mask=mask, **options)
        outputs, states[name], traces[name] = result
        if residual and number:
            outputs = outputs + below
        if number and links == "highway":
            own = params[f"link_{number}"]
            product = precisions.products(jnp.matmul, options.get("precision", "float32"))
            t = jax.nn.sigmoid(product(below, own["W"]) + own["b"])
            outputs = t * outputs + (1 - t) * below
        every.append(outputs)
    outputs = jnp.concatenate(every, axis=-1) if links == "skip" else outputs
    return Unrolled(outputs, states, traces if options.get("return_trace") else None)


def init_stack(
    layers: Sequence[Layer], key: Key, in_features: int, links: str = "none"
) -> dict[str, Params]:
    """Parameters of a stack: {"layer_0": ..., ...}; a bidirectional layer has two sides.

    A highway's W is normal with variance 1 / H, and its b is -1: at first it carries more than it
    changes (Srivastava et al. 2015).
    """
    params: dict[str, Any] = {}
    beside = in_features if links == "skip" else 0
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
        if number and links == "highway":
            # No layer's number: the layers start as they do without links.
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


def stack_features(layers: Sequence[Layer], links: str = "none") -> int:
    """Width of what a stack puts out: of its last layer, or with "skip" of all together."""
    widths = [out_features(layer) for layer in layers]
    return sum(widths) if links == "skip" else widths[-1]


def check_links(layers: Sequence[Layer], residual: bool, links: str) -> None:
    """Refuse links that are unknown, double, or between widths that do not add.

    Raises:
        ValueError: see above.
    """
    if links not in LINKS:
        raise ValueError(registry.unknown("links", str(links), LINKS))
    if residual and links != "none":
        raise ValueError(f"residual=True beside links={links!r}; expected one of the two")
    widths = [out_features(layer) for layer in layers]
    if (residual or links == "highway") and len(set(widths)) > 1:
        kind = "residual" if residual else links
        raise ValueError(f"{kind} links need layers of one width; got widths {widths}")
