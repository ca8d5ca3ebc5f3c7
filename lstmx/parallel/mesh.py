"""Devices as a mesh over (replica, batch); the cores of a CPU count as devices.

XLA runs the small products inside a scan on one thread, so a second core only works when it is a
device of its own. A group of replicas is sharded over the replica axis; what devices are left over
share the batch. On every device the replicas run one after the other (`lax.map`), in blocks of
`replicas_per_vmap`: on a CPU 1 is fastest, on an accelerator all at once.

Several processes, on one host or many, are one mesh after `connect`: each runs the same program
on its own devices, and the first of them (`leads`) is the one to write files.
"""

import math
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from lstmx import machine, xla
from lstmx.types import BATCH_AXIS, REPLICA_AXIS

MIN_ROWS = 4
"""Rows of a batch that a shard should at least have: below it a product is all overhead."""
PARTING = 20
"""Seconds that a process waits at its end for the others to end too."""


def use_cores(count: int | None = None) -> int:
    """Make the cores of the CPU devices; returns how many devices there will be.

    XLA's wrong fusions are switched off as well, see `lstmx.xla`.

    Args:
        count: number of cores; all that this process may use if None.

    Raises:
        RuntimeError: JAX has already started with another number of devices.
    """
    count = count or machine.cores()
    if getattr(jax.config, "jax_num_cpu_devices", None) != count:
        try:
            jax.config.update("jax_num_cpu_devices", count)
        except RuntimeError:
            raise RuntimeError(
                f"mesh.use_cores({count}) came too late: JAX has already started; call it before "
                "the first array is made"
            ) from None
    xla.use_right_fusions()
    return count


def connect(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = 300,
) -> None:
    """Make this process one of several that compute together; before the first array is made.

    Without arguments, a cluster that JAX knows (Slurm, Open MPI, ...) says who is who.

    Args:
        coordinator_address: "host:port" of process 0, a free port there.
        num_processes: how many there are.
        process_id: which one this is, from 0.
        timeout: seconds to wait for the others.

    Raises:
        ValueError: arguments that contradict each other, or are missing where no cluster is.
        RuntimeError: JAX has already started.
        TimeoutError: not all processes came in time. Then end this one: JAX still waits.
    """
    given = (coordinator_address, num_processes, process_id)
    if any(v is not None for v in given) and any(v is None for v in given):
        raise ValueError(
            f"got coordinator_address={coordinator_address}, num_processes={num_processes}, "
            f"process_id={process_id}; expected all three, or none of them on a cluster"
        )
    if process_id not in (None, *range(num_processes or 0)):
        raise ValueError(
            f"process_id={process_id}; expected 0 or more, and below num_processes={num_processes}"
        )
    refused: list[Exception] = []

    # Else it keeps SIGTERM to itself, and nothing here asks it.
    jax.config.update("jax_enable_preemption_service", False)

    def join() -> None:
        try:
            # Its own clock ends the process with a stack trace: ours shall be first.
            jax.distributed.initialize(
                coordinator_address,
                num_processes,
                process_id,
                initialization_timeout=math.ceil(timeout) + PARTING,
                shutdown_timeout_seconds=PARTING,
            )
        except Exception as error:
            refused.append(error)

    waiting = threading.Thread(target=join, daemon=True)
    waiting.start()
    waiting.join(timeout)
    if waiting.is_alive():
        where = coordinator_address or "the coordinator that the cluster names"
        raise TimeoutError(
            f"not all of {num_processes or 'the'} processes met at {where} within {timeout:g} s; "
            "expected each to be started, with one address that all of them reach"
        )
    if refused:
        said = str(refused[0]).splitlines()[0]
        kind = RuntimeError if isinstance(refused[0], RuntimeError) else ValueError
        raise kind(f"the processes could not be connected: {said}") from refused[0]


def leads() -> bool:
    """Whether this process is the one that writes files and speaks."""
    return jax.process_index() == 0


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

    Devices that neither can use stay out of it; but where they belong to several processes, all
    take part (some with padding), since a process without a device in a mesh cannot run on it.

    Args:
        replicas: number N of replicas; where the devices do not divide it, it is padded.
        batch_sizes: of every task that runs on the mesh; the batch axis divides all of them.
    """
    devices = list(jax.devices() if devices is None else devices)
    across = min(replicas, len(devices))
    common = math.gcd(*batch_sizes)
    rows = [n for n in range(1, len(devices) // across + 1) if common % n == 0]
    within = max((n for n in rows if n == 1 or min(batch_sizes) // n >= MIN_ROWS), default=1)
    if len({device.process_index for device in devices}) > 1:
        within = max(n for n in range(1, within + 1) if len(devices) % n == 0 == common % n)
        across = len(devices) // within
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


def over_batch(
    apply: Callable[..., Any], mesh: Mesh, in_specs: Any, out_specs: Any
) -> Callable[..., Any]:
    """`apply` of one model, jitted with the rows of its batch shared by the devices.

        >>> import jax, lstmx
        >>> from jax.sharding import PartitionSpec as P
        >>> cell = lstmx.cells.make("lstm", hidden_size=5)
        >>> params, xs = cell.init(jax.random.key(0), 3), jax.numpy.ones((8, 7, 3))
        >>> mesh = lstmx.parallel.mesh.make(1, [len(xs)])
        >>> apply = lambda params, xs: lstmx.unroll(cell, params, xs).outputs
        >>> rows = P(lstmx.parallel.mesh.BATCH_AXIS)
        >>> lstmx.parallel.mesh.over_batch(apply, mesh, (P(), rows), rows)(params, xs).shape
        (8, 7, 5)

    Args:
        apply: sees its own rows only; `lstmx.parallel.shards.total` adds up a loss or gradients.
            Noise and dropout are drawn for the whole batch, as on one device.
        mesh: of `make(1, [batch size])`.
        in_specs: a PartitionSpec prefix per argument: P() is the same everywhere, and
            P(BATCH_AXIS) is cut by rows.
        out_specs: likewise for the results.
    """
    return jax.jit(
        jax.shard_map(apply, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)
    )


def put(tree: Any, mesh: Mesh, spec: P) -> Any:
    """A host pytree on the devices of the mesh; every process gives the whole of it."""
    sharding = NamedSharding(mesh, spec)
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    def leaf(array: Any) -> jax.Array:
        array = np.asarray(array)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(leaf, tree)


def fetch(tree: Any) -> Any:
    """A pytree on the host, whole in every process; all of them must ask."""
    leaves = jax.tree.leaves(tree)
    if all(leaf.is_fully_addressable for leaf in leaves if isinstance(leaf, jax.Array)):
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)
