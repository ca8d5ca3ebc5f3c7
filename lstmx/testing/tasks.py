"""Checks of a task, of lstmx or of another package.

from lstmx.testing.tasks import check_task
check_task(my_lab.tasks.bouncing.task(batch_size=4))
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.embeddings import Coded
from lstmx.testing.cells import QUICKLY
from lstmx.types import Array, Batch, Inputs, Mean, Metrics, Task

SHARDS_RTOL = 1e-4  # float32 sums in another order


def check_task(task: Task, seed: int = 0) -> None:
    """Check the properties that all tasks have.

    Its batches agree with its spec, are pure, and work under jit and vmap; weights, mask and resets
    agree with each other; its loss is finite, independent of padding and a sum over examples. A
    bucket's batch is the beginning of that of the task, which has no step beyond it.

    Raises:
        AssertionError: the first property that the task lacks, and what was expected.
    """
    key, other, key_outputs = jax.random.split(jax.random.key(seed), 3)
    shape = (task.spec.batch_size, task.spec.length, task.spec.out_features)
    outputs = np.asarray(jax.random.normal(key_outputs, shape))
    make, measure = (
        jax.jit(function, compiler_options=QUICKLY) for function in (task.batch, _measured(task))
    )
    batch = jax.device_get(make(key, 0))
    _check_spec(task)
    _check_shapes(task, batch)
    _check_marks(batch)
    _check_keys(task, batch, key, other)
    _check_loss(task, measure(outputs, batch))
    if task.buckets:
        _check_buckets(task, key)
    if task.spec.num_batches is not None:
        last = jax.device_get(make(key, task.spec.num_batches - 1))
        _require(bool(np.any(last.mask)), "the last batch has no step; num_batches is too large")
        _check_loss(task, measure(outputs, last))


def _check_spec(task: Task) -> None:
    spec = task.spec
    for name in ("in_features", "out_features", "length", "batch_size"):
        size = getattr(spec, name)
        _require(size >= 1, f"spec.{name}={size}; expected at least 1")
    kinds = ("vector", "token")
    _require(spec.inputs in kinds, f"spec.inputs={spec.inputs!r}; expected vector or token")
    _require(bool(np.isfinite(spec.baseline)), f"spec.baseline={spec.baseline}; expected a number")
    if spec.solved is not None:
        better = spec.solved > spec.baseline if spec.maximize else spec.solved < spec.baseline
        _require(better, f"spec.solved={spec.solved} is no better than baseline={spec.baseline}")


def _check_shapes(task: Task, batch: Batch) -> None:
    spec, plain = task.spec, (task.spec.batch_size, task.spec.length)
    width = spec.in_features - sum(table.features for table in spec.tables)
    _require(
        isinstance(batch.inputs, Coded) == bool(spec.tables),
        f"spec.tables={spec.tables} and inputs of type {type(batch.inputs).__name__}; expected "
        "lstmx.embeddings.Coded for tables, and for them only",
    )
    if isinstance(batch.inputs, Coded):
        for table, codes in zip(spec.tables, jnp.moveaxis(batch.inputs.codes, -1, 0), strict=True):
            _check_range(f"codes of {table.name}", codes, table.rows)
        batch = batch._replace(inputs=batch.inputs.values)
    if isinstance(batch.inputs, Inputs):
        batch = batch._replace(inputs=batch.inputs.values)
    classes = jnp.issubdtype(batch.targets.dtype, jnp.integer)
    wide = (*plain, spec.out_features)
    expected = {
        "inputs": [plain] if spec.inputs == "token" else [(*plain, width)],
        "targets": [plain] if classes else [wide],
        "weights": [plain] if classes else [plain, wide],
        "mask": [plain],
        "resets": [plain],
    }
    if isinstance(batch.inputs, Mapping):  # of several parts, as an encoder and a decoder read
        del expected["inputs"]
        for name, part in batch.inputs.items():
            rows = part.shape[:1]
            _require(rows == plain[:1], f"inputs.{name} have {rows} rows; expected {plain[:1]}")
    for name, shapes in expected.items():
        shape = getattr(batch, name).shape
        _require(shape in shapes, f"{name} have shape {shape}; expected {shapes[-1]}")
    for name in ("mask", "resets"):
        dtype = getattr(batch, name).dtype
        _require(jnp.issubdtype(dtype, jnp.bool_), f"{name} are {dtype}; expected bool")
    if spec.inputs == "token" and not isinstance(batch.inputs, Mapping):
        _check_range("input tokens", batch.inputs, spec.in_features)
    if classes:
        _check_range("target classes", batch.targets, spec.out_features)


def _check_range(what: str, values: Array, size: int) -> None:
    integers = bool(jnp.issubdtype(values.dtype, jnp.integer))
    _require(integers, f"{what} are {values.dtype}, not integer")
    low, high = int(values.min()), int(values.max())
    within = low >= 0 and high < size
    _require(within, f"{what} reach from {low} to {high}; expected 0 to {size - 1}")


def _check_marks(batch: Batch) -> None:
    weights, mask = np.asarray(batch.weights), np.asarray(batch.mask)
    _require(bool(np.all(weights >= 0) and np.all(np.isfinite(weights))), "a weight is not >= 0")
    _require(bool(np.any(weights > 0)), "the first batch has no weight at all")
    padding = weights[~mask]
    _require(bool(np.all(padding == 0)), "a step with mask False has a weight; expected 0")
    first = np.asarray(batch.resets)[:, 0]
    _require(bool(np.all(first)), "resets[:, 0] of batch 0 must be True: no state comes before it")
    for name in ("inputs", "targets"):
        leaves = jax.tree.leaves(getattr(batch, name))
        _require(all(np.all(np.isfinite(a)) for a in leaves), f"{name} are not finite")


def _check_buckets(task: Task, key: Array) -> None:
    count = len(task.buckets)

    def ask(key: Array, turn: int) -> list[tuple[Batch, Batch]]:
        steps = (count * turn + n for n in range(count))
        return [(one(key, n), task.batch(key, n)) for one, n in zip(task.buckets, steps)]

    for number, (own, whole) in enumerate(
        jax.device_get(jax.jit(ask, compiler_options=QUICKLY)(key, 1))
    ):
        cut = jax.tree.map(lambda w, o: w[:, : o.shape[1]], whole, own)
        _require(_same(own, cut), f"bucket {number} has another batch than the task")
        rest = whole.mask[:, own.mask.shape[1] :]
        _require(not rest.any(), f"bucket {number} is cut before the end of a sequence")


def _check_keys(task: Task, batch: Batch, key: Array, other: Array) -> None:
    keys = jnp.stack([key, key, other])
    sample = jax.jit(jax.vmap(task.batch, (0, None)), compiler_options=QUICKLY)
    many = jax.device_get(sample(keys, 0))
    one, again, two = (jax.tree.map(lambda leaf, i=i: leaf[i], many) for i in range(3))
    _require(_same(one, again), "the same key gave two different batches")
    _require(_same(one, batch), "batch under vmap over keys differs from batch alone")
    if task.spec.num_batches is None:
        _require(not _same(one, two), "two keys gave the same batch of an endless split")
    else:
        _require(_same(one, two), "a split that num_batches covers must not depend on the key")


def _measured(task: Task) -> Callable[[Array, Batch], tuple[Metrics, Metrics, Metrics]]:
    """(outputs, batch) -> metrics; with other outputs in the padding; added up over two shards."""
    cut = task.spec.batch_size // 2

    def measure(outputs: Array, batch: Batch) -> tuple[Metrics, Metrics, Metrics]:
        spoilt = jnp.where(batch.mask[..., None], outputs, 1e6)
        shards = [
            task.loss(outputs[part], jax.tree.map(lambda leaf, part=part: leaf[part], batch))
            for part in ([slice(cut), slice(cut, None)] if cut else [slice(None)])
        ]
        added = shards[0] if len(shards) == 1 else jax.tree.map(jnp.add, *shards)
        return task.loss(outputs, batch), task.loss(spoilt, batch), added

    return measure


def _check_loss(task: Task, measured: tuple[Metrics, Metrics, Metrics]) -> None:
    metrics, spoilt, added = measured
    for name in ("loss", task.spec.metric):
        names = ", ".join(metrics)
        is_mean = isinstance(metrics.get(name), Mean)
        _require(is_mean, f"loss returns no Mean named {name!r}, but {names}")
    for name, mean in metrics.items():
        scalars = np.shape(mean.total) == () == np.shape(mean.count)
        _require(scalars, f"{name} is not a pair of scalars")
        _require(bool(np.isfinite(mean.total) and np.isfinite(mean.count)), f"{name} is not finite")
    _check_equal(metrics, spoilt, "outputs at padded steps change")
    _check_equal(metrics, added, "adding up two shards changes")


def _check_equal(metrics: Metrics, others: Metrics, what: str) -> None:
    for name, mean in metrics.items():
        for part, one, two in zip(Mean._fields, mean, others[name]):
            close = np.allclose(one, two, rtol=SHARDS_RTOL, atol=1e-5)
            _require(close, f"{what} {name}.{part} from {float(one)} to {float(two)}")


def _same(one: Batch, two: Batch) -> bool:
    # Another key changes whole numbers; another compilation changes the last bits.
    return all(
        np.allclose(a, b, rtol=1e-6, atol=1e-6) for a, b in zip(*map(jax.tree.leaves, (one, two)))
    )


def _require(true: bool, line: str) -> None:
    if not true:
        raise AssertionError(line)
