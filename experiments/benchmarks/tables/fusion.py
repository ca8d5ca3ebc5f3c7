"""XLA's YNN fusion: the cost of training without it, which is how the launchers start JAX."""

import functools
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from experiments.benchmarks import draw, text, timing, turns
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables, xla

TITLE = "XLA's YNN fusion"
STEPS, QUICK_STEPS = 10, 2  # of every run in a call, so that the start of a program is negligible
CALLS = 3  # in a turn
STARTING = 20.0  # seconds until both processes of a pair have compiled
OFF, ON = "off", "on"


class Case(NamedTuple):
    """One training that is timed.

    Attributes:
        name: in the table.
        cell: name of the cell.
        H: its hidden size.
        task: name of the task.
        task_options: its options.
        runs: number of runs in one program.
        steps: of every run in a call.
        turn: expected seconds of a turn of both processes on two cores.
    """

    name: str
    cell: str
    H: int
    task: str
    task_options: Mapping[str, int]
    runs: int = 1
    steps: int = STEPS
    turn: float = 0.5


class Row(NamedTuple):
    """A training without the fusion and with it.

    Attributes:
        case: what is trained.
        groups: of several products that the library gets in the program, by setting.
        off: times of a call without the fusion; None where not measured.
        on: times with it.
        rate: updates per second without over those with it.
        pairs: the ratio of medians of each pair of processes.
        note: why nothing was measured; "" otherwise.
    """

    case: Case
    groups: dict[str, int]
    off: timing.Times | None
    on: timing.Times | None
    rate: timing.Ratio | None
    pairs: tuple[float, ...]
    note: str

    @property
    def name(self) -> str:
        """Of the case."""
        return self.case.name

    @property
    def times(self) -> timing.Measured:
        """Without the fusion, which is how the launchers start JAX."""
        return self.off or self.note


KEYS = {"case": "*"}

ADDING = {"length": 100, "batch_size": 32}
CASES = (
    Case("lstm", "lstm", 64, "adding", ADDING),
    Case("lstm, 4 runs", "lstm", 64, "adding", ADDING, runs=4, turn=1.5),
    Case("lstm, 256 units", "lstm", 256, "adding", ADDING, turn=4.0),
    Case("gru", "gru", 64, "adding", ADDING),
    Case("mlstm", "mlstm", 64, "adding", ADDING, steps=2, turn=2.0),
    Case(
        "lstm, 8192 tokens",
        "lstm",
        64,
        "associative_recall",
        {"length": 64, "pairs": 8, "vocab_size": 8192, "batch_size": 32},
        steps=2,
        turn=2.0,
    ),
)
QUICK = ("lstm, 4 runs", "mlstm")
"""The cases of a quick measurement, few because starting the processes takes all its time."""


def parts(settings: Settings) -> list[Part]:
    """One part per case."""
    cases = [_quick(case) for case in CASES if case.name in QUICK] if settings.quick else CASES
    return [
        Part(
            case.name,
            functools.partial(measure, case, settings),
            _pairs(settings) * (STARTING + settings.repeats * case.turn),
        )
        for case in cases
    ]


def _quick(case: Case) -> Case:
    small = {"length": 20, "batch_size": 4, "pairs": 2, "vocab_size": 16}
    options = {name: min(value, small[name]) for name, value in case.task_options.items()}
    steps = min(case.steps, QUICK_STEPS)
    return case._replace(H=4, runs=min(case.runs, 2), steps=steps, task_options=options)


def _pairs(settings: Settings) -> int:
    """The number of pairs of processes: a few, as each compiles the same program."""
    return 1 if settings.quick else max(1, settings.repeats // 3)


def measure(case: Case, settings: Settings) -> list[Row]:
    """One row: the times of a call with and without the fusion, and their ratio by pair."""
    flags = xla.settings()
    if settings.device != "cpu" or OFF not in flags:
        why = f"jaxlib {xla.JAXLIB} is right as it comes"
        why = why if settings.device == "cpu" else "the fusion is one of the CPU's"
        return [Row(case, {}, None, None, None, (), f"not measured: {why}")]
    groups: dict[str, int] = {}
    pairs = []
    seconds: dict[str, list[float]] = {OFF: [], ON: []}
    try:
        for _ in range(_pairs(settings)):
            groups, pair = _pair(case, flags, settings.repeats)
            pairs.append(statistics.median(pair[ON]) / statistics.median(pair[OFF]))
            for setting, times in pair.items():
                seconds[setting] += times
    except ChildProcessError as error:
        return [Row(case, groups, None, None, None, (), timing.first_line(error))]
    off, on = (timing.times(seconds[setting]) for setting in (OFF, ON))
    return [Row(case, groups, off, on, timing.ratio(on, off), tuple(pairs), "")]


def _pair(
    case: Case, flags: Mapping[str, str], repeats: int
) -> tuple[dict[str, int], dict[str, list[float]]]:
    """(groups, seconds of calls) by setting; two processes in turns, each first in half of them."""
    started = {setting: (case._asdict(), xla_flags) for setting, xla_flags in flags.items()}
    found = turns.alternate(started, repeats, CALLS)
    groups = {setting: each.groups for setting, each in found.items()}
    return groups, {setting: each.seconds for setting, each in found.items()}


def markdown(rows: Sequence[Row]) -> str:
    """A line per case."""
    caption = (
        "Updates per second of all runs together, median (best), Adam, on all cores: without the "
        "fusion, as the launchers start JAX, and with it, as jaxlib comes. Both train in processes "
        "of their own, which take turns. Ratio of medians (of the best), without over with it: "
        "below 1 is what the right numbers cost. Pairs: lowest to highest ratio of medians of the "
        "pairs of processes, which tells the noise. Groups: of more than a single product, that "
        "the library gets in the program, without and with it."
    )
    lines = [
        [
            row.name,
            _task(row.case),
            str(row.case.H),
            f"{row.groups[OFF]}, {row.groups[ON]}" if row.groups else tables.NONE,
            _rate(row, row.off),
            _rate(row, row.on),
            text.ratio(row.rate),
            f"{min(row.pairs):.2f} to {max(row.pairs):.2f}" if row.pairs else tables.NONE,
        ]
        for row in rows
    ]
    columns = ["", "task, B x T", "H", "groups", "without", "with", "without / with", "pairs"]
    return "\n\n".join([caption, tables.markdown(columns, lines), text.notes(rows)]).strip()


def _task(case: Case) -> str:
    return f"{case.task} {case.task_options['batch_size']} x {case.task_options['length']}"


def _rate(row: Row, times: timing.Times | None) -> str:
    rate = timing.rate(times, row.case.runs * row.case.steps) if times else None
    return text.rate(rate, times, tables.number)


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """The ratio of each pair of processes, by case."""
    lines = {
        row.name: {f"pair {k}": ratio for k, ratio in enumerate(row.pairs, 1)}
        for row in rows
        if row.pairs
    }
    label = "updates per second without the fusion, over those with it"
    return {"fusion": draw.dots(lines, label, line=("no cost", 1.0))} if lines else {}
