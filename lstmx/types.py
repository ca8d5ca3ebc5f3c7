"""The words of lstmx as types: cells, tasks, models and what they exchange.

Axis letters: B batch, T time, X input features, H hidden, G gates, Y outputs, L layers, N replicas.
"""

import pickle
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Array = jax.Array
Key = jax.Array
Params = Mapping[str, Any]
HParams = Mapping[str, Array | float]
"""Traced hyperparameters of a config: name -> a float, or a traced scalar []."""
State = Any
"""What one step hands to the next: a NamedTuple of float arrays, batch axes leading."""
Gates = Mapping[str, Array]
Noise = Any
"""All randomness of one unroll, drawn before the scan: a pytree of arrays [B, T, ...]."""
BATCH_AXIS = "batch"
"""Name of the mesh axis over which the examples of one batch are sharded."""
REPLICA_AXIS = "replica"
"""Name of the mesh axis over which replicas are sharded."""


def no_noise(
    params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
) -> tuple[Params, Noise]:
    """The default `Cell.prepare`: parameters as they are, no noise."""
    del key, batch_shape, length
    return params, ()


class Kernel(NamedTuple):
    """What a library's own kernel computes of a cell.

    Attributes:
        parts: the cell's (project, recur, update) that the kernel stands for. A wrapper that
            replaces one of them has made another cell, which the kernel does not compute.
        weights: (params) -> (W [4 H, X], R [4 H, H], b [4 H]) with the gates in the order
            i, f, z, o.
    """

    parts: tuple[Callable[..., Any], ...]
    weights: Callable[[Params], tuple[Array, Array, Array]]


class Cell(NamedTuple):
    """The recurrence of one layer: pure functions, and never a traced argument.

    A step is `update(params, state, recur(params, state, project(params, x)), noise)`. The three
    parts are kept apart so that an engine can take the matrix products out of the loop over time:
    it may call each of them on any number of rows, those of one step or of many. So parameters
    belong to all rows, and what belongs to one example, such as a mask, travels as noise.

    A cell pickles by its origin, so that another process makes it again from name and options; a
    copy of a cell is the cell itself.

    Attributes:
        init: (key, in_features) -> params, a string-keyed dict of arrays.
        initial_state: (params, batch_shape) -> state; float leaves, `batch_shape` leading.
        project: (params, x [B, X]) -> u, the part that sees the input and no state.
        recur: (params, state, u) -> a, the pre-activations: u and the products with the state.
        update: (params, state, a, noise) -> (state, y [B, H], gates): the rest, pointwise for most.
        out_features: width H of the output y.
        gates: the names that `update` returns, post-activation.
        output: the leaf of the state that y is, such as "h"; None where y is no leaf. A wrapper
            that changes this leaf changes y too.
        prepare: (params, key, batch_shape, length) -> (params, noise); once per unroll. `key` is
            None in evaluation. Noise leaves are [B, T, ...] and reach `update` one step at a time.
        linear: (params, a) -> (decay, drive) where state' = decay * state + drive, or None.
        cudnn: for the one cell that cuDNN has a kernel for, or None.
        feature_axes: number of trailing axes of x that are no batch axes: 1, and one more for each
            axis of a map.
        origin: how the cell was made, a `registry.Origin`; None for a cell made by hand.
    """

    init: Callable[[Key, int], Params]
    initial_state: Callable[[Params, tuple[int, ...]], State]
    project: Callable[[Params, Any], Any]
    recur: Callable[[Params, State, Any], Any]
    update: Callable[[Params, State, Any, Noise], tuple[State, Array, Gates]]
    out_features: int
    gates: tuple[str, ...] = ()
    output: str | None = None
    prepare: Callable[[Params, Key | None, tuple[int, ...], int], tuple[Params, Noise]] = no_noise
    linear: Callable[[Params, Any], tuple[Any, Any]] | None = None
    cudnn: Kernel | None = None
    feature_axes: int = 1
    origin: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        # A cell that was changed by `_replace` keeps its origin, but is not what that makes.
        if self.origin is None or self.origin.make() != self:
            raise pickle.PicklingError(
                "a cell that was made or changed by hand does not pickle: its functions are local; "
                "expected one of lstmx.cells.make, which also takes the dotted name of a module of "
                "your own, or of lstmx.wrappers"
            )
        return type(self.origin).make, (self.origin,)

    def __copy__(self) -> "Cell":
        return self

    def __deepcopy__(self, memo: Any) -> "Cell":
        return self


def step(
    cell: Cell, params: Params, state: State, x: Any, noise: Noise = ()
) -> tuple[State, Array, Gates]:
    """One step of a cell: x [B, X] -> (state, y [B, H], gates). What every engine must equal."""
    u = cell.project(params, x)
    return cell.update(params, state, cell.recur(params, state, u), noise)


class Trace(NamedTuple):
    """What happened inside an unroll.

    Attributes:
        states: the state after every step; each leaf [B, T, ...].
        gates: every gate at every step; each [B, T, H].
    """

    states: State
    gates: Gates


