"""Memory that runs out where no code can catch the error: in other threads, and in callbacks.

Python shows such an error, if there is memory for that, and goes on. A process that then waits for
the result of the thread, such as Orbax for a file, would wait for ever. Without memory for its
first frame a thread dies without any exception, and whoever started it waits for ever too.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from lstmx import machine

PATIENCE = 30.0
"""Seconds after which a thread that has not begun counts as dead, and waiting without memory as for
ever."""
LITTLE = 16 << 20
"""Bytes of address space below which a thread, whose stack takes half of it, may not begin."""
BUSY = 0.02
"""Share of one core below which the process counts as waiting."""
INNERMOST = 4
"""Number of frames in which a wait for a thread that begins can be seen."""

End = Callable[[MemoryError], None]


def ends(make_room: Callable[[], None], code: int) -> End:
    """A function that ends the process in one line.

    Args:
        make_room: frees enough memory for this line.
        code: exit code of the process.
    """

    def end(error: MemoryError) -> None:
        make_room()
        with contextlib.suppress(OSError):
            print(f"error: {machine.out_of_memory(error)}", file=sys.stderr, flush=True)
        os._exit(code)

    return end


def install(end: End) -> None:
    """Call `end` where a callback or another thread has no memory left."""

    def of_thread(failed: Any) -> None:
        if isinstance(failed.exc_value, MemoryError):
            end(failed.exc_value)
        threading.__excepthook__(failed)

    def of_callback(failed: Any) -> None:
        if isinstance(failed.exc_value, MemoryError):
            end(failed.exc_value)
        # After a failed save, whose error Orbax has raised, threads of tensorstore report it again
        # to a closed event loop.
        if str(failed.exc_value) != "Event loop is closed":
            sys.__unraisablehook__(failed)

    threading.excepthook = of_thread
    sys.unraisablehook = of_callback


def watch(end: End) -> None:
    """Call `end` where the process waits for a thread that could not begin or report its error.

    There may have been no memory even for the functions of `install`.
    """
    threading.Thread(target=_watch, args=(end,), daemon=True).start()


def _watch(end: End) -> None:
    since: dict[int, float] = {}  # id of a frame of `Thread.start` -> when it was first seen
    idle, used = time.monotonic(), time.process_time()  # since when it has waited without memory
    while True:
        time.sleep(min(5.0, PATIENCE / 4))
        now, processor = time.monotonic(), time.process_time()
        since = {frame: since.get(frame, now) for frame in _starting()}
        if any(now - seen >= PATIENCE for seen in since.values()):
            end(MemoryError("a thread could not start"))
        if processor - used >= BUSY * (now - idle) or machine.memory_left() >= LITTLE:
            idle, used = now, processor
        elif now - idle >= PATIENCE:
            end(MemoryError("the process waits, and its address space is used up"))


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
