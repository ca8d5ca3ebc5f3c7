"""Devices as a mesh over (replica, batch); the cores of a CPU count as devices.

XLA runs the small products inside a scan on one thread, so a second core only works when it is a
device of its own. A group of replicas is sharded over the replica axis; what devices are left over
share the batch. On every device the replicas run one after the other (`lax.map`), in blocks of
`replicas_per_vmap`: on a CPU 1 is fastest, on an accelerator all at once.
"""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from lstmx.types import BATCH_AXIS, REPLICA_AXIS

MIN_ROWS = 4
"""Rows of a batch that a shard should at least have: below it a product is all overhead."""


def use_cores(count: int | None = None) -> int:
    """Make the cores of the CPU devices; returns how many devices there will be.

    Args:
        count: number of cores; all that this process may use if None.

    Raises:
        RuntimeError: JAX has already started with another number of devices.
    """
    count = count or len(os.sched_getaffinity(0))
    if getattr(jax.config, "jax_num_cpu_devices", None) != count:
        try:
            jax.config.update("jax_num_cpu_devices", count)
        except RuntimeError:
            raise RuntimeError(
                f"mesh.use_cores({count}) came too late: JAX has already started; call it before "
                "the first array is made"
            ) from None
    return count


def cache_programs(folder: Path | None = None) -> Path:
    """Keep compiled programs on disk between starts; returns the folder.

    With JAX's own thresholds hardly anything that a CPU compiles would be kept.

    Args:
        folder: where; `lstmx/programs` in the user's cache folder if None.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = folder or cache / "lstmx" / "programs"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def make(replicas: int, batch_sizes: Sequence[int], devices: Sequence[Any] | None = None) -> Mesh:
    """The mesh for a group: as many devices as possible to replicas, the rest to the batch.

    Args:
        replicas: number N of replicas; where the devices do not divide it, it is padded.
        batch_sizes: of every task that runs on the mesh; the batch axis divides all of them.
    """
    devices = list(jax.devices() if devices is None else devices)
    across = min(replicas, len(devices))
    common = math.gcd(*batch_sizes)
    rows = [n for n in range(1, len(devices) // across + 1) if common % n == 0]
    within = max((n for n in rows if n == 1 or min(batch_sizes) // n >= MIN_ROWS), default=1)
    grid = np.array(devices[: across * within]).reshape(across, within)
    return Mesh(grid, (REPLICA_AXIS, BATCH_AXIS), axis_types=(AxisType.Auto,) * 2)


def padded(replicas: int, mesh: Mesh) -> int:
    """Number of replicas after padding to a multiple of the replica axis."""
    across = mesh.shape[REPLICA_AXIS]
    return -(-replicas // across) * across


def over_replicas(
    apply: Callable[..., Any],
    mesh: Mesh,
    in_specs: Any,
    out_specs: Any,
    *,
    replicas_per_vmap: int = 0,
    donate: tuple[int, ...] = (),
) -> Callable[..., Any]:
    """`apply` of one replica, jitted for N of them stacked on the leading axis.

    Args:
        apply: (*arguments of one replica) -> results; sees the local rows of a batch, and may use
            collectives over the batch axis.
        in_specs: a PartitionSpec prefix per argument; the replica axis leads in each.
        out_specs: likewise for the results.
        replicas_per_vmap: replicas that one device runs at once; 0 takes 1 on a CPU, all elsewhere.
        donate: arguments whose memory the results may take.
    """
    cpu = mesh.devices.flat[0].platform == "cpu"

    def one_device(*arguments: Any) -> Any:
        count = jax.tree.leaves(arguments)[0].shape[0]
        block = replicas_per_vmap or (1 if cpu else count)
        if block == 1:
            return lax.map(lambda a: apply(*a), arguments)
        return lax.map(lambda a: apply(*a), arguments, batch_size=min(block, count))

    sharded = jax.shard_map(
        one_device, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
    )
    return jax.jit(sharded, donate_argnums=donate)


def put(tree: Any, mesh: Mesh, spec: P) -> Any:
    """A host pytree on the devices of the mesh."""
    return jax.device_put(tree, NamedSharding(mesh, spec))
