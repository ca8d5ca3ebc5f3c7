"""Tasks: the cost of a batch, relative to the training step of a small LSTM that includes it."""

import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
from jax import lax

from experiments.benchmarks import draw, text, timing
from experiments.benchmarks.tables import Part, Settings
from lstmx import config as cfg
from lstmx import experiment, tables, tasks
from lstmx.data import fetch
from lstmx.types import Batch, Key, Task

TITLE = "Every task"
BATCH, HIDDEN, QUICK_BATCH, QUICK_HIDDEN = 32, 64, 2, 4
STEPS, QUICK_STEPS = 10, 2  # in a call, so that the start of a program is negligible
COMPILING, TURN = 5.0, 0.2  # seconds per case: two programs and the data; a turn of both


class Case(NamedTuple):
    """A task with some of its options.

    Attributes:
        name: in the table.
        task: name of the task.
        options: option -> value.
        steps: number of steps in a call; fewer where a step is long.
        turn: expected seconds of a turn on two cores.
    """

    name: str
    task: str
    options: Mapping[str, Any] = {}
    steps: int = STEPS
    turn: float = TURN


class Row(NamedTuple):
    """A case.

    Attributes:
        name: of the case.
        B: sequences of a batch; None where the task cannot be made.
        T: steps of a sequence; None too.
        H: units.
        steps: in a call.
        times: of a training step.
        batch: of drawing its batch alone.
        share: batch over training step.
    """

    name: str
    B: int | None
    T: int | None
    H: int
    steps: int
    times: timing.Measured
    batch: timing.Measured
    share: timing.Ratio | None


KEYS = {"times": "*"}

OTHERS = (
    Case(
        "formal_language: brackets",
        "formal_language",
        {"language": "modular_arithmetic_brackets"},
    ),
    Case(
        "associative_recall: 8192 tokens",
        "associative_recall",
        {"length": 256, "pairs": 16, "vocab_size": 8192},
        steps=1,
        turn=2.0,
    ),
    Case(
        "selective_copying: 1024 steps",
        "selective_copying",
        {"length": 1024, "symbols": 16, "vocab_size": 16},
        turn=0.8,
    ),
)


def parts(settings: Settings) -> list[Part]:
    """A part of all tasks with default options, and one of cases that cost more."""
    members = [Case(name, name) for name in tasks.names()]

    def seconds(cases: Sequence[Case]) -> float:
        return sum(COMPILING + settings.repeats * case.turn for case in cases)

    return [
        Part(name, functools.partial(measure, cases, settings), seconds(cases))
        for name, cases in (("default options", members), ("other options", OTHERS))
    ]


def measure(cases: Sequence[Case], settings: Settings) -> list[Row]:
    """A row per case: the training step, and its batch alone."""
    calls: dict[tuple[str, str], timing.Call | str] = {}
    rows: list[Row] = []
    for case in cases:
        steps = min(case.steps, QUICK_STEPS) if settings.quick else case.steps
        config = _config(case, steps, settings)
        B = T = None
        try:
            built = experiment.build(config)
        except (ValueError, OSError, ImportError) as error:  # a file or a library is missing
            folder = f"{fetch.folder()}{os.sep}"
            why = timing.first_line(error).replace(folder, "")
            calls |= {(case.name, what): why for what in ("batch", "step")}
        else:
            B, T = built.task.spec.batch_size, built.task.spec.length
            calls[case.name, "batch"] = _sampling(built.task, steps)
            calls[case.name, "step"] = _training(built, config)
        rows.append(Row(case.name, B, T, config.model.cell.hidden_size, steps, "", "", None))
    found = timing.interleaved(calls, settings.repeats)
    return [_measured(row, found) for row in rows]


def _measured(row: Row, found: Mapping[tuple[str, str], timing.Measured]) -> Row:
    """The row with the times of one step, from those of calls."""
    batch, step = (timing.of_one(found[row.name, what], row.steps) for what in ("batch", "step"))
    return row._replace(times=step, batch=batch, share=timing.ratio(batch, step))


def _config(case: Case, steps: int, settings: Settings) -> Any:
    c = cfg.base()
    batch_size = QUICK_BATCH if settings.quick else BATCH
    c.task = cfg.task(case.task, batch_size=batch_size, **case.options)
    c.model.cell = cfg.cell("lstm", hidden_size=QUICK_HIDDEN if settings.quick else HIDDEN)
    c.steps = c.log_every = c.eval_every = steps
    c.evals = {}
    return c


def _training(built: experiment.Experiment, config: Any) -> timing.Call:
    """A call that runs a chunk of training steps."""
    hparams = {name: jax.numpy.float32(value) for name, value in config.hparams.items()}
    key_init, key_train, _ = experiment.keys(0)
    chunk = jax.jit(built.chunk, donate_argnums=0)
    state = jax.jit(built.init)(hparams, key_init)

    def run() -> Any:
        nonlocal state
        state, metrics = chunk(state, hparams, key_train)
        return jax.block_until_ready(metrics)

    return run


def _sampling(task: Task, steps: int) -> timing.Call:
    """A call that only samples batches, as many as a chunk has steps."""
    program = jax.jit(functools.partial(batches, task, steps))
    _, key, _ = experiment.keys(0)
    return lambda: jax.block_until_ready(program(key))


def batches(task: Task, steps: int, key: Key) -> Batch:
    """The last of the batches of steps 0 ... steps - 1, which are sampled one after the other."""

    def body(step: Any, last: Batch) -> Batch:
        # Each batch depends on the one before, so that the compiler cannot remove any.
        at, now, _ = lax.optimization_barrier((jax.random.fold_in(key, step), step, last))
        return task.batch(at, now)

    shapes = jax.eval_shape(task.batch, key, 0)
    initial = jax.tree.map(lambda leaf: jax.numpy.zeros(leaf.shape, leaf.dtype), shapes)
    return lax.fori_loop(0, steps, body, initial)


def markdown(rows: Sequence[Row]) -> str:
    """A line per case, the largest share of the batch first."""
    units, steps = rows[0].H, max(row.steps for row in rows)
    caption = (
        f"Training steps of one layer of {units} LSTM units with Adam, on one device; the options "
        "of a task are its defaults where the row names none. Milliseconds a step: median "
        f"(minimum) over calls of {steps} steps, of one where a step is long. The batch is drawn "
        "by a program of its own; the training step draws its batch within. Share: batch over "
        "training step, ratio of medians (of minima). Within a step the compiler may leave out "
        "what of a batch nobody reads, so that the share is an estimate from above."
    )
    lines = [
        [
            row.name,
            f"{row.B} x {row.T}" if row.B else tables.NONE,
            text.times(row.batch),
            text.times(row.times),
            text.ratio(row.share, lambda share: tables.number(100 * share)),
        ]
        for row in sorted(rows, key=lambda row: -row.share.median if row.share else 0.0)
    ]
    table = tables.markdown(["task", "B x T", "batch, ms", "training step, ms", "share, %"], lines)
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """The share of the batch, by task."""
    shares = {row.name: 100 * row.share.median for row in rows if row.share}
    order = sorted(shares, key=lambda name: -shares[name])
    lines = {name: {"share": shares[name]} for name in order}
    label = "drawing the batch, % of a training step"
    return {"tasks": draw.dots(lines, label, zero=True)} if lines else {}
