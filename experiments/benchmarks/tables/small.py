"""Small networks of one sequence an update: what makes them fast, switched off and on."""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.benchmarks import draw, text, timing, turns
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables, xla

TITLE = "Small networks"
WAYS = ("plain", "loops", "loops, replicas", "all")
"""The ways to train them, each with one thing more than the one before."""
CALLS = 2  # in a turn
STARTING, TURN = 40.0, 4.0  # seconds of a case: four processes compile; a turn of all


class Case(NamedTuple):
    """Runs of a recipe, or an LSTM with Adam on the adding problem.

    Attributes:
        name: in the table.
        recipe: its module below `configs`; "" for the LSTM.
        mode: of the recipe.
        H: units of the LSTM.
        runs: number of runs.
        steps: updates of a run in a call.
        evaluated: whether a call ends with an evaluation, which may end with its first error.
    """

    name: str
    recipe: str = ""
    mode: str = ""
    H: int = 0
    runs: int = 1
    steps: int = 100
    evaluated: bool = False

    def trained(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What `experiments.benchmarks.turns` trains."""
        case = self._asdict()
        if self.recipe:
            return case | {"settings": settings}
        del case["recipe"]
        return case | {"cell": "lstm", "task": "adding", "task_options": ADDING}


class Row(NamedTuple):
    """The runs of a case in one way.

    Attributes:
        case: what is trained.
        way: how.
        times: of a call.
        speed: over the plain way.
    """

    case: Case
    way: str
    times: timing.Measured
    speed: timing.Ratio | None

    @property
    def name(self) -> str:
        """Of the case and the way."""
        return f"{self.case.name}, {self.way}"


WHOLE = {
    "eval_fail_fast": False,
    "eval_batches": 4,
    "evals.train.batch_size": 256,
    "evals.test.batch_size": 256,
    "log_every": 50,
}
"""Settings of experiment 1 for evaluations of all strings, in large batches."""
KEYS = {"case": "*", "times": "*"}
ADDING = {"length": 100, "batch_size": 1}
PAPER = "papers.hochreiter1997"
CASES = (
    Case("experiment 1", PAPER, "1", runs=10, steps=200, evaluated=True),
    Case("experiment 4", PAPER, "4", runs=10),
    Case("experiment 6a", PAPER, "6a", runs=20),
    *(Case(f"LSTM, {units} units", H=units) for units in (4, 16, 32, 64, 128)),
)


def parts(settings: Settings) -> list[Part]:
    """A part per case."""
    cases = CASES[:1] if settings.quick else CASES
    return [
        Part(
            case.name,
            functools.partial(measure, case, settings),
            STARTING + settings.repeats * TURN,
        )
        for case in cases
    ]


def ways(case: Case, given: str) -> dict[str, tuple[dict[str, Any], str]]:
    """Way -> (settings of the runs, XLA_FLAGS), of those that differ for a case.

    Args:
        case: what is trained.
        given: the flags so far.
    """
    without = f"{xla.SMALL_LOOPS.partition('=')[0]}=1024"  # as jaxlib 0.10.2 has it
    flags = " ".join(word for word in given.split() if not word.startswith(xla.EXTRA))
    loops = xla.with_small_loops(flags)
    one: dict[str, Any] = {"replicas_per_vmap": 1}
    whole = WHOLE if case.evaluated else {}
    found = [
        (one | whole, f"{flags} {xla.EXTRA}={without}".strip()),
        (one | whole, loops),
        (whole, loops),
        ({}, loops),
    ]
    count = len(WAYS) if case.evaluated else 3 if case.recipe else 2
    return dict(list(zip(WAYS, found))[:count])


def measure(case: Case, settings: Settings) -> list[Row]:
    """A row per way: the times of a call; a process each, which take turns."""
    if settings.device != "cpu":
        return [Row(case, "plain", "not measured: what is switched is the CPU's", None)]
    if settings.quick:
        case = case._replace(runs=2)
    pairs = ways(case, os.environ.get("XLA_FLAGS", "")).items()
    started = {way: (case.trained(over), flags) for way, (over, flags) in pairs}
    try:
        measured = turns.alternate(started, settings.repeats, CALLS)
    except ChildProcessError as error:
        return [Row(case, WAYS[0], timing.first_line(error), None)]
    found = {way: timing.times(each.seconds) for way, each in measured.items()}
    return [Row(case, way, each, timing.ratio(found["plain"], each)) for way, each in found.items()]


def markdown(rows: Sequence[Row]) -> str:
    """A line per case and way."""
    caption = (
        "Experiments of Hochreiter & Schmidhuber 1997 with the networks of "
        "[the recipe](../../configs/papers/hochreiter1997.py): an update a sequence, 4 to 6 units. "
        "Milliseconds of a call, which trains all runs for so many updates on all cores and, in "
        "experiment 1, evaluates them: median (minimum). Speed: over the plain way, ratio of "
        "medians (of minima). Plain: one run after the other on each core, loops as jaxlib 0.10.2 "
        "compiles them, evaluations of 1280 strings in batches of 256 and four log points. Loops: "
        "small loops are one function (`lstmx.xla.use_small_loops`). Replicas: ten runs side by "
        "side. All: an evaluation ends with its first wrong batch of 16 (`eval_fail_fast`), and "
        "there is one log point. Below: an LSTM with Adam on the adding problem of 100 steps, a "
        "sequence an update. Each way trains in a process of its own; they take turns."
    )
    lines = [
        [
            row.case.name,
            str(row.case.runs),
            str(row.case.steps),
            row.way,
            text.times(row.times),
            text.ratio(row.speed),
        ]
        for row in rows
    ]
    columns = ["networks", "runs", "updates", "way", "call, ms", "speed"]
    return "\n\n".join([caption, tables.markdown(columns, lines), text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """The speed over the plain way, by experiment."""
    lines: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.speed and row.way != "plain":
            lines.setdefault(row.case.name, {})[row.way] = row.speed.median
    return {"small": draw.dots(lines, "times as fast as plain", zero=True)} if lines else {}
