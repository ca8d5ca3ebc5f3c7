"""The parameters that a run started from, which no checkpoint has: computed anew from its seed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lstmx import precision
from lstmx.config import ConfigDict
from lstmx.parallel import mesh
from lstmx.runs import group as groups
from lstmx.runs.files import read_json, write_json
from lstmx.runs.origin import digest
from lstmx.runs.run import Run, load
from lstmx.types import Model, Params

NOTE = "replicas_per_device"
"""The key of meta.json with the number of replicas that each device had at the first update."""


def note(paths: Iterable[Path], on_device: int) -> None:
    """Write to meta.json what `params` needs to know of how the initial values are computed.

    Args:
        paths: run directories.
        on_device: number of replicas that each device computes together.

    Raises:
        OSError: it cannot be written.
    """
    if mesh.is_main_process():
        for path in paths:
            file = path / "meta.json"
            write_json(file, {**read_json(file), NOTE: on_device})


def params(run: Run, config: ConfigDict, model: Model) -> Params:
    """The initial parameters of a run, or those of the run that it was started from.

    They equal those of training bit for bit with the same version of JAX, processor and settings of
    XLA.

    Args:
        run: the run.
        config: the resolved config of the run.
        model: of the config.

    Raises:
        ValueError: it started from another run that is not beside it any more, or that has other
            best parameters now.
    """
    mode = config.model.precision
    with precision.scope(mode):
        if origin := run.meta.get("init_from"):
            place = run.path.absolute().parent.parent / origin
            if not (place / "config.json").exists():
                raise ValueError(
                    f"{run.path} started from the parameters of {origin}, which is not at {place}; "
                    "put that run there, or read its parameters with lstmx.runs.load"
                )
            found = load(place).params
            noted_digest = run.meta.get("init_digest")  # a run of an older version has none
            if noted_digest and noted_digest != digest(found):
                raise ValueError(
                    f"{run.path} started from other parameters than those that {place} has now"
                )
            return precision.cast(mode, found)
        return groups.initial(model, [config], noted(run.meta))[0]


def noted(meta: Mapping[str, Any]) -> int:
    """The number of replicas that each device had; those of the group in runs without a note."""
    return max(1, meta.get(NOTE) or meta.get("replicas") or 1)
