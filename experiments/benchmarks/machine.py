"""The machine that a table was measured on, for its header."""

import os
import platform
import re
import time
from pathlib import Path
from typing import Any

import jax

from experiments.benchmarks import peers
from lstmx import machine
from lstmx.runs import meta

ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "2147483647",
    "MALLOC_TOP_PAD_": "67108864",
}
"""Settings under which glibc keeps freed memory instead of returning it after every call.

By default large temporaries are unmapped and faulted in again at each call. That slows down all
contestants, torch most: report the figures under both settings.
"""

DEFAULT = "default"
"""The result of `allocator` where no variable is set."""

VARIABLES = (
    "XLA_FLAGS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "GLIBC_TUNABLES",
)
"""Other variables that change what is measured, shown where they are set."""


def describe(command: str) -> dict[str, Any]:
    """Processor, cores, memory, accelerator, versions, allocator, date and command."""
    devices = jax.devices()
    gpu = "" if devices[0].platform == "cpu" else f"{len(devices)} x {devices[0].device_kind}"
    return {
        "processor": _processor(),
        "cores": machine.cores(),
        "memory_gib": round(machine.total_memory() / 2**30),
        "accelerator": gpu,
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {**meta.versions(), **peers.versions()},
        "git": meta.revision(),
        "allocator": allocator(),
        "environment": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
    }


def allocator() -> str:
    """The settings of glibc's allocator in this process: its variables, or `DEFAULT`."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("MALLOC_")}
    return ", ".join(f"{name}={value}" for name, value in sorted(variables.items())) or DEFAULT


def sentence(machine: dict[str, Any]) -> str:
    """The machine in Markdown, without date and command."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    gpu = f"{machine['accelerator']}; " if machine["accelerator"] else ""
    settings = "".join(f"; {name}={value}" for name, value in machine["environment"].items())
    return (
        f"{gpu}{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}; {versions}; memory allocator: {machine['allocator']}{settings}"
    )


def _processor() -> str:
    """The name of the processor with the numbers of its family and model; names are ambiguous."""
    info = Path("/proc/cpuinfo")
    text = info.read_text("utf-8", errors="replace") if info.exists() else ""
    fields = dict(re.findall(r"(?m)^(model name|cpu family|model)\s*: (.+)$", text))
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    family = f"family {fields.get('cpu family', '?')} model {fields.get('model', '?')}"
    return f"{fields['model name']} ({family})"
