"""Exceptions that no code can catch: those of other threads, and of callbacks.

Python shows them and goes on. A process that then waits for the result of the thread, such as Orbax
for a file, would wait for ever.
"""

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from lstmx import machine


def install(make_room: Callable[[], None], code: int) -> None:
    """End the process, in one line, if a callback or another thread has no memory left.

    Args:
        make_room: frees enough memory for this line.
        code: exit code of the process.
    """

    def end_without_memory(failed: Any) -> None:
        if isinstance(failed.exc_value, MemoryError):
            make_room()
            line = machine.out_of_memory(failed.exc_value)
            print(f"error: {line}", file=sys.stderr, flush=True)
            os._exit(code)

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
