"""The negative binomial likelihood of counts: whole numbers from 0 on, in their own units.

    P(y) = G(y + r) / (G(r) y!) (r / (r + m))^r (m / (r + m))^y      r = 1 / a, a = softplus(p_1)

The mean m is the restored middle, where that is above `LEAST`; below, log m goes on along its
tangent, so that a mean is positive and its gradient does not vanish. The variance is m + a m^2.
Salinas et al. 2020 (DeepAR), whose mean is a softplus.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.types import Array, Key

KIND = "negative_binomial"
LEAST, SMALLEST = 0.1, 1e-3
"""The mean from which it is the middle itself, and the least dispersion a."""


def log_mean(middle: Any, xp: Any = np) -> Any:
    """log m of restored middles."""
    below = math.log(LEAST) + middle / LEAST - 1
    return xp.where(middle > LEAST, xp.log(xp.maximum(middle, LEAST)), below)


def loss(middle: Array, dispersion: Array, counts: Array) -> Array:
    """-log P(y) [...] of restored middles, parameters p_1 and counts [...]."""
    y = jnp.maximum(jnp.round(counts), 0.0)  # a target without weight may be anything
    log_m = log_mean(middle, jnp)
    a = jax.nn.softplus(dispersion) + SMALLEST
    r, log_r = 1 / a, -jnp.log(a)
    log_sum = jnp.logaddexp(log_r, log_m)
    lgamma = jax.lax.lgamma
    constant = lgamma(y + r) - lgamma(r) - lgamma(y + 1)
    return -(constant + r * (log_r - log_sum) + y * (log_m - log_sum))


def sample(middle: Array, dispersion: Array, key: Key) -> Array:
    """One count [...] of each target, of restored middles and parameters p_1 [...].

    Poisson, with a mean that is Gamma distributed with shape r and mean m.
    """
    r = 1 / (jax.nn.softplus(dispersion) + SMALLEST)
    key_mean, key = jax.random.split(key)
    mean = jax.random.gamma(key_mean, r) / r * jnp.exp(log_mean(middle, jnp))
    return jax.random.poisson(key, mean).astype(middle.dtype)


def quantiles(middle: np.ndarray, dispersion: np.ndarray, levels: Any) -> np.ndarray:
    """The quantiles [..., K], whole numbers, of restored middles and parameters p_1 [...]."""
    from scipy import stats  # slow to import, and only reports need it

    m = np.exp(log_mean(middle))[..., None]
    r = 1 / (np.logaddexp(dispersion, 0) + SMALLEST)[..., None]
    return np.asarray(stats.nbinom.ppf(np.asarray(levels), r, r / (r + m)))


def check(values: np.ndarray, columns: tuple[str, ...], where: str) -> None:
    """Refuse values [N, C] that are no counts.

    Raises:
        ValueError: a value below 0 or with decimals, with its column.
    """
    known = np.where(np.isfinite(values), values, 0.0)
    wrong = (known < 0) | (known != np.round(known))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{where}: column {columns[column]!r} has the value {known[row, column]:g}; "
            f"likelihood={KIND!r} is of whole numbers from 0 on; expected another likelihood"
        )
