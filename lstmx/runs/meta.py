"""The content of `meta.json`: versions, devices, revision, command, task, size of the model."""

import contextlib
import importlib.metadata
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from lstmx import __version__, precision
from lstmx.config import ConfigDict
from lstmx.data import bytepairs, fetch
from lstmx.experiment import Experiment, sizes
from lstmx.runs import code, folder
from lstmx.runs.files import read_json
from lstmx.types import Model, TaskSpec

LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def describe(
    experiment: Experiment, config: ConfigDict, command: str, replicas: int
) -> dict[str, Any]:
    """The content of the meta.json of the runs of a group, but for `size`.

    Args:
        experiment: of the run.
        config: of the run.
        command: the command line.
        replicas: number of runs in its group.
    """
    return {
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": command,
        "versions": versions(),
        "git": revision(),
        "code": code.of(config),
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "processes": jax.process_count(),
        "machine": f"{platform.machine()}, {platform.system()}",
        "precision": config.model.precision,
        "replicas": replicas,
        "selection": experiment.selection,
        "maximize": experiment.maximize,
        "task": {"name": config.task.name, **_task(experiment.task.spec)},
        "evals": {name: _task(task.spec) for name, task in experiment.evals.items()},
    }


def size(model: Model, config: ConfigDict) -> dict[str, int]:
    """The number of parameters and of floats of state, as meta.json has them."""
    with precision.scope(config.model.precision):
        found = sizes(model)
    return {"parameters": found.parameters, "state_size": found.state}


def files(experiment: Experiment) -> dict[str, str]:
    """File name -> sha256 of every data file that an experiment reads."""
    tasks = (experiment.task, *experiment.evals.values())
    return {name: digest for task in tasks for name, digest in task.spec.files.items()}


def versions() -> dict[str, str]:
    """Versions of Python, lstmx and the libraries that affect a run's numbers."""
    python = {"python": platform.python_version(), "lstmx": __version__}
    return python | {name: importlib.metadata.version(name) for name in LIBRARIES}


def revision() -> str | None:
    """Git revision of the checkout this package runs from, "+" if changed; None outside of one.

    An environment within a repository of the user is none: its packages are not that repository's.
    """
    here = Path(__file__).resolve().parents[1]
    return code.revisions([here]).get(str(here.parent))


@contextlib.contextmanager
def data_of(path: Path, meta: Mapping[str, Any]) -> Iterator[None]:
    """Within this context tasks read the data of a run: files beside it, byte pairs it learned.

    Args:
        path: the run directory.
        meta: the content of its meta.json.
    """
    with fetch.beside(path.parent), bytepairs.recalled(meta["task"]):
        yield


def check_learned(path: Path, experiment: Experiment) -> None:
    """Refuse to go on with a run whose byte pairs are no more those that its text gives.

    Raises:
        ValueError: the library has learned others.
    """
    now = experiment.task.spec.record.get(bytepairs.RECORD)
    if now is None or not folder.readable(path, "meta.json"):
        return
    task = read_json(path / "meta.json").get("task", {})
    if (task.get("record") or {}).get(bytepairs.RECORD) != now:
        raise ValueError(
            f"{path} has learned other byte pairs than tokenizers learns of its text now; install "
            "the version that it was started with, or choose another --workdir"
        )


def _task(spec: TaskSpec) -> dict[str, Any]:
    """A task's spec as JSON values."""
    return {**spec._asdict(), "references": dict(spec.references), "files": dict(spec.files)}
