"""Long sequences: time per step and memory, each measured in a separate process."""

import functools
import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from experiments.benchmarks import draw, layers, processes, text, timing
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables

TITLE = "Long sequences"
BATCH, FEATURES, HIDDEN = 8, 2, 64
LENGTHS, QUICK = (1_000, 10_000, 100_000), (50,)
LONGEST, LEVELS = 1_000_000, (10_000, 100)
BASELINE = 8  # steps of the program whose memory counts as that of the imports
SEEN = 4.0  # MiB: imports of two processes differ by about as much
PLAIN = "plain scan"


class Row(NamedTuple):
    """A method at one length.

    Attributes:
        name: of the method.
        label: of the size, as text.
        size: of the layer.
        times: forward and backward.
        mib: peak memory above `empty_mib`; None where not measured.
        over_plain: how many times as fast as the plain scan.
        less: memory of the plain scan over its own; None where either is too small to measure.
        empty_mib: peak memory of a process that does next to nothing.
    """

    name: str
    label: str
    size: Size
    times: timing.Measured
    mib: float | None
    over_plain: timing.Ratio | None
    less: float | None
    empty_mib: float | None = None


KEYS = {
    "label": "size",
    "size": "*",
    "times": "*",
    "over_plain": "over plain scan",
    "less": "memory over",
}


def parts(settings: Settings) -> list[Part]:
    """One part per length."""
    lengths = QUICK if settings.quick else (*LENGTHS, LONGEST)
    return [
        Part(f"T={T}", functools.partial(measure, T, settings), _count(T, settings) * _seconds(T))
        for T in lengths
    ]


def _seconds(length: int) -> float:
    return 16 + 2.5e-4 * length


def measure(length: int, settings: Settings) -> list[Row]:
    """A row per method: forward and backward, one device."""
    size = Size(BATCH, length, FEATURES, HIDDEN)
    longest = length >= LONGEST
    every: Any = LEVELS if longest else math.isqrt(length)
    methods: dict[str, Any] = {
        PLAIN: {"engine": "scan", "remat_every": None, "last": longest},
        "lstmx": {"engine": "auto", "remat_every": None, "last": longest},
        "lstmx, remat_every": {"engine": "auto", "remat_every": every, "last": longest},
    }
    results: dict[str, list[processes.Long | str]] = {name: [] for name in methods}
    empty: list[float] = []
    for _ in range(_count(length, settings)):
        first = processes.long(Size(BATCH, BASELINE, FEATURES, HIDDEN), **methods[PLAIN])
        empty.append(math.nan if isinstance(first, str) else first.bytes)
        for name, options in methods.items():
            results[name].append(processes.long(size, **options))
    for name in methods:
        if any(_differ(*pair) for pair in zip(results[name], results[PLAIN])):
            results[name] = ["not measured: gradients differ from the plain scan's"]
    rows = [_row(size, name, results[name], statistics.median(empty)) for name in methods]
    plain = rows[0]
    return [
        row._replace(over_plain=timing.ratio(plain.times, row.times), less=_less(row, plain))
        for row in rows
    ]


def _differ(mine: processes.Long | str, plain: processes.Long | str) -> bool:
    """Whether the gradients of two processes differ in size; a wrong program may be fast."""
    if isinstance(mine, str) or isinstance(plain, str):
        return False
    return not math.isclose(mine.size, plain.size, rel_tol=layers.AGREED)


def _count(length: int, settings: Settings) -> int:
    """The number of processes per method: a few, as processes vary less than turns."""
    return 1 if length >= LONGEST else max(1, settings.repeats // 3)


def _row(size: Size, name: str, results: Sequence[processes.Long | str], empty: float) -> Row:
    measured = [result for result in results if not isinstance(result, str)]
    failed = [result for result in results if isinstance(result, str)]
    if failed:
        return Row(name, size.label, size, failed[0], None, None, None)
    times = timing.times([seconds for result in measured for seconds in result.seconds])
    peak = statistics.median(result.bytes for result in measured)
    mib = (peak - empty) / 2**20
    return Row(name, size.label, size, times, mib, None, None, empty / 2**20)


def _less(row: Row, plain: Row) -> float | None:
    """Memory of the plain scan over that of a row; None where either is too small to measure."""
    if row.mib is None or plain.mib is None or min(row.mib, plain.mib) < SEEN:
        return None
    return plain.mib / row.mib


def markdown(rows: Sequence[Row]) -> str:
    """A line per length and method."""
    caption = (
        f"B={BATCH}, X={FEATURES}, H={HIDDEN}, forward and backward, one device; every measurement "
        "in a process of its own. Microseconds per step of the sequence: median (minimum). Memory: "
        f"peak above that of a process that runs the plain scan over {BASELINE} steps, median over "
        f"the processes. remat_every is the root of T, and {LEVELS} at T={LONGEST:,}, where the "
        "output of the last step alone is differentiated: else the outputs would be most of the "
        "memory."
    )
    lines = [
        [
            f"T={row.size.T:,}",
            row.name,
            _microseconds(row),
            text.ratio(row.over_plain),
            tables.number(row.mib),
            tables.NONE if row.less is None else f"1/{row.less:.1f}",
        ]
        for row in rows
    ]
    columns = ["length", "", "us per step", "times as fast as the plain scan", "MiB"]
    table = tables.markdown([*columns, "of its memory"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def _microseconds(row: Row) -> str:
    scale = 1e3 / row.size.T
    return text.times(row.times, lambda ms: tables.number(scale * ms))


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Time per step and memory by length."""
    time: dict[str, dict[float, float]] = {}
    memory: dict[str, dict[float, float]] = {}
    for row in rows:
        if not isinstance(row.times, str) and row.mib is not None:
            time.setdefault(row.name, {})[row.size.T] = 1e3 * row.times.median / row.size.T
            memory.setdefault(row.name, {})[row.size.T] = row.mib
    panels = {"microseconds per step": time, "MiB above the baseline": memory}
    return {"long": draw.lines(panels, "length of the sequence")}
