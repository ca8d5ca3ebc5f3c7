"""Forecasts by runs of the forecast task, for every window of a held-out split or for the future.

A run has a record of what it fitted to its data: scales, cut dates, columns, levels. They are used
as they are, also with a longer file, and never fitted anew under trained weights.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from lstmx import checks, experiment, precision, runs
from lstmx import config as cfg
from lstmx.data import fetch
from lstmx.runs import Run
from lstmx.tasks import forecast
from lstmx.train import step as training
from lstmx.types import Array, Key, Params

BATCH = 256  # windows at a time; more are no faster and need more memory
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Levels of the quantiles that are asked of a model."""
MOST_KEYS = 3  # keys of a difference between configs that one message names


class Predicted(NamedTuple):
    """All forecasts for one split: R runs, O origins, H steps ahead, C columns.

    Attributes:
        name: of the config.
        split: valid, test or future.
        season: number of steps in a season; 0 for none.
        unit: of the values; may be empty.
        runs: label of each of the R runs, such as "seed 0".
        windows: truth and simple forecasts.
        forecasts: [R, O, H, C] in the original units.
        remarks: one line for each run that is unfinished or diverged, and for a changed file.
        quantiles: [O, H, C, K] at `LEVELS`, the mean over the runs, in the original units; NaN
            where the model says none; None for a model that predicts points.
        calibration: the same for the valid part, which intervals are calibrated on; None for valid,
            and for a table that has none of the series of training.
        spec: of the task, with this split.
    """

    name: str
    split: str
    season: int
    unit: str
    runs: tuple[str, ...]
    windows: forecast.Windows
    forecasts: np.ndarray
    remarks: tuple[str, ...]
    quantiles: np.ndarray | None
    calibration: "Predicted | None"
    spec: forecast.ForecastSpec

    @property
    def model(self) -> tuple[str, np.ndarray]:
        """Name and values [O, H, C] of the forecast to plot: of several runs, their mean."""
        return ("ensemble" if len(self.runs) > 1 else "model"), self.forecasts.mean(axis=0)


def predict(
    paths: Sequence[Path | str],
    *,
    split: str = "test",
    step: str | int = "best",
    trust: bool = False,
    file: str = "",
    sampled: int = forecast.PATHS,
) -> Predicted:
    """The forecasts of a split by the checkpoints of runs that differ in the seed only.

    Args:
        paths: run directories, or folders of them.
        split: valid, test, or "future": the values after the last row.
        step: "best", "latest" or a step.
        trust: import the cell that the runs name; see `lstmx.config.from_dict`.
        file: a table with the same columns to forecast from, in place of that of training; it is
            cut at the dates of training.
        sampled: paths of a recursive forecast of a distribution, whose quantiles are its own; the
            key of their samples is that of the run's seed. 0 for none.

    Raises:
        ValueError: no run, a run of another task or config, no such checkpoint, unknown split; a
            file that changed after a run without a record, or that does not fit the record.
    """
    if split not in ("valid", "test", forecast.FUTURE):
        raise ValueError(
            f"split: got {split!r}; expected valid or test, which were held out, or future"
        )
    loaded = _load(paths)
    config = cfg.from_dict(loaded[0].config, trust=trust)
    options = {**config.task, "split": split, **({"file": file} if file else {})}
    record, changed = _record(loaded[0], options)
    fields = [field.name for field in dataclasses.fields(forecast.ForecastSpec)]
    spec = forecast.ForecastSpec(**{key: options[key] for key in fields})
    found = _Runs(
        config, loaded, step, record, (*_remarks(loaded), *([changed] if changed else []))
    )
    found = found._replace(sampled=checks.size("sampled", sampled, 0))
    predicted = _predicted(found, spec)
    # Intervals are calibrated on series of training: a table may have none of them.
    if split == "valid" or (record and not set(predicted.windows.ids) & set(record["series"])):
        return predicted
    return predicted._replace(
        calibration=_predicted(found, dataclasses.replace(spec, split="valid"))
    )


class _Runs(NamedTuple):
    config: cfg.ConfigDict
    loaded: list[Run]
    step: str | int
    record: Mapping[str, Any] | None
    remarks: tuple[str, ...]
    sampled: int = 0


