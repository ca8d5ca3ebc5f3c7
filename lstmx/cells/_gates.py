"""Shared parts of cells: weights stored by gate, products with them, activations.

Where all gates have the same width, the weights are `W [X, G, H]`, `R [H, G, H]`, `b [G, H]` and
the gates are a tuple of names. Where sizes differ, gates are concatenated, `W [X, sum of sizes]`,
and the gates are a mapping from name to size. With N heads each part of the units reads one part
of the state only, `R [N, H / N, G, H / N]`.
"""

import itertools
import math
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.types import Array, Key, Params

Blocks = tuple[str, ...] | Mapping[str, int]
"""The pre-activations of a cell in order: names, or names and sizes where these differ."""


def sigmoid(x: Array) -> Array:
    """The logistic function, as a tanh: as accurate as with exp, and better vectorised on a CPU."""
    return 0.5 * jnp.tanh(0.5 * x) + 0.5


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "identity": lambda x: x,
    "sigmoid": sigmoid,
    "softsign": jax.nn.soft_sign,
    "softplus": jax.nn.softplus,
}


def check_blocks(hidden_size: int, block_size: int) -> None:
    """Raises ValueError if a size is below one or `hidden_size` is no multiple of `block_size`."""
    checks.size("hidden_size", hidden_size)
    checks.size("block_size", block_size)
    if hidden_size % block_size:
        raise ValueError(
            f"hidden_size={hidden_size} does not divide into blocks of "
            f"block_size={block_size} cells; expected a divisor"
        )


def check_heads(heads: int, **sizes: int) -> None:
    """Raises ValueError if `heads` is below one or does not divide one of the sizes."""
    checks.size("heads", heads)
    for name, size in sizes.items():
        if size % heads:
            raise ValueError(
                f"{name}={size} does not divide into heads={heads} parts; expected a divisor"
            )


def check_chrono(longest: int, forget_bias: float, default: float, option: str) -> None:
    """Check the options of a chrono initialization (Tallec & Ollivier 2018).

    Raises:
        ValueError: a longest dependency of 1 or less than 0 steps, or chrono together with a
            constant bias.
    """
    if longest < 0 or longest == 1:
        raise ValueError(
            f"chrono={longest}; expected the longest dependency in steps, 2 or more, or 0 for off"
        )
    if longest and forget_bias != default:
        raise ValueError(
            f"chrono={longest} samples the biases that {option}={forget_bias} sets; "
            f"leave {option} at {default}"
        )


