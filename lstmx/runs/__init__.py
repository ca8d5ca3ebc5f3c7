"""A run: one resolved config with its seed, trained, resumed, evaluated and read back.

    WORKDIR/<config name>/<readable overrides>~<id>/
        config.json    fully resolved      meta.json     versions, devices, command, task, ...
        metrics.jsonl  a line a log point  checkpoints/  orbax steps      DONE  why it finished

`train` makes runs, `open` returns their model, `evaluate` measures a checkpoint on other lengths,
splits and sizes, `table` is a DataFrame of all runs of a folder. Runs are read into plain dicts,
lists and arrays, which a notebook can use without lstmx. An error on a damaged file is one line
with its path; log points that a damaged log has lost are read from a checkpoint.
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lstmx.runs.files import locked, read_json, write_json
from lstmx.runs.folder import check, create, directory, find
from lstmx.runs.log import Log, append_metrics, missing, read_metrics
from lstmx.runs.run import DamageWarning, Run, best_step, load, load_all, params, read_done, summary

if TYPE_CHECKING:
    from lstmx.runs.evaluation import evaluate as evaluate
    from lstmx.runs.frames import table as table
    from lstmx.runs.loop import train as train
    from lstmx.runs.opened import open as open

__all__ = [
    "DamageWarning",
    "Log",
    "Run",
    "append_metrics",
    "best_step",
    "check",
    "create",
    "directory",
    "evaluate",
    "find",
    "load",
    "load_all",
    "locked",
    "missing",
    "open",
    "params",
    "read_done",
    "read_json",
    "read_metrics",
    "summary",
    "table",
    "train",
    "write_json",
]
_LATE = {"evaluate": "evaluation", "open": "opened", "table": "frames", "train": "loop"}
"""Functions imported on first use: reading a run needs no model, no optimizer and no pandas."""


def __getattr__(name: str) -> Callable[..., Any]:
    if name in _LATE:
        return getattr(importlib.import_module(f"lstmx.runs.{_LATE[name]}"), name)
    raise AttributeError(f"module 'lstmx.runs' has no attribute {name!r}")
