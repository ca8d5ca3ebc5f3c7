"""ARIMA models as references for forecasts from many origins, chosen stepwise by AICc.

Differences are taken here and undone here; statsmodels estimates the ARMA model of what is left and
filters it along the series, so that one fit on the training part serves every origin.
"""

import itertools
import warnings
from typing import Any, NamedTuple

import numpy as np

MOST_ROWS = 500
"""The last rows of the training part that models are fit on."""
MOST_MODELS = 16
"""Models that are tried at most; the search of Hyndman & Khandakar 2008 seldom needs more."""
LONGEST_SEASON = 12
"""A longer season is differenced, and has no terms of its own: their states would be many."""
ORDERS = (3, 3, 1, 1)
"""The highest p, q, P, Q."""
LEAST_ROOT = 1.01
"""A model with a root nearer to the unit circle is not taken, as by Hyndman & Khandakar 2008: its
likelihood is unreliable, and it undoes a difference that was taken."""
STRONG = 0.64
"""The strength of a season from which it is differenced, as in `forecast::nsdiffs`."""


class Order(NamedTuple):
    """Terms of an ARMA model.

    Attributes:
        p, q: lags of values and of errors.
        P, Q: the same of whole seasons.
        constant: whether it has a mean.
    """

    p: int
    q: int
    P: int = 0
    Q: int = 0
    constant: bool = True


def auto_arima(
    values: np.ndarray, training: int, origins: np.ndarray, horizon: int, season: int
) -> tuple[np.ndarray, str]:
    """Forecasts [O, H] of an ARIMA model, and its name.

    Seasonal differences by the strength of the season (Wang, Smith & Hyndman 2006), ordinary ones
    by the test of Kwiatkowski et al. 1992 at 5 %, terms by AICc.

    Args:
        values: [N]; NaN where missing.
        training: rows of the training part, the first ones.
        origins: [O] rows.
        horizon: H.
        season: steps of a season; 0 or 1 for none.
    """
    from threadpoolctl import threadpool_limits

    # Products of small matrices, which several threads of BLAS make ten times slower.
    with threadpool_limits(1):
        return _auto_arima(values, training, origins, horizon, season)


def _auto_arima(
    values: np.ndarray, training: int, origins: np.ndarray, horizon: int, season: int
) -> tuple[np.ndarray, str]:
    train = values[max(0, training - max(MOST_ROWS, 3 * season)) : training]
    period = season if season > 1 and len(train) >= 2 * season + 10 else 0
    seasonal = int(bool(period) and strength(train, period) > STRONG)
    degree = 0
    lags = _polynomial(seasonal * period, 0)
    while degree < 2 and not _stationary(differenced(train, lags)):
        degree += 1
        lags = _polynomial(seasonal * period, degree)
    terms = period if period <= LONGEST_SEASON else 0
    order, params = _search(differenced(train, lags), terms, degree + seasonal <= 1)
    w = differenced(values, lags)
    found = integrated(_ahead(w, order, terms, params, origins, horizon), values, origins, lags)
    name = f"ARIMA({order.p},{degree},{order.q})"
    return found, name + (f"({order.P},{seasonal},{order.Q})[{period}]" if period else "")


def differenced(values: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """w_t = y_t - sum_k c_k y_{t-k} [N], of lags c [K] from 1 on; NaN where one is missing."""
    out = values.astype(float)
    out[: len(lags)] = np.nan
    for k in np.flatnonzero(lags):
        out[k + 1 :] -= lags[k] * values[: len(values) - k - 1]
    return out


def integrated(
    w: np.ndarray, values: np.ndarray, origins: np.ndarray, lags: np.ndarray
) -> np.ndarray:
    """Forecasts [O, H] of y from those of w: the inverse of `differenced`.

    Missing values before an origin are replaced by the last ones.
    """
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), 0))
    filled = values[last]
    filled = np.where(np.isfinite(filled), filled, values[known][0] if known.any() else 0.0)
    count = len(lags)
    at = np.maximum(origins[:, None] - np.arange(count)[::-1], 0)
    path = np.concatenate([filled[at], np.empty_like(w)], axis=1)
    for step in range(w.shape[1]):
        here = count + step
        path[:, here] = w[:, step] + path[:, here - count : here] @ lags[::-1]
    return path[:, count:]


