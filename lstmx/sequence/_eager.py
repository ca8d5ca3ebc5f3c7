"""Calls outside of `jax.jit`, and derivatives of them, which JAX compiles in every call.

It compiles a loop anew whenever the function of its step is a new one, as in every call here, and
each operation around the loop by itself: 155 ms for an LSTM that computes for 4 (table `eager`).
"""

from collections.abc import Callable
from typing import Any

import jax


def is_eager(arrays: Any, *static: Any) -> bool:
    """Whether all arrays have values, and the other arguments can be the key of a program.

    Inside `jax.jit` and `jax.vmap` an array has no value; in a derivative outside of both it has.
    """
    for leaf in jax.tree.leaves(arrays):
        if isinstance(leaf, jax.core.Tracer) and leaf.to_concrete_value() is None:
            return False
    try:
        hash(static)
    except TypeError:
        return False
    return True


def compiled_once(function: Callable[..., Any], static: tuple[int, ...]) -> Callable[..., Any]:
    """`jax.jit` of a function whose refusals stay one line.

    JAX adds a note on its traceback to what is raised under it, so the function is called again.
    """
    jitted = jax.jit(function, static_argnums=static)

    def run(*arguments: Any) -> Any:
        try:
            return jitted(*arguments)
        except ValueError:
            return function(*arguments)

    return run
