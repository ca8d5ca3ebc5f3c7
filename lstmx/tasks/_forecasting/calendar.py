"""Features of the calendar from time stamps: position in the day, week, month and year.

Each is a pair of sine and cosine per harmonic, so that the end of a period meets its start.
"""

import numpy as np

KINDS = ("hour", "weekday", "monthday", "yearday")
"""What `features` knows: the position in a day, a week from Monday, a month and a year."""

DAY = 86_400
MONDAY = 4
"""Days from 1970-01-01, a Thursday, to the next Monday."""


def features(times: np.ndarray, kinds: tuple[str, ...], harmonics: int) -> np.ndarray:
    """Fourier pairs [N, 2 K harmonics] of times [N] datetime64[s], of K kinds.

    The order is that of `kinds`, within a kind by harmonic, sine before cosine.
    """
    if not kinds:
        return np.empty((len(times), 0))
    phases = np.stack([phase(times, kind) for kind in kinds], axis=1)
    angles = 2 * np.pi * phases[..., None] * (1 + np.arange(harmonics))
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(len(times), -1)


def names(kinds: tuple[str, ...], harmonics: int) -> list[str]:
    """The names of the columns of `features`, such as "weekday sin 1"."""
    orders = range(1, 1 + harmonics)
    return [f"{kind} {part} {k}" for kind in kinds for k in orders for part in ("sin", "cos")]


def phase(times: np.ndarray, kind: str) -> np.ndarray:
    """The position of times [N] in their period, in [0, 1)."""
    times = times.astype("datetime64[s]")
    day = times.astype("datetime64[D]")
    of_day = (times - day).astype(np.int64) / DAY
    if kind == "hour":
        return of_day
    if kind == "weekday":
        return ((day.astype(np.int64) - MONDAY) % 7 + of_day) / 7
    unit = {"monthday": "M", "yearday": "Y"}[kind]
    start = day.astype(f"datetime64[{unit}]")
    after = start + np.timedelta64(1, unit)  # type: ignore[call-overload]
    length = after.astype("datetime64[D]") - start.astype("datetime64[D]")
    since = (day - start.astype("datetime64[D]")).astype(np.int64)
    return (since + of_day) / length.astype(np.int64)
