"""Run directories: one resolved config with its seed, and everything that came of it.

    WORKDIR/<config name>/<readable overrides>~<id>/
        config.json    fully resolved      meta.json     versions, devices, command, task, ...
        metrics.jsonl  a line a log point  checkpoints/  orbax steps      DONE  why it finished

Reading gives plain dicts, lists and arrays, so that a notebook needs nothing else.
"""

import contextlib
import fcntl
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import checkpoint
from lstmx import config as cfg

MAX_LABEL = 120
"""Longest readable part of a folder's name; file systems allow 255 bytes."""


class Run(NamedTuple):
    """One run directory, read.

    Attributes:
        path: the directory.
        config: the resolved config as a dict; `lstmx.config.from_dict` makes a ConfigDict of it.
        meta: versions, devices, command, parameter count, task and evaluations.
        metrics: one dict per log point; a diverged value is NaN.
        done: {"step", "reason", "seconds", "diverged_at"}, or None while unfinished.
    """

    path: Path
    config: dict[str, Any]
    meta: dict[str, Any]
    metrics: list[dict[str, Any]]
    done: dict[str, Any] | None

    @property
    def params(self) -> Any:
        """Parameters of the best checkpoint, nested dicts of arrays."""
        return params(self)


def directory(workdir: Path, config: Any, label: str, files: Mapping[str, str]) -> Path:
    """Where a run belongs: its config's name, what is special about it, and its id."""
    readable = re.sub(r"[^\w.=,+-]+", "_", label)[:MAX_LABEL].rstrip("._") or "default"
    return workdir / (config.name or "run") / f"{readable}~{cfg.identity(config, files)}"


def check(path: Path, config: Any, init_from: str | None = None) -> None:
    """Refuse a directory that holds a run of another config, or one that started elsewhere.

    Args:
        init_from: name of the run whose parameters this one starts from.

    Raises:
        ValueError: says what differs.
    """
    existing = path / "config.json"
    if not existing.exists():
        return
    there = cfg.from_dict(json.loads(existing.read_text()))  # a key younger than the run: default
    differing = cfg.difference(there, config)
    if differing:
        keys = "; ".join(f"{k}: {a!r} there, {b!r} asked" for k, (a, b) in differing.items())
        raise ValueError(
            f"{path} holds a run of another config ({keys}); choose another --workdir, or --force "
            "to start it over"
        )
    meta = path / "meta.json"
    there = json.loads(meta.read_text()).get("init_from") if meta.exists() else None
    if there != init_from:
        raise ValueError(
            f"{path} holds a run that started from {there or 'its own initial values'}, not from "
            f"{init_from or 'its own'}; choose another --workdir, or --force to start it over"
        )


