"""Forecasts by runs of the forecast task, for every window of a held-out split."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from lstmx import config as cfg
from lstmx import experiment, precision, runs
from lstmx.runs import Run
from lstmx.tasks import forecast
from lstmx.types import Array, Key, Params

BATCH = 256  # windows at a time; more are no faster and need more memory

MOST_KEYS = 3  # keys of a difference between configs that one message names


class Predicted(NamedTuple):
    """All forecasts for one split: R runs, O origins, H steps ahead, C columns.

    Attributes:
        name: of the config.
        split: valid or test.
        season: number of steps in a season; 0 for none.
        unit: of the values; may be empty.
        runs: label of each of the R runs, such as "seed 0".
        windows: truth and simple forecasts.
        forecasts: [R, O, H, C] in the original units.
        remarks: one line for each run that is unfinished or diverged.
    """

    name: str
    split: str
    season: int
    unit: str
    runs: tuple[str, ...]
    windows: forecast.Windows
    forecasts: np.ndarray
    remarks: tuple[str, ...]

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
) -> Predicted:
    """The forecasts of a split by the checkpoints of runs that differ in the seed only.

    Args:
        paths: run directories, or folders of them.
        split: valid or test.
        step: "best", "latest" or a step.
        trust: import the cell that the runs name; see `lstmx.config.from_dict`.

    Raises:
        ValueError: no run, a run of another task or config, no such checkpoint, unknown split.
    """
    if split not in ("valid", "test"):
        raise ValueError(f"split: got {split!r}; expected valid or test, which were held out")
    loaded = _load(paths)
    config = cfg.from_dict(loaded[0].config, trust=trust)
    options = {**config.task, "split": split, "batch_size": BATCH}
    task = experiment.make_task(options)
    model = experiment.make_model(config.model, task)
    fields = [field.name for field in dataclasses.fields(forecast.ForecastSpec)]
    windows = forecast.windows(forecast.ForecastSpec(**{key: options[key] for key in fields}))

    @jax.jit
    def last(params: Params, key: Key, number: Array) -> Array:
        batch = task.batch(key, number)
        state = model.initial_state(params, (BATCH,))
        outputs, _, _ = model.apply(
            params, batch.inputs, state, mask=batch.mask, resets=batch.resets
        )
        return outputs[:, -1]

    forecasts = []
    for run in loaded:
        params, key = runs.params(run, step), jax.random.key(0)  # a held-out split is not sampled
        with precision.scope(config.model.precision):
            rows = [last(params, key, number) for number in range(task.spec.num_batches or 0)]
        forecasts.append(windows.restore(np.concatenate(rows)[: len(windows.origins)]))
    return Predicted(
        name=config.name,
        split=split,
        season=config.task.season,
        unit=config.task.unit,
        runs=tuple(f"seed {run.config['seed']}" for run in loaded),
        windows=windows,
        forecasts=np.stack(forecasts),
        remarks=tuple(_remarks(loaded)),
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
