"""What becomes of a set of the table of forecasts, and the page of all.

Of each set: a few ways to forecast are compared by cross-validation over time on the rows before
test, the best is trained with three seeds, and is judged on the held-out end beside simple and
classical methods. What was found is one JSON file; a row per window goes to the workdir.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import lstmx
from lstmx import config as cfg
from lstmx import forecasting, runs
from lstmx.data import fetch
from lstmx.report import forecasting as report

from ._skill_sets import SETS, WAYS


def listing(out: Path) -> str:
    """A line for each set: its cost, and whether it is measured."""
    lines = []
    for name, one in SETS.items():
        state = "measured" if (out / f"{name}.json").is_file() else "open"
        lines.append(
            f"{name:16}  {one.minutes:5g} min  {one.horizon:3} ahead  {state:8}  {one.file}"
        )
    return "\n".join(lines)


def measure(
    name: str, workdir: Path, others: Mapping[str, Path], say: Callable[[str], None]
) -> dict[str, Any]:
    """What is found on a set; training that is finished in the workdir is not repeated.

    Args:
        name: of the set.
        workdir: folder of the runs.
        others: name -> folder with a file `<set>.csv` of forecasts from elsewhere.
        say: prints a line of progress.
    """
    one, folder, began = SETS[name], workdir / name, time.process_time()
    place = fetch.find(one.file)
    overrides = {"steps": one.steps, "log_every": 25, "eval_every": 25}
    tuned = {}
    for way in one.ways if one.folds and len(one.ways) > 1 else ():
        say(f"{name}: {way}, {one.folds} folds")
        found = forecasting.cross_validate(
            place,
            horizon=one.horizon,
            folds=one.folds,
            options={**one.options, **WAYS[way]},
            overrides={**overrides, "name": f"cv {way}".replace(" ", "-")},
            workdir=folder,
        )
        tuned[way] = float(found[found.forecast == "model"].mase.mean())
    best = min(tuned, key=tuned.__getitem__) if tuned else one.ways[0]
    say(f"{name}: {best}, {one.seeds} seeds")
    base = forecasting.config(place, one.horizon, {**one.options, **WAYS[best]})
    base = cfg.resolve(base, {**overrides, "name": "best"})
    configs = [cfg.resolve(base, {"seed": seed}) for seed in range(one.seeds)]
    labels = [f"seed={seed}" for seed in range(one.seeds)]
    paths = runs.train(configs, folder, labels=labels, quiet=True)
    say(f"{name}: references")
    made = report.write(paths, folder / "judged", references="all", figures=False)
    windows = made.predicted.windows
    elsewhere = {}
    for key, where in others.items():
        if (where / f"{name}.csv").is_file():
            elsewhere[key] = report.given(made.predicted, where / f"{name}.csv")
        else:
            say(f"{name}: {key} has no {where / f'{name}.csv'}, and is left out")
    errors = report.by_window(made.predicted, made.before, elsewhere)
    rows = folder / "windows.csv.gz"
    report.write_windows(rows, made.predicted, errors)
    return {
        "set": name,
        "file": one.file,
        "sha256": fetch.sha256(place),
        "horizon": one.horizon,
        "season": base.task.season,
        "series": len(windows.ids),
        "columns": len(windows.series.columns),
        "origins": len(windows.origins),
        "from": str(windows.times.min()),
        "to": str(windows.times.max()),
        "windows_sha256": fetch.sha256(rows),
        "cross_validation_mase": tuned,
        "way": best,
        "options": {**one.options, **WAYS[best]},
        "seeds": one.seeds,
        "steps": one.steps,
        "cpu_seconds": round(time.process_time() - began, 1),
        "version": lstmx.__version__,
        "remarks": list(made.predicted.remarks),
        "verdicts": [v.text for v in sorted(made.verdicts, key=lambda v: v.rank)],
        "errors": {
            "model" if key == made.predicted.model[0] else key: {
                metric: _mean(values) for metric, values in found._asdict().items()
            }
            for key, found in errors.items()
        },
    }


def table(out: Path) -> str:
    """The page of all sets that are measured."""
    found = [json.loads((out / f"{name}.json").read_text("utf-8")) for name in known(out)]
    if not found:
        raise ValueError(f"{out} has no measured set; measure some first")
    parts = [
        "# Forecasts compared over many sets",
        "`python -m experiments.skill` made this page and the JSON files beside it. Every "
        "origin of the held-out end of each file is a window. The model is an LSTM on a ridge "
        "regression of the window, with the options of `lstmx.forecasting.fit` or those that were "
        "best in cross-validation on the rows before; the mean of its seeds. Skill: 1 minus the "
        f"geometric mean, over the sets, of the error relative to {report.BASELINE}. Win rate: the "
        "share of pairs of a set and another method in which it is better. In brackets 95 % "
        "bootstrap intervals over the sets. A method is absent from sets with too many series to "
        "fit it to. Below, what the model reads of other columns; the other methods read the "
        "targets alone.",
    ]
    parts.append(_lost(found))
    titles = {"mase": "Points: MASE", "sql": "Quantiles: scaled quantile loss"}
    for metric, title in titles.items():
        errors = {
            one["set"]: {
                method: float("nan") if values[metric] is None else values[metric]
                for method, values in one["errors"].items()
            }
            for one in found
        }
        rows = report.leaderboard(errors)
        parts += [f"## {title}", report.leaderboard_markdown(rows, errors)]
    parts.append("## The sets")
    parts += [
        f"- {one['set']}: {one['origins']:,} windows of {one['horizon']} steps, "
        f"{_day(one['from'])} to {_day(one['to'])}; {one['way']}, {one['seeds']} seeds, "
        f"{_told(one['options'])}{one['cpu_seconds']:g} CPU seconds; data {one['sha256'][:12]}"
        for one in found
    ]
    return "\n\n".join(parts[: -len(found)]) + "\n\n" + "\n".join(parts[-len(found) :]) + "\n"


def known(out: Path) -> list[str]:
    """The measured sets, in the order of `SETS`."""
    return [name for name in SETS if (out / f"{name}.json").is_file()]


def chosen(only: Sequence[str]) -> list[str]:
    """The names of the requested sets; all of them if none is named.

    Raises:
        ValueError: an unknown name.
    """
    if wrong := [name for name in only if name not in SETS]:
        raise ValueError(f"--only: unknown set {wrong[0]!r}; known: {', '.join(SETS)}")
    return [name for name in SETS if not only or name in only]


def _lost(found: Sequence[Mapping[str, Any]]) -> str:
    """In which sets another method has the least MASE, the worst of them first."""
    behind = []
    for one in found:
        mase = {name: e["mase"] for name, e in one["errors"].items() if e["mase"] is not None}
        best = min(mase, key=mase.__getitem__)
        if best != "model":
            behind.append((mase["model"] / mase[best], one["set"], best, mase))
    lines = [
        f"{name} ({mase['model']:.3g}, {best.replace('_', ' ')} {mase[best]:.3g})"
        for _, name, best, mase in sorted(behind, key=lambda row: -row[0])
    ]
    say = f"The model has the least MASE in {len(found) - len(behind)} of {len(found)} sets"
    return f"{say}; it is behind in {', '.join(lines)}." if lines else f"{say}."


def _told(options: Mapping[str, Any]) -> str:
    """What the model reads beside the targets, which are all that the other methods read."""
    kinds = {"past_columns": "with the past of", "known_columns": "with future values of"}
    said = [f"{kind} {', '.join(options[key])}" for key, kind in kinds.items() if key in options]
    return "".join(f"{part}, " for part in said)


def _day(time: str) -> str:
    """A recorded time without its clock; a number is that of a row."""
    return f"row {time}" if time.isdigit() else time.partition("T")[0]


def _mean(values: np.ndarray) -> float | None:
    """The mean over windows and columns, as JSON has it."""
    return round(float(np.nanmean(values)), 6) if np.isfinite(values).any() else None
