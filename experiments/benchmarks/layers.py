"""A layer in JAX as a contestant, of lstmx or a peer: jitted, sharded, or called as it is."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from experiments.benchmarks import timing
from experiments.benchmarks.contestant import Layer, Size, Step
from lstmx.constants import split_constants
from lstmx.parallel import mesh as meshes
from lstmx.parallel import shards
from lstmx.sequence import scan, unroll
from lstmx.types import BATCH_AXIS, Array, Cell

AGREED = 1e-3  # of the largest entry; float32 over a thousand steps stays within 1e-5
ROUNDING = 1e-3  # least size of a leaf's entries, as a share of the largest entry of all leaves
ROWS = P(None, BATCH_AXIS)  # inputs and outputs [T, B, ...] are sharded by rows


def inputs(size: Size) -> Array:
    """The inputs of every contestant, [T, B, X], standard normal."""
    return jax.random.normal(jax.random.key(1), (size.T, size.B, size.X))


def layer(
    apply: Callable[[Any, Any], Any], params: Any, xs: Any, mesh: Any = None, *, eager: bool = False
) -> Layer:
    """A layer of any library on JAX, each of its two programs jitted once unless `eager`.

    Args:
        apply: (params, xs) -> outputs; over a mesh it takes the rows of one shard.
        params: a pytree of arrays.
        xs: inputs, [T, B, X] if there is a mesh.
        mesh: devices over which the rows of the batch are sharded; inputs and outputs stay sharded,
            the gradients of the parameters are summed. None: one device.
        eager: call both outside of `jax.jit`.
    """
    shards_of_batch = 1 if mesh is None else mesh.shape[BATCH_AXIS]

    def loss(params: Any, xs: Any) -> Array:
        out = apply(params, xs)
        return jnp.sum(jnp.square(out)) / (out.size * shards_of_batch)

    def gradients(params: Any, xs: Any) -> Any:
        of_params, of_xs = jax.grad(loss, (0, 1))(params, xs)
        return shards.total(of_params), of_xs

    forward = apply
    if mesh is None:
        params, xs = jax.device_put((params, xs), jax.devices()[0])
    else:
        over = {"mesh": mesh, "in_specs": (P(), ROWS), "check_vma": False}
        forward = jax.shard_map(apply, out_specs=ROWS, **over)
        gradients = jax.shard_map(gradients, out_specs=(P(), ROWS), **over)
        params = jax.device_put(params, NamedSharding(mesh, P()))
        xs = jax.device_put(xs, NamedSharding(mesh, ROWS))
    if eager:
        return Layer(
            lambda: jax.block_until_ready(forward(params, xs)),
            lambda: jax.block_until_ready(gradients(params, xs)),
        )
    compiled, differentiated = jax.jit(forward), jax.jit(gradients)

    def temporary() -> int:
        analysis: Any = differentiated.lower(params, xs).compile().memory_analysis()
        return int(analysis.temp_size_in_bytes)

    return Layer(
        lambda: jax.block_until_ready(compiled(params, xs)),
        lambda: jax.block_until_ready(differentiated(params, xs)),
        shards_of_batch,
        temporary,
    )


def ours(
    cell: Cell,
    size: Size,
    *,
    engine: str = "auto",
    sharded: bool = False,
    eager: bool = False,
) -> Layer | None:
    """A layer of lstmx, time-major; if `sharded`, over all devices, or None with one device."""

    def apply(params: Any, xs: Array) -> Array:
        return unroll(cell, params, xs, time_major=True, engine=engine).outputs

    return _placed(apply, cell.init(jax.random.key(0), size.X), size, sharded, eager)


def of_step(
    given: Step, size: Size, *, plain: bool = False, sharded: bool = False, eager: bool = False
) -> Layer | None:
    """A step function under `lstmx.scan`; `plain`: under `lax.scan`. `sharded` as for `ours`."""

    def apply(params: Any, xs: Array) -> Array:
        state = given.state(xs.shape[1])
        if plain:
            return lax.scan(lambda state, x: given.step(params, state, x), state, xs)[1]
        return scan(given.step, params, state, xs)[1]

    return _placed(apply, given.params, size, sharded, eager)


def by_hand(size: Size) -> Step:
    """An LSTM as its equations, with a matrix for all gates."""
    normal = jax.nn.initializers.lecun_normal()
    keys = jax.random.split(jax.random.key(0))
    rows_of = {"W": size.X, "R": size.H}
    params = {name: normal(key, (rows_of[name], 4 * size.H)) for name, key in zip(rows_of, keys)}
    params["b"] = jnp.zeros(4 * size.H)

    def step(params: Any, state: Any, x: Any) -> Any:
        c, h = state
        a = x @ params["W"] + h @ params["R"] + params["b"]
        i, f, z, o = jnp.split(a, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(z)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (c, h), h

    return Step(step, params, lambda rows: (jnp.zeros((rows, size.H)),) * 2)


def _placed(
    apply: Callable[[Any, Any], Any], params: Any, size: Size, sharded: bool, eager: bool
) -> Any:
    mesh = meshes.make(1, [size.B]) if sharded else None
    if mesh is not None and mesh.size == 1:
        return None
    return layer(apply, params, inputs(size), mesh, eager=eager)


def checked(candidate: Layer | str, reference: Layer | str) -> Layer | str:
    """The layer if its gradients equal those of the reference, else why it must not be timed.

    A wrong program may be fast: one that computes nothing is the fastest.
    """
    if isinstance(candidate, str) or isinstance(reference, str):
        return candidate
    try:
        leaves, expected = (
            jax.device_get(jax.tree.leaves(m.gradients())) for m in (candidate, reference)
        )
    except Exception as error:  # an engine may refuse a cell when it is first called
        return timing.first_line(error)
    largest = max(abs(leaf).max() for leaf in expected)
    for leaf, other in zip(leaves, expected):
        # Where the terms of a leaf cancel, only their rounding errors are left: the scale is not
        # that of the leaf, but of the terms, which are as large as other leaves.
        gap, size = abs(leaf - other).max(), max(abs(other).max(), ROUNDING * largest)
        if not gap <= AGREED * size:  # NaN too
            return f"not measured: gradients are off the plain scan's by {gap / size:.1g}"
    return candidate


def parameters(cell: Cell, in_features: int) -> int:
    """Number of trained parameters of a cell."""
    shapes = jax.eval_shape(lambda key: cell.init(key, in_features), jax.random.key(0))
    trained, _ = split_constants(shapes)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(trained))
