"""The result of a claim, computed from run directories or without runs."""

import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lstmx import config as cfg
from lstmx import runs
from lstmx.interrupt import Interrupt
from lstmx.runs import meta
from lstmx.runs.files import portable

from . import Claim
from .papers import Paper, identities, ids, trials
from .results import Result


def of_runs(paper: Paper, claim: Claim, workdir: Path) -> Result | None:
    """The result of a claim from its run directories; None where none exists.

    Raises:
        ValueError: runs that lack what the claim measures, or that have lost log points.
    """
    needed = trials(paper, claim)
    matches = [_find(workdir, *pair) for pair in zip(needed.configs, needed.labels)]
    existing = [run for run in matches if run is not None]
    if not existing:
        return None
    finished = [run for run in existing if run.done is not None]
    if damaged := [run for run in finished if run.lost]:
        raise ValueError(damaged[0].remarks[-1])
    newest = max((run.meta for run in existing), key=lambda meta: str(meta.get("created", "")))
    return Result(
        [float(value) for value in claim.measure(finished)] if finished else [],
        len(finished),
        len(matches),
        _progress(existing, len(matches)),
        ids(needed),
        str(newest.get("created", ""))[:10],
        round(sum(run.metrics[-1].get("seconds", 0.0) for run in existing if run.metrics), 1),
        newest.get("versions", {}),
        ", ".join(str(newest[k]) for k in ("devices", "machine") if newest.get(k)),
        portable(newest.get("command", "")),
        ", ".join(dict.fromkeys(str(run.meta["git"]) for run in existing if run.meta.get("git"))),
    )


def of_protocol(
    paper: Paper,
    claim: Claim,
    folder: Path,
    command: str,
    *,
    train: bool,
    interrupt: Interrupt | None,
) -> Result | None:
    """The result of a claim that a protocol measures; None where it is not finished.

    Args:
        folder: of its progress, which is resumed.
        train: whether to go on with it.
        interrupt: a request to save and end.

    Raises:
        ValueError: a network that the protocol does not train.
    """
    assert claim.protocol is not None
    found = claim.protocol.measure(folder, train=train, interrupt=interrupt)
    if found is None:
        return None
    values, seconds = found
    return of_nothing(claim, command, values)._replace(
        configs=identities(paper, claim), seconds=round(seconds, 1)
    )


def of_nothing(claim: Claim, command: str, values: Sequence[float] | None = None) -> Result:
    """The result of a claim for which no run is trained.

    Args:
        claim: what is measured.
        command: the command line.
        values: what was measured; None measures it.

    Raises:
        ValueError: what the measure refuses.
    """
    start = time.monotonic()
    values = [float(value) for value in (claim.measure([]) if values is None else values)]
    return Result(
        values, 0, 0, "", [],
        time.strftime("%Y-%m-%d"),
        round(time.monotonic() - start, 1),
        meta.versions(),
        f"{platform.machine()}, {platform.system()}",
        portable(command),
        meta.revision() or "",
    )  # fmt: skip


def _find(workdir: Path, config: Any, label: str) -> runs.Run | None:
    """The run of a config; of several with other data files, a finished one, then the newest."""
    folder = runs.directory(workdir, config, label, {})
    readable = folder.name.rpartition("~")[0]
    # Folders of one config share the readable part; the id after "~" depends on data files too.
    candidates = [
        path
        for path in (folder.parent.iterdir() if folder.parent.is_dir() else ())
        if path.name.rpartition("~")[0] == readable and (path / "config.json").exists()
    ]
    loaded, _ = runs.load_all(candidates)
    matches = [run for run in loaded if _is_of(run, config)]
    order = [(run.done is not None, str(run.meta.get("created", "")), run) for run in matches]
    return max(order, key=lambda entry: entry[:2])[2] if order else None


def _is_of(run: runs.Run, config: Any) -> bool:
    try:
        return cfg.canonical(cfg.from_dict(run.config)) == cfg.canonical(config)
    except ValueError:  # stored by another version, with other keys
        return False


def _progress(existing: Sequence[runs.Run], needed: int) -> str:
    """How many runs are finished, in progress and not begun; "" where all are finished."""
    left = [run for run in existing if run.done is None]
    missing = needed - len(existing)
    if not left and not missing:
        return ""
    text = f"{len(existing) - len(left)} of {needed} runs finished"
    if left:
        steps = sorted({run.metrics[-1]["step"] if run.metrics else 0 for run in left})
        span = f"{steps[0]}" if len(steps) == 1 else f"{steps[0]} to {steps[-1]}"
        text += f", {len(left)} at step {span} of {left[0].config['steps']}"
    return text + (f", {missing} not begun" if missing else "")
