"""Where a study is stored: a journal file, SQLite or PostgreSQL; its lock and its errors."""

import contextlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from lstmx import checks, runs
from lstmx.config import ConfigDict

WAIT = 300.0
"""Seconds to wait for other workers, one of which may be adding thousands of trials."""

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


class Place(NamedTuple):
    """Where a study is.

    Attributes:
        workdir: the folder of all run directories.
        name: of the study, unique in its storage.
        storage: "", a path of a journal, or the address of a database.
    """

    workdir: Path
    name: str
    storage: str = ""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a study: one worker at a time changes who has which trial.

    Raises:
        ValueError: another worker has held it for `WAIT` seconds.
    """
    with runs.locked(folder, timeout=WAIT):
        yield


@contextlib.contextmanager
def storage_errors(place: Place) -> Iterator[None]:
    """Turn an error of a storage into an OSError in one line."""
    try:
        yield
    except optuna.exceptions.StorageInternalError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise OSError(f"{shown(place)}: {reason}") from error


def locks(place: Place, config: ConfigDict) -> Path:
    """The folder of the locks of a study and its workers."""
    return place.workdir / config.name / f".{place.name}"


def journal(place: Place, config: ConfigDict) -> Path:
    """The file of a study that is no database."""
    if place.storage:
        return Path(place.storage).absolute()
    suffix = place.name.removeprefix(config.name)
    return (place.workdir / config.name / f"study{suffix}.journal").absolute()


def file_of(place: Place, config: ConfigDict) -> Path | None:
    """The file that holds a study; None in a server, or in memory."""
    if "://" not in place.storage:
        return journal(place, config)
    kind, _, rest = place.storage.partition("://")
    name = rest.partition("?")[0].removeprefix("/")
    if kind.partition("+")[0] != "sqlite" or name in ("", ":memory:") or name.startswith("file:"):
        return None
    return Path(name).absolute()


class _Lock(JournalFileOpenLock):
    """The lock of a journal, for Optuna; whoever gets it removes what a killed writer left.

    Optuna's own lock outlives a killed worker by 30 seconds, and a line that was cut short would
    make the journal unreadable for ever: a write that crosses a page of the file may be.
    """

    def __init__(self, file: Path) -> None:
        """The lock of this journal, not held."""
        super().__init__(str(file))
        self._file = file
        self._folder = file.with_name(f".{file.name}")
        self._held = contextlib.ExitStack()

    def acquire(self) -> bool:
        """Wait for it."""
        self._folder.mkdir(exist_ok=True)
        self._held.enter_context(runs.locked(self._folder, timeout=WAIT))
        with self._file.open("rb+") as file:
            end = file.seek(0, 2)
            if end and file.seek(end - 1) >= 0 and file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
        return True

    def release(self) -> None:
        """Let others have it."""
        self._held.close()


def opened(place: Place, config: ConfigDict) -> BaseStorage:
    """The storage, opened.

    Raises:
        ValueError: an address of another kind, or a driver that is not installed.
        OSError: it cannot be reached.
    """
    address = place.storage
    if "://" not in address:
        if address and not address.endswith(".journal"):
            raise ValueError(
                f"--storage={address}; expected a file *.journal, sqlite:///file.db or "
                "postgresql://user@host/database"
            )
        file = journal(place, config)
        file.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(file), lock_obj=_Lock(file)))
    kind = address.partition("://")[0]
    checks.one_of("kind of --storage", kind.partition("+")[0], ("postgresql", "sqlite"))
    if kind == "postgresql":
        address = address.replace("postgresql://", "postgresql+psycopg://", 1)
    # SQLite has one writer at a time; the others wait this long.
    options = {"connect_args": {"timeout": 60}} if kind == "sqlite" else {"pool_pre_ping": True}
    try:
        return optuna.storages.get_storage(RDBStorage(address, engine_kwargs=options))
    except ImportError as error:
        raise ValueError(
            f"{shown(place)} needs a driver ({error}); pip install 'lstmx[postgres]'"
        ) from error
    except Exception as error:  # SQLAlchemy has many, of the driver's making
        reason = str(error).strip().splitlines()[0]
        raise OSError(f"{shown(place)} cannot be opened: {reason}") from error


def shown(place: Place) -> str:
    """The storage for messages, without a password."""
    return re.sub(r"(://[^:@/]*):[^@]*@", r"\1:***@", place.storage) or f"study {place.name!r}"
