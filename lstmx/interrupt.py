"""Asking a job to end early, so that it saves what it has done before it ends."""

import threading
from typing import Any


class Interrupt:
    """A request to end, and whether anything would be lost by ending at once.

    A class because two sides share it: one requests (a signal handler, a scheduler), and the
    groups of replicas that are being trained say what is not saved yet.
    """

    def __init__(self) -> None:
        """Nothing is requested, and nothing is unsaved."""
        self._requested = threading.Event()
        self._unsaved: set[Any] = set()

    @property
    def requested(self) -> bool:
        """Whether the job is to save and end."""
        return self._requested.is_set()

    @property
    def unsaved(self) -> bool:
        """Whether a group has done steps that no checkpoint holds."""
        return bool(self._unsaved)

    def request(self) -> None:
        """Ask the job to save and end; every group does so after its chunk of steps."""
        self._requested.set()

    def mark(self, group: Any, unsaved: bool) -> None:
        """Say whether a group, named by any value of its own, has done steps that are not saved."""
        # No lock: adding to a set is atomic, and a signal handler must never wait.
        (self._unsaved.add if unsaved else self._unsaved.discard)(group)
