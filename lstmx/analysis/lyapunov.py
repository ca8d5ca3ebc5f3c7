"""Lyapunov exponents: the mean rates at which small differences of states grow or shrink.

With J_t = d s_t / d s_(t-1) of the joint state and an orthonormal Q_0 [D, K],

    J_(t+k) ... J_(t+1) Q_t = Q_(t+k) R,     exponent_i = sum of log |R_ii| / time

(Benettin et al. 1980, Eckmann & Ruelle 1985; of driven recurrent networks Vogt et al. 2022 and
Engelken et al. 2023). The columns of Q_t follow tangents through the step itself,
so that no Jacobian is formed unless the check asks for it.
"""

import enum
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks
from lstmx.analysis import _system, _tangents
from lstmx.analysis._system import System
from lstmx.types import Array, Params

BLOCKS = 20  # whose means give the standard error


class Code(enum.IntEnum):
    """What the exponents of a trajectory are worth.

    Attributes:
        RESOLVED: all are above `Spectrum.floor`.
        ROUNDING: those that are not are rounding errors, to be read as "at most floor"; a smaller
            `qr_every` or float64 lowers it. So are the exponents of a singular J, which are -inf.
        DIVERGED: a state or tangent was not finite, and the exponents are nan.
    """

    RESOLVED = 0
    ROUNDING = 1
    DIVERGED = 2


class Spectrum(NamedTuple):
    """The largest K Lyapunov exponents of B trajectories, in nats per unit of time.

    Attributes:
        exponents: [B, K], in descending order.
        errors: [B, K] standard errors: the weighted deviation of the means of at most 20 blocks of
            consecutive steps, over the square root of their number less one. They say how much the
            mean over this trajectory varies if a block is longer than its correlations; inf for
            fewer than two blocks, or exponents that are not finite.
        curve: [B, P, K] estimates from the first steps up to each of P <= 100 points.
        times: [B, P] the time of each point, without the transient.
        log_det: [B] mean log |det J| per unit of time of the same steps, from an LU (or, up to 8
            dimensions, QR) factorisation of every J: equal to the sum of all D exponents. None if
            K < D or `check` is False.
        floor: [B] log of the resolution of the type, in nats per unit of time: exponents below
            exponent_1 + log(eps) / (qr_every dt), about, are rounding errors.
        code: [B] int, see `Code`.
        steps: [B] int, number of steps that counted.
        states: [B, D], the states after the last step.
    """

    exponents: np.ndarray
    errors: np.ndarray
    curve: np.ndarray
    times: np.ndarray
    log_det: np.ndarray | None
    floor: np.ndarray
    code: np.ndarray
    steps: np.ndarray
    states: Array


def spectrum(
    system: System,
    params: Params,
    inputs: Any = None,
    states: Array | None = None,
    *,
    steps: int | None = None,
    exponents: int | None = None,
    transient: int = 0,
    qr_every: int = 1,
    dt: float = 1.0,
    mask: Array | None = None,
    check: bool = True,
    seed: int = 0,
) -> Spectrum:
    """Returns the Lyapunov spectrum along trajectories, driven or autonomous.

    The logistic map x' = 4 x (1 - x) has the exponent log 2 = 0.693:

    >>> import jax.numpy as jnp
    >>> from lstmx import analysis
    >>> logistic = lambda r, x, _: (r * x * (1 - x), ())
    >>> of_map = analysis.system(logistic, 3.99, state=jnp.array([0.3]))
    >>> found = spectrum(of_map, 3.99, steps=5000, transient=100)
    >>> bool(abs(found.exponents[0, 0] - 0.64) < 0.02), Code(found.code[0]).name
    (True, 'RESOLVED')

    Args:
        system: of the cell, model or step.
        params: its parameters.
        inputs: with `steps=None` those that drive the network, [B, T, X] or a pytree with [B, T]
            leading; with `steps` the one input that is held at every step, [X] or a pytree, or None
            for a step without.
        states: the states before the first step, [B, D] or [D]; the initial state if None.
        steps: number of steps of an autonomous system, the transient included.
        exponents: K, the number of exponents; all D if None.
        transient: number of first steps in which states and tangents settle; they do not count.
        qr_every: steps between two factorisations, 1 is safe. The largest that is has
            (exponent_1 - exponent_K) qr_every dt well below 16 nats in float32, 36 in float64.
        dt: time of a step, the unit of the result.
        mask: [B, T] bool, False where a step does not exist; it takes no time.
        check: whether to compute `log_det`, at the cost of a Jacobian and its determinant a step.
        seed: of the first tangents, random orthonormal ones: no axis of the state is special.

    Raises:
        ValueError: numbers out of range, inputs, states or a mask that do not fit together.
    """
    first, length, driven = _shapes(system, params, inputs, states, steps, mask)
    K = checks.size("exponents", system.size if exponents is None else exponents)
    if system.size < K:
        raise ValueError(f"exponents={K}; expected at most {system.size}, the size of the state")
    checks.size("transient", transient, least=0)
    checks.size("qr_every", qr_every)
    checks.number("dt", dt, above=0)
    if transient >= length:
        raise ValueError(f"transient={transient} of {length} steps; expected fewer than all")
    if mask is not None and not np.asarray(mask)[:, transient:].any(1).all():
        raise ValueError("got a mask with a row without steps after the transient; leave it out")
    index = _tangents.schedule(length, transient, qr_every)
    basis = np.random.default_rng(seed).standard_normal((system.size, K))
    tangents = jnp.asarray(np.linalg.qr(basis)[0].T, first.dtype)
    full = check and system.size == K
    last, sums = _tangents.follow(
        system, full, driven, params, inputs, first, tangents, mask, index
    )
    skipped = math.ceil(transient / (index.shape[1] * qr_every))
    growth, log_det, floor, counts = (np.asarray(a, float)[:, skipped:] for a in sums)
    return _summary(growth, log_det if full else None, floor, counts, last, dt)


