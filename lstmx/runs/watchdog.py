"""Reports that a job makes no progress, with the stacks of its threads.

A deadlock in a library is a process that waits for ever and prints nothing. The watchdog ends no
process: a program may take long to compile, and a chunk of steps long to run. A deadlock differs
from long work in that it uses no processor time.
"""

import contextlib
import faulthandler
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from lstmx.runs.progress import Progress
from lstmx.tables import clock

IDLE = 120.0
"""Seconds without progress and without use of the processor after which it reports."""
SLOW = 1800.0
"""Seconds without progress after which it reports a busy job too."""
BUSY = 0.02
"""Share of one core below which the process counts as waiting."""
LONGER = 5.0
"""Multiple of the longest pause between two signs of progress so far that is still usual."""


@contextlib.contextmanager
def watched(progress: Progress, stacks: Path) -> Iterator[None]:
    """Watch a job's progress in a thread until the context ends.

    Args:
        progress: of the job; every line and every count of steps is a sign of progress.
        stacks: file to which the stacks of all threads are appended when progress stops.
    """
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(progress, stacks, ended), daemon=True)
    watching.start()
    try:
        yield
    finally:
        ended.set()
        watching.join()


def _watch(progress: Progress, stacks: Path, ended: threading.Event) -> None:
    seen, used, longest, reported = progress.moved, time.process_time(), 0.0, 0.0
    while not ended.wait(min(1.0, IDLE / 4)):
        quiet = time.monotonic() - progress.moved
        if progress.moved != seen:
            longest = max(longest, progress.moved - seen)
            seen, used, reported = progress.moved, time.process_time(), 0.0
            continue
        waiting = time.process_time() - used < BUSY * quiet
        # Doubled after every report, so that a long pause does not fill the log.
        patience = max(IDLE if waiting else SLOW, LONGER * longest, 2 * reported)
        if quiet < patience:
            continue
        reported = quiet
        with stacks.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  no progress for {quiet:.0f} s\n")
            file.flush()
            faulthandler.dump_traceback(file, all_threads=True)
        doing = "without using the processor" if waiting else "while the processor is busy"
        progress.remark(f"no progress for {clock(quiet)}, {doing}; stacks of all threads: {stacks}")
