"""Ctrl-C and SIGTERM: a job saves its state and ends, with one line and a fixed exit code.

Python runs signal handlers in the main thread, between two of its instructions: not while XLA
compiles or computes there, which may take minutes. So the signal only wakes a second thread, which
decides. A second signal, or a first one while nothing is unsaved, ends the process at once. Files
of a run are replaced as a whole, so this loses only the work since the last checkpoint.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from typing import NoReturn

from lstmx.interrupt import Interrupt

SIGNALS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
POLL = 0.02
"""Seconds between two checks whether everything is saved."""


def watch(interrupt: Interrupt, *, resumes: bool) -> None:
    """Install handlers: a signal requests the interrupt, and ends the process once all is saved.

    Must be called in the main thread.

    Args:
        interrupt: of the job.
        resumes: whether the same command goes on where this one ends.
    """
    receiver, sender = socket.socketpair()
    for end in (receiver, sender):
        end.setblocking(False)
    receiver.setblocking(True)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)  # the byte in the socket is all that is needed
    known = (interrupt, receiver, sender, resumes)
    threading.Thread(target=_listen, args=known, daemon=True).start()


def _listen(
    interrupt: Interrupt, receiver: socket.socket, sender: socket.socket, resumes: bool
) -> None:
    del sender  # an argument only so that this thread keeps it open
    # Other handled signals arrive in this socket too.
    while (number := receiver.recv(1)[0]) not in SIGNALS:
        pass
    interrupt.request()
    if interrupt.unsaved:
        _print("stopping after this chunk of steps, to save it; once more ends at once")
    receiver.setblocking(False)
    while interrupt.unsaved:
        try:
            if receiver.recv(1)[0] in SIGNALS:
                break
        except BlockingIOError:
            time.sleep(POLL)
    leave(number, resumes=resumes)


def leave(number: int, *, resumes: bool) -> NoReturn:
    """Print one line, and end the process with the exit code of one that a signal has ended."""
    then = "resumes" if resumes else "starts over"
    _print(f"{SIGNALS[signal.Signals(number)]}; the same command {then}")
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    # Not by an exception: JAX and orbax would wait for their threads, and print their errors.
    os._exit(128 + number)


def _print(line: str) -> None:
    # Where the terminal or the reader of a pipe is gone, there is nobody to tell.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