def init(
    key: Key,
    in_features: int,
    hidden_size: int,
    blocks: Blocks,
    *,
    initializer: str = "orthogonal",
    bias: Mapping[str, Array | float] | None = None,
    heads: int = 1,
    state_size: int | None = None,
) -> dict[str, Array]:
    """Initial parameters W, R and b of all gates.

    Args:
        in_features: width X of the input.
        hidden_size: size H of each gate where `blocks` are names only.
        initializer: a key of `lstmx.initializers.STARTS`.
        bias: gate -> initial biases, [H] or one number; zero for other gates.
        heads: number N of diagonal blocks of R.
        state_size: size of the state that R multiplies; H if None.
    """
    gate_sizes = blocks if isinstance(blocks, Mapping) else dict.fromkeys(blocks, hidden_size)
    start = initializers.get(initializer)
    key_input, key_recurrent = jax.random.split(key)
    W = start.W(key_input, in_features, gate_sizes, hidden_size)
    rows = (state_size or hidden_size) // heads
    head_sizes = {gate: size // heads for gate, size in gate_sizes.items()}
    sample = lambda key: start.R(key, rows, head_sizes, hidden_size)
    R = sample(key_recurrent)
    if heads > 1:
        R = jax.vmap(sample)(jax.random.split(key_recurrent, heads))
    bias = bias or {}
    b = jnp.concatenate(
        [jnp.full(n, bias.get(gate, 0.0), W.dtype) for gate, n in gate_sizes.items()]
    )
    if isinstance(blocks, Mapping):
        return {"W": W, "R": R, "b": b}
    shape = (len(blocks), hidden_size)
    R = R.reshape(*R.shape[:-1], len(blocks), hidden_size // heads)
    return {"W": W.reshape(-1, *shape), "R": R, "b": b.reshape(shape)}


def project(params: Params, x: Array) -> Array:
    """W x + b for all gates: x [..., X] -> [..., G, H]."""
    W, b = params["W"], params["b"]
    if W.shape[0] == 1:
        # XLA turns a product with one input into an elementwise one, and then no longer vectorises
        # the gates that it fuses it with: on a CPU steps take 1.6 times as long. With a second row
        # of zeros it stays a product. The bias is no such row: bfloat16 would round it.
        x, W = jnp.concatenate([x, jnp.zeros_like(x)], -1), jnp.concatenate([W, jnp.zeros_like(W)])
    Wx = product(x, W)
    return Wx + rows(b, Wx)


def rows(parameter: Array, like: Array) -> Array:
    """A parameter such as [H] as one row, [1, ..., H], with as many axes as `like` [..., H].

    JAX does so by itself unless `jax_numpy_rank_promotion` is "raise", under which cells run too.
    """
    return jnp.expand_dims(parameter, range(like.ndim - parameter.ndim))


def recur(params: Params, h: Array) -> Array:
    """R h for all gates: h [..., H] -> [..., G, H]."""
    return recurrent_product(h, params["R"])


def pre_activations(params: Params, x: Array, h: Array) -> Array:
    """W x + R h + b for all gates: x [..., X], h [..., H] -> [..., G, H]."""
    return project(params, x) + recur(params, h)


def recurrent_product(h: Array, R: Array) -> Array:
    """R h for R [H, ...] or, by heads, [N, H / N, G, H / N]: h [..., H] -> [..., G, H]."""
    if R.ndim < 4:
        return product(h, R)
    heads, rows, gates, _ = R.shape
    products = jnp.einsum("...nr,nrgk->...gnk", h.reshape(*h.shape[:-1], heads, rows), R)
    return products.reshape(*h.shape[:-1], gates, -1)


def product(x: Array, weights: Array) -> Array:
    """The product of the last axis of x with the first axis of the weights.

    Args:
        x: [..., rows].
        weights: [rows, ...].
    """
    # One product of two matrices: in the backward pass, the transpose of a product over [G, H]
    # would copy the weights at every step.
    flat = weights.reshape(weights.shape[0], math.prod(weights.shape[1:]))
    return jnp.matmul(x, flat).reshape(*x.shape[:-1], *weights.shape[1:])


def split(a: Array, blocks: Blocks) -> dict[str, Array]:
    """Splits the pre-activations of all gates, [..., G, H], into gate -> [..., H]."""
    if not isinstance(blocks, Mapping):
        # Not by indexing: its transpose, in the backward pass, is a sum of zero-padded arrays.
        flat = a.reshape(*a.shape[:-2], a.shape[-2] * a.shape[-1])
        parts = jnp.split(flat, len(blocks), axis=-1)
        return dict(zip(blocks, parts))
    ends = list(itertools.accumulate(blocks.values()))
    return dict(zip(blocks, jnp.split(a, ends[:-1], axis=-1)))


def spread(gate: Array, block_size: int) -> Array:
    """Returns a gate [..., H / S] repeated for each cell of its block, [..., H]."""
    return gate if block_size == 1 else jnp.repeat(gate, block_size, axis=-1)


def sum_blocks(x: Array, block_size: int) -> Array:
    """Returns the sum over the cells of each block: [..., H] -> [..., H / S]."""
    if block_size == 1:
        return x
    return x.reshape(*x.shape[:-1], -1, block_size).sum(-1)


def join(parts: Mapping[str, Array], blocks: Blocks, like: Array) -> Array:
    """The inverse of `split`, in the shape of `like`; zeros for gates that are not in `parts`."""
    zeros = split(jnp.zeros_like(like), blocks)
    arrays = [parts.get(gate, zeros[gate]) for gate in blocks]
    if isinstance(blocks, Mapping):
        return jnp.concatenate(arrays, axis=-1)
    return jnp.stack(arrays, axis=-2)
