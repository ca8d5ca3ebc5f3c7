"""Extending a finished run: a run of more steps continues from the checkpoint of a shorter one.

The keys of batches and noise depend on seed and step alone, so that a run of 1000 steps equals the
first 1000 steps of the run of 2000 steps with otherwise the same config: its last checkpoint and
its log are copied, bit for bit what the longer run would have had. That does not hold where the
schedule of the learning rate spans the whole run: then the longer run starts from step 0.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lstmx import config as cfg
from lstmx.experiment import Experiment
from lstmx.runs import checkpoint, initial, resume
from lstmx.runs.digests import Point
from lstmx.runs.files import read_json
from lstmx.runs.folder import create
from lstmx.runs.follow import evaluates, stop_window
from lstmx.runs.log import append_metrics
from lstmx.runs.run import load
from lstmx.runs.selection import Selection


class _Candidate(NamedTuple):
    """A run that a longer one may continue.

    Attributes:
        path: its directory.
        steps: number of steps in its config.
        identity: its id.
    """

    path: Path
    steps: int
    identity: str

    @property
    def whole(self) -> bool:
        """Whether it ended with its last step, and no log point is lost."""
        done = resume.finished(self.path, self.steps)
        return done is not None and done["reason"] == "steps" and not load(self.path).lost


class Shorter:
    """Finds the finished runs that a longer run can continue.

    A class because it reads each folder of runs once, for all runs of a sweep.
    """

    def __init__(self) -> None:
        """Start without reading any folder."""
        self._candidates: dict[Path, dict[str, list[_Candidate]]] = {}

    def extend(
        self, path: Path, config: cfg.ConfigDict, meta: Mapping[str, Any], exp: Experiment
    ) -> list[str]:
        """Make the directory of a run from that of the longest shorter run; returns remarks.

        Does nothing where there is none.

        Args:
            path: directory of the longer run, which does not exist yet.
            config: of the longer run.
            meta: of the longer run.
            exp: the experiment of the longer run.

        Raises:
            OSError: the directory cannot be written.
        """
        shorter = self._longest(path.parent, config, meta)
        if shorter is None:
            return []
        what = f"{shorter.path.name}, finished with {shorter.steps} steps"
        if reason := _other_first_steps(config):
            return [f"{path.name} does not continue {what}: {reason}; it starts from step 0"]
        points = load(shorter.path).metrics
        try:
            _copy(shorter, path, config, meta, points, exp)
        except checkpoint.Damaged as error:
            return [f"{path.name} does not continue {what}: {error}; it starts from step 0"]
        return [f"{path.name} continues {what}"]

    def _longest(
        self, folder: Path, config: cfg.ConfigDict, meta: Mapping[str, Any]
    ) -> _Candidate | None:
        if folder not in self._candidates:
            self._candidates[folder] = _by_content(folder)
        same = self._candidates[folder].get(_without_steps(cfg.to_dict(config), meta), [])
        shorter = sorted((run for run in same if run.steps < config.steps), key=lambda r: -r.steps)
        return next((run for run in shorter if run.whole), None)


def _by_content(folder: Path) -> dict[str, list[_Candidate]]:
    """The runs of a folder by their `_without_steps`; reads only config.json and meta.json."""
    candidates: dict[str, list[_Candidate]] = {}
    for place in sorted(folder.glob("*/config.json")):
        try:
            config, meta = cfg.current(read_json(place)), read_json(place.with_name("meta.json"))
            candidate = _Candidate(place.parent, config["steps"], meta["identity"])
            candidates.setdefault(_without_steps(cfg.current(config), meta), []).append(candidate)
        except (ValueError, KeyError):  # damaged, or of a version before 0.2
            continue
    return candidates


def _without_steps(config: Mapping[str, Any], meta: Mapping[str, Any]) -> str:
    """All that a run's first steps depend on, without their number, as text to compare.

    Config, data files, the run that it starts from, and modules of the user.
    """
    files = [meta["task"]["files"], {n: task["files"] for n, task in meta["evals"].items()}]
    others = {key: value for key, value in config.items() if key != "steps"}
    code = meta.get("code", {}).get("modules", {})
    start = meta["init_from"], meta.get("init_digest")
    return json.dumps([others, files, start, code], sort_keys=True)


def _other_first_steps(config: cfg.ConfigDict) -> str:
    """Why the first steps of a longer run differ from a shorter run's; "" where they do not."""
    options = config.optimizer
    if options.pruning != "none" and not options.pruning_end:
        return "optimizer.pruning ends at half of all steps (optimizer.pruning_end=0)"
    if options.schedule == "constant" or options.decay_steps:
        return ""
    return f"optimizer.schedule={options.schedule} spans all steps (optimizer.decay_steps=0)"


def _copy(
    shorter: _Candidate,
    path: Path,
    config: cfg.ConfigDict,
    meta: Mapping[str, Any],
    points: list[Point],
    exp: Experiment,
) -> None:
    """Make the directory at `path` from a finished run, atomically."""
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    points = _without_last_eval(points, config, exp)
    by = Selection(meta["selection"], exp.maximize, cfg.pruned_until(config))
    every = config.checkpoint_every or config.eval_every
    writer = checkpoint.Writer(part / "checkpoints", exp.maximize, run=meta["identity"])
    for step in checkpoint.steps(shorter.path / "checkpoints"):
        tree = checkpoint.restore(shorter.path / "checkpoints", step, run=shorter.identity)
        logged = [point for point in points if point["step"] <= step]
        writer.save(step, tree, by.last(logged), logged, interim=bool(step % every))
    writer.close()
    append_metrics(part, points)
    before = initial.noted(read_json(shorter.path / "meta.json"))
    create(part, config, {**meta, "continues": shorter.path.name, initial.NOTE: before})
    os.replace(part, path)


def _without_last_eval(points: list[Point], config: cfg.ConfigDict, exp: Experiment) -> list[Point]:
    """The log points as the longer run logs them.

    A run evaluates at its last step whatever `eval_every`; the longer run only does so there where
    the criteria on training are met.
    """
    last = points[-1]
    if last["step"] % config.eval_every == 0 or evaluates(exp.stop, points, stop_window(config)):
        return points
    return [*points[:-1], {k: v for k, v in last.items() if not k.startswith("eval/")}]
