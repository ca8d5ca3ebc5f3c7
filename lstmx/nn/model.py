"""`SequenceModel`: inputs or tokens -> layers -> linear readout at every step."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from lstmx import precision as precisions
from lstmx.nn.recurrent import Recurrent, checked_size
from lstmx.sequence import Layer
from lstmx.types import Array, Cell, Key, State, Unrolled

INPUTS = ("vector", "token")
"""What a model can read: vectors [B, T, X], or integer tokens [B, T]."""
ACTIVATIONS = {"identity": lambda h: h, "relu": jax.nn.relu}
"""What a readout may do to h first."""


class Embedding(nnx.Module):
    """A table `W [V, E]` of one vector per token, standard normal at the start.

    Unit variance, because a cell's input weights expect inputs of about that size.
    """

    def __init__(self, num_tokens: int, features: int, *, rngs: nnx.Rngs):
        self.W = nnx.Param(jax.random.normal(rngs.params(), (num_tokens, features)))

    def __call__(self, tokens: Array) -> Array:
        """Tokens [B, T] -> [B, T, E]."""
        return self.W[...][tokens]


class Readout(nnx.Module):
    """y = h W + b with `W [H, Y]`, `b [Y]`, and x V with `V [X, Y]` where there is a shortcut.

    By default W is LeCun normal (variance 1 / H), which keeps the size of h; b is zero.

    Args:
        in_features: width H of what the layers give.
        out_features: width Y.
        bias: whether there is b.
        weight_range: r > 0 draws all parameters from U(-r, r), as Hochreiter & Schmidhuber 1997 do.
        shortcut: width X of the inputs that the output units see directly; 0 is none.
        activation: of h before the product, "identity" or "relu".
        rngs: the stream "params" initialises.

    Raises:
        ValueError: an unknown activation.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        weight_range: float = 0.0,
        shortcut: int = 0,
        activation: str = "identity",
        precision: str = "float32",
        rngs: nnx.Rngs,
    ):
        if activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(f"readout: activation={activation!r}; expected one of {known}")
        self.activation, self.precision = activation, precision
        r = weight_range
        uniform = lambda key, shape: jax.random.uniform(key, shape, minval=-r, maxval=r)
        weights = uniform if r else jax.nn.initializers.lecun_normal()
        biases = uniform if r else jax.nn.initializers.zeros
        self.W = nnx.Param(weights(rngs.params(), (in_features, out_features)))
        self.b = nnx.Param(biases(rngs.params(), (out_features,))) if bias else None
        self.V = nnx.Param(weights(rngs.params(), (shortcut, out_features))) if shortcut else None

    def __call__(self, h: Array, x: Array | None = None) -> Array:
        """h [B, T, H], and x [B, T, X] for a shortcut -> y [B, T, Y]."""
        product = precisions.products(jnp.matmul, self.precision)
        y = product(ACTIVATIONS[self.activation](h), self.W[...])
        if self.V is not None:
            y = y + product(x, self.V[...])
        return y if self.b is None else y + self.b[...]


