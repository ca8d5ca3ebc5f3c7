"""What this machine has, whatever system it runs: cores, memory, and folders on its own disks."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux shows control groups: containers and batch systems set limits there."""
OWN_CGROUPS = Path("/proc/self/cgroup")
"""Where Linux says which control groups a process belongs to."""
STATUS = Path("/proc/self/status")
"""Where Linux says how much memory a process has held."""
NO_MEMORY = {
    MemoryError: "",
    # JAX's own error is one; Python's where there is no room for the stack of a thread.
    RuntimeError: r"^(\w+: )*(Out of memory|std::bad_alloc|can't start new thread)",
    # A library that cannot be loaded.
    ImportError: r"cannot allocate memory|failed to map segment",
}
"""Errors that mean that memory ran out, if their text matches."""
LIMITS = {"memory.max": "memory.current", "memory.limit_in_bytes": "memory.usage_in_bytes"}
"""File with the most bytes of a control group -> file with those in use; its versions 2 and 1."""


def cores() -> int:
    """The number of cores that this process may use, at least 1.

    From Python 3.13 on `$PYTHON_CPU_COUNT` is obeyed. macOS has no affinity, and gives all cores.
    """
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory(*, swap: bool = False) -> int:
    """The bytes that a process could still get, or as many as its control group leaves.

    macOS makes room by compression as it goes, so there it is all the memory that is built in.

    Args:
        swap: count what could be swapped out too.
    """
    import psutil

    now = psutil.virtual_memory()
    room = now.total if sys.platform == "darwin" else now.available
    room += psutil.swap_memory().free if swap else 0
    return min([room, *_left_by_cgroups()])


def total_memory() -> int:
    """The bytes that are built in."""
    import psutil

    return psutil.virtual_memory().total


def peak_memory() -> int:
    """The most bytes that this process ever held.

    Not `resource.ru_maxrss` where it can be helped: on Linux it begins with the size of the process
    that started this one.
    """
    found = None
    if STATUS.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text("utf-8"))
    if found:
        return 1024 * int(found[1])
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def out_of_memory(error: BaseException) -> str | None:
    """The line to say about an error if it means that memory ran out; None for any other."""
    text = str(error).strip()
    kind = next((k for k in NO_MEMORY if isinstance(error, k)), None)
    if kind is None or not re.search(NO_MEMORY[kind], text):
        return None
    said = text.splitlines()[0] if text else type(error).__name__
    return (
        f"memory ran out ({said}); expected a smaller batch, model or length, or fewer replicas: "
        "experiments.train --explain shows what each way to train needs"
    )


def local_folder(place: Path | str, flag: str) -> Path:
    """The folder as a path; an object store's address is no folder, though it looks like one.

    Args:
        flag: what named it, for the message.

    Raises:
        ValueError: an address such as gs://bucket/runs.
    """
    # A path has joined the slashes already; one letter and a colon is a drive.
    address = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/+", str(place))
    if address:
        raise ValueError(
            f"{flag}={place} is an address ({address[1]}), not a folder; expected a local folder: "
            "mount the bucket and name the folder it is mounted on, or copy the runs there later"
        )
    return Path(place)


def _left_by_cgroups() -> Iterator[int]:
    """What every limited control group around this process leaves."""
    for folder in _cgroups():
        for limit, usage in LIMITS.items():
            try:
                most, used = (int((folder / name).read_text("utf-8")) for name in (limit, usage))
                said = (folder / "memory.stat").read_text("utf-8")
            except (OSError, ValueError):  # no such file, or no limit: "max"
                continue
            # Pages of files count as used, and are given up when somebody needs them.
            files = re.findall(r"(?m)^(?:in)?active_file (\d+)$", said)
            yield max(0, most - used + sum(map(int, files)))


def _cgroups() -> Iterator[Path]:
    """The folders of the control groups that this process is in, each with those around it."""
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
        # Inside a container the path is the host's, and only the top of it is to be seen.
        yield from (level for level in (folder, *folder.parents) if level.is_relative_to(top))
