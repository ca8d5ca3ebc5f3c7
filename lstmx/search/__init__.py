"""Hyperparameter search: spaces for config files; trials, workers and their study, by Optuna.

A config file may have `search(mode)` beside `sweep(mode)`:

    def search(mode="full"):
        space = {
            "hparams.learning_rate": log_uniform(1e-6, 1e-2),
            "hparams.momentum": one_minus(log_uniform(0.01, 1.0)),
            "model.cell": choice({"V": cfg.cell("lstm"), "GRU": cfg.cell("gru")}),
            "model.cell.hidden_size": log_integer(20, 200),
            "seed": numbered(),
        }
        return Search(space, trials=200, sampler="random", pruning="none", seed=0)

`python -m experiments.search` works such a study off. A trial is a run: its directory, with log and
checkpoints, is found by its config. Trials that differ in traced values and in their hidden size
train as replicas of one program, masked where they are narrower. Importing this package imports
neither jax nor optuna.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lstmx.search.space import (
    Choice,
    Numbered,
    Range,
    choice,
    integer,
    log_integer,
    log_uniform,
    numbered,
    one_minus,
    uniform,
)
from lstmx.search.spec import PRUNING, SAMPLERS, Search, point

if TYPE_CHECKING:
    from lstmx.search.results import Trial as Trial
    from lstmx.search.results import trials as trials
    from lstmx.search.sampling import points as points
    from lstmx.search.study import load as load
    from lstmx.search.worker import work as work

__all__ = [
    "PRUNING",
    "SAMPLERS",
    "Choice",
    "Numbered",
    "Range",
    "Search",
    "Trial",
    "choice",
    "integer",
    "load",
    "log_integer",
    "log_uniform",
    "numbered",
    "one_minus",
    "point",
    "points",
    "trials",
    "uniform",
    "work",
]
_LATE = {
    "Trial": "results",
    "load": "study",
    "points": "sampling",
    "trials": "results",
    "work": "worker",
}
"""Names imported on first use: a config file needs the space only."""


def __getattr__(name: str) -> Callable[..., Any]:
    if name in _LATE:
        return getattr(importlib.import_module(f"lstmx.search.{_LATE[name]}"), name)
    raise AttributeError(f"module 'lstmx.search' has no attribute {name!r}")
