"""Metrics of a run's checkpoint on other lengths, splits and sizes than it was trained on."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from lstmx import config as cfg
from lstmx import experiment, precision, tables
from lstmx.runs import initial, meta
from lstmx.runs.run import Run, load
from lstmx.runs.run import params as params_of
from lstmx.train import step as training


class Evaluation(NamedTuple):
    """The metrics of a checkpoint on one task.

    Attributes:
        name: of the evaluation, or its settings as passed.
        metrics: name -> value.
        metric: name of the task's main metric.
        baseline: the main metric of the trivial predictor.
        solved: the value from which the task counts as solved; None where it has no such value.
    """

    name: str
    metrics: dict[str, float]
    metric: str
    baseline: float
    solved: float | None


def evaluate(
    path: Path | str,
    settings: Sequence[str] = (),
    *,
    step: str | int = "best",
    batches: int | None = None,
    trust: bool = False,
) -> list[Evaluation]:
    """The metrics of a checkpoint on tasks that differ from the one trained on.

    Args:
        path: the run directory.
        settings: one evaluation each, "length=400,split=test"; without any, those of the config.
        step: "best", "latest", a step, or "initial" for the parameters before the first update.
        batches: number of batches of an endless task; the config's `eval_batches` if None.
        trust: import modules that the run names; see `lstmx.config.from_dict`.

    Raises:
        ValueError: no run, no such checkpoint, an unknown option of the task.
    """
    if batches is not None and not 1 <= batches < cfg.WHOLE:
        raise ValueError(f"--batches={batches}; expected at least 1 and at most {cfg.WHOLE - 1}")
    run = load(path)
    config = cfg.from_dict(run.config, trust=trust)
    evals = {name: dict(over) for name, over in config.evals.items()}
    names = {name: name for name in evals}
    if settings:  # numbered, because a key of a config holds no dot, and a file's name does
        names = {f"set_{n}": text for n, text in enumerate(settings)}
        evals = {name: _overrides(config, text) for name, text in names.items()}
    if not evals:
        raise ValueError(f"{path}: its config has no evaluations; name one, such as length=400")
    # Nothing is selected here, so any metric will do, of a test split too; every task has a loss.
    # And nothing stops, neither here nor at the first error.
    config = cfg.resolve(
        config,
        {
            "evals": evals,
            "selection": f"eval/{next(iter(evals))}/loss",
            "stop": (),
            "stop_window": 0,
            "eval_fail_fast": False,
        },
    )
    try:
        with meta.data_of(run.path, run.meta):
            exp = experiment.build(config)
    except ValueError as error:
        number = re.search(r"evals\.set_(\d+)", str(error))
        if not settings or number is None:
            raise
        said = f"--set {settings[int(number[1])]}"
        raise ValueError(str(error).replace(number[0], said)) from error
    _check_files(run, exp)
    is_first = step == "initial"
    params = initial.params(run, config, exp.model) if is_first else params_of(run, step)
    key = experiment.keys(config.seed)[2]
    count = batches or config.eval_batches
    rows = []
    for name, displayed in names.items():  # in the order of `settings`; a ConfigDict sorts
        task = exp.evals[name]
        measure = jax.jit(
            lambda params, key, task=task: training.evaluate(
                task, exp.model, params, key, task.spec.num_batches or count
            )
        )
        with precision.scope(config.model.precision):
            metrics = training.values(measure(params, experiment.eval_key(key, displayed)))
        spec = task.spec
        rows.append(
            Evaluation(
                displayed,
                {k: float(v) for k, v in metrics.items()},
                spec.metric,
                spec.baseline,
                spec.solved,
            )
        )
    return rows


def table(rows: Sequence[Evaluation]) -> str:
    """Evaluations as aligned text: one line each, its metrics and the trivial baseline."""
    lines = []
    for row in rows:
        numbers = "  ".join(f"{k} {tables.brief(v)}" for k, v in row.metrics.items())
        solved = "" if row.solved is None else f", solved at {tables.brief(row.solved)}"
        trivial = f"(trivial {row.metric} {tables.brief(row.baseline)}{solved})"
        lines.append([row.name, numbers, trivial])
    return tables.aligned(lines, left=3)


def _check_files(run: Run, exp: experiment.Experiment) -> None:
    """Refuse other data than those of training where the task fits its scales to them."""
    task = run.meta["task"]
    trained = set((task.get("files") or {}).values())
    read = {digest for other in exp.evals.values() for digest in other.spec.files.values()}
    if task.get("record") and read - trained:
        names = ", ".join(task["files"])
        what, other = "scales", "; experiments.forecast --file=... uses those of training"
        if run.config["task"]["name"] != "forecast":
            what, other = "vocabularies", ""
        raise ValueError(
            f"{run.path} was trained on other data than {names} holds now: {what} would be fitted "
            f"anew under trained weights{other}"
        )


def _overrides(config: cfg.ConfigDict, text: str) -> dict[str, Any]:
    """The task options of "length=400,split=test", each value of its option's type."""
    overrides = {}
    for part in re.split(r",(?![^(]*\))", text):  # not at the commas of a tuple
        name, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"--set {text!r}: got {part!r}; expected option=value")
        if name in overrides:
            raise ValueError(f"--set {text!r} has {name} twice; expected --set once for each value")
        overrides[name] = cfg.parse(config, f"task.{name}", value)
    return overrides
