"""Cores, memory and local folders of this machine, on Linux, macOS and Windows."""

import math
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Folder of the control groups of Linux, in which containers and batch systems set limits."""
OWN_CGROUPS = Path("/proc/self/cgroup")
"""File of Linux with the control groups of this process."""
STATUS = Path("/proc/self/status")
"""File of Linux with the peak memory of this process."""
NO_MEMORY = {
    MemoryError: "",
    # JAX's error is a RuntimeError, and so is Python's where a thread gets no memory for its stack.
    RuntimeError: r"^(\w+: )*(Out of memory|std::bad_alloc|can't start new thread)",
    # A library that does not fit into memory.
    ImportError: r"cannot allocate memory|failed to map segment",
    # C code of Python that failed to allocate, and to say so.
    SystemError: "^error return without exception set$",
}
"""Type of error -> pattern of the messages that mean that memory ran out."""
LIMITS = {"memory.max": "memory.current", "memory.limit_in_bytes": "memory.usage_in_bytes"}
"""File with the limit of a control group -> file with its usage, in bytes; versions 2 and 1."""


def cores() -> int:
    """The number of cores that this process may use, at least 1.

    Python 3.13 and newer read `$PYTHON_CPU_COUNT`. On macOS, which has no affinity, all cores.
    """
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory(*, swap: bool = False) -> int:
    """The number of bytes that this process can still allocate within its control groups.

    On macOS, which compresses memory when it is needed, the total memory.

    Args:
        swap: add the free swap space.
    """
    import psutil

    memory = psutil.virtual_memory()
    available = memory.total if sys.platform == "darwin" else memory.available
    available += psutil.swap_memory().free if swap else 0
    return min([available, *_left_by_cgroups()])


def total_memory() -> int:
    """The number of bytes of memory of this machine."""
    import psutil

    return psutil.virtual_memory().total


def peak_memory() -> int:
    """The peak of the memory of this process since its start, in bytes."""
    # On Linux `ru_maxrss` starts at the size of the parent process, so it is the last resort.
    peak_line = None
    if STATUS.exists():
        peak_line = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text("utf-8"))
    if peak_line:
        return 1024 * int(peak_line[1])
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # kilobytes elsewhere


def out_of_memory(error: BaseException) -> str | None:
    """A one-line message for an error that means that memory ran out; None for any other error."""
    text = str(error).strip()
    kind = next((k for k in NO_MEMORY if isinstance(error, k)), None)
    if kind is None or not re.search(NO_MEMORY[kind], text):
        return None
    reason = text.splitlines()[0] if text else type(error).__name__
    return (
        f"memory ran out ({reason}); expected a smaller batch, model or length, or fewer replicas: "
        "experiments.train --explain shows what each way to train needs"
    )


def memory_left() -> float:
    """Bytes of address space that this process may still take; inf without such a limit."""
    if sys.platform == "win32":
        return math.inf
    import resource

    import psutil

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return math.inf
    return limit - psutil.Process().memory_info().vms


def local_folder(place: Path | str, flag: str) -> Path:
    """The folder as a path, `~` replaced by the home folder as a shell does in the first letter.

    A shell leaves it alone in `--workdir=~/runs`. The address of an object store is refused.

    Args:
        place: the folder.
        flag: name of the flag that it comes from, for the message.

    Raises:
        ValueError: an address such as gs://bucket/runs.
    """
    # `Path` has made one slash of two; a single letter before the colon is a drive of Windows.
    address = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/+", str(place))
    if address:
        raise ValueError(
            f"{flag}={place} is an address ({address[1]}), not a folder; expected a local folder: "
            "mount the bucket and name the folder it is mounted on, or copy the runs there later"
        )
    return Path(os.path.expanduser(place))


def _left_by_cgroups() -> Iterator[int]:
    """The bytes that each control group of this process with a limit leaves."""
    for folder in _cgroups():
        for limit, usage in LIMITS.items():
            try:
                most, used = (int((folder / name).read_text("utf-8")) for name in (limit, usage))
                statistics = (folder / "memory.stat").read_text("utf-8")
            except (OSError, ValueError):  # no such file, or no limit: "max"
                continue
            # Cached pages of files count as used, but the kernel frees them when memory is needed.
            cached = re.findall(r"(?m)^(?:in)?active_file (\d+)$", statistics)
            yield max(0, most - used + sum(map(int, cached)))


def _cgroups() -> Iterator[Path]:
    """The folders of the control groups of this process, each with its parent groups."""
    try:
        lines = OWN_CGROUPS.read_text("utf-8").splitlines()
    except OSError:  # another system
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        top = CGROUPS / controllers
        folder = top / path.lstrip("/")
        # In a container the path is that of the host, of which only the top folder is visible.
        yield from (level for level in (folder, *folder.parents) if level.is_relative_to(top))
