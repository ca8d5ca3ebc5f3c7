"""What a run's `meta.json` says: versions, devices, revision, command, task, parameter count."""

import importlib.metadata
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstmx import __version__, precision
from lstmx.constants import split_constants
from lstmx.experiment import Experiment
from lstmx.types import TaskSpec

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def describe(experiment: Experiment, config: Any, command: str, replicas: int) -> dict[str, Any]:
    """The record of a run that its config alone does not hold."""
    with precision.scope(config.model.precision):
        params = jax.eval_shape(experiment.model.init, jax.random.key(0))
    trained, _ = split_constants(params)
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": command,
        "versions": versions(),
        "git": revision(),
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "processes": jax.process_count(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "precision": config.model.precision,
        "replicas": replicas,
        "parameters": sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(trained)),
        "selection": experiment.selection,
        "maximize": experiment.maximize,
        "task": {"name": config.task.name, **_task(experiment.task.spec)},
        "evals": {name: _task(task.spec) for name, task in experiment.evals.items()},
    }


def files(experiment: Experiment) -> dict[str, str]:
    """sha256 of every data file that an experiment reads."""
    tasks = (experiment.task, *experiment.evals.values())
    return {name: digest for task in tasks for name, digest in task.spec.files.items()}


def versions() -> dict[str, str]:
    """Versions of Python, lstmx and the libraries whose numbers matter."""
    own = {"python": platform.python_version(), "lstmx": __version__}
    return own | {name: importlib.metadata.version(name) for name in LIBRARIES}


def revision() -> str | None:
    """Git revision of the checkout this package runs from, "+" if changed; None outside of git."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (
            "+" if git("status", "--porcelain") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def _task(spec: TaskSpec) -> dict[str, Any]:
    plain = spec._asdict()
    return {**plain, "references": dict(spec.references), "files": dict(spec.files)}
