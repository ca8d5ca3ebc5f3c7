"""Calls outside of `jax.jit`, and derivatives of them, which JAX compiles in every call.

It compiles a loop anew whenever the function of its step is a new one, as in every call here, and
each operation around the loop by itself: 155 ms for an LSTM that computes for 4 (table `eager`).
"""

from collections.abc import Callable
from typing import Any

import jax


def is_eager(arrays: Any) -> bool:
    """Whether all arrays of a pytree have values.

    Inside `jax.jit` and `jax.vmap` an array has none; in a derivative outside of both it has.
    """
    return not any(
        isinstance(leaf, jax.core.Tracer) and leaf.to_concrete_value() is None
        for leaf in jax.tree.leaves(arrays)
    )


def compiled_once(function: Callable[..., Any], static: tuple[int, ...]) -> Callable[..., Any]:
    """`jax.jit` of a function whose refusals stay one line.

    JAX adds a note on its traceback to what is raised under it, so the function is called again;
    so it is where a static argument is no key of a program (unhashable, a ValueError too).
    """
    jitted = jax.jit(function, static_argnums=static)

    def run(*arguments: Any) -> Any:
        try:
            return jitted(*arguments)
        except ValueError:
            return function(*arguments)

    return run
