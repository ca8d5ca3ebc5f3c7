"""Exponential gates without overflow, for the cells of the xLSTM. Beck et al. 2024.

    i = exp(a_i)   f = sigma(a_f) or exp(a_f)          m' = max(log f + m, log i)
    i' = exp(log i - m')   f' = exp(log f + m - m')    the factors of c exp(-m): at most 1

m is initially minus infinity, element by element, so that the first step has i' = 1 however small i
is. (Code whose m is initially 0 divides 0 by 0 after a very small first i; code that tests whether
the whole state is 0 returns results for an example that depend on the others in its batch.) Minus
infinity is represented by a finite number: the difference of two infinities is NaN, and so is its
gradient.
"""

import jax
import jax.numpy as jnp

from lstmx.types import Array

FORGET_GATES = {"sigmoid": jax.nn.log_sigmoid, "exponential": lambda a: a}
"""Name -> logarithm of the forget gate as a function of its pre-activation."""


def never(shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
    """The initial stabiliser m: so low that exp(m + log i) is 0, while 2 m is finite."""
    return jnp.full(shape, jnp.finfo(dtype).min / 4, dtype)


def stabilise(m: Array, log_i: Array, log_f: Array) -> tuple[Array, Array, Array]:
    """The next stabiliser m', and the gates i' and f'. Beck et al. 2024, eq. 15 to 17."""
    new = jnp.maximum(log_f + m, log_i)
    return new, jnp.exp(log_i - new), jnp.exp(log_f + m - new)
