"""What targets are relative to: a simple forecast from their origin, which the network corrects.

    last            the last known value                       y_t
    seasonal        the value one season before                y_{t+h-s}
    seasonal_drift  that plus the change over a season         y_{t+h-s} + y_t - y_{t-s}
    linear          a linear function of the window            y_t + sum_k w_{kh} (y_{t-k} - y_t)
    none            the mean of the training part

To predict the difference to such a base is to difference the series: (1 - B) for "last", (1 - B^s)
for "seasonal", both for "seasonal_drift", in a form for all h at once that needs no sum over steps
and is undone exactly by adding the base. For h > s the last whole season before the origin counts;
missing values are replaced by earlier ones, see `lstmx.tasks._windows`. "linear" is a ridge
regression, shared by all columns and series and fit on the training part.

One code for both sides: jax.numpy for batches in float32, NumPy in float64 for what is reported.
"""

from typing import Any, NamedTuple

import numpy as np

from lstmx.tasks import _windows
from lstmx.tasks._forecasting.panel import Panel, joined

KINDS = ("last", "none", "seasonal", "seasonal_drift", "linear")
MOST_ROWS = 60_000
"""Windows times columns that a ridge regression is fit on, evenly spaced; more hardly change it."""
PENALTIES = 10.0 ** np.arange(-4, 4)
"""Ridge penalties per row that are tried; the best on the valid part is kept."""


class Tables(NamedTuple):
    """What a base is looked up in, in scaled units; NumPy arrays, or arrays of JAX.

    Attributes:
        level: [N, C] the last known value.
        seasonal: [N, C] the value, or where it is missing that of a season before; NaN if none is.
        change: [N, C] the level minus that of a season before; 0 where the latter is not known.
        begin: [N] the first row of a row's series.
        weights: [L, H] of "linear", the oldest value first; [0, 0] without.
    """

    level: Any
    seasonal: Any
    change: Any
    begin: Any
    weights: Any


def tables(panel: Panel, z: np.ndarray, season: int) -> Tables:
    """The tables of a panel with scaled values z [N, C]; without weights."""
    level = joined(panel, lambda part: _windows.filled_back(_windows.filled_forward(part)), z)
    if not season:
        empty = np.zeros((0, z.shape[1]))
        return Tables(level, empty, empty, panel.begin, np.zeros((0, 0)))
    seasonal = joined(panel, lambda part: _windows.filled_forward(part, season), z)
    at = np.arange(len(z)) - season
    before = np.where((at >= panel.begin)[:, None], level[np.maximum(at, 0)], np.nan)
    change = np.where(np.isfinite(before), level - before, 0.0)
    return Tables(level, seasonal, change, panel.begin, np.zeros((0, 0)))


def base(kind: str, found: Tables, at: Any, horizon: int, season: int, xp: Any = np) -> Any:
    """The base of the H steps after each row `at` [...]: [..., H, C].

    Args:
        kind: one of `KINDS`.
        found: of the series.
        at: rows, whole numbers.
        horizon: H.
        season: steps of a season.
        xp: numpy, or jax.numpy for traced arrays.
    """
    now = found.level[at][..., None, :]
    if kind == "none":
        return xp.zeros_like(now)
    if kind == "last":
        return now
    if kind == "linear":
        back = at[..., None] - xp.arange(found.weights.shape[0])[::-1]
        back = xp.maximum(back, found.begin[at][..., None])
        window = found.level[back] - now
        return now + xp.einsum("...lc,lh->...hc", window, found.weights)
    ahead = 1 + np.arange(horizon)
    seasons = -(-ahead // season)
    place = at[..., None] + xp.asarray(ahead - seasons * season)
    value = found.seasonal[xp.maximum(place, 0)]
    known = xp.isfinite(value) & (place >= found.begin[at][..., None])[..., None]
    value = xp.where(known, value, now)
    if kind == "seasonal":
        return value
    return value + found.change[at][..., None, :] * xp.asarray(seasons, now.dtype)[:, None]


def ridge(
    found: Tables, z: np.ndarray, train: np.ndarray, valid: np.ndarray, window: int, horizon: int
) -> np.ndarray:
    """The weights [L, H] of "linear": from a window relative to its last value to what follows.

    Args:
        found: tables of the series.
        z: [N, C] scaled values; NaN where missing.
        train: [O] origins of the training part.
        valid: [V] origins of the valid part, by which the penalty is chosen.
        window: L.
        horizon: H.
    """
    gram, cross = np.zeros((window, window)), np.zeros((window, horizon))
    count = 0
    for at in _chunks(_thinned(train, z.shape[1])):
        x, y = _design(found, z, at, window, horizon)
        gram, cross, count = gram + x.T @ x, cross + x.T @ y, count + len(x)
    pairs = [_design(found, z, at, window, horizon) for at in _chunks(_thinned(valid, z.shape[1]))]
    # The penalty is relative to the mean square of an input, so that its grid fits any scale.
    typical = max(np.trace(gram) / window, 1e-12)
    best, least = np.zeros((window, horizon)), np.inf
    for penalty in PENALTIES:
        weights = np.linalg.solve(gram + penalty * typical * np.eye(window), cross)
        error = sum(float(np.sum(np.square(x @ weights - y))) for x, y in pairs)
        if error < least:
            best, least = weights, error
    return best


def _design(
    found: Tables, z: np.ndarray, at: np.ndarray, window: int, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a regression: windows [n, L] and what follows [n, H], every column a row.

    Both relative to the last known value; rows with a missing target are left out.
    """
    now = found.level[at]
    back = np.maximum(at[:, None] - np.arange(window)[::-1], found.begin[at][:, None])
    x = np.moveaxis(found.level[back] - now[:, None], 2, 1).reshape(-1, window)
    y = np.moveaxis(z[at[:, None] + 1 + np.arange(horizon)] - now[:, None], 2, 1)
    y = y.reshape(-1, horizon)
    whole = np.isfinite(y).all(axis=1)
    return x[whole], y[whole]


def _thinned(origins: np.ndarray, columns: int) -> np.ndarray:
    """At most MOST_ROWS origins times columns, evenly spaced."""
    every = -(-len(origins) * columns // MOST_ROWS)
    return origins[::every]


def _chunks(origins: np.ndarray, size: int = 2048) -> list[np.ndarray]:
    return [origins[i : i + size] for i in range(0, len(origins), size)]
