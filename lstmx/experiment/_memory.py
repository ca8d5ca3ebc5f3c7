"""Whether a group of runs can fit into memory at all, told from shapes before anything is made."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax

from lstmx import machine, planner, precision, tables
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
"""What memory is needed for -> the keys of a config that it hangs on, of which some may be absent.
"""
STEP = 6
"""Bytes of a step in a batch at least: a token or a number, its mask and its reset."""
LOGGED = 24
"""Bytes that a step leaves for the log at least: loss, norm of the gradients and whether they are
finite, each a sum and a count."""
EVALUATED = 12
"""Bytes of every batch of an evaluation at least: its number, and sum and count of the loss."""


@contextlib.contextmanager
def countable() -> Iterator[None]:
    """Tracing in which a size that int32 does not hold is a ValueError of one line."""
    try:
        yield
    except OverflowError as error:
        said = str(error).splitlines()[0]
        raise ValueError(f"options of the task or the model are too large: {said}") from error


def check_batch(options: Mapping[str, Any]) -> None:
    """Refuse a task's batches that surely do not fit, before the task is made.

    Some tasks count or draw on the host when they are made, which would take for ever.

    Args:
        options: of the task; without a batch size or a length nothing is known.

    Raises:
        ValueError: one line with the bytes needed and there.
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


def check_memory(exp: "Experiment", config: Any, replicas: int = 1) -> None:
    """Refuse a group of runs that surely does not fit.

    What is counted is there at the same time, however the program is compiled: the train states
    of all replicas, and what one of them needs to train or to evaluate. Activations are not
    counted, so a group that passes may still be too large (`lstmx.plan_memory` tells).

    Args:
        exp: what the config was built to.
        config: of one run of the group.
        replicas: number of runs of the group.

    Raises:
        ValueError: one line with the bytes needed and there, and the sizes to make smaller.
    """
    cpu = jax.devices()[0].platform == "cpu"
    room = machine.memory(swap=True) if cpu else planner.available()
    needed = least_memory(exp, config)
    # Replicas, and the rows of a batch, are shared by the devices; cores share one memory.
    shares = jax.process_count() if cpu else jax.device_count()
    kept = sum(needed[part] for part in ("parameters", "optimizer", "recurrent state"))
    training = needed["gradients"] + needed["log"] + needed["batch"] / shares
    least = kept * replicas / shares + max(training, needed["evaluation"])
    if least <= room:
        return
    largest = max(needed, key=lambda part: needed[part])
    given = {key: _at(config, key) for key in SIZES[largest]}
    shown = " or ".join(f"{key}={value}" for key, value in given.items() if value)
    many = f"{replicas} replicas need" if replicas > 1 else "this run needs"
    raise ValueError(
        f"{many} at least {tables.size(least)} of memory, with "
        f"{tables.size(needed[largest])} for the {largest}{' of each' * (replicas > 1)}, and "
        f"{tables.size(room)} are available; expected a smaller {shown or 'model'}"
        + " or fewer replicas at a time"
        * (replicas > 1)
    )


def least_memory(exp: "Experiment", config: Any) -> dict[str, int]:
    """What one run needs at least, told from shapes: part of `SIZES` -> bytes."""
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


def _at(config: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key; None where a section has no such option."""
    found: Any = config
    for part in key.split("."):
        if part not in found:
            return None
        found = found[part]
    return found
