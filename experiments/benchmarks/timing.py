"""Timing that a ratio can be trusted to: all contestants in one process, in turns.

A second program on either core halves what it disturbs, and the clock of a machine wanders; taken
in turns, contestants share both, and a ratio of medians means something. Minima are kept too: they
say what the code can do where nothing disturbs it.
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
"""Does the work once and returns when its result is there."""


class Times(NamedTuple):
    """How long calls took, in milliseconds.

    Attributes:
        median: over all timed calls of all turns.
        minimum: the fastest of them.
        calls: how many there were.
    """

    median: float
    minimum: float
    calls: int


def interleaved(calls: Mapping[Any, Call], repeats: int) -> dict[Any, Times | str]:
    """Times of every call, taken in turns; what fails has its error's first line instead.

    Each is called a few times before anything counts, so that compilation and first touches of
    memory are over. In every turn a short call is made once more untimed: its predecessor left the
    caches full of something else, and perhaps threads that still spin.

    Args:
        calls: name -> what to time.
        repeats: number of turns that each gets; the order rotates from turn to turn.
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
        except Exception as error:  # a peer may fail in any way; its row says how
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


def row(times: Times | str) -> dict[str, Any]:
    """The columns of a table that say how long something took, or why nobody knows."""
    if isinstance(times, str):
        return {"ms": None, "ms_min": None, "calls": 0, "note": times}
    return {"ms": times.median, "ms_min": times.minimum, "calls": times.calls, "note": ""}


def ratio(slow: Mapping[str, Any] | None, fast: Mapping[str, Any] | None) -> dict[str, Any]:
    """How many times as fast `fast` is: {"median", "minimum"}, empty where one is not measured."""
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
    """What an exception says, in one line."""
    lines = str(error).strip().splitlines()
    said = lines[0] if lines else type(error).__name__
    return f"not measured: {said}"


def _seconds(call: Call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
