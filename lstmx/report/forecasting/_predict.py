"""Finished runs of the forecast task -> their forecasts of every window of a held-out split."""

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
from lstmx.types import Array, Key

BATCH = 256  # windows at a time: as fast as more of them, in little memory

MOST_KEYS = 3  # of two configs that differ, in a message of one line


class Predicted(NamedTuple):
    """Everything that was forecast for one split.

    Attributes:
        name: of the config.
        split: valid or test.
        season: steps of a season; 0 for none.
        unit: of the values; may be empty.
        runs: label of each of the R runs, such as "seed 0".
        windows: truth and simple forecasts.
        forecasts: each run's, [R, O, H, C] in the original units.
        remarks: what a reader should know of the runs.
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
        """Name and values [O, H, C] of the one forecast to show; of several runs, their mean."""
        return ("ensemble" if len(self.runs) > 1 else "model"), self.forecasts.mean(axis=0)


def predict(
    paths: Sequence[Path | str],
    *,
    split: str = "test",
    step: str | int = "best",
    trust: bool = False,
) -> Predicted:
    """What the checkpoints of runs that differ in nothing but the seed say about a split.

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
    found = _load(paths)
    config = cfg.from_dict(found[0].config, trust=trust)
    options = {**config.task, "split": split, "batch_size": BATCH}
    task = experiment.make_task(options)
    model = experiment.make_model(config.model, task)
    fields = [field.name for field in dataclasses.fields(forecast.ForecastSpec)]
    windows = forecast.windows(forecast.ForecastSpec(**{key: options[key] for key in fields}))

    @jax.jit
    def last(params: Any, key: Key, number: Array) -> Array:
        batch = task.batch(key, number)
        state = model.initial_state(params, (BATCH,))
        outputs, _, _ = model.apply(
            params, batch.inputs, state, mask=batch.mask, resets=batch.resets
        )
        return outputs[:, -1]

    said = []
    for run in found:
        params, key = runs.params(run, step), jax.random.key(0)  # a held-out split draws nothing
        with precision.scope(config.model.precision):
            rows = [last(params, key, number) for number in range(task.spec.num_batches or 0)]
        said.append(windows.restore(np.concatenate(rows)[: len(windows.origins)]))
    return Predicted(
        name=config.name,
        split=split,
        season=config.task.season,
        unit=config.task.unit,
        runs=tuple(f"seed {run.config['seed']}" for run in found),
        windows=windows,
        forecasts=np.stack(said),
        remarks=tuple(_remarks(found)),
    )


def _load(paths: Sequence[Path | str]) -> list[Run]:
    """The runs below the paths, each once, by seed. Raises ValueError where they do not match."""
    places: dict[Path, None] = {}
    for path in map(Path, paths):
        below = [path] if (path / "config.json").exists() else runs.find(path)
        if not below:
            raise ValueError(f"{path} is no run directory and has none below it")
        places.update(dict.fromkeys(place.resolve() for place in below))
    found = [runs.load(place) for place in places]
    for run in found:
        if run.config["task"]["name"] != "forecast":
            name = run.config["task"]["name"]
            raise ValueError(f"{run.path} is a run of task {name!r}; expected forecast")
        differing = cfg.difference(_unseeded(found[0]), _unseeded(run))
        if differing:
            shown = [f"{k}: {a!r} and {b!r}" for k, (a, b) in differing.items()][:MOST_KEYS]
            more = f"; {len(differing) - MOST_KEYS} more" if len(differing) > MOST_KEYS else ""
            raise ValueError(
                f"the runs differ in more than the seed ({'; '.join(shown)}{more}); expected runs "
                "of one config"
            )
    return sorted(found, key=lambda run: run.config["seed"])


def _unseeded(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.config.items() if key not in ("seed", "name")}


def _remarks(found: Sequence[Run]) -> list[str]:
    said = []
    for run in found:
        label = f"seed {run.config['seed']}"
        if run.done is None:
            said.append(f"{label} is not finished")
        elif run.done["reason"] == "diverged":
            said.append(f"{label} diverged at step {run.done['diverged_at']}")
    return said
