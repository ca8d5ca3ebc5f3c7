"""What the cells of the xLSTM share: exponential gates that cannot overflow. Beck et al. 2024.

    i = exp(a_i)   f = sigma(a_f) or exp(a_f)          m' = max(log f + m, log i)
    i' = exp(log i - m')   f' = exp(log f + m - m')    what multiplies c exp(-m): at most 1

m starts at minus infinity, element by element, so that the first step has i' = 1 however small i
is. (Code that starts m at 0 divides 0 by 0 after a very small first i; code that asks whether the
whole state is 0 gives an example another result beside other examples.) Minus infinity stands here
as a finite number: the difference of two infinities is no number, and no gradient.
"""

import jax
import jax.numpy as jnp

from lstmx.types import Array

FORGET_GATES = {"sigmoid": jax.nn.log_sigmoid, "exponential": lambda a: a}
"""The logarithm of the forget gate, from its pre-activation."""


def never(shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
    """Where the stabiliser m starts: so low that exp(m + anything) is 0, and twice m finite."""
    return jnp.full(shape, jnp.finfo(dtype).min / 4, dtype)


def stabilise(m: Array, log_i: Array, log_f: Array) -> tuple[Array, Array, Array]:
    """The next stabiliser with the gates i' and f'. Beck et al. 2024, eq. 15 to 17."""
    new = jnp.maximum(log_f + m, log_i)
    return new, jnp.exp(log_i - new), jnp.exp(log_f + m - new)
