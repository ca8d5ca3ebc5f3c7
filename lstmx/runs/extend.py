"""Going on beyond the planned steps: a finished run with more steps continues the shorter one.

The keys of batches and noise depend on seed and step alone, so that a run of 1000 steps is the
beginning of the run of 2000 steps that differs in nothing else: its last checkpoint and its log are
taken over, bit for bit what the longer run would have had. That does not hold where the schedule of
the learning rate spans the whole run: then the longer run starts from the beginning.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import config as cfg
from lstmx.runs import checkpoint, resume
from lstmx.runs.files import read_json
from lstmx.runs.folder import create
from lstmx.runs.log import append_metrics
from lstmx.runs.run import load
from lstmx.runs.selection import Selection


class _Known(NamedTuple):
    """A run that may be a shorter one.

    Attributes:
        path: its directory.
        steps: how many it was to have.
        identity: its id.
    """

    path: Path
    steps: int
    identity: str

    @property
    def whole(self) -> bool:
        """Whether it has ended with its last step, and nothing of its log is lost."""
        done = resume.finished(self.path, self.steps)
        return done is not None and done["reason"] == "steps" and not load(self.path).lost


class Shorter:
    """Finds the finished runs that a longer run may continue.

    A class because it reads each folder of runs once, for all runs of a sweep.
    """

    def __init__(self) -> None:
        """Nothing is read yet."""
        self._known: dict[Path, dict[str, list[_Known]]] = {}

    def extend(self, path: Path, config: Any, meta: Mapping[str, Any], maximize: bool) -> list[str]:
        """Make the directory of a run from that of the longest shorter run; returns remarks.

        Does nothing where there is none.

        Args:
            path: directory of the longer run, which does not exist yet.
            config: of the longer run.
            meta: of the longer run.
            maximize: whether more of the metric that selects is better.

        Raises:
            OSError: the directory cannot be written.
        """
        found = self._longest(path.parent, config, meta)
        if found is None:
            return []
        what = f"{found.path.name}, finished with {found.steps} steps"
        if reason := _another_beginning(config):
            return [f"{path.name} does not continue {what}: {reason}; it starts from step 0"]
        points = load(found.path).metrics
        try:
            _copy(found, path, config, meta, points, maximize)
        except checkpoint.Damaged as error:
            return [f"{path.name} does not continue {what}: {error}; it starts from step 0"]
        return [f"{path.name} continues {what}"]

    def _longest(self, folder: Path, config: Any, meta: Mapping[str, Any]) -> _Known | None:
        if folder not in self._known:
            self._known[folder] = _by_beginning(folder)
        fit = self._known[folder].get(_beginning(cfg.to_dict(config), meta), [])
        shorter = sorted((k for k in fit if k.steps < config.steps), key=lambda k: -k.steps)
        return next((known for known in shorter if known.whole), None)


def _by_beginning(folder: Path) -> dict[str, list[_Known]]:
    """The runs of a folder by what they are but for the steps; only their small files are read."""
    known: dict[str, list[_Known]] = {}
    for place in sorted(folder.glob("*/config.json")):
        try:
            config, meta = cfg.current(read_json(place)), read_json(place.with_name("meta.json"))
            found = _Known(place.parent, config["steps"], meta["identity"])
            known.setdefault(_beginning(cfg.current(config), meta), []).append(found)
        except (ValueError, KeyError):  # damaged, or of a version before 0.2
            continue
    return known


def _beginning(config: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    """What decides a run's numbers but for how many there are, as text."""
    files = [meta["task"]["files"], {n: task["files"] for n, task in meta["evals"].items()}]
    but_steps = {key: value for key, value in config.items() if key != "steps"}
    return json.dumps([but_steps, files, meta["init_from"]], sort_keys=True)


def _another_beginning(config: Any) -> str:
    """Why the first steps of a longer run differ from a shorter run; "" where they do not."""
    options = config.optimizer
    if options.schedule == "constant" or options.decay_steps:
        return ""
    return f"optimizer.schedule={options.schedule} spans all steps (optimizer.decay_steps=0)"


def _copy(
    found: _Known,
    path: Path,
    config: Any,
    meta: Mapping[str, Any],
    points: list[dict[str, Any]],
    maximize: bool,
) -> None:
    """Make the directory at `path` from a finished run; it is there whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    by = Selection(meta["selection"], maximize)
    every = config.checkpoint_every or config.eval_every
    writer = checkpoint.Writer(part / "checkpoints", maximize, run=meta["identity"])
    for step in checkpoint.steps(found.path / "checkpoints"):
        tree = checkpoint.restore(found.path / "checkpoints", step, run=found.identity)
        own = [_between(p, config) for p in points if p["step"] <= step]
        writer.save(step, tree, by.last(own), own, interim=bool(step % every))
    writer.close()
    append_metrics(part, [_between(p, config) for p in points])
    create(part, config, {**meta, "continues": found.path.name})
    os.replace(part, path)


def _between(point: dict[str, Any], config: Any) -> dict[str, Any]:
    """A log point as the longer run has it: the last step of a run is evaluated, others may not."""
    if point["step"] % config.eval_every == 0 or config.stop:
        return point
    return {k: v for k, v in point.items() if not k.startswith("eval/")}
