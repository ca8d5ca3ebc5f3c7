"""Devices as a mesh over (replica, batch); the cores of a CPU count as devices.

XLA runs the small products inside a scan on one thread, so a second core is idle unless it is a
device by itself. A group of replicas is sharded over the replica axis; remaining devices share the
batch. On every device the replicas run one after the other (`lax.map`), in blocks of
`replicas_per_vmap`: on a CPU 1 is fastest, on an accelerator all at once.

Several processes, on one host or many, form one mesh after `connect`: each runs the same program
on its own devices, and only the main process (`is_main_process`) writes files.
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
"""Smallest number of rows of a batch on one device: below it a product is all overhead."""
SHUTDOWN_TIMEOUT = 20
"""Seconds that a process waits at its end for the others to end too."""


def use_cores(count: int | None = None) -> int:
    """Make every core of the CPU a device; returns the number of devices.

    Also switches off the fusions of XLA that compute wrong numbers, see `lstmx.xla`.

    Args:
        count: number of cores; None is all that this process may use.

    Raises:
        RuntimeError: JAX has already started with another number of devices.
    """
    count = count or machine.cores()
    # Setting the number that is set already is allowed even after JAX has started.
    if getattr(jax.config, "jax_num_cpu_devices", None) != count:
        try:
            jax.config.update("jax_num_cpu_devices", count)
        except RuntimeError:
            raise RuntimeError(
                f"mesh.use_cores({count}) came too late: JAX has already started; call it before "
                "the first array is made"
            ) from None
    xla.use_right_fusions()
    xla.use_small_loops()
    return count


def connect(
    coordinator_address: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = 300,
) -> None:
    """Make this process one of several that compute together; before the first array is made.

    Without arguments, JAX reads addresses and ids from the cluster's environment (Slurm, ...).

    Args:
        coordinator_address: "host:port" of process 0, a free port there.
        num_processes: number of processes.
        process_id: number of this process, from 0.
        timeout: seconds to wait for the others.

    Raises:
        ValueError: arguments that contradict each other, or none of them outside a cluster.
        RuntimeError: JAX has already started.
        TimeoutError: not all processes connected in time. Then end this one: JAX still waits.
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
    errors: list[Exception] = []

    # The service takes SIGTERM for itself, and nothing here asks the service whether it came: the
    # launchers' own handler, which saves and ends, would never run.
    jax.config.update("jax_enable_preemption_service", False)

    # In a thread, since `initialize` blocks until all processes are there, and at its own timeout
    # ends the whole process from C++ with a stack trace. Here the thread is given up before that,
    # and the caller gets an error; as a daemon it does not keep the process alive.
    def initialize() -> None:
        try:
            jax.distributed.initialize(
                coordinator_address,
                num_processes,
                process_id,
                initialization_timeout=math.ceil(timeout) + SHUTDOWN_TIMEOUT,
                shutdown_timeout_seconds=SHUTDOWN_TIMEOUT,
            )
        except Exception as error:
            errors.append(error)

    waiting = threading.Thread(target=initialize, daemon=True)
    waiting.start()
    waiting.join(timeout)
    if waiting.is_alive():
        where = coordinator_address or "the coordinator of the cluster"
        raise TimeoutError(
            f"not all of {num_processes or 'the'} processes met at {where} within {timeout:g} s; "
            "expected each to be started, with one address that all of them can reach"
        )
    if errors:
        line = str(errors[0]).splitlines()[0]
        kind = RuntimeError if isinstance(errors[0], RuntimeError) else ValueError
        raise kind(f"the processes could not be connected: {line}") from errors[0]


def is_main_process() -> bool:
    """Whether this process is the first one, which alone writes files and prints."""
    return jax.process_index() == 0


