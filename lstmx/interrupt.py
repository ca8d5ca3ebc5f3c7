"""A request to end a job early, after it has saved its progress."""

import threading
from typing import Any


class Interrupt:
    """A request to end, and whether ending at once would lose any steps.

    A class, since two sides change it: a signal handler or a scheduler requests, and the groups of
    replicas in training mark what is not saved yet.
    """

    def __init__(self) -> None:
        """No request, and nothing unsaved."""
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
        """Request that the job saves and ends; every group does so after its chunk of steps."""
        self._requested.set()

    def mark(self, group: Any, unsaved: bool) -> None:
        """Record whether a group has done steps that are not saved.

        Args:
            group: any hashable value that identifies the group.
            unsaved: whether no checkpoint holds its last steps.
        """
        # No lock: adding to a set is atomic, and a signal handler must never wait.
        (self._unsaved.add if unsaved else self._unsaved.discard)(group)
