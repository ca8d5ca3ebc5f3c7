"""The types of lstmx: cells, tasks, models and the values that they exchange.

Axis letters: B batch, T time, X input features, H hidden, G gates, Y outputs, L layers, N replicas.
"""

import pickle
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from lstmx.embeddings import Table

Array = jax.Array
Key = jax.Array
Params = Mapping[str, Any]
HParams = Mapping[str, Array | float]
"""Traced hyperparameters of a config: name -> a float, or a traced scalar []."""
State = Any
"""The state that one step passes to the next: a NamedTuple of float arrays [B, ...]."""
Gates = Mapping[str, Array]
Noise = Any
"""All random numbers of one unroll, sampled before the scan: a pytree of arrays [B, T, ...]."""
BATCH_AXIS = "lstmx.batch"
"""Mesh axis over which the examples of one batch are sharded; no name of other programs' axes."""
REPLICA_AXIS = "lstmx.replica"
"""Name of the mesh axis over which replicas are sharded."""


def no_noise(
    params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
) -> tuple[Params, Noise]:
    """The default `Cell.prepare`: returns the parameters unchanged, and no noise."""
    del key, batch_shape, length
    return params, ()


class Kernel(NamedTuple):
    """A kernel of a library, such as cuDNN, that computes a whole unroll of a cell.

    Attributes:
        step: the step that it computes; a cell with another one, as of a wrapper, it does not.
        weights: (params) -> (W [4 H, X], R [4 H, H], b [4 H]), gates in the order i, f, z, o.
    """

    step: Callable[..., Any]
    weights: Callable[[Params], tuple[Array, Array, Array]]


class Cell(NamedTuple):
    """The recurrence of one layer as pure functions; a static argument, never a traced one.

    `step` has the equations of one time step, as a paper prints them. How they are computed over
    time is the engine's decision, which finds the matrix products of a step by itself.

    A cell pickles by its origin, from which another process makes it again by name and options; a
    copy of a cell is the cell itself.

    Attributes:
        init: (key, in_features) -> params, a string-keyed dict of arrays.
        initial_state: (params, batch_shape) -> state; float leaves, `batch_shape` leading.
        step: (params, state, x [B, X], noise) -> (state, y [B, H], gates).
        out_features: size H of the output y.
        gates: the names that `step` returns, post-activation.
        output: name of the leaf of the state that equals y, such as "h", or None. A wrapper that
            changes this leaf changes y too.
        prepare: (params, key, batch_shape, length) -> (params, noise); once per unroll. `key` is
            None in evaluation. Noise leaves are [B, T, ...] and reach `step` one step at a time.
        linear: (params, x) -> (decay, drive) where state' = decay * state + drive, or None.
        cudnn: for the one cell that cuDNN has a kernel for, or None.
        feature_axes: trailing axes of x that are no batch axes: 1, and one for each axis of a map.
        origin: a `registry.Origin` with the name and options of the cell; None for a cell that is
            not from a registry.
    """

    init: Callable[[Key, int], Params]
    initial_state: Callable[[Params, tuple[int, ...]], State]
    step: Callable[..., tuple[State, Array, Gates]]
    out_features: int
    gates: tuple[str, ...] = ()
    output: str | None = None
    prepare: Callable[[Params, Key | None, tuple[int, ...], int], tuple[Params, Noise]] = no_noise
    linear: Callable[[Params, Any], tuple[Any, Any]] | None = None
    cudnn: Kernel | None = None
    feature_axes: int = 1
    origin: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        # `_replace` copies the origin to a cell that differs from the one the origin makes.
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


class Inputs(NamedTuple):
    """Inputs of one unroll with elapsed times and observation masks.

    Attributes:
        values: [B, T, X]; values that were not observed are not read and may be NaN.
        elapsed: time since the previous step, [B, T], in any unit; 1 at every step if None.
        observed: whether a value was observed, bool or 0 and 1, [B, T, X]; all of them if None.
    """

    values: Array
    elapsed: Array | None = None
    observed: Array | None = None


class Trace(NamedTuple):
    """States and gates of an unroll.

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
        trace: states and gates of every step, or None without `return_trace`.
    """

    outputs: Array
    state: State
    trace: Trace | None


class Batch(NamedTuple):
    """One batch of sequence-to-sequence examples.

    Inputs, targets and weights may also be pytrees of such arrays, such as the inputs of an encoder
    and of a decoder, or the targets of two heads, which the task's loss reads.

    Attributes:
        inputs: [B, T, X] floats, or [B, T] integer tokens.
        targets: [B, T, Y] floats, or [B, T] integer classes.
        weights: [B, T] or [B, T, Y]; weight of each step (or target) in the loss.
        mask: [B, T] bool; False where a step does not exist (padding, holes).
        resets: [B, T] bool; True where the initial state replaces the state before the step.
    """

    inputs: Any
    targets: Any
    weights: Any
    mask: Array
    resets: Array