def kaplan_yorke(exponents: ArrayLike) -> np.ndarray:
    """Returns the Kaplan-Yorke dimension [...] of spectra [..., K].

    j + (exponent_1 + ... + exponent_j) / |exponent_(j+1)| with the largest j for which the sum is
    not negative (Kaplan & Yorke 1979); K if it never is, which is a lower bound where K < D.

    >>> float(kaplan_yorke([0.906, 0.0, -14.572]).round(3))
    2.062

    Raises:
        ValueError: no exponents, nan.
    """
    values = np.asarray(exponents, float)
    if not values.ndim or not values.shape[-1] or np.isnan(values).any():
        raise ValueError("expected exponents [..., K] without nan, K at least 1")
    values = -np.sort(-values, axis=-1)
    sums = np.cumsum(values, axis=-1)
    j = np.sum(np.logical_and.accumulate(sums >= 0, axis=-1), axis=-1)
    K = values.shape[-1]
    take = lambda a, n: np.take_along_axis(a, np.clip(n, 0, K - 1)[..., None], -1)[..., 0]
    total, following = np.where(j > 0, take(sums, j - 1), 0), take(values, j)
    # A following 0 cannot be: the sum would not turn negative with it.
    return j + np.where(j < K, total / np.where(j < K, np.abs(following), 1), 0)


def _shapes(
    system: System, params: Params, inputs: Any, states: Any, steps: int | None, mask: Any
) -> tuple[Array, int, bool]:
    """(states [B, D] before the first step, T, whether inputs drive the system)."""
    if steps is None:
        if not jax.tree.leaves(inputs):
            raise ValueError("got neither inputs [B, T, X] nor steps=...; expected one of them")
        return *_system.driven(system, params, inputs, states, mask), True
    first = jnp.atleast_2d(_system.states(system, params, states))
    length = checks.size("steps", steps)
    if mask is not None and jnp.shape(mask) != (first.shape[0], length):
        raise ValueError(f"got a mask {jnp.shape(mask)}; expected {(first.shape[0], length)}")
    _system.check_input(system, params, inputs, 0)
    return first, length, False


def _summary(
    growth: np.ndarray,
    log_det: np.ndarray | None,
    floor: np.ndarray,
    steps: np.ndarray,
    last: Array,
    dt: float,
) -> Spectrum:
    """The result of the sums of chunks, [B, P, ...]."""
    with np.errstate(invalid="ignore", divide="ignore"):
        times = dt * np.cumsum(steps, axis=1)
        curve = np.cumsum(growth, axis=1) / times[..., None]
        order = np.argsort(-curve[:, -1:], axis=-1, kind="stable")
        curve, growth = (np.take_along_axis(a, order, -1) for a in (curve, growth))
        exponents, total = curve[:, -1], times[:, -1]
        errors = _errors(growth, steps, exponents, dt)
        lowest = floor.sum(1) / total
        mean = None if log_det is None else log_det.sum(1) / total
    diverged = np.isnan(exponents).any(-1) | ~np.isfinite(np.asarray(last)).all(-1)
    rounding = (exponents <= lowest[:, None]).any(-1)
    code = np.where(diverged, Code.DIVERGED, np.where(rounding, Code.ROUNDING, Code.RESOLVED))
    exponents = np.where(diverged[:, None], np.nan, exponents)
    counts = steps.sum(1).astype(int)
    return Spectrum(exponents, errors, curve, times, mean, lowest, code, counts, last)


def _errors(growth: np.ndarray, steps: np.ndarray, mean: np.ndarray, dt: float) -> np.ndarray:
    """Standard errors [B, K] of means over time, from means of blocks of whole chunks."""
    P = growth.shape[1]
    starts = np.unique(np.linspace(0, P, min(P, BLOCKS), endpoint=False).astype(int))
    time = dt * np.add.reduceat(steps, starts, axis=1)[..., None]
    blocks = np.add.reduceat(growth, starts, axis=1)
    means = np.where(time > 0, blocks / np.where(time > 0, time, 1), 0)
    count = (time > 0).sum(1)
    square = np.sum(time * (means - mean[:, None]) ** 2, axis=1) / time.sum(1)
    errors = np.sqrt(square / np.maximum(count - 1, 1))
    return np.where((count > 1) & np.isfinite(errors), errors, np.inf)