class SequenceModel(nnx.Module):
    """Embedding (tokens only), recurrent layers, and a linear readout at every step.

        >>> import jax, lstmx
        >>> from flax import nnx
        >>> cell = lstmx.cells.make("lstm", hidden_size=5)
        >>> model = lstmx.nn.SequenceModel([cell, cell], 3, 4, rngs=nnx.Rngs(0))
        >>> model(jax.numpy.ones((2, 7, 3))).outputs.shape
        (2, 7, 4)

    Parameters are `embedding.W [V, E]` (where there is one), `layers.layer_0`, ..., `readout.W
    [H, Y]` and `readout.b [Y]`; H is the width of all layers together where links are "skip". With
    a shortcut there is `readout.V [X, Y]` too. Dropout acts between layers only: neither the inputs
    nor what the readout sees is dropped. On masked steps the layers give zeros to the readout.

    A token outside of 0 to V - 1, on a step that exists, is an error where its value is known;
    under jit, where it is not, all outputs that it reaches are NaN.

    Args:
        layers: a cell, or several: cells and (forward, backward) pairs of cells.
        in_features: width X of the input vectors, or the number V of tokens.
        out_features: width Y of the output.
        inputs: "vector" or "token".
        embed_features: for tokens: 0 is one-hot, any other number the width E of the embedding.
        bidirectional, residual, links, dropout, remat_every, engine, precision: as for
            `lstmx.nn.Recurrent`; the readout has the precision of the layers.
        readout: options of `Readout`: "bias", "weight_range", "activation", and "shortcut" as
            True or False.
        rngs: the stream "params" initialises.

    Raises:
        ValueError: as `lstmx.nn.Recurrent`; an embedding for vectors; unknown `inputs`.
    """

    def __init__(
        self,
        layers: Cell | Sequence[Layer],
        in_features: int,
        out_features: int,
        *,
        inputs: str = "vector",
        embed_features: int = 0,
        bidirectional: bool = False,
        residual: bool = False,
        links: str = "none",
        dropout: float = 0.0,
        remat_every: int | None = None,
        engine: str = "auto",
        precision: str = "float32",
        readout: Mapping[str, Any] | None = None,
        rngs: nnx.Rngs,
    ):
        if inputs not in INPUTS:
            raise ValueError(f"inputs={inputs!r}; expected one of {', '.join(INPUTS)}")
        if embed_features and inputs != "token":
            raise ValueError(
                f"embed_features={embed_features} embeds tokens, but inputs={inputs!r}; "
                "leave it at 0"
            )
        if embed_features:
            checked_size("embed_features", embed_features)
        self.in_features = checked_size("in_features", in_features)
        self.out_features = checked_size("out_features", out_features)
        self.inputs, self.embed_features = inputs, embed_features
        if embed_features:
            self.embedding = Embedding(in_features, embed_features, rngs=rngs)
        self.layers = Recurrent(
            layers,
            embed_features or in_features,
            bidirectional=bidirectional,
            residual=residual,
            links=links,
            dropout=dropout,
            remat_every=remat_every,
            engine=engine,
            precision=precision,
            rngs=rngs,
        )
        options = dict(readout or {})
        self.shortcut = options.pop("shortcut", False)
        self.readout = Readout(
            self.layers.out_features,
            out_features,
            shortcut=self.shortcut and (embed_features or in_features),
            precision=precision,
            rngs=rngs,
            **options,
        )

    def __call__(
        self,
        inputs: Any,
        state: State | None = None,
        *,
        mask: Array | None = None,
        resets: Array | None = None,
        key: Key | None = None,
        return_trace: bool = False,
    ) -> Unrolled:
        """Inputs [B, T, X], or tokens [B, T] -> outputs [B, T, Y], state and trace of the layers.

        Raises:
            ValueError: inputs of another shape or kind than the model was built for; outside of
                jit, a token that the vocabulary does not have, on a step that exists.
        """
        result = self.hidden(
            inputs, state, mask=mask, resets=resets, key=key, return_trace=return_trace
        )
        return result._replace(outputs=self.read(result.outputs, inputs))

    def hidden(self, inputs: Any, state: State | None = None, **options: Any) -> Unrolled:
        """As a call, with what the readout sees, [B, T, H], as outputs.

        Raises:
            ValueError: as a call.
        """
        xs = self._embedded(inputs)
        if self.inputs == "token":
            xs = _loud(xs, inputs, self.in_features, options.get("mask"))
        return self.layers(xs, state, **options)

    def read(self, h: Array, inputs: Any) -> Array:
        """What the readout makes of what it sees: h [B, T, H], and the inputs for a shortcut."""
        return self.readout(h, self._embedded(inputs) if self.shortcut else None)

    def initial_state(self, batch_shape: tuple[int, ...]) -> dict[str, State]:
        """The states from which the layers start: {"layer_0": ..., ...}."""
        return self.layers.initial_state(batch_shape)

    def _embedded(self, inputs: Any) -> Any:
        if self.inputs == "token":
            if inputs.ndim != 2 or not jnp.issubdtype(inputs.dtype, jnp.integer):
                raise ValueError(
                    f"inputs are {inputs.dtype} {inputs.shape}; expected integer tokens [B, T]"
                )
            if self.embed_features:
                return self.embedding(inputs)
            return jax.nn.one_hot(inputs, self.in_features, dtype=self.readout.W.dtype)
        # A pytree of inputs belongs to the wrapper that reads it; only it knows the widths.
        if hasattr(inputs, "shape") and inputs.shape[2:] != (self.in_features,):
            raise ValueError(f"inputs are {inputs.shape}; expected [B, T, X={self.in_features}]")
        return inputs


def _loud(xs: Array, tokens: Array, size: int, mask: Array | None) -> Array:
    """xs [B, T, X] with NaN at tokens that do not exist, on steps that do.

    Without it they would be the nearest token of an embedding, and nothing at all as one-hot.

    Raises:
        ValueError: such a token where its value is known, which is outside of jit.
    """
    last = min(size - 1, int(jnp.iinfo(tokens.dtype).max))
    known = (tokens >= 0) & (tokens <= last)
    if mask is not None:
        known = known | ~mask
    if isinstance(known, jax.core.Tracer):
        return jnp.where(known[..., None], xs, jnp.nan)
    if not known.all():
        place = tuple(int(n) for n in np.argwhere(~np.asarray(known))[0])
        raise ValueError(f"token {tokens[place]} at {list(place)}; expected 0 to {size - 1}")
    return xs