def cache_programs(folder: Path | None = None) -> Path:
    """Keep compiled programs on disk between starts; returns the folder.

    Args:
        folder: the folder; None is `lstmx/programs` in the user's cache folder.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = folder or cache / "lstmx" / "programs"
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX's default thresholds would leave out nearly everything that is compiled for a CPU.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder


def make(replicas: int, batch_sizes: Sequence[int], devices: Sequence[Any] | None = None) -> Mesh:
    """The mesh of a group: as many devices as possible for replicas, the rest for the batch.

    Devices that neither axis can use are left out; where they belong to several processes, all
    are used (some for padding), since a process without a device in a mesh cannot run on it.

    Args:
        replicas: number N of replicas; it is padded where the replica axis does not divide it.
        batch_sizes: of every task that runs on the mesh; the batch axis divides all of them.
        devices: the devices to use; None is all devices.
    """
    devices = list(jax.devices() if devices is None else devices)
    # Replicas first: they need no communication, shards of a batch add up gradients at every step.
    replica_axis = min(replicas, len(devices))
    common = math.gcd(*batch_sizes)
    divisors = [n for n in range(1, len(devices) // replica_axis + 1) if common % n == 0]
    large_enough = (n for n in divisors if n == 1 or min(batch_sizes) // n >= MIN_ROWS)
    batch_axis = max(large_enough, default=1)
    if len({device.process_index for device in devices}) > 1:
        # A grid without remainder: shrink the batch axis until it divides the devices too.
        axes = range(1, batch_axis + 1)
        batch_axis = max(n for n in axes if len(devices) % n == 0 == common % n)
        replica_axis = len(devices) // batch_axis
    grid = np.array(devices[: replica_axis * batch_axis]).reshape(replica_axis, batch_axis)
    return Mesh(grid, (REPLICA_AXIS, BATCH_AXIS), axis_types=(AxisType.Auto,) * 2)


def padded(replicas: int, mesh: Mesh) -> int:
    """The number of replicas after padding to a multiple of the replica axis."""
    size = mesh.shape[REPLICA_AXIS]
    return -(-replicas // size) * size


def over_replicas(
    apply: Callable[..., Any],
    mesh: Mesh,
    in_specs: Any,
    out_specs: Any,
    *,
    replicas_per_vmap: int = 0,
    donate: tuple[int, ...] = (),
) -> jax.stages.Wrapped:
    """A jitted function that applies `apply` to N replicas stacked on the leading axis.

    Args:
        apply: (*arguments of one replica) -> results; gets the local rows of a batch, and may use
            collectives over the batch axis.
        in_specs: a PartitionSpec prefix per argument, each with the replica axis first.
        out_specs: likewise for the results.
        replicas_per_vmap: replicas that one device runs at once; 0 is 1 on a CPU, all elsewhere.
        donate: numbers of the arguments whose memory the results may reuse.
    """
    cpu = mesh.devices.flat[0].platform == "cpu"

    def one_device(*arguments: Any) -> Any:
        count = jax.tree.leaves(arguments)[0].shape[0]
        block = replicas_per_vmap or (1 if cpu else count)
        if block == 1:
            # Without `batch_size` there is no vmap, not even of 1: this is one replica's program.
            return lax.map(lambda a: apply(*a), arguments)
        return lax.map(lambda a: apply(*a), arguments, batch_size=min(block, count))

    # check_vma=True would add up the gradients of replicated parameters over the shards by itself,
    # a collective each; here `shards.total` does, as one.
    sharded = jax.shard_map(
        one_device, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False
    )
    return jax.jit(sharded, donate_argnums=donate)


def over_batch(
    apply: Callable[..., Any], mesh: Mesh, in_specs: Any, out_specs: Any
) -> Callable[..., Any]:
    """A jitted function that applies `apply` with the rows of a batch sharded over the devices.

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
        apply: gets the local rows only; `lstmx.parallel.shards.total` adds up a loss or gradients.
            Noise and dropout are sampled for the whole batch, as on one device.
        mesh: the result of `make(1, [batch size])`.
        in_specs: a PartitionSpec prefix per argument: P() for what is the same on all devices,
            P(BATCH_AXIS) for what is split by rows.
        out_specs: likewise for the results.
    """
    return jax.jit(
        jax.shard_map(apply, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)
    )


def put(tree: Any, mesh: Mesh, spec: P) -> Any:
    """A pytree of the host as arrays on the mesh; every process passes the whole pytree."""
    sharding = NamedSharding(mesh, spec)
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)

    # `device_put` cannot write to devices of other processes: each writes its own slices.
    def leaf(array: Any) -> jax.Array:
        array = np.asarray(array)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(leaf, tree)


def fetch(tree: Any) -> Any:
    """A pytree of the mesh as whole arrays on the host of every process.

    All processes must call it: it may be a collective.
    """
    leaves = jax.tree.leaves(tree)
    if all(leaf.is_fully_addressable for leaf in leaves if isinstance(leaf, jax.Array)):
        return jax.device_get(tree)
    return multihost_utils.process_allgather(tree, tiled=True)
