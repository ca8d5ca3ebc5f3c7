"""The decoder of an encoder-decoder as a cell: `lstmx.sequence.unroll` runs it.

    x_t = [embedding of y_{t-1}; h~_{t-1}]     the latter with input feeding
    h_t = layers(x_t)
    h~_t, a_t = attend(h_t, memory)            h~_t = h_t without attention

Its params are those of its layers and of the attention, with what the encoder has read under
"read": the memory is an operand of every step and belongs to no step. Where the model feeds itself,
the state has the embedding of the token that it chose.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import sequence
from lstmx.models import _attention
from lstmx.sequence import Stack
from lstmx.types import Array, Cell, Gates, Key, Params, State

ATTENTION = "attention"
"""The gate that has the weights of the attention, [B, S]."""


@dataclass(frozen=True)
class Decoding:
    """How a decoder is made up.

    Attributes:
        layers: its cells, each in one direction.
        embed_features: size E of the embedding of a token; 0 is one-hot.
        out_features: number V of tokens.
        attention: one of `_attention.KINDS`.
        input_feeding: whether a step reads h~ of the one before (Luong et al. 2015, section 3.3).
        stack: as of the model.
        bias: whether the readout has one.
    """

    layers: tuple[Cell, ...]
    embed_features: int
    out_features: int
    attention: str
    input_feeding: bool
    stack: Stack
    bias: bool

    @property
    def features(self) -> int:
        """Size H of h and h~."""
        return sequence.stack_features(self.layers, self.stack.skip_connections)

    @property
    def in_features(self) -> int:
        """Size of the inputs of the first layer."""
        return (self.embed_features or self.out_features) + self.features * self.input_feeding


def embed(of: Decoding, params: Params, tokens: Array, dtype: Any) -> Array:
    """Returns tokens [...] embedded or one-hot, [..., E]."""
    if of.embed_features:
        return jnp.asarray(params["embedding"]["W"])[tokens]
    return jax.nn.one_hot(tokens, of.out_features, dtype=dtype)


def cell(of: Decoding, *, itself: bool) -> Cell:
    """Returns the decoder as a cell.

    Its inputs are {"y": embedded tokens [B, T, E]}, and with `itself` also {"teacher": [B, T]},
    which is 1 where y is read and 0 where the token is that which the decoder chose: sampled from
    its softmax in training, the most probable one without a key. Its outputs are h~.

    Args:
        itself: whether the decoder feeds itself at any step, so that it needs the readout.
    """

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        layers = sequence.initial_states(of.layers, params["layers"], batch_shape)
        dtype = jnp.result_type(*jax.tree.leaves(params["layers"]))
        state: dict[str, Any] = {"layers": layers}
        if of.input_feeding:
            state["fed"] = jnp.zeros((*batch_shape, of.features), dtype)
        if itself:
            width = of.embed_features or of.out_features
            state["chosen"] = jnp.zeros((*batch_shape, width), dtype)
        return state

    def step(
        params: Params, state: State, x: Mapping[str, Array], noise: Any
    ) -> tuple[State, Array, Gates]:
        y = x["y"]
        if itself:
            # Not y * teacher + ...: the token may be one that is not in the vocabulary, NaN.
            y = jnp.where(x["teacher"][:, None] > 0, y, state["chosen"])
        xs = jnp.concatenate([y, state["fed"]], axis=-1) if of.input_feeding else y
        h, layers = _layers(of, params["layers"], state["layers"], xs, noise)
        gates: dict[str, Array] = {}
        if of.attention != "none":
            h, gates[ATTENTION] = _attention.attend(
                of.attention, params["attention"], h, params["read"]
            )
        after: dict[str, Any] = {"layers": layers}
        if of.input_feeding:
            after["fed"] = h
        if itself:
            after["chosen"] = embed(of, params, _choice(of, params, h, noise), h.dtype)
        return after, h, gates

    def prepare(
        params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
    ) -> tuple[Params, Any]:
        layers, noise = {}, {}
        for n, layer in enumerate(of.layers):
            name = f"layer_{n}"
            key_layer = None if key is None else jax.random.fold_in(key, n)
            own = params["layers"][name]
            layers[name], noise[name] = layer.prepare(own, key_layer, batch_shape, length)
            if n and key is not None and of.stack.dropout:
                size = (*batch_shape, length, sequence.out_features(of.layers[n - 1]))
                keep = jax.random.bernoulli(
                    jax.random.fold_in(key, 1000 + n), 1 - of.stack.dropout, size
                )
                noise[f"drop_{n}"] = keep / (1 - of.stack.dropout)
        if itself and key is not None:
            key_choice = jax.random.fold_in(key, len(of.layers))
            noise["choice"] = jax.random.uniform(key_choice, (*batch_shape, length))
        links = {name: link for name, link in params["layers"].items() if name not in layers}
        return {**params, "layers": {**layers, **links}}, noise

    return Cell(_no_init, initial_state, step, of.features, prepare=prepare)


def _no_init(key: Key, in_features: int) -> Params:
    raise ValueError("the parameters of a decoder are made by its model")


def _layers(
    of: Decoding, params: Params, states: Mapping[str, State], x: Array, noise: Any
) -> tuple[Array, dict[str, State]]:
    """One step of the stack: the outputs [B, H] and the states of the layers."""
    kind, outputs, every, after = of.stack.skip_connections, x, [], {}
    for n, layer in enumerate(of.layers):
        name, below = f"layer_{n}", outputs
        inputs = outputs
        if f"drop_{n}" in noise:
            inputs = inputs * noise[f"drop_{n}"].astype(inputs.dtype)
        if n and kind == "graves":
            inputs = jnp.concatenate([inputs, x], axis=-1)
        after[name], outputs, _ = layer.step(params[name], states[name], inputs, noise[name])
        if n and kind == "residual":
            outputs = outputs + below
        if n and kind == "highway":
            gate = params[f"link_{n}"]
            t = jax.nn.sigmoid(below @ gate["W"] + gate["b"][None])
            outputs = t * outputs + (1 - t) * below
        every.append(outputs)
    return jnp.concatenate(every, axis=-1) if kind == "graves" else outputs, after


def _choice(of: Decoding, params: Params, h: Array, noise: Any) -> Array:
    """The token that follows, [B]: sampled with the noise of the step, else the most probable."""
    logits = h @ params["readout"]["W"]
    if of.bias:
        logits = logits + params["readout"]["b"][None]
    logits = jax.lax.stop_gradient(logits)
    if "choice" not in noise:
        return jnp.argmax(logits, axis=-1)
    # The inverse of the distribution function: one number for each row, not one for each token.
    below = jnp.cumsum(jax.nn.softmax(logits), axis=-1) < noise["choice"][:, None]
    return jnp.minimum(below.sum(-1), of.out_features - 1)
