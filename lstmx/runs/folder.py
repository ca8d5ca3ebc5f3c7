"""Paths of run directories: their names, checks before writing, creation and search."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lstmx import config as cfg
from lstmx.runs import schema
from lstmx.runs.files import read_json, write_json

MAX_LABEL = 120
"""Longest readable part of a folder's name, in bytes; file systems allow 255 in all."""


def directory(workdir: Path, config: cfg.ConfigDict, label: str, files: Mapping[str, str]) -> Path:
    """The directory of a run: WORKDIR/<config name>/<readable label>~<id>."""
    words = re.sub(r"[^\w.=,+-]+", "_", label).encode()[:MAX_LABEL]
    readable = words.decode(errors="ignore").rstrip("._") or "default"
    return workdir / (config.name or "run") / f"{readable}~{cfg.identity(config, files)}"


def check(
    path: Path,
    config: cfg.ConfigDict,
    init_from: str | None = None,
    init_digest: str | None = None,
) -> None:
    """Refuse a directory that holds a run of another config, or one that started elsewhere.

    A `config.json` or `meta.json` that cannot be read is accepted: the directory's name has the
    id of the config, and `create` writes both again.

    Args:
        init_from: name of the run whose parameters this one starts from.
        init_digest: of those parameters; a run that was made before they were noted has any.

    Raises:
        ValueError: the directory holds another run; the message names what differs.
    """
    if not readable(path, "config.json"):
        return
    # A key that was added after the run was made has its default.
    existing = cfg.from_dict(read_json(path / "config.json"))
    differing = cfg.difference(existing, config)
    if differing:
        keys = "; ".join(f"{k}: {a!r} there, {b!r} requested" for k, (a, b) in differing.items())
        raise ValueError(
            f"{path} holds a run of another config ({keys}); choose another --workdir, or --force "
            "to start it over"
        )
    if not readable(path, "meta.json"):
        return
    meta = read_json(path / "meta.json")
    origin, values = meta.get("init_from"), meta.get("init_digest") or init_digest
    if origin == init_from and values != init_digest:
        raise ValueError(
            f"{path} holds a run that started from other parameters of {origin}: of a run of the "
            "same name elsewhere, or before that run was changed; choose another --workdir, or "
            "--force to start it over"
        )
    if origin != init_from:
        raise ValueError(
            f"{path} holds a run that started from {origin or 'initial values'}, not from "
            f"{init_from or 'initial values'}; choose another --workdir, or --force to start it "
            "over"
        )


def create(path: Path, config: cfg.ConfigDict, meta: Mapping[str, Any]) -> list[str]:
    """Make a run directory, or rewrite its files that cannot be read; returns what was damaged.

    Raises:
        OSError: it cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{path} cannot be made ({error.strerror}); choose another --workdir"
        ) from error
    started = (path / "checkpoints").exists() or (path / "metrics.jsonl").exists()
    damaged = []
    # The config last: a folder counts as a run directory as soon as it has one.
    for name, content in (("meta.json", meta), ("config.json", cfg.to_dict(config))):
        if readable(path, name):
            continue
        if started:
            state = "damaged" if (path / name).exists() else "missing"
            damaged.append(f"{path / name} was {state}: written anew")
        write_json(path / name, content)
    return damaged


def readable(path: Path, name: str) -> bool:
    """Whether `config.json` or `meta.json` of a run exists and is valid."""
    try:
        {"config.json": schema.config, "meta.json": schema.meta}[name](path)
    except ValueError:
        return False
    return True


def find(workdir: Path | str) -> list[Path]:
    """All run directories below a folder, sorted; skips folders whose name begins with a dot."""
    directories = []
    # Checkpoint folders appear and vanish while a run trains, and contain no run.
    for folder, below, files in os.walk(workdir):
        below[:] = [name for name in below if name[0] != "." and name != "checkpoints"]
        if "config.json" in files:
            directories.append(Path(folder))
    return sorted(directories)
