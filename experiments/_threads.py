"""Exceptions that no code can catch: those of other threads, and of callbacks.

Python shows them and goes on. A process that then waits for the result of the thread, such as Orbax
for a file, would wait for ever. Without memory for its first frame a thread dies without any
exception, and whoever started it waits for ever too.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from lstmx import machine

PATIENCE = 30.0
"""Seconds after which a thread that has not begun counts as dead."""
INNERMOST = 4
"""Number of frames in which a wait for a thread that begins can be seen."""


def install(make_room: Callable[[], None], code: int) -> None:
    """End the process, in one line, if a callback or thread fails, or cannot begin, without memory.

    Args:
        make_room: frees enough memory for this line.
        code: exit code of the process.
    """

    def end(error: MemoryError) -> None:
        make_room()
        print(f"error: {machine.out_of_memory(error)}", file=sys.stderr, flush=True)
        os._exit(code)

    def end_without_memory(failed: Any) -> None:
        if isinstance(failed.exc_value, MemoryError):
            end(failed.exc_value)

    def of_thread(failed: Any) -> None:
        end_without_memory(failed)
        threading.__excepthook__(failed)

    def of_callback(failed: Any) -> None:
        end_without_memory(failed)
        # After a failed save, whose error Orbax has raised, threads of tensorstore report it again
        # to a closed event loop.
        if str(failed.exc_value) != "Event loop is closed":
            sys.__unraisablehook__(failed)

    threading.excepthook = of_thread
    sys.unraisablehook = of_callback
    threading.Thread(target=_watch_starts, args=(end,), daemon=True).start()


def _watch_starts(end: Callable[[MemoryError], None]) -> None:
    """Call `end` when some thread has waited for PATIENCE seconds for another one to begin."""
    since: dict[int, float] = {}  # id of a frame of `Thread.start` -> when it was first seen
    while True:
        time.sleep(min(5.0, PATIENCE / 4))
        now = time.monotonic()
        since = {frame: since.get(frame, now) for frame in _starting()}
        if any(now - seen >= PATIENCE for seen in since.values()):
            end(MemoryError("a thread could not start"))


def _starting() -> list[int]:
    """The ids of the frames in which a thread waits for the one that it started."""
    found = []
    for frame in sys._current_frames().values():
        for _ in range(INNERMOST):
            if frame is None:
                break
            if frame.f_code is threading.Thread.start.__code__:
                found.append(id(frame))
            frame = frame.f_back  # type: ignore[assignment]
    return found
