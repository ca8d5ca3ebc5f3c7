"""Run directories: one resolved config with its seed, and everything that came of it.

    WORKDIR/<config name>/<readable overrides>~<id>/
        config.json    fully resolved      meta.json     versions, devices, command, task, ...
        metrics.jsonl  a line a log point  checkpoints/  orbax steps      DONE  why it finished

Reading gives plain dicts, lists and arrays, so that a notebook needs nothing else. A damaged file
is named in one line; what a checkpoint still holds of a damaged log is taken from there.
"""

from lstmx.runs._files import locked, read_json, write_json
from lstmx.runs._folder import check, create, directory, find
from lstmx.runs._log import Log, append_metrics, missing, read_metrics
from lstmx.runs._run import (
    DamageWarning,
    Run,
    best_step,
    load,
    load_all,
    params,
    read_done,
    summary,
)

__all__ = [
    "DamageWarning",
    "Log",
    "Run",
    "append_metrics",
    "best_step",
    "check",
    "create",
    "directory",
    "find",
    "load",
    "load_all",
    "locked",
    "missing",
    "params",
    "read_done",
    "read_json",
    "read_metrics",
    "summary",
    "write_json",
]
