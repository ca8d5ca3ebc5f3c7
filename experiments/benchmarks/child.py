"""The program of a child process: python -m experiments.benchmarks.child <what> <options as JSON>.

Imports are inside the functions: their time and memory are part of the measurement.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from lstmx import machine

READY = "ready"
"""The line that a process prints at the end of its first training step."""

ENOUGH = 0.5  # seconds of timed calls


def long(
    *, size: list[Any], engine: str, remat_every: int | list[int] | None, last: bool = False
) -> None:
    """Print time and peak memory of forward and backward over one long sequence, on one device.

    Args:
        last: differentiate the output of the last step alone, so that no array of outputs is kept.

    Raises:
        MemoryError: the program takes more than the machine has; nothing is computed then.
    """
    import jax
    import jax.numpy as jnp

    from experiments.benchmarks import layers
    from experiments.benchmarks.contestant import Size
    from lstmx import cells
    from lstmx.sequence import unroll

    shape = Size(*size)
    cell = cells.make("lstm", hidden_size=shape.H)
    every = tuple(remat_every) if isinstance(remat_every, list) else remat_every  # JSON: no tuples
    params, xs = cell.init(jax.random.key(0), shape.X), layers.inputs(shape)

    def apply(params: Any, xs: Any) -> Any:
        options: Any = {"engine": engine, "remat_every": every, "time_major": True}
        result = unroll(cell, params, xs, **options)
        return result.state.h if last else result.outputs

    layer = layers.layer(apply, params, jnp.asarray(xs))
    needed = layer.temporary() if layer.temporary else 0
    if needed > machine.memory():
        raise MemoryError(f"its program takes {needed / 2**20:,.0f} MiB, more than are free")
    layer.gradients()
    seconds: list[float] = []
    while not seconds or sum(seconds) < ENOUGH:
        start_time = time.perf_counter()
        layer.gradients()
        seconds.append(time.perf_counter() - start_time)
    peak = peak_bytes()
    size_of = sum(float(jnp.abs(leaf).sum()) for leaf in jax.tree.leaves(layer.gradients()))
    print(json.dumps({"seconds": seconds, "bytes": peak, "size": size_of}), flush=True)


def peak_bytes() -> int:
    """The peak memory of this process in bytes; on an accelerator, that of the accelerator."""
    import jax

    device = jax.devices()[0]
    if device.platform != "cpu":
        return int((device.memory_stats() or {})["peak_bytes_in_use"])
    return machine.peak_memory()


def trials(*, library: str, size: list[Any], widths: list[int], steps: int, device: str) -> None:
    """Train a network of each hidden size for `steps` updates, one after the other."""
    import importlib

    from experiments.benchmarks.contestant import Size

    if library == "torch":
        import torch

        torch.set_num_threads(1)  # another process has the other half of the trials
    peer = importlib.import_module(f"experiments.benchmarks.peers.{library}")
    loop = peer.cached_loop if library == "flax" else peer.loop
    for width in widths:
        loop(Size(*size)._replace(H=width), steps, device)()
    print(READY, flush=True)


def start(*, name: str, size: list[Any], device: str) -> None:
    """Run the first training step of a contestant, then print `READY`."""
    STARTS[name](size, device)
    print(READY, flush=True)


def _lstmx(size: list[Any], device: str) -> None:
    from lstmx.parallel import mesh

    mesh.use_cores()
    from experiments.benchmarks import training
    from experiments.benchmarks.contestant import Size

    training.ours(Size(*size), 1, 1)()


def _library(size: list[Any], device: str) -> None:
    from experiments.benchmarks.contestant import Size
    from experiments.benchmarks.training import single

    single(Size(*size), 1)()


def _flax(size: list[Any], device: str) -> None:
    from experiments.benchmarks.contestant import Size
    from experiments.benchmarks.peers.flax import loop

    loop(Size(*size), 1, device)()


def _torch(size: list[Any], device: str) -> None:
    from experiments.benchmarks.contestant import Size
    from experiments.benchmarks.peers.torch import loop

    loop(Size(*size), 1, device)()


STARTS = {
    "lstmx": _lstmx,
    "lstmx, without the runner": _library,
    "flax": _flax,
    "torch": _torch,
}
"""Contestant -> function (size, device) that runs its first training step."""

PROGRAMS: dict[str, Callable[..., None]] = {"long": long, "start": start, "trials": trials}


if __name__ == "__main__":
    options = json.loads(sys.argv[2])
    try:
        PROGRAMS[sys.argv[1]](**options)
    except Exception as error:  # the parent shows the last line of stderr in its table
        lines = str(error).strip().splitlines() or [""]
        sys.exit(f"{type(error).__name__}: {lines[0]}")
