"""Measured rates of this machine: six small programs, a fraction of a second in total."""

import functools
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lstmx.planner._program import COSTLY_WEIGHT, Cost
from lstmx.types import Array

ITERATIONS, ROWS, LONG, REPEATS = 200, 1000, 2**23, 3
"""Steps of a measured loop; rows of the large product; entries of an array that fits into no cache;
number of repeats, of which the fastest counts."""


class Rates(NamedTuple):
    """Rates of one device.

    Attributes:
        small: floating point operations per second, in products of the size of a step.
        large: floating point operations per second, in products over many steps.
        step: floating point operations of the product that `small` was measured on.
        elements: additions per second, in pointwise operations within the cache.
        bytes: bytes per second, read from memory and written to new memory, beyond the caches.
        start: seconds of overhead of every product.
        kernel: seconds of overhead of every piece of compiled code that is started.
    """

    small: float
    large: float
    step: int
    elements: float
    bytes: float
    start: float
    kernel: float

    def seconds(self, cost: Cost) -> float:
        """The estimated seconds of a program: good for ordering ways, not for an absolute time."""
        # A product of a single step runs at a lower rate than one over many steps: its operands
        # are too small to fill the units of the device.
        products = sum(
            each * count / (self.small if each <= 2 * self.step else self.large)
            for each, count in cost.products.items()
        )
        pointwise = cost.elements / self.elements + cost.moved / self.bytes
        starts = cost.products.total() * self.start + cost.kernels * self.kernel
        return products + pointwise + starts


@functools.cache
def measure(batch_size: int, hidden_size: int) -> Rates:
    """The rates of the default device for steps [B, H] x [H, 4 H], measured once per size."""
    h = jnp.ones((batch_size, hidden_size))
    R = jnp.full((hidden_size, 4 * hidden_size), 1e-3)
    wide = jnp.ones((batch_size, 4 * hidden_size))
    step = 2 * batch_size * hidden_size * 4 * hidden_size
    rows = jnp.ones((ROWS, hidden_size))
    # An empty loop first: its time per step is overhead, which is subtracted from the others.
    idle = _loop(lambda s: s + 1, jnp.zeros(()))
    product = _loop(lambda s: (s @ R)[:, :hidden_size] + h, h)
    pointwise = _loop(lambda s: jnp.tanh(s) + wide, wide)
    # Two products too small to take any time: what they take is the overhead of a call.
    tiny, few = jnp.ones((4, 8)), jnp.ones((8, 8))
    start = max(_loop(lambda s: (s @ few) @ few, tiny) - idle, 0) / 2
    long = jnp.ones(LONG)
    moving = _seconds(jax.jit(lambda a: a + 1), long)
    large = _seconds(jax.jit(lambda a, b: a @ b), rows, R)
    least = 1e-8  # seconds; a shorter time is noise, and a difference may be negative
    return Rates(
        small=step / max(product - idle - start, least),
        large=step / batch_size * ROWS / max(large, least),
        step=step,
        elements=wide.size * (COSTLY_WEIGHT + 1) / max(pointwise - idle, least),
        bytes=2 * long.nbytes / max(moving, least),
        start=start,
        kernel=idle,
    )


def _loop(body: Callable[[Array], Array], start: Array) -> float:
    """Seconds of one step of a loop that applies `body` to its state, from `start`."""
    run = jax.jit(lambda s: lax.scan(lambda s, _: (body(s), None), s, None, length=ITERATIONS)[0])
    return _seconds(run, start) / ITERATIONS


def _seconds(run: Callable[..., Any], *arguments: Array) -> float:
    """The least seconds of several calls of a compiled function."""
    jax.block_until_ready(run(*arguments))  # compiles
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(run(*arguments))
        times.append(time.perf_counter() - start)
    return min(times)