def create(path: Path, config: Any, meta: Mapping[str, Any]) -> None:
    """Make a run directory, unless it is there. Raises OSError if it cannot be written."""
    if (path / "config.json").exists():
        return
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{path} cannot be made ({error.strerror}); choose another --workdir"
        ) from error
    write_json(path / "meta.json", meta)
    write_json(path / "config.json", cfg.to_dict(config))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a run for this process; the lock goes with the process, however that ends.

    Raises:
        ValueError: another process has it.
    """
    with (path / "LOCK").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{path} is being written by another process; wait for it or choose another "
                "--workdir"
            ) from None
        yield


def find(workdir: Path | str) -> list[Path]:
    """All run directories below a folder, sorted."""
    return sorted(p.parent for p in Path(workdir).rglob("config.json"))


def load(path: Path | str) -> Run:
    """Read a run directory.

    Raises:
        ValueError: there is no run.
    """
    path = Path(path)
    if not (path / "config.json").exists():
        raise ValueError(
            f"{path} is no run directory: it has no config.json; expected a folder "
            "such as runs/adding/seed=0~..."
        )
    done = path / "DONE"
    return Run(
        path,
        json.loads((path / "config.json").read_text()),
        json.loads((path / "meta.json").read_text()) if (path / "meta.json").exists() else {},
        read_metrics(path),
        json.loads(done.read_text()) if done.exists() else None,
    )


def params(run: Run, step: int | str = "best") -> Any:
    """Parameters of a checkpoint as nested dicts.

    Args:
        step: a step, "best" (of the checkpoints, by the run's selection metric) or "latest".

    Raises:
        ValueError: no such checkpoint.
    """
    folder = run.path / "checkpoints"
    there = checkpoint.steps(folder)
    if not there:
        raise ValueError(f"{run.path} has no checkpoint; name a run that has one")
    if step == "best":
        step = _best_of(run, there)
    number = str(there[-1] if step == "latest" else step)
    if number not in map(str, there):
        known = ", ".join(map(str, there))
        raise ValueError(
            f"step={step}: {run.path} has no such checkpoint; known: best, latest, {known}"
        )
    return checkpoint.restore(folder, int(number))["params"]


def best_step(run: Run) -> int | None:
    """The step at which the selection metric was best; None before the first evaluation."""
    points = [p for p in run.metrics if not math.isnan(p.get(run.meta["selection"], math.nan))]
    if not points:
        return None
    sign = 1 if run.meta["maximize"] else -1
    # Of equals the latest, which is the one whose checkpoint is kept.
    best = max(points, key=lambda p: (sign * p[run.meta["selection"]], p["step"]))
    return best["step"]


def summary(run: Run) -> str:
    """How a run ended, in a few lines: best value, trivial baseline, what counts as solved."""
    done = run.done or {"reason": "unfinished", "step": 0, "seconds": math.nan}
    selection, step = run.meta["selection"], best_step(run)
    ended = f"{done['reason']} at step {done['step']}, {done['seconds']:.1f} s"
    lines = [f"{run.path}", f"ended   {ended}, {run.meta['parameters']:,} parameters"]
    if step is not None:
        at_best = next(p for p in run.metrics if p["step"] == step and selection in p)
        values = [f"{k} {v:.4g}" for k, v in at_best.items() if k.startswith("eval/")]
        lines.append(f"best    step {step}: {', '.join(values)}")
    # What a value is compared with belongs to the split it was measured on.
    task = run.meta["evals"].get(selection.split("/")[1], run.meta["task"])
    references = {"trivial": task["baseline"], **task["references"]}
    named = ", ".join(f"{k} {v:.4g}" for k, v in references.items())
    solved = "" if task["solved"] is None else f"; solved from {task['solved']:g}"
    lines.append(f"compare {selection} with {named}{solved}")
    return "\n".join(lines)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The log points of a run. A last line cut short by a kill is left out; null reads as NaN."""
    file = path / "metrics.jsonl"
    if not file.exists():
        return []
    points = []
    for line in file.read_text().splitlines():
        try:
            point = json.loads(line)
        except json.JSONDecodeError:
            break
        points.append({k: math.nan if v is None else v for k, v in point.items()})
    return points


def append_metrics(path: Path, points: Iterable[Mapping[str, Any]]) -> None:
    """Add log points to a run and flush them to the disk's keeper."""
    with (path / "metrics.jsonl").open("a") as file:
        for point in points:
            finite = {
                k: None if isinstance(v, float) and not math.isfinite(v) else v
                for k, v in point.items()
            }
            file.write(json.dumps(finite) + "\n")


def truncate_metrics(path: Path, step: int) -> list[dict[str, Any]]:
    """Drop the log points after a step (those after the checkpoint); returns what is left."""
    points = [m for m in read_metrics(path) if m["step"] <= step]
    whole = path / "metrics.jsonl"
    part = whole.with_suffix(".part")
    with part.open("w") as file:
        for point in points:
            null = {k: None if v != v else v for k, v in point.items()}
            file.write(json.dumps(null) + "\n")
    os.replace(part, whole)
    return points


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file so that it is there whole or not at all."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(content, indent=1) + "\n")
    os.replace(part, file)


def _best_of(run: Run, there: list[int]) -> int:
    """The best of some steps, each judged by the last evaluation up to it."""
    name, sign = run.meta["selection"], 1 if run.meta["maximize"] else -1

    def value(step: int) -> float:
        known = [p[name] for p in run.metrics if name in p and p["step"] <= step]
        return sign * known[-1] if known and not math.isnan(known[-1]) else -math.inf

    return max(there, key=lambda step: (value(step), step))
