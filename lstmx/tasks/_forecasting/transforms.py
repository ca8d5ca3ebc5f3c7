"""Transformations of a target before it is scaled, with their exact inverses: log and Box-Cox.

    z = ((y + a)^p - 1) / p,  or log(y + a) for p = 0          Box & Cox 1964, eq. 1 and 2

"log" has p = 0, a = 0; "log1p" p = 0, a = 1; "box-cox" a = 0 and the p that maximises the
likelihood of the training part as independent normal values (their eq. 8). The inverse of a
forecast of the mean of z is a forecast of the median of y.
"""

from typing import Any

import numpy as np

KINDS = ("none", "log", "log1p", "box-cox")
POWERS = np.linspace(-1, 2, 61)
"""Powers that "box-cox" tries; beyond, transformed values of a series span too many decades."""


def powers(kind: str, train: np.ndarray) -> np.ndarray:
    """The power [C] for each column of a training part [N, C]; zeros for the logarithms."""
    if kind != "box-cox":
        return np.zeros(train.shape[1])
    return np.array([_likeliest(column[np.isfinite(column)]) for column in train.T])


def forward(kind: str, values: Any, power: Any, xp: Any = np) -> Any:
    """Values [N, C] transformed; NaN stays NaN.

    Args:
        kind: one of `KINDS`.
        values: [N, C].
        power: [C] or [N, C].
        xp: numpy, or jax.numpy for traced arrays.
    """
    if kind == "none":
        return values
    shifted = values + _offset(kind)
    power = xp.broadcast_to(power, values.shape)
    safe = xp.where(power == 0, 1.0, power)
    return xp.where(power == 0, xp.log(shifted), (shifted**safe - 1) / safe)


def inverse(kind: str, z: Any, power: Any, xp: Any = np) -> Any:
    """The values whose transform is z, [..., C]; 0 (or -1) where no value has one so small.

    Args:
        kind: one of `KINDS`.
        z: [..., C].
        power: broadcasts with z.
        xp: numpy, or jax.numpy for traced arrays.
    """
    if kind == "none":
        return z
    if kind != "box-cox":
        return xp.exp(z) - _offset(kind)
    safe = xp.where(power == 0, 1.0, power)
    base = xp.maximum(safe * z + 1, 0)
    # 0 to a negative power is infinite: a z above the supremum of the transform has no value.
    root = xp.where(base > 0, base, 1.0) ** (1 / safe)
    root = xp.where(base > 0, root, xp.where(safe < 0, xp.inf, 0.0))
    # Of other powers z may be large: its exponential is not looked at, and must not overflow.
    return xp.where(power == 0, xp.exp(xp.where(power == 0, z, 0.0)), root)


def check(kind: str, values: np.ndarray, columns: tuple[str, ...], where: str) -> None:
    """Refuse values [N, C] that a transformation cannot take.

    Raises:
        ValueError: a value of 0 or less ("log1p": of -1 or less), with its column.
    """
    if kind == "none":
        return
    least = 0.0 - _offset(kind)  # and not -0.0
    for column, name in zip(values.T, columns):
        low = np.nanmin(column, initial=np.inf)
        if low <= least:
            other = "" if kind == "log1p" or low <= -1 else "'log1p' or "
            raise ValueError(
                f"{where}: column {name!r} has the value {low:g}; transform={kind!r} needs values "
                f"above {least:g}; expected transform={other}'none'"
            )


def _offset(kind: str) -> float:
    return 1.0 if kind == "log1p" else 0.0


def _likeliest(values: np.ndarray) -> float:
    """The power of `POWERS` with the highest profile likelihood; Box & Cox 1964, eq. 8."""
    if len(values) < 3 or np.ptp(values) == 0:
        return 1.0
    # Divided by the geometric mean, so that no power overflows; this only shifts the likelihood.
    logs = np.log(values) - np.log(values).mean()
    table = [
        logs if abs(p) < 1e-9 else (np.exp(p * logs) - 1) / p  # grid points are not exactly 0
        for p in POWERS
    ]
    best = int(np.argmin([z.var() for z in table]))
    return float(np.round(POWERS[best], 6))
