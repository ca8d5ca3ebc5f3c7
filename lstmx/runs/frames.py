"""All runs below a folder as one table, for notebooks."""

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from lstmx import config as cfg
from lstmx.runs import selection
from lstmx.runs.folder import find
from lstmx.runs.run import DamageWarning, Run, load_all

NAMED = ("model.cell.name", "task.name")
"""Config keys that are columns of every table, under the names "cell" and "task"."""
COUNTS = ("parameters", "state_size", "step", "best_step")
"""Columns of whole numbers, of which one may be missing."""
METRICS = ("train/", "eval/")
"""What the name of a metric begins with in a log point."""


def table(workdir: Path | str) -> pd.DataFrame:
    """A row for every run below a folder, in the order of their directories.

    A run of which a file is damaged counts as far as it can be read, or is left out; a
    `DamageWarning` names each.

    Returns:
        Columns: `name` of the config and `label` of the run; `task`, `cell` and `seed`; the config
        keys that differ between the runs, by their dotted names; `parameters`, their number;
        `state_size`, floats that a step hands on;
        `reason` why it ended, or "unfinished"; `step` it got to; `best_step` by its selection
        metric; `seconds` of training; `best/<metric>` at the best step and `last/<metric>` at the
        last log point that has it, such as "best/eval/test/mse"; `path` of the directory, which
        `lstmx.runs.open` takes. What a run does not have is missing (NaN or NA).

    Raises:
        ValueError: no run below the folder, or none that can be read.
    """
    paths = find(workdir)
    if not paths:
        raise ValueError(f"no runs found in {workdir}: no folder below it has a config.json")
    runs, remarks = load_all(paths)
    for remark in remarks:
        warnings.warn(remark, DamageWarning, stacklevel=2)
    if not runs:
        raise ValueError(f"no run below {workdir} can be read: {remarks[0]}")
    configs = [cfg.flatten(run.config) for run in runs]
    keys = [key for key in cfg.varying(configs) if key not in NAMED]
    rows = [_row(run, config, keys) for run, config in zip(runs, configs)]
    names = dict.fromkeys(name for row in rows for name in row)
    metrics = sorted(name for name in names if name.startswith(("best/", "last/")))
    order = [*(name for name in names if name not in metrics and name != "path"), *metrics, "path"]
    return pd.DataFrame(rows)[order].astype(dict.fromkeys(COUNTS, "Int64"))


def _row(run: Run, config: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """The row of a run; a list of the config is text, so that rows can be grouped by it."""
    best = selection.of(run).best(run.metrics) or {}
    last = {key: value for point in run.metrics for key, value in point.items()}
    values = {key: config.get(key) for key in keys}
    return {
        "name": run.config["name"],
        "label": run.meta.get("label", run.path.name),
        "task": config["task.name"],
        "cell": config["model.cell.name"],
        "seed": run.config["seed"],
        **{key: str(v) if isinstance(v, list | dict) else v for key, v in values.items()},
        "parameters": run.meta.get("parameters"),
        "state_size": run.meta.get("state_size"),
        "reason": run.reason,
        "step": run.step,
        "best_step": best.get("step"),
        "seconds": run.seconds,
        **{f"best/{key}": value for key, value in best.items() if key.startswith(METRICS)},
        **{f"last/{key}": value for key, value in last.items() if key.startswith(METRICS)},
        "path": str(run.path),
    }
