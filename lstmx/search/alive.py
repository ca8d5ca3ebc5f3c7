"""Which workers of a study are alive: a lock of the system, and a heartbeat across machines.

Every worker holds the lock of a folder of its own, which the system releases however it ends, and
counts in the study while it lives. Another worker is dead where its lock is free and

* it ran on this machine: the lock is exact, and nobody waits for a heartbeat to be missed;
* or it ran elsewhere, and its count has not moved for `GRACE` seconds of the observer's clock:
  file systems that machines share may not hand on locks, and clocks differ.

Whoever holds its lock is alive: a worker that was suspended keeps its trials. Optuna's heartbeat
would serve databases only, and its granularity is one row a trial.
"""

import contextlib
import platform
import shutil
import threading
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from lstmx import runs
from lstmx.search.study import Study

BEAT = 15.0
"""Seconds between two beats of a worker."""
GRACE = 90.0
"""Seconds without a beat after which a worker on another machine counts as dead."""
BOOT = Path("/proc/sys/kernel/random/boot_id")


class Worker:
    """This process as a worker of a study; a context manager.

    A class because it owns a lock and a thread.
    """

    def __init__(self, study: Study) -> None:
        """A worker with a new name.

        Args:
            study: that it works for.
        """
        self.name = uuid.uuid4().hex[:12]
        self._study = study
        self._folder = study.folder / self.name
        self._held = contextlib.ExitStack()
        self._ended = threading.Event()
        self._seen: dict[str, tuple[int, float]] = {}  # other worker -> its beat, first seen when

    def __enter__(self) -> "Worker":
        self._folder.mkdir(parents=True)
        self._held.enter_context(runs.locked(self._folder))
        self._beat(0)
        thread = threading.Thread(target=self._go_on, daemon=True)
        thread.start()
        self._held.callback(thread.join)
        self._held.callback(self._ended.set)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def alive(self, name: str | None) -> bool:
        """Whether another worker is alive; the caller holds the lock of the study."""
        if name is None or name == self.name:
            return False
        if not _free(self._study.folder / name):
            return True
        record = self._study.attrs.get(f"worker {name}")
        if record is None or record["machine"] == machine():
            return False
        beat, since = self._seen.get(name, (-1, 0.0))
        if beat != record["beat"]:
            self._seen[name] = (record["beat"], time.monotonic())
            return True
        return time.monotonic() - since < GRACE

    def _go_on(self) -> None:
        beat = 1
        while not self._ended.wait(BEAT):
            # The thread must outlive a storage that is away for a while.
            with contextlib.suppress(Exception):
                self._beat(beat)
            beat += 1

    def _beat(self, beat: int) -> None:
        self._study.set(f"worker {self.name}", {"machine": machine(), "beat": beat})


def interrupted(study: Study, trials: Sequence[FrozenTrial]) -> set[int]:
    """The numbers of the running trials whose worker is known to be dead, at one look.

    That a worker on another machine is dead takes `GRACE` seconds to see: it counts as alive.
    """
    running = [t for t in trials if t.state == TrialState.RUNNING]
    owners = {t.user_attrs.get("worker") for t in running}
    dead = {name for name in owners if name is None or _gone(study, name)}
    return {t.number for t in running if t.user_attrs.get("worker") in dead}


def _gone(study: Study, name: str) -> bool:
    record = study.attrs.get(f"worker {name}")
    return (record is None or record["machine"] == machine()) and _free(study.folder / name)


def machine() -> str:
    """The running system, within which locks of files are exact; containers of a host share it."""
    try:
        return BOOT.read_text("utf-8").strip()
    except OSError:
        return platform.node()


def _free(folder: Path) -> bool:
    """Whether no process holds the lock of a worker; its folder may be gone."""
    if not folder.exists():
        return True
    try:
        with runs.locked(folder):
            return True
    except ValueError:
        return False