def _predicted(found: _Runs, spec: forecast.ForecastSpec) -> Predicted:
    config = found.config
    try:
        assembled = forecast.assemble(spec, BATCH, record=found.record)
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        if found.record is None:
            raise
        place = found.loaded[0].path / "meta.json"
        raise ValueError(
            f"{place} is damaged: its record of the data lacks or garbles a part ({error!r}); "
            "train anew"
        ) from error
    task, windows, last = assembled.task, assembled.windows, assembled.last
    model = experiment.make_model(config.model, task)

    @jax.jit
    def at_origins(params: Params, key: Key, number: Array) -> Array:
        batch = task.batch(key, number)
        state = model.initial_state(params, (BATCH,))
        return last(training.predicted(task, model, params, batch, state)[0])

    @jax.jit
    def of_paths(params: Params, key: Key, number: Array) -> Array:
        def apply(inputs: Any, state: Any, mask: Array, resets: Array) -> tuple[Any, Any]:
            return model.apply(params, inputs, state, mask=mask, resets=resets)[:2]

        assert assembled.sampled is not None
        batch, state = task.batch(key, number), model.initial_state(params, (BATCH,))
        own = jax.random.fold_in(key, number)
        return assembled.sampled(apply, batch, state, own, found.sampled, LEVELS)

    def every(function: Callable[..., Array], params: Params, key: Key) -> np.ndarray:
        with precision.scope(config.model.precision):
            rows = [function(params, key, n) for n in range(task.spec.num_batches or 0)]
        return np.concatenate(rows)[: len(windows.origins)]

    forecasts, spread = [], []
    for run in found.loaded:
        params, key = runs.params(run, found.step), jax.random.key(run.config["seed"])
        outputs = every(at_origins, params, key)
        forecasts.append(windows.restore(outputs))
        if assembled.sampled is not None and found.sampled:
            spread.append(windows.original(every(of_paths, params, key).astype(np.float64)))
        elif (quantiles := windows.quantiles(outputs, LEVELS)) is not None:
            spread.append(quantiles)
    return Predicted(
        name=config.name,
        split=spec.split,
        season=config.task.season,
        unit=config.task.unit,
        runs=tuple(f"seed {run.config['seed']}" for run in found.loaded),
        windows=windows,
        forecasts=np.stack(forecasts),
        remarks=found.remarks,
        quantiles=np.mean(spread, axis=0) if spread else None,
        calibration=None,
        spec=spec,
    )


def _record(run: Run, options: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The record of a run, and a remark where the file is not that of training.

    Raises:
        ValueError: another file, and a run of a version that kept no record.
    """
    task = run.meta["task"]
    record, trained = task.get("record") or None, task.get("files") or {}
    if not options["file"]:
        return record, ""
    place = fetch.find(options["file"])
    digest = fetch.sha256(place)
    if not trained or digest in trained.values():
        return record, ""
    (name, then), *_ = trained.items()
    if record is None:
        raise ValueError(
            f"{place} is not the file of training (sha256 {digest[:12]}, then {then[:12]}), and "
            "the run has no record of its scales, as it is of an older version; expected that "
            f"{name}, or train anew"
        )
    return record, (
        f"{place.name} is not the file of training (sha256 {digest[:12]}, {name} then had "
        f"{then[:12]}): scales and cut dates are those of training"
    )


def _load(paths: Sequence[Path | str]) -> list[Run]:
    """The runs at or below the paths, each once, sorted by seed.

    Raises:
        ValueError: a path without runs, another task, or configs that differ in more than the seed.
    """
    places: dict[Path, None] = {}
    for path in map(Path, paths):
        below = [path] if (path / "config.json").exists() else runs.find(path)
        if not below:
            raise ValueError(f"{path} is no run directory and has none below it")
        places.update(dict.fromkeys(place.resolve() for place in below))
    loaded = [runs.load(place) for place in places]
    for run in loaded:
        if run.config["task"]["name"] != "forecast":
            name = run.config["task"]["name"]
            raise ValueError(f"{run.path} is a run of task {name!r}; expected forecast")
        differing = cfg.difference(_unseeded(loaded[0]), _unseeded(run))
        if differing:
            pairs = [f"{k}: {a!r} and {b!r}" for k, (a, b) in differing.items()][:MOST_KEYS]
            more = f"; {len(differing) - MOST_KEYS} more" if len(differing) > MOST_KEYS else ""
            raise ValueError(
                f"the runs differ in more than the seed ({'; '.join(pairs)}{more}); expected runs "
                "of one config"
            )
        if run.meta["task"].get("files", {}) != loaded[0].meta["task"].get("files", {}):
            raise ValueError(
                f"{run.path} and {loaded[0].path} were trained on different files; expected runs "
                "of one file"
            )
    return sorted(loaded, key=lambda run: run.config["seed"])


def _unseeded(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.config.items() if key not in ("seed", "name")}


def _remarks(loaded: Sequence[Run]) -> list[str]:
    remarks = []
    for run in loaded:
        label = f"seed {run.config['seed']}"
        if run.done is None:
            remarks.append(f"{label} is not finished")
        elif run.done["reason"] == "diverged":
            remarks.append(f"{label} diverged at step {run.done['diverged_at']}")
    return remarks
