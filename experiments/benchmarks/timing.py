"""Timing for reliable ratios: all contestants in one process, in turns.

Another program on a core halves the speed of what runs there, and the clock rate of a machine
varies. In turns, all contestants are affected alike, so that the ratio of their medians is
meaningful. Minima are recorded too: they estimate the speed without disturbances.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

MEASURED = 0.04  # seconds of calls per turn: short calls are repeated to be seen over the clock
MOST_CALLS = 20
LONG = 0.1  # seconds from which on a call needs no other before it to warm the caches
GEMM_ROWS = {"cpu": 2048, "gpu": 8192}  # large enough that memory does not bound the product

Call = Callable[[], Any]
"""Does the work once, and returns when its result is computed."""

Name = TypeVar("Name")
"""What a table calls its contestants by."""


class Times(NamedTuple):
    """Durations of calls, in milliseconds.

    Attributes:
        median: over all timed calls of all turns.
        minimum: the fastest of them.
        calls: number of timed calls.
    """

    median: float
    minimum: float
    calls: int


Measured = Times | str
"""Times, or in one line why there are none."""


class Ratio(NamedTuple):
    """How many times as long one takes as another, or as fast as another one is.

    Attributes:
        median: ratio of the medians.
        minimum: ratio of the minima.
    """

    median: float
    minimum: float


class Rate(NamedTuple):
    """How many units of work are done in a unit of time.

    Attributes:
        median: at the median of the times.
        best: at their minimum.
    """

    median: float
    best: float


def interleaved(calls: Mapping[Name, Call | str], repeats: int) -> dict[Name, Measured]:
    """The times of every call, taken in turns; the first line of its error for a call that fails.

    Each is called a few times before any is timed, so that compilation and the first touch of
    memory do not count. In every turn a short call is made once untimed: its predecessor has
    filled the caches with other data, and its threads may still spin.

    Args:
        calls: name -> function to time, or why there is none, which is its result then.
        repeats: number of turns of each; the order rotates from turn to turn.
    """
    seconds: dict[Name, list[float]] = {}
    failed = {name: call for name, call in calls.items() if isinstance(call, str)}
    timed = {name: call for name, call in calls.items() if not isinstance(call, str)}
    guess: dict[Name, float] = {}
    for name, call in timed.items():
        try:
            call()
            guess[name] = _seconds(call)
            if guess[name] < LONG:
                guess[name] = min(_seconds(call) for _ in range(3))
            seconds[name] = []
        except Exception as error:  # a peer may raise anything; its row shows the message
            failed[name] = first_line(error)
    names = list(seconds)
    gc.collect()
    gc.disable()
    try:
        for turn in range(repeats):
            start = turn % max(1, len(names))
            for name in names[start:] + names[:start]:
                if guess[name] < LONG:
                    timed[name]()
                count = min(MOST_CALLS, max(1, round(MEASURED / guess[name])))
                seconds[name] += [_seconds(timed[name]) for _ in range(count)]
    finally:
        gc.enable()
    return {name: failed[name] if name in failed else times(seconds[name]) for name in calls}


def times(seconds: Sequence[float]) -> Times:
    """Median and minimum of durations in seconds, as milliseconds."""
    return Times(1e3 * statistics.median(seconds), 1e3 * min(seconds), len(seconds))


def of_one(times: Measured, count: float) -> Measured:
    """The times of a call divided by `count`, such as its equal parts; a reason stays as it is."""
    if isinstance(times, str):
        return times
    return Times(times.median / count, times.minimum / count, times.calls)


def ratio(slow: Measured | None, fast: Measured | None) -> Ratio | None:
    """Time of `slow` over that of `fast`; None where one is not measured."""
    if not isinstance(slow, Times) or not isinstance(fast, Times):
        return None
    return Ratio(slow.median / fast.median, slow.minimum / fast.minimum)


def rate(times: Measured, count: float, seconds: float = 1.0) -> Rate | None:
    """How many units are done in `seconds` where a call does `count`; None if not measured."""
    if isinstance(times, str):
        return None
    scale = 1e3 * seconds * count
    return Rate(scale / times.median, scale / times.minimum)


def peak_gflops(device: str) -> float:
    """The most float32 operations per nanosecond that a large matrix product reaches here.

    On a CPU NumPy's product on all threads; on a GPU JAX's, in its default precision.
    """
    rows = GEMM_ROWS[device]
    if device == "cpu":
        a = np.random.default_rng(0).standard_normal((rows, rows), np.float32)
        call: Call = lambda: a @ a
    else:
        import jax

        on_device = jax.random.normal(jax.random.key(0), (rows, rows))
        multiply = jax.jit(lambda a: a @ a)
        call = lambda: jax.block_until_ready(multiply(on_device))
    call()
    return 2e-9 * rows**3 / min(_seconds(call) for _ in range(5))


def first_line(error: BaseException) -> str:
    """The first line of an exception, as the note of a row that is not measured."""
    lines = str(error).strip().splitlines()
    message = lines[0] if lines else type(error).__name__
    return f"not measured: {message}"


def _seconds(call: Call) -> float:
    start_time = time.perf_counter()
    call()
    return time.perf_counter() - start_time
