"""The event file of a run for TensorBoard."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Events:
    """Writes log points to a new event file, which replaces those of earlier sessions.

    A class because it owns an open file. It writes in the calling thread: tensorboardX's own
    `SummaryWriter` has a thread and a queue for each file, which a kill empties, which waits at
    exit, and which dies where the clock is set back.
    """

    def __init__(self, folder: Path) -> None:
        """Create the file in a run directory."""
        # A late import: it imports torch where that is installed, which takes a second.
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        # Readers order event files by the time in their names, and a clock that was set back
        # would order the new file first. The old ones are redundant, so they are deleted.
        for earlier in folder.glob("events.out.tfevents.*"):
            earlier.unlink()
        self._writer = EventsWriter(str(folder / "events"))
        self._writer.write_event(Event(step=0, session_log=SessionLog(status=SessionLog.START)))

    def add(self, point: Mapping[str, Any]) -> None:
        """Append the metrics of a log point; NaN is a value."""
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=k, simple_value=v) for k, v in point.items() if "/" in k]
        event = Event(step=point["step"], wall_time=time.time(), summary=Summary(value=values))
        self._writer.write_event(event)

    def flush(self) -> None:
        """Hand all that was added to the operating system."""
        self._writer.flush()

    def close(self) -> None:
        """Flush and close the file."""
        self._writer.close()