class Unrolled(NamedTuple):
    """The result of an unroll.

    Attributes:
        outputs: [B, T, H], zero where masked.
        state: the state after the last step.
        trace: states and gates of every step, or None unless asked for (`return_trace`).
    """

    outputs: Array
    state: State
    trace: Trace | None


class Batch(NamedTuple):
    """One batch of sequence-to-sequence examples.

    Inputs, targets and weights may also be pytrees of such arrays, with B leading: the inputs of an
    encoder and of a decoder, the targets of two heads. The task's loss reads them.

    Attributes:
        inputs: [B, T, X] floats, or [B, T] integer tokens.
        targets: [B, T, Y] floats, or [B, T] integer classes.
        weights: [B, T] or [B, T, Y]; how much each step (or target) counts in the loss.
        mask: [B, T] bool; False where a step does not exist (padding, holes).
        resets: [B, T] bool; True where the state starts afresh before the step.
    """

    inputs: Any
    targets: Any
    weights: Any
    mask: Array
    resets: Array


class Mean(NamedTuple):
    """A metric on its way: add both parts over shards and batches, divide at the very end.

    Attributes:
        total: weighted sum, [].
        count: sum of the weights, [].
    """

    total: Array
    count: Array  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


Metrics = Mapping[str, Mean]


class TaskSpec(NamedTuple):
    """What a model and a report must know of a task.

    Attributes:
        in_features: width X of the inputs; the vocabulary size where inputs are tokens.
        out_features: width Y of the outputs.
        length: number of steps T of a batch.
        batch_size: number of examples B of a batch.
        metric: name of the metric by which the task is judged.
        maximize: whether more of it is better.
        baseline: the metric of the trivial predictor that the docstring derives.
        solved: the value from which the task counts as solved; None where no such line exists.
        references: further predictors to beat (seasonal naive, ...), name -> metric.
        inputs: "vector" or "token".
        num_batches: how many batches cover the split once; None for a generated, endless task.
        unit: unit of the metric for tables and figures ("nats/frame", "ppm", ...).
        files: data files that were read, name -> sha256.
        maximized: the other metrics of which more is better (accuracies); less of the rest is.
    """

    in_features: int
    out_features: int
    length: int
    batch_size: int
    metric: str
    maximize: bool
    baseline: float
    solved: float | None = None
    references: Mapping[str, float] = {}
    inputs: str = "vector"
    num_batches: int | None = None
    unit: str = ""
    files: Mapping[str, str] = {}
    maximized: tuple[str, ...] = ()


def more_is_better(metric: str, task: Mapping[str, Any]) -> bool:
    """Whether a metric of a task is one of which more is better.

    Args:
        metric: its name in the task's loss.
        task: the fields of its TaskSpec, as `_asdict` gives them or meta.json keeps them.
    """
    if metric == task["metric"]:
        return bool(task["maximize"])
    return metric in task.get("maximized", ())


def reaches(value: float, threshold: float, *, maximize: bool) -> bool:
    """Whether a value is at least, or at most, a threshold; NaN never is."""
    return value >= threshold if maximize else value <= threshold


class Task(NamedTuple):
    """A pure source of batches with its loss.

    Attributes:
        spec: see TaskSpec.
        batch: (key, step) -> Batch; pure, jit-able and vmap-able. A generated task ignores `step`.
            Where `spec.num_batches` is a number, steps 0 ... num_batches - 1 of a held-out split
            cover it exactly once, the last one filled up with steps of weight 0.
        loss: (outputs [B, T, Y] or a pytree of such, batch) -> metrics; "loss" is always among them
            and is what training minimises. Sums and counts travel apart, so that shards add up
            exactly.
    """

    spec: TaskSpec
    batch: Callable[[Key, Array | int], Batch]
    loss: Callable[[Any, Batch], Metrics]


class Model(NamedTuple):
    """Layers and what surrounds them, over plain dict parameters.

    Attributes:
        init: (key) -> params.
        initial_state: (params, batch_shape) -> state; its leaves have B leading.
        apply: (params, inputs, state, *, mask, resets, key, return_trace) ->
            (outputs [B, T, Y], state, trace); `key=None` is evaluation. Inputs and outputs may be
            pytrees, as in `Batch`.
        hidden: as `apply`, without `return_trace`, -> (outputs, state, what the readout sees
            [B, T, H]), or None where a model has no such thing to show.
        constants: (hparams) -> what is in params under `lstmx.constants.CONSTANTS`, of the values
            in hparams or, where one is missing, its default; None for a model without constants.
    """

    init: Callable[[Key], Params]
    initial_state: Callable[[Params, tuple[int, ...]], State]
    apply: Callable[..., tuple[Any, State, Any]]
    hidden: Callable[..., tuple[Any, State, Array]] | None = None
    constants: Callable[[HParams], Params] | None = None


class TrainState(NamedTuple):
    """Everything that training carries from step to step.

    Attributes:
        step: number of updates done, [] int32.
        params: model parameters.
        opt_state: state of the optimizer.
        state: recurrent state after the last batch, [B, ...] (truncated back-propagation).
    """

    step: Array
    params: Params
    opt_state: Any
    state: State
