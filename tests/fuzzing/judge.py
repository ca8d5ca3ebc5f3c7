"""What may come of an input: a value of the documented type, or ValueError in one line.

While a reader works, an audit hook sees what the interpreter does for it: files opened for writing,
things made, renamed and removed, processes, sockets, pickles, and code compiled or executed.
"""

import os
import re
import sys
import warnings
from typing import NamedTuple

LONGEST = 1000
"""Letters of a message, without the folder."""
FORBIDDEN = ("subprocess.", "os.", "shutil.", "socket.", "pickle.", "ctypes.", "urllib.")
READING = ("os.listdir", "os.scandir", "os.walk", "os.fwalk")
CODE = ("exec", "compile", "marshal.loads", "code.__new__")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
AST = "<unknown>"
"""The file name by which `ast.parse` compiles; what it gives is never executed."""

_seen: list[str] | None = None


class Fault(Exception):
    """A reader did what it must not."""


class Outcome(NamedTuple):
    """What came of an input: accepted, or refused with a message, given without its numbers."""

    accepted: bool
    shape: str


def judge(reader, folder, content):
    """The outcome of one input, put at its place in a folder of its own.

    Raises:
        Fault: anything but a value of the documented type or a ValueError in one line.
    """
    place = folder / reader.file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    for name, other in reader.beside.items():
        (folder / name).write_bytes(other)
    error, value, right, events = None, None, False, _watch()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = reader.read(folder, place)
            right = reader.right(value)
    except ValueError as caught:
        error = caught
    except Exception as caught:
        raise Fault(f"{type(caught).__name__} at {_where(caught)}: {str(caught)[:200]}") from caught
    finally:
        _watch(False)
    if reader.imports:
        events[:] = [event for event in events if event != "import"]
    if events:
        raise Fault(f"did {', '.join(sorted(set(events)))}")
    if error is None:
        if not right:
            raise Fault(f"gave {repr(value)[:200]}")
        return Outcome(True, "")
    message = str(error).replace(str(folder), "")
    if not message.isprintable() or len(message) > LONGEST or not message:
        raise Fault(f"said {message[:200]!r} at {_where(error)}")
    if reader.named and place.name not in message:
        raise Fault(f"did not name the file: {message[:200]!r} at {_where(error)}")
    return Outcome(False, shape(message))


def shape(message):
    """A message without what is quoted and counted in it."""
    return re.sub(r"'[^']*'|\"[^\"]*\"|[0-9a-f]{64}|\d+", "#", message)[:120]


def _where(error):
    """The innermost line of lstmx in a traceback."""
    found, trace = "?", error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "lstmx" in name or found == "?":
            found = f"{os.path.basename(name)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _watch(on=True):
    """Begin or end to note events; the list they are noted in."""
    global _seen
    _seen = [] if on else None
    return _seen


def _hook(event, arguments):
    if _seen is None:
        return
    if event == "import":
        # A codec, or a part of a library that is loaded when it is needed first: its code is run.
        _seen.append(event) if arguments[0].partition(".")[0] not in TRUSTED else _trust()
    elif event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        if flags & WRITING:
            _seen.append(f"open for writing {arguments[0]!r}")
    elif event == "compile":
        if arguments[1] != AST:
            _seen.append(event)
    elif (event.startswith(FORBIDDEN) and event not in READING) or event in CODE:
        _seen.append(event)


def _trust():
    """Leave this call alone from here on."""
    global _seen
    _seen = None


TRUSTED = {
    *sys.stdlib_module_names,
    "numpy",
    "pandas",
    "scipy",
    "lstmx",
    "dateutil",
    "pytz",
    "pyarrow",
}
sys.addaudithook(_hook)
