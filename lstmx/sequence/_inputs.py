"""The inputs of an unroll, and what goes beside them: flags, lengths, times and masks of values."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.types import Array, Inputs


def check_steps(
    xs: Any, resets: Any, mask: Any, lengths: Any, time_major: bool = False
) -> tuple[Array | None, Array | None, Array | None]:
    """Returns (resets, mask, lengths) as arrays of bool and of integers, or None.

    Raises:
        ValueError: in the axis order of the caller, shapes that do not fit together; flags that are
            neither bool nor 0 and 1, lengths that are no integers.
    """
    order = "[T, B]" if time_major else "[B, T]"
    inputs = jax.tree.leaves(xs)
    if not all(hasattr(a, "ndim") for a in inputs):
        kinds = ", ".join(sorted({type(a).__name__ for a in inputs}))
        raise ValueError(f"inputs are a tree of {kinds}; expected an array {order[:-1]}, X]")
    if not inputs or min(a.ndim for a in inputs) < 2 or max(a.ndim for a in inputs) < 3:
        shapes = ", ".join(str(a.shape) for a in inputs) or "an empty tree"
        raise ValueError(f"inputs are {shapes}; expected {order[:-1]}, X]")
    leading = inputs[0].shape[:2]

    def check(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
        if shape != expected:
            raise ValueError(
                f"{name} is {shape} but the inputs begin with {leading}, read as {order}; "
                f"expected {expected}"
            )

    for a in inputs[1:]:
        check("another input", a.shape[:2], leading)
    if isinstance(xs, Inputs):
        _check_inputs(xs, leading, check)
    arrays = [_array("resets", resets), _array("mask", mask), _array("lengths", lengths)]
    rows = (leading[int(time_major)],)
    for name, a, expected in zip(("resets", "mask", "lengths"), arrays, (leading, leading, rows)):
        if a is not None:
            check(name, a.shape, expected)
    steps = leading[1 - int(time_major)]
    counts = _counts("lengths", arrays[2], steps)
    return _flags("resets", arrays[0]), _flags("mask", arrays[1]), counts


def _check_inputs(
    xs: Inputs, leading: tuple[int, ...], check: Callable[[str, Any, Any], None]
) -> None:
    """Refuse elapsed times and observation masks that a wrapper would broadcast, or fail at."""
    if xs.elapsed is not None:
        check("Inputs.elapsed", xs.elapsed.shape, leading)
    if xs.observed is not None:
        check("Inputs.observed", xs.observed.shape, xs.values.shape)


def _array(name: str, given: Any) -> Array | None:
    if given is None:
        return None
    try:
        return jnp.asarray(given)
    except (TypeError, ValueError):  # rows of unequal length, a string
        raise ValueError(f"{name} is {checks.shown(given)}; expected an array") from None


def _flags(name: str, array: Array | None) -> Array | None:
    """Integers 0 and 1 as bool. Raises ValueError for floats and for other integers."""
    if array is None or array.dtype == bool or not array.size:
        return None if array is None else array.astype(bool)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise ValueError(f"{name} is {array.dtype}; expected bool, or integers 0 and 1")
    low, high = _ends(array)
    if low < 0 or high > 1:
        raise ValueError(f"{name} has integers from {low} to {high}; expected bool, or 0 and 1")
    return array.astype(bool)


def _counts(name: str, array: Array | None, steps: int) -> Array | None:
    """Raises ValueError for what is no integer from 0 to the number of steps."""
    if array is None or not array.size:
        return None if array is None else array.astype(int)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise ValueError(f"{name} is {array.dtype}; expected integers")
    low, high = _ends(array)
    if low < 0 or high > steps:
        raise ValueError(f"{name} go from {low} to {high}; expected 0 to T={steps}")
    return array.astype(int)


def _ends(array: Array) -> tuple[int, int]:
    """The least and the largest integer; 0 and 0 where they are not known, under jit."""
    if isinstance(array, jax.core.Tracer):
        return 0, 0
    known = np.asarray(array)  # operations of JAX on known arrays are traced under jit, too
    return int(known.min()), int(known.max())
