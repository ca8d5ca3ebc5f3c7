"""The regular axis of times, if there is one; rows beside it; rows that it lacks."""

import numpy as np

from lstmx.data.timeseries._frequency import DAY, LAST, Frequency, month_lengths, positions

WEEKS = {6: 2, 5: 2}
"""Days of a week with rows -> weeks that must show it; 4 for fewer days."""
USUAL = 0.85
"""Least share of neighbouring rows without a gap, for a pattern of days of the week."""
RARE, NEAR, MOSTLY = 0.1, 0.05, 0.9
"""Rows beside an axis: at most this share of them; within this share of a step; on it at least."""

STEPS: tuple[int, ...] = (
    1,
    5,
    10,
    15,
    20,
    30,
    60,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10800,
    14400,
    21600,
)
STEPS += (28800, 43200, DAY, 7 * DAY)
"""Steps that people use, in seconds."""


def infer(times: np.ndarray, bounds: np.ndarray, numbered: bool = False) -> Frequency | None:
    """The frequency on which all times lie; None if there is none.

    Gaps do not matter as long as half of the rows follow the one before without one.

    Args:
        times: [N] datetime64[s], strictly increasing within series.
        bounds: [S + 1] of the series.
        numbered: whether they are numbers of rows.
    """
    seconds = times.astype(np.int64)
    steps = _steps(seconds, bounds)
    if not len(steps):
        return None
    if numbered:
        return _even(steps, "step")
    if (steps % DAY == 0).all():
        found = _months(times, bounds, steps) or _weekdays(times, bounds, steps)
        if found:
            return found
        rare = _on_rare_days(times)
        if rare.any() and infer(*_without(times, bounds, rare)) not in (
            None,
            _even(steps, "second"),
        ):
            return None  # a few rows on Saturdays do not make a business day of them
    return _even(steps, "second")


def beside(times: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of one series beside a grid on which the rest lies, and all times moved to that grid.

    Returns:
        [N] True beside the grid, [N] datetime64[s]; None if there is no such grid.
    """
    bounds = np.array([0, len(times)])
    if len(times) < 5 or infer(times, bounds) is not None:
        return None
    seconds = times.astype(np.int64)
    middle = max(int(np.median(np.diff(seconds))), 1)
    # A step that people use, if the usual one is near: jitter makes 3601 s of an hour.
    near = [step for step in STEPS if abs(step - middle) <= NEAR * step]
    candidates = [_on_a_grid(seconds, step) for step in dict.fromkeys([*near, middle])]
    if middle >= 28 * DAY:
        candidates.append(_on_a_day(times))
    if middle % DAY == 0:
        candidates.append((_on_rare_days(times), times))
    for wrong, moved in candidates:
        kept = times[~wrong]
        few = wrong.mean() <= RARE and infer(kept, np.array([0, len(kept)])) is not None
        spread = np.abs((moved - times).astype(np.int64))
        close = (spread <= NEAR * middle).mean() >= MOSTLY and infer_rounded(moved) is not None
        if wrong.any() and (few or close):
            return wrong, moved
    return None


def infer_rounded(moved: np.ndarray) -> Frequency | None:
    """The frequency of times that were rounded: several may have become one."""
    kept = np.unique(moved)
    return infer(kept, np.array([0, len(kept)]))


def complete(
    times: np.ndarray, bounds: np.ndarray, frequency: Frequency
) -> tuple[np.ndarray, np.ndarray]:
    """The place of each row among all rows that the axis has, [N], and the new bounds [S + 1]."""
    place = positions(frequency, times)
    first, last = place[bounds[:-1]], place[bounds[1:] - 1]
    whole = np.concatenate([[0], np.cumsum(last - first + 1)])
    series = np.repeat(np.arange(len(first)), np.diff(bounds))
    return place - first[series] + whole[:-1][series], whole


def _on_a_grid(seconds: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows beside the grid of this step on which most rows are, and all moved to it."""
    phases, counts = np.unique(seconds % step, return_counts=True)
    offset = (seconds - phases[np.argmax(counts)] + step // 2) % step - step // 2
    return offset != 0, (seconds - offset).astype("datetime64[s]")


def _on_a_day(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows beside the day of the month of most rows, and all moved to it."""
    start = times.astype("datetime64[M]").astype("datetime64[D]")
    day = (times.astype("datetime64[D]") - start).astype(np.int64)
    usual = np.bincount(day).argmax()
    moved = (start + np.timedelta64(usual, "D")).astype("datetime64[s]")
    return moved != times, moved


def _on_rare_days(times: np.ndarray) -> np.ndarray:
    """Rows [N] on days of the week that hardly occur."""
    days = (times.astype(np.int64) // DAY + 3) % 7
    counts = np.bincount(days, minlength=7)
    return (counts < RARE * counts.max())[days]


def _without(
    times: np.ndarray, bounds: np.ndarray, wrong: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The other rows, and the bounds of their series that have any."""
    kept = np.concatenate([[0], np.cumsum(~wrong)])[bounds]
    return times[~wrong], np.unique(kept)


def _steps(seconds: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Differences within the series."""
    steps = np.diff(seconds)
    inside = np.ones(len(steps), bool)
    inside[bounds[1:-1] - 1] = False
    return steps[inside]


def _even(steps: np.ndarray, unit: str) -> Frequency | None:
    least = int(steps.min())
    even = 2 * (steps == least).sum() >= len(steps) and not (steps % least).any()
    return Frequency(unit, least) if even else None


def _months(times: np.ndarray, bounds: np.ndarray, steps: np.ndarray) -> Frequency | None:
    if steps.min() < 28 * DAY:
        return None
    month = times.astype("datetime64[M]")
    start = month.astype("datetime64[D]")
    day = (times.astype("datetime64[D]") - start).astype(np.int64) + 1
    length = month_lengths(month)
    usual = LAST if (day == length).all() else int(day.max())
    if (day != np.minimum(usual, length)).any():
        return None
    even = _even(_steps(month.astype(np.int64), bounds), "month")
    return even._replace(days=(usual,)) if even else None


def _weekdays(times: np.ndarray, bounds: np.ndarray, steps: np.ndarray) -> Frequency | None:
    days = np.unique((times.astype(np.int64) // DAY + 3) % 7)
    if not 2 <= len(days) <= 6:
        return None
    weeks = int(np.max(times[bounds[1:] - 1] - times[bounds[:-1]]).astype(np.int64)) / (7 * DAY)
    found = Frequency("weekday", 1, tuple(int(day) for day in days))
    skipped = _steps(positions(found, times), bounds)
    if weeks < WEEKS.get(len(days), 4) or (skipped == 1).mean() < USUAL:
        return None
    even = _even(steps, "second")
    # Every second day has a grid of its own; five days a week have none with so few gaps.
    if even and (steps == even.every).mean() >= (skipped == 1).mean():
        return None
    return found
