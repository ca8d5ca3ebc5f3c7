"""The best setting of every row, where the runs of a row differ in more than their seeds.

Runs at several learning rates are no repetitions of one experiment: their mean says how well the
grid was chosen, and its interval is no error of a mean over seeds. A row shows one setting instead,
the one whose mean over seeds is best by the selection metric, which is that of the validation split
where a run has one. What is asked, the task and its evaluations, is never chosen: see `asks`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lstmx import stats
from lstmx.report.rows import Metric, RunRow
from lstmx.runs import Run

MANY = 4
"""Settings of a row from which on the expected best of k of them is drawn."""
_TRIED = ("task.batch_size",)
"""Keys of the task that are ways to solve it."""


class Settings(NamedTuple):
    """What rows were chosen from.

    Attributes:
        keys: dotted config keys that make the settings; empty where runs differ in seeds only.
        table: a line per row and setting: row, setting, runs, the mean of the selection metric over
            all of them (chosen_by, as in `choose`) and of the reported one over those that have it
            (mean, as in the row; else nan), and whether it was chosen.
        runs: one line per run of the settings that were not chosen.
        sources: these runs as loaded.
        split: of the evaluation that chose, "" for a training metric.
    """

    keys: list[str]
    table: pd.DataFrame
    runs: pd.DataFrame
    sources: list[Run]
    split: str

    @property
    def several(self) -> pd.Series:
        """Row -> its number of settings, in the order of the runs."""
        return self.table.groupby("row", sort=False).size()


def asks(key: str) -> bool:
    """Whether a config key says what is asked, so that its values cannot compete.

    >>> asks("task.length"), asks("task.batch_size"), asks("hparams.learning_rate")
    (True, False, False)
    """
    return key not in _TRIED and key.startswith(("task.", "evals", "eval_"))


def choose(
    keys: Sequence[str], runs: Sequence[tuple[Run, RunRow]], metric: Metric
) -> tuple[list[tuple[Run, RunRow]], Settings]:
    """The runs of each row's best setting, and what it was chosen from.

    A run without a value counts as the worst that a run has, or as the trivial baseline where that
    is worse: a setting would be better for diverging, otherwise. Of equal settings, the first wins.

    Args:
        keys: what makes the settings.
        runs: every run with its record, whose `setting` is known.
        metric: its selection chooses.
    """
    stand_in = _worst([row for _, row in runs], metric)
    cells: dict[str, dict[str, list[RunRow]]] = {}
    for _, row in runs:
        cells.setdefault(row.row, {}).setdefault(row.setting, []).append(row)
    lines = []
    for name, settings in cells.items():
        means = {
            setting: np.mean([_or(row.chosen_by, stand_in) for row in rows])
            for setting, rows in settings.items()
        }
        best = (max if metric.selection.maximize else min)(means, key=lambda one: means[one])
        for setting, rows in settings.items():
            values = [row.value for row in rows if math.isfinite(row.value)]
            line = {"row": name, "setting": setting, "runs": len(rows), "chosen_by": means[setting]}
            line["mean"] = np.mean(values) if values else math.nan
            lines.append(line | {"chosen": setting == best})
    table = pd.DataFrame(lines)
    chosen = {(x["row"], x["setting"]) for x in lines if x["chosen"]}
    kept: list[tuple[Run, RunRow]] = []
    others: list[tuple[Run, RunRow]] = []
    for pair in runs:
        (kept if (pair[1].row, pair[1].setting) in chosen else others).append(pair)
    left = pd.DataFrame([row._asdict() for _, row in others], columns=RunRow._fields)
    known = list(keys) if others else []
    split = _split(runs[0][0], metric.selection.metric)
    return kept, Settings(known, table, left, [run for run, _ in others], split)


def what(settings: Settings) -> str:
    """What was chosen from, such as "3 learning rates" or "2 to 6 settings of layers, steps"."""
    counts = settings.several
    number = str(counts.max()) if counts.nunique() == 1 else f"{counts.min()} to {counts.max()}"
    names = [_spoken(key) for key in settings.keys]
    if len(names) > 1:
        return f"{number} settings of {', '.join(names)}"
    return f"{number} values of {names[0]}" if names[0].endswith("s") else f"{number} {names[0]}s"


def lead(settings: Settings, metric: Metric) -> str:
    """How the rows were chosen, in a sentence; "" where there was nothing to choose."""
    if not settings.keys:
        return ""
    by = metric.selection.metric.split("/")[-2]
    sentence = f"Each row is the best of {what(settings)} by {by}, chosen for each group"
    if settings.split == "valid":
        return f"{sentence}."
    return f"{sentence}; there is no validation evaluation, so that {by} chose."


def caption(settings: Settings, metric: Metric, tested: bool) -> str:
    """What a reader has to know of the choice, in sentences."""
    if not settings.keys:
        return ""
    best = "highest" if metric.selection.maximize else "lowest"
    text = (
        f"A row has the runs of one setting, whose mean of {metric.selection.metric} over seeds is "
        f"{best}; runs of the others are in no mean, interval{' or test' * tested}. "
    )
    if metric.key == metric.selection.metric:
        text += "The setting was chosen and is reported on the same data, which flatters it. "
    counts = settings.several
    if counts.nunique() > 1:
        text += (
            "The best of many is better than the best of few: "
            + ", ".join(f"{row} had {n}" for row, n in counts.items())
            + ". "
        )
    return text


def curves(settings: Settings, metric: Metric) -> dict[str, stats.BestOf]:
    """Row -> the expected best of k of its settings; nothing where no row has `MANY`.

    Settings are means over seeds; one without a mean counts as the worst that there is.
    """
    if not settings.keys or settings.several.max() < MANY:
        return {}
    table, found = settings.table, {}
    sign = 1 if metric.selection.maximize == metric.maximize else -1
    for row in settings.several.index:
        own = table[table["row"] == row]
        by = own["chosen_by"].to_numpy(float)
        values = own["mean"].fillna(table["mean"].min() if metric.maximize else table["mean"].max())
        if np.isfinite(values).all():
            found[str(row)] = stats.expected_best(
                sign * by, maximize=metric.maximize, reported=values
            )
    return found


def _worst(rows: Sequence[RunRow], metric: Metric) -> float:
    """What counts for a run without a value of the selection metric."""
    found = [row.chosen_by for row in rows]
    if metric.selection.metric.rpartition("/")[2] == metric.name:
        found += [row.baseline for row in rows if row.baseline is not None]
    finite = [value for value in found if math.isfinite(value)] or [0.0]
    return min(finite) if metric.selection.maximize else max(finite)


def _or(value: float, stand_in: float) -> float:
    return value if math.isfinite(value) else stand_in


def _split(run: Run, key: str) -> str:
    """The split of the evaluation that a log key is of."""
    parts = key.split("/")
    evals: Mapping[str, Any] = run.config.get("evals") or {}
    return str(evals.get(parts[1], {}).get("split", "test")) if len(parts) == 3 else ""


def _spoken(key: str) -> str:
    """A key in words: that of a member is the member's kind."""
    *_, section, name = ["", *key.split(".")]
    return (section if name == "name" else name).replace("_", " ")