class Mean(NamedTuple):
    """A weighted mean, not yet divided: both parts are summed over shards and batches first.

    Attributes:
        total: weighted sum, [].
        count: sum of the weights, [].
    """

    total: Array
    count: Array  # type: ignore[assignment]  # hides tuple.count


Metrics = Mapping[str, Mean]


class TaskSpec(NamedTuple):
    """Properties of a task that models, training and reports read.

    Attributes:
        in_features: size X of the inputs with vectors of tables, or of the vocabulary for tokens.
        out_features: size Y of the outputs.
        length: number of steps T of a batch.
        batch_size: number of examples B of a batch.
        metric: name of the main metric.
        maximize: whether higher values of it are better.
        baseline: the metric of the trivial predictor, derived in the task's docstring.
        solved: the value from which the task counts as solved, or None.
        references: metrics of further reference predictors (seasonal naive, ...), by name.
        inputs: "vector" or "token".
        num_batches: number of batches that cover the split once; None for a generated task.
        unit: unit of the metric for tables and figures ("nats/frame", "ppm", ...).
        files: name -> sha256 of the data files.
        maximized: names of further metrics whose higher values are better, such as accuracies.
        remarks: what was decided when the data were read, a sentence each; training prints them.
        record: what the task fitted to its data (scales, cut dates, ...), as JSON's types; it goes
            into meta.json, so that a run needs no second look at the data of training.
        tables: that the model learns, of the codes in inputs that are `lstmx.embeddings.Coded`.
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
    remarks: tuple[str, ...] = ()
    record: Mapping[str, Any] = {}
    tables: tuple[Table, ...] = ()


def more_is_better(metric: str, task: Mapping[str, Any]) -> bool:
    """Whether higher values of a metric are better; `task` holds the fields of its TaskSpec."""
    if metric == task["metric"]:
        return bool(task["maximize"])
    return metric in task.get("maximized", ())


def reaches(value: float, threshold: float, *, maximize: bool) -> bool:
    """Whether a value is at least (or at most) a threshold; False for NaN."""
    return value >= threshold if maximize else value <= threshold


class Task(NamedTuple):
    """A pure source of batches with its loss.

    Attributes:
        spec: see TaskSpec.
        batch: (key, step) -> Batch; pure, jit-able and vmap-able. A generated task ignores `step`.
            Where `spec.num_batches` is a number, steps 0 ... num_batches - 1 of a held-out split
            cover it exactly once, the last one filled up with steps of weight 0.
        loss: (outputs [B, T, Y] or a pytree of such, batch) -> metrics, among them "loss", which
            training minimises; sums and counts are separate, to be added over shards.
        buckets: for step t, `buckets[t % K]` returns what `batch` does, padded less; () is none.
        vectors: key of `spec.record` -> the `lstmx.data.vectors.Vectors` an embedding starts from.
        outputs: (apply, batch, state) -> (outputs, state), of a held-out split whose inputs are the
            model's earlier outputs; apply is (inputs, state, mask, resets) -> (outputs, state).
            None where one unroll of the inputs gives the outputs.
    """

    spec: TaskSpec
    batch: Callable[[Key, Array | int], Batch]
    loss: Callable[[Any, Batch], Metrics]
    buckets: tuple[Callable[[Key, Array | int], Batch], ...] = ()
    vectors: Mapping[str, Any] = {}
    outputs: Callable[[Callable[..., Any], Batch, State], tuple[Any, State]] | None = None


class Model(NamedTuple):
    """Layers with embedding and readout, as functions over plain dict parameters.

    Attributes:
        init: (key) -> params.
        initial_state: (params, batch_shape) -> state, a pytree of arrays [B, ...].
        apply: (params, inputs, state, *, mask, resets, key, return_trace) ->
            (outputs [B, T, Y], state, trace), or pytrees as in `Batch`; `key=None` is evaluation.
        hidden: the arguments of `apply` without `return_trace` -> (outputs, state, inputs of the
            readout [B, T, H]); None for a model without such a readout.
        constants: (hparams) -> what is in params under `lstmx.constants.CONSTANTS`, of the values
            in hparams or, where one is missing, its default; None for a model without constants.
        decoder: a `lstmx.decoding.Decoder`, of a model that writes another sequence than it reads.
        refusal: (resets [B, T] of a batch, not traced) -> why the model cannot compute it, in one
            line, or None; None for a model that can compute any.
    """

    init: Callable[[Key], Params]
    initial_state: Callable[[Params, tuple[int, ...]], State]
    apply: Callable[..., tuple[Any, State, Any]]
    hidden: Callable[..., tuple[Any, State, Array]] | None = None
    constants: Callable[[HParams], Params] | None = None
    decoder: Any = None
    refusal: Callable[[Array], str | None] | None = None


class TrainState(NamedTuple):
    """The state of training between two updates.

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
