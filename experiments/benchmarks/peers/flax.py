"""Flax: `nnx.RNN` as a layer, cells as steps, and the usual training loop around `nnx.jit`."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen, nnx

from experiments.benchmarks.contestant import Layer, Size, Step
from experiments.benchmarks.layers import layer
from lstmx import tasks


def optimized_lstm(size: Size, xs: Any, device: str) -> Layer:
    """`nnx.RNN(nnx.OptimizedLSTMCell)`, time-major, as a pure function in `jax.jit`."""
    return _layer(nnx.OptimizedLSTMCell, size, xs)


def lstm(size: Size, xs: Any, device: str) -> Layer:
    """`nnx.RNN(nnx.LSTMCell)`, time-major, as a pure function in `jax.jit`."""
    return _layer(nnx.LSTMCell, size, xs)


def eager_lstm(size: Size, xs: Any, device: str) -> Layer:
    """`nnx.RNN(nnx.OptimizedLSTMCell)`, time-major, outside of `jax.jit`."""
    return _layer(nnx.OptimizedLSTMCell, size, xs, eager=True)


def _layer(cell: Any, size: Size, xs: Any, eager: bool = False) -> Layer:
    module = nnx.RNN(cell(size.X, size.H, rngs=nnx.Rngs(0)), time_major=True, rngs=False)
    structure, params = nnx.split(module)
    carry = tuple(jnp.zeros((size.B, size.H)) for _ in range(2))

    def apply(params: Any, xs: Any) -> Any:
        return nnx.merge(structure, params)(xs, initial_carry=carry)

    return layer(apply, params, xs, eager=eager)


def linen_step(name: str, size: Size) -> Step:
    """A cell of `flax.linen` by name."""
    cell = getattr(linen, name)(size.H)
    key = jax.random.key(0)
    state = lambda rows: cell.initialize_carry(key, (rows, size.X))
    params = cell.init(key, state(1), jnp.zeros((1, size.X)))
    return Step(cell.apply, params, state)


def nnx_step(name: str, size: Size) -> Step:
    """A cell of `flax.nnx` by name, split into structure and parameters."""
    cell = getattr(nnx, name)(size.X, size.H, rngs=nnx.Rngs(0))
    structure, params = nnx.split(cell)

    def step(params: Any, state: Any, x: Any) -> Any:
        return nnx.merge(structure, params)(state, x)

    state = lambda rows: cell.initialize_carry((rows, size.X), rngs=nnx.Rngs(0))
    return Step(step, params, state)


class _Model(nnx.Module):
    def __init__(self, hidden_size: int) -> None:
        rngs = nnx.Rngs(0)
        self.layer = nnx.RNN(nnx.OptimizedLSTMCell(2, hidden_size, rngs=rngs), rngs=False)
        self.readout = nnx.Linear(hidden_size, 1, rngs=rngs)
        self.hidden_size = hidden_size

    def __call__(self, xs: Any) -> Any:
        carry = tuple(jnp.zeros((xs.shape[0], self.hidden_size)) for _ in range(2))
        return self.readout(self.layer(xs, initial_carry=carry)[:, -1])


def loop(size: Size, steps: int, device: str) -> Callable[[], Any]:
    """`steps` steps of Adam on the adding problem under `nnx.jit`, in a Python loop."""
    return _loop(size, steps, cached=False)


def cached_loop(size: Size, steps: int, device: str) -> Callable[[], Any]:
    """The same under `nnx.cached_partial`, which traverses the modules only once."""
    return _loop(size, steps, cached=True)


def _loop(size: Size, steps: int, *, cached: bool) -> Callable[[], Any]:
    task = tasks.make("adding", length=size.T, batch_size=size.B)
    model = _Model(size.H)
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    key = jax.random.key(0)

    @nnx.jit
    def step(model: Any, optimizer: Any) -> Any:
        batch = task.batch(jax.random.fold_in(key, optimizer.step[...]), 0)

        def loss(model: Any) -> Any:
            return jnp.mean(jnp.square(model(batch.inputs) - batch.targets[:, -1]))

        value, gradients = nnx.value_and_grad(loss)(model)
        optimizer.update(model, gradients)
        return value

    call = nnx.cached_partial(step, model, optimizer) if cached else lambda: step(model, optimizer)

    def run() -> Any:
        for _ in range(steps):
            value = call()
        return jax.block_until_ready(value)

    return run
