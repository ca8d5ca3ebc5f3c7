"""What a forecast says of its target: a point, quantiles, or the parameters of a distribution.

Every kind has P parameters per target, the first of which is its middle. Errors are of scaled
values. A network that returns zeros says "as the base", with a spread of about one scale.

| Kind | P | Loss |
|---|---|---|
| squared, absolute, huber | 1 | squared error, absolute error, Huber 1964 with threshold 1 |
| quantiles | Q | pinball loss, Koenker & Bassett 1978, times 2 |
| gaussian | 2 | negative log likelihood; standard deviation softplus(p_1) |
| student_t | 3 | the same; scale softplus(p_1), degrees of freedom 2 + softplus(p_2) |
| mixture | 10 | the same of three normal distributions, whose common mean is p_0, see `parts` |
| negative_binomial | 2 | the same of counts in their own units, see `counts` |

Quantiles do not cross: the middle one is p_0, and each further one adds softplus of its parameter.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.tasks._forecasting import counts
from lstmx.types import Array, Key

KINDS = (
    *("squared", "absolute", "huber", "quantiles", "gaussian", "student_t", "mixture"),
    counts.KIND,
)
SAMPLED = ("gaussian", "student_t", "mixture", counts.KIND)
"""Distributions, which can be sampled."""
COMPONENTS = 3
"""Normal distributions of a mixture."""
HALVINGS = 50
"""Of the interval that holds a quantile of a mixture: to one in 10^15 of it."""
SMALLEST = 1e-3
"""The least standard deviation in scaled units: a likelihood without a bound rewards certainty
about rounded values without limit."""


def size(kind: str, levels: tuple[float, ...]) -> int:
    """The number P of parameters per target."""
    more = {"mixture": 1 + 3 * COMPONENTS, counts.KIND: 2}
    return {"quantiles": len(levels), "gaussian": 2, "student_t": 3, **more}.get(kind, 1)


def middle(levels: tuple[float, ...]) -> int:
    """The place of the level next to 0.5."""
    return int(np.argmin(np.abs(np.asarray(levels) - 0.5)))


def loss(kind: str, levels: tuple[float, ...], params: Array, targets: Array) -> Array:
    """The loss [...] of parameters [..., P] for targets [...]; not of counts, see `counts.loss`."""
    error = params[..., 0] - targets
    if kind == "squared":
        return jnp.square(error)
    if kind == "absolute":
        return jnp.abs(error)
    if kind == "huber":
        size = jnp.abs(error)
        return jnp.where(size <= 1, jnp.square(error) / 2, size - 0.5)
    if kind == "quantiles":
        misses = targets[..., None] - jnp.stack(quantiles(levels, params, jnp), axis=-1)
        level = jnp.asarray(levels, misses.dtype).reshape((1,) * (misses.ndim - 1) + (-1,))
        return 2 * jnp.mean(jnp.maximum(level * misses, (level - 1) * misses), axis=-1)
    if kind == "mixture":
        log_shares, means, spreads = parts(params, jnp)
        standard = (targets[..., None] - means) / spreads
        logs = -jnp.square(standard) / 2 - jnp.log(spreads) - math.log(2 * math.pi) / 2
        return -jax.nn.logsumexp(log_shares + logs, axis=-1)
    spread = jax.nn.softplus(params[..., 1]) + SMALLEST
    standard = error / spread
    if kind == "gaussian":
        return jnp.square(standard) / 2 + jnp.log(spread) + math.log(2 * math.pi) / 2
    df = 2 + jax.nn.softplus(params[..., 2])
    log_c = jax.lax.lgamma((df + 1) / 2) - jax.lax.lgamma(df / 2) - jnp.log(df * math.pi) / 2
    return -log_c + jnp.log(spread) + (df + 1) / 2 * jnp.log1p(jnp.square(standard) / df)


def quantiles(levels: tuple[float, ...], params: Any, xp: Any = np) -> list[Any]:
    """The quantiles [...] at each level, ascending, of the kind "quantiles": params [..., P]."""
    centre = middle(levels)
    rest = params[..., 1:]
    steps = xp.logaddexp(rest, xp.zeros_like(rest))  # softplus
    # Parameters after the first belong to the levels in ascending order, the middle left out.
    found: list[Any] = [params[..., 0]] * len(levels)
    for place in range(centre - 1, -1, -1):
        found[place] = found[place + 1] - steps[..., place]
    for place in range(centre + 1, len(levels)):
        found[place] = found[place - 1] + steps[..., place - 1]
    return found


def parts(params: Any, xp: Any = np) -> tuple[Any, Any, Any]:
    """Logarithms of the shares, means and deviations [..., K] of a mixture, params [..., P].

    After p_0 come offsets of the means, whose weighted mean is taken out of them so that p_0 is the
    mean of the whole; parameters of the deviations as in "gaussian"; and those of a softmax.
    """
    offsets, spreads, scores = (
        params[..., 1 + k * COMPONENTS : 1 + (k + 1) * COMPONENTS] for k in range(3)
    )
    top = xp.max(scores, axis=-1, keepdims=True)
    log_shares = scores - top - xp.log(xp.sum(xp.exp(scores - top), axis=-1, keepdims=True))
    centre = xp.sum(xp.exp(log_shares) * offsets, axis=-1, keepdims=True)
    means = params[..., :1] + offsets - centre
    return log_shares, means, xp.logaddexp(spreads, xp.zeros_like(spreads)) + SMALLEST


def sample(kind: str, params: Array, key: Key) -> Array:
    """One sample [...] of each target, params [..., P]; not of counts, see `counts.sample`."""
    if kind == "mixture":
        log_shares, means, spreads = parts(params, jnp)
        key_part, key = jax.random.split(key)
        part = jax.random.categorical(key_part, log_shares)[..., None]
        mean, spread = (jnp.take_along_axis(a, part, axis=-1)[..., 0] for a in (means, spreads))
        return mean + spread * jax.random.normal(key, mean.shape, mean.dtype)
    spread = jax.nn.softplus(params[..., 1]) + SMALLEST
    if kind == "gaussian":
        standard = jax.random.normal(key, spread.shape, spread.dtype)
    else:
        df = 2 + jax.nn.softplus(params[..., 2])
        standard = jax.random.t(key, df, df.shape, df.dtype)
    return params[..., 0] + spread * standard


def at(kind: str, levels: tuple[float, ...], params: np.ndarray, wanted: Any) -> np.ndarray | None:
    """The quantiles [..., K] of a forecast, params [..., P], at the wanted levels [K].

    Between predicted quantiles they are interpolated, and never extrapolated: NaN beyond.

    Returns:
        None for a point forecast, which says nothing of its spread.
    """
    wanted = np.asarray(wanted, float)
    params = np.asarray(params, np.float64)
    if kind == "quantiles":
        known = np.stack(quantiles(levels, params), axis=-1)
        return _interpolated(np.asarray(levels), known, wanted)
    if kind == "mixture":
        return _of_mixture(params, wanted)
    if kind not in ("gaussian", "student_t"):
        return None
    from scipy import special  # slow to import, and only reports need it

    spread = np.logaddexp(params[..., 1], 0) + SMALLEST
    if kind == "gaussian":
        standard = special.ndtri(wanted)
    else:
        df = 2 + np.logaddexp(params[..., 2], 0)
        standard = special.stdtrit(df[..., None], wanted)
    return params[..., :1] + spread[..., None] * standard


def _of_mixture(params: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Quantiles [..., K] of a mixture by halving the interval between those of its parts."""
    from scipy import special

    log_shares, means, spreads = (part[..., None] for part in parts(params))  # [..., M, 1]
    ends = means + spreads * special.ndtri(wanted)
    low, high = ends.min(axis=-2), ends.max(axis=-2)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        standard = (middle[..., None, :] - means) / spreads
        below = np.sum(np.exp(log_shares) * special.ndtr(standard), axis=-2) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def _interpolated(levels: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Quantiles [..., K] at wanted levels [K], linear between the known ones [..., Q]."""
    place = np.clip(np.searchsorted(levels, wanted) - 1, 0, max(len(levels) - 2, 0))
    after = np.minimum(place + 1, len(levels) - 1)
    width = np.where(levels[after] > levels[place], levels[after] - levels[place], 1.0)
    share = (wanted - levels[place]) / width
    found = known[..., place] + share * (known[..., after] - known[..., place])
    inside = (wanted >= levels[0] - 1e-9) & (wanted <= levels[-1] + 1e-9)
    return np.where(inside, found, np.nan)
