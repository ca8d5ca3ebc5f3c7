"""The least memory of a group of runs, computed from shapes before any array is made."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax

from lstmx import machine, planner, precision, tables
from lstmx.config import ConfigDict
from lstmx.constants import split_constants

if TYPE_CHECKING:
    from lstmx.experiment import Experiment

WIDE = ("model.cell.hidden_size", "model.hidden_sizes", "model.layers")
SIZES = {
    "parameters": WIDE,
    "optimizer": WIDE,
    "gradients": WIDE,
    "recurrent state": (*WIDE, "task.batch_size"),
    "batch": ("task.batch_size", "task.length"),
    "log": ("log_every",),
    "evaluation": ("eval_batches",),
}
"""Part of the memory -> the keys of a config that it depends on; a config may lack some of them."""
STEP = 6
"""Least bytes of a step of a batch: a token or a number, its mask and its reset."""
LOGGED = 24
"""Least bytes of an update in the log: loss, norm of the gradients and whether they are finite, a
sum and a count each."""
EVALUATED = 12
"""Least bytes of a batch of an evaluation: its number, and sum and count of the loss."""


@contextlib.contextmanager
def countable() -> Iterator[None]:
    """A context in which tracing with a size beyond int32 raises a ValueError of one line."""
    try:
        yield
    except OverflowError as error:
        message = str(error).splitlines()[0]
        raise ValueError(f"options of the task or the model are too large: {message}") from error


def check_batch(options: Mapping[str, Any]) -> None:
    """Refuse batches of a task that cannot fit into memory, before the task is made.

    Some tasks count or sample on the host when they are made, which would never end.

    Args:
        options: of the task; without a batch size or a length nothing is checked.

    Raises:
        ValueError: one line with the bytes that are needed and those that are available.
    """
    rows, steps = options.get("batch_size"), options.get("length")
    if not isinstance(rows, int) or not isinstance(steps, int):
        return
    least, room = STEP * rows * steps, machine.memory(swap=True)
    if least > room:
        raise ValueError(
            f"task.batch_size={rows} with task.length={steps}: a batch needs at least "
            f"{tables.size(least)} of memory, and {tables.size(room)} are available; expected "
            "smaller sizes"
        )


def check_memory(exp: "Experiment", config: ConfigDict, replicas: int = 1) -> None:
    """Refuse a group of runs that cannot fit into memory.

    Only what is in memory at the same time, however the program is compiled, is counted: the train
    states of all replicas, and what one of them needs for training or evaluation. Activations are
    not counted, so that a group which passes may still be too large (see `lstmx.plan_memory`).

    Args:
        exp: the experiment of the config.
        config: of one run of the group.
        replicas: number of runs of the group.

    Raises:
        ValueError: one line with the bytes that are needed and those that are available, and the
            sizes to reduce.
    """
    cpu = jax.devices()[0].platform == "cpu"
    room = machine.memory(swap=True) if cpu else planner.available()
    needed = least_memory(exp, config)
    # Devices divide the replicas and the rows of a batch among them. On a CPU they may be several
    # too, but those of one process share its memory.
    shares = jax.process_count() if cpu else jax.device_count()
    states = sum(needed[part] for part in ("parameters", "optimizer", "recurrent state"))
    training = needed["gradients"] + needed["log"] + needed["batch"] / shares
    least = states * replicas / shares + max(training, needed["evaluation"])
    if least <= room:
        return
    largest = max(needed, key=lambda part: needed[part])
    sizes = {key: _at(config, key) for key in SIZES[largest]}
    settings = " or ".join(f"{key}={value}" for key, value in sizes.items() if value)
    many = f"{replicas} replicas need" if replicas > 1 else "this run needs"
    raise ValueError(
        f"{many} at least {tables.size(least)} of memory, with "
        f"{tables.size(needed[largest])} for the {largest}{' of each' * (replicas > 1)}, and "
        f"{tables.size(room)} are available; expected a smaller {settings or 'model'}"
        + " or fewer replicas at a time"
        * (replicas > 1)
    )


def least_memory(exp: "Experiment", config: ConfigDict) -> dict[str, int]:
    """The least memory of one run, computed from shapes: part of `SIZES` -> bytes."""
    with precision.scope(config.model.precision), countable():
        key = jax.random.key(0)
        state = jax.eval_shape(exp.init, dict(config.hparams), key)
        inputs = jax.eval_shape(exp.task.batch, key, 0).inputs
    trained, _ = split_constants(state.params)
    batches = [other.spec.num_batches or config.eval_batches for other in exp.evals.values()]
    return {
        "parameters": planner.size_of(state.params),
        "optimizer": planner.size_of(state.opt_state),
        "gradients": planner.size_of(trained),
        "recurrent state": planner.size_of(state.state),
        "batch": planner.size_of(inputs),
        "log": LOGGED * config.log_every,
        "evaluation": EVALUATED * max(batches),
    }


def _at(config: Mapping[str, Any], key: str) -> object:
    """The value of a dotted key; None where a section has no such option."""
    value: object = config
    for part in key.split("."):
        if not isinstance(value, Mapping | ConfigDict) or part not in value:
            return None
        value = value[part]
    return value
