"""Timing for reliable ratios: all contestants in one process, in turns.

Another program on a core halves the speed of what runs there, and the clock rate of a machine
varies. In turns, all contestants are affected alike, so that the ratio of their medians is
meaningful. Minima are recorded too: they estimate the speed without disturbances.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

MEASURED = 0.04  # seconds of calls per turn: short calls are repeated to be seen over the clock
MOST_CALLS = 20
LONG = 0.1  # seconds from which on a call needs no other before it to warm the caches
GEMM_ROWS = {"cpu": 2048, "gpu": 8192}  # large enough that memory does not bound the product

Call = Callable[[], Any]
"""Does the work once, and returns when its result is computed."""


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


def interleaved(calls: Mapping[Any, Call], repeats: int) -> dict[Any, Times | str]:
    """The times of every call, taken in turns; the first line of its error for a call that fails.

    Each is called a few times before any is timed, so that compilation and the first touch of
    memory do not count. In every turn a short call is made once untimed: its predecessor has
    filled the caches with other data, and its threads may still spin.

    Args:
        calls: name -> function to time.
        repeats: number of turns of each; the order rotates from turn to turn.
    """
    seconds: dict[Any, list[float]] = {}
    failed: dict[Any, str] = {}
    guess: dict[Any, float] = {}
    for name, call in calls.items():
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
                    calls[name]()
                count = min(MOST_CALLS, max(1, round(MEASURED / guess[name])))
                seconds[name] += [_seconds(calls[name]) for _ in range(count)]
    finally:
        gc.enable()
    return {name: failed[name] if name in failed else times(seconds[name]) for name in calls}


def times(seconds: Sequence[float]) -> Times:
    """Median and minimum of durations in seconds, as milliseconds."""
    return Times(1e3 * statistics.median(seconds), 1e3 * min(seconds), len(seconds))


def of_one(times: Times | str, count: int) -> Times | str:
    """The times of one of the `count` equal parts of a call; a reason stays as it is."""
    if isinstance(times, str):
        return times
    return Times(times.median / count, times.minimum / count, times.calls)


def row(times: Times | str) -> dict[str, Any]:
    """The columns of a table for times, or for the reason why there are none."""
    if isinstance(times, str):
        return {"ms": None, "ms_min": None, "calls": 0, "note": times}
    return {"ms": times.median, "ms_min": times.minimum, "calls": times.calls, "note": ""}


def ratio(slow: Mapping[str, Any] | None, fast: Mapping[str, Any] | None) -> dict[str, Any]:
    """Time of `slow` over that of `fast`: {"median", "minimum"}; {} where one is not measured."""
    if not slow or not fast or slow["ms"] is None or fast["ms"] is None:
        return {}
    return {"median": slow["ms"] / fast["ms"], "minimum": slow["ms_min"] / fast["ms_min"]}


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