def strength(train: np.ndarray, season: int) -> float:
    """How strong a season is, 0 to 1: 1 - var(remainder) / var(season + remainder), at least 0.

    Of a classical decomposition. Wang, Smith & Hyndman 2006.
    """
    from lstmx.stats.smoothing import interpolated, phases, trend

    values = interpolated(train)
    index = phases(train, season)[np.arange(len(values)) % season]
    half, middle = trend(values, season)
    off = values[half : len(values) - half] - middle
    rest = off - index[half : len(values) - half]
    return max(0.0, 1 - float(rest.var()) / (float(off.var()) or 1.0))


def _polynomial(season: int, degree: int) -> np.ndarray:
    """c_1 ... c_K of 1 - sum_k c_k B^k = (1 - B)^degree (1 - B^season), season 0 for none."""
    whole = np.ones(1)
    for _ in range(degree):
        whole = np.convolve(whole, [1.0, -1.0])
    if season:
        whole = np.convolve(whole, [1.0, *[0.0] * (season - 1), -1.0])
    return -whole[1:]


def _stationary(w: np.ndarray) -> bool:
    from statsmodels.tsa.stattools import kpss

    known = w[np.isfinite(w)]
    if len(known) < 10 or np.ptp(known) == 0:
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of p values outside of its table
        return bool(kpss(known, regression="c", nlags="auto")[1] > 0.05)


def _search(w: np.ndarray, season: int, constant: bool) -> tuple[Order, np.ndarray]:
    """The order with the least AICc that steps by one reach, and its parameters."""
    tried: dict[Order, tuple[float, np.ndarray]] = {}
    most = ORDERS if season else (*ORDERS[:2], 0, 0)
    some = int(bool(season))
    starts = [(2, 2, some, some), (0, 0, 0, 0), (1, 0, some, 0), (0, 1, 0, some)]
    queue = [Order(*start, constant) for start in starts]
    best = None
    while queue and len(tried) < MOST_MODELS:
        order = queue.pop(0)
        if order in tried:
            continue
        tried[order] = _fit(w, order, season)
        if best is None or tried[order][0] < tried[best][0]:
            best = order
        if not queue:
            steps = itertools.product((-1, 0, 1), repeat=4)
            sums = [[a + b for a, b in zip(best[:4], step)] for step in steps]
            near = [Order(p, q, P, Q, best.constant) for p, q, P, Q in sums]
            near += [best._replace(constant=not best.constant)] if constant else []
            queue = [
                o
                for o in sorted(near, key=lambda o: sum(abs(a - b) for a, b in zip(o[:4], best)))
                if o not in tried and all(0 <= a <= m for a, m in zip(o[:4], most))
            ][: 8 if tried[best][0] < np.inf else 0]
            if len(tried) > len(starts) and best in list(tried)[:-8]:
                break  # a whole round brought nothing better
    assert best is not None
    return best, tried[best][1]


def _model(w: np.ndarray, order: Order, season: int) -> Any:
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    return SARIMAX(
        w,
        order=(order.p, 0, order.q),
        seasonal_order=(order.P, 0, order.Q, season) if season else (0, 0, 0, 0),
        trend="c" if order.constant else "n",
    )


def _fit(w: np.ndarray, order: Order, season: int) -> tuple[float, np.ndarray]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of starting values and of optimisers that stop early
        try:
            result = _model(w, order, season).fit(disp=False, maxiter=50)
        except (ValueError, np.linalg.LinAlgError):
            return np.inf, np.zeros(0)
    roots = np.concatenate([np.abs(result.arroots), np.abs(result.maroots)])
    usable = np.isfinite(result.aicc) and np.min(roots, initial=np.inf) > LEAST_ROOT
    return (float(result.aicc) if usable else np.inf), np.asarray(result.params)


def _ahead(
    w: np.ndarray, order: Order, season: int, params: np.ndarray, origins: np.ndarray, horizon: int
) -> np.ndarray:
    """Forecasts [O, H] of w by the filtered state at each origin."""
    if not params.size:  # not even white noise could be fit
        return np.zeros((len(origins), horizon))
    result = _model(w, order, season).filter(params).filter_results
    state = result.predicted_state[:, origins + 1].T  # of the step after the origin
    move, see = result.transition[..., 0], result.design[0, :, 0]
    push, add = result.state_intercept[:, 0], float(result.obs_intercept[0, 0])
    found = np.empty((len(origins), horizon))
    for step in range(horizon):
        found[:, step] = state @ see + add
        state = state @ move.T + push
    return found
