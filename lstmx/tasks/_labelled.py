"""Tasks of stored labelled sequences: classes or numbers, one a sequence or one a step."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.data.arrays import Labelled, Part
from lstmx.tasks import _buckets, _common, _epochs
from lstmx.tasks._encoding import Options, encoder, scaled
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

SPLIT_SEED = 0
"""Which sequences are held out must not depend on the seed of a run."""


def make(
    labelled: Labelled,
    options: Options,
    *,
    files: dict[str, str] | None = None,
    tokens: int = 0,
    references: dict[str, float] | None = None,
) -> Task:
    """The task of one split.

    Args:
        labelled: all parts; train determines scales, class weights and the baseline.
        options: of the task.
        files: name -> sha256 of the data files.
        tokens: size of the vocabulary.
        references: metrics of other predictors.

    Raises:
        ValueError: a split that is not there, one class only, more weights than classes, or as
            `Encoder.encoded`.
    """
    split, batch_size, classes = options.split, options.batch_size, labelled.classes
    if split not in labelled.parts:
        known = ", ".join(labelled.parts)
        raise ValueError(f"split={split!r} is not part of the data; expected one of {known}")
    if classes is not None and len(classes) < 2:
        raise ValueError(f"the data has one class, {classes.tolist()[0]!r}; expected at least two")
    part, train = labelled.parts[split], labelled.parts["train"]
    known_as = encoder(labelled, options, tokens)
    weights = class_weights(labelled, options) if split == "train" else None
    count, steps = part.mask.shape
    every = part.targets.ndim == (2 if classes is not None else 3)
    sampled, shuffled = split == "train" and not options.epochs, split == "train" and options.epochs
    if shuffled and batch_size > count:
        raise ValueError(f"batch_size={batch_size}; expected at most the {count} of an epoch")
    num_batches = count // batch_size if shuffled else -(-count // batch_size)

    ends = part.mask if every else last_steps(part.mask)
    targets = scaled(part.targets, known_as.outputs)
    stored = Stored(known_as.encoded(split, part), targets, part.mask, ends, every)
    taken = reader(stored)

    def plain(key: Key, step: Array | int) -> Batch:
        exists = jnp.ones(batch_size, bool)
        if sampled:
            index = jax.random.randint(_common.split_key(key, split), (batch_size,), 0, count)
        else:
            at = jnp.asarray(step) % num_batches if shuffled else step
            index, exists = _common.rows(at, batch_size, count)
            if shuffled:
                index = _epochs.order(jnp.asarray(step) // num_batches, index, count)
        return taken(index, exists)

    batch: _buckets.Batches = plain
    buckets: tuple[_buckets.Batches, ...] = ()
    epoch = num_batches
    if shuffled and options.buckets > 1:
        lengths = np.argmax(last_steps(part.mask), axis=1) + 1
        parts = _buckets.cut(lengths, options.buckets, batch_size)
        places = _buckets.places(parts, batch_size)
        own = (stored.part(rows, int(lengths[rows].max())) for rows in parts)
        buckets = tuple(map(_bucketed, own, places))
        batch, epoch = _buckets.whole(buckets), _buckets.epoch(parts, batch_size)

    is_classes = classes is not None
    about = TaskSpec(
        in_features=known_as.in_features,
        out_features=len(classes) if classes is not None else part.targets.shape[-1],
        length=steps,
        batch_size=batch_size,
        metric="accuracy" if is_classes else "mse",
        maximize=is_classes,
        baseline=_accuracy(part, train) if is_classes else _error(part, train),
        references=references or {},
        inputs="token" if known_as.inputs is None else "vector",
        num_batches=None if sampled else epoch,
        files=files or {},
        maximized=("accuracy", "balanced_accuracy") if is_classes else (),
    )
    if is_classes:
        shares = _inverse(part, about.out_features)
        classified = lambda y, batch: _classified(y, batch, weights, shares)
        return Task(about, batch, classified, buckets=buckets)
    scale = jnp.asarray(known_as.outputs.scale if known_as.outputs else 1.0, jnp.float32)
    return Task(about, batch, lambda y, batch: _regressed(y, batch, scale), buckets=buckets)


class Stored(NamedTuple):
    """N sequences as batches have them.

    Attributes:
        inputs: [N, T, X] or [N, T].
        targets: [N, ...] of each sequence, or [N, T, ...] of every step.
        mask: [N, T].
        judged: [N, T], the steps with a weight.
        every: whether targets are of every step.
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    judged: np.ndarray
    every: bool

    def part(self, rows: np.ndarray, steps: int) -> "Stored":
        """Some of the sequences, their first steps."""
        inputs, mask, judged = (a[rows][:, :steps] for a in (self.inputs, self.mask, self.judged))
        targets = self.targets[rows][:, :steps] if self.every else self.targets[rows]
        return Stored(inputs, targets, mask, judged, self.every)


def reader(stored: Stored) -> Callable[[Array, Array], Batch]:
    """A function (index [B], exists [B]) -> batch of these sequences, empty where none exists."""
    steps = stored.mask.shape[1]
    inputs, stored_targets, mask, judged = (jnp.asarray(array) for array in stored[:4])
    wide = lambda flags, like: flags[..., None] if like.ndim == 3 else flags

    def batch(index: Array, exists: Array) -> Batch:
        here, ends = mask[index] & exists[:, None], judged[index] & exists[:, None]
        targets = stored_targets[index] if stored.every else stored_targets[index][:, None]
        return Batch(
            inputs=jnp.where(wide(here, inputs), inputs[index], 0),
            targets=jnp.where(wide(ends, targets), targets, 0),
            weights=jnp.asarray(ends, jnp.float32),
            mask=here,
            resets=_common.initial_resets(len(index), steps),
        )

    return batch


def _bucketed(stored: Stored, place: _buckets.Place) -> _buckets.Batches:
    """The batch function of a bucket."""
    taken = reader(stored)
    return lambda key, step: taken(*place(jnp.asarray(step)))


def last_steps(mask: np.ndarray) -> np.ndarray:
    """[N, T] True at the last True of each row of a mask [N, T]."""
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    return np.arange(mask.shape[1]) == last[:, None]


def class_weights(labelled: Labelled, options: Options) -> np.ndarray | None:
    """The weight of each class in the loss, [C]; None for 1.

    Balanced weights are n / (C n_c) with n_c of the n labels of train: every class counts alike,
    and the mean weight of a label is 1.

    Raises:
        ValueError: weights for numbers, another number of weights than classes, a weight that is
            not above 0.
    """
    if not options.balanced and not options.class_weights:
        return None
    if labelled.classes is None:
        raise ValueError("class_weights and balanced are for classes, and the targets are numbers")
    if options.balanced:
        return _inverse(labelled.parts["train"], len(labelled.classes))
    if len(options.class_weights) != len(labelled.classes):
        raise ValueError(
            f"{len(options.class_weights)} class_weights for {len(labelled.classes)} classes; "
            "expected one for each, in the order of the labels"
        )
    for weight in options.class_weights:
        checks.number("class_weights", weight, above=0.0)
    return np.asarray(options.class_weights, np.float32)


def labels(part: Part) -> np.ndarray:
    """The targets that count: of every sequence, or of every step that exists."""
    targets = part.targets
    every = targets.ndim == (2 if targets.dtype == np.int32 else 3)
    return targets[part.mask] if every else targets


def check_held_out(file: str, test_file: str, valid: float, test: float) -> None:
    """Raises ValueError for a file of test alone, or for parts that leave nothing to train on."""
    checks.rate("valid_fraction", valid)
    checks.rate("test_fraction", test)
    if test_file and not file:
        raise ValueError(f"test_file={test_file!r} needs a file to train on")
    if valid + test >= 1:
        raise ValueError(f"valid_fraction={valid} and test_fraction={test}: expected a sum below 1")


def divided(
    keys: np.ndarray, valid: float, test: float, seed: int = SPLIT_SEED
) -> dict[str, np.ndarray]:
    """Indices of train, valid and test: of every class these fractions, in a random order."""
    rng = np.random.default_rng(seed)
    chosen: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    for key in np.unique(keys):
        order = rng.permutation(np.flatnonzero(keys == key))
        tested = round(test * len(order))
        held = tested + round(valid * (len(order) - tested))
        for split, rows in zip(("test", "valid", "train"), np.split(order, [tested, held])):
            chosen[split].append(rows)
    return {split: np.sort(np.concatenate(rows)) for split, rows in chosen.items()}


def _inverse(part: Part, count: int) -> np.ndarray:
    """n / (C n_c) of each of `count` classes, [C] float32; 1 for one that does not occur."""
    numbers = np.bincount(labels(part), minlength=count)
    present = np.maximum(numbers, 1)
    values = numbers.sum() / (np.count_nonzero(numbers) * present)
    return np.where(numbers > 0, values, 1.0).astype(np.float32)


def _classified(
    outputs: Array, batch: Batch, weights: np.ndarray | None, shares: np.ndarray
) -> Metrics:
    """Cross entropy, accuracy, and the mean of the classes' accuracies (exact over a split)."""
    nll = _common.cross_entropy(outputs, batch.targets)
    hits = _common.correct(outputs, batch.targets)
    factor = 1.0 if weights is None else jnp.asarray(weights)[batch.targets]
    return {
        "loss": _common.weighted(nll, batch.weights * factor),
        "accuracy": _common.weighted(hits, batch.weights),
        "balanced_accuracy": _common.weighted(
            hits, batch.weights * jnp.asarray(shares)[batch.targets]
        ),
    }


def _regressed(outputs: Array, batch: Batch, scale: Array) -> Metrics:
    """The squared error after scaling; "mse" and "mae" in the units of the targets."""
    error = outputs - batch.targets
    over = lambda values: _common.weighted(values, batch.weights[..., None])
    return {
        "loss": over(jnp.square(error)),
        "mse": over(jnp.square(error * scale)),
        "mae": over(jnp.abs(error * scale)),
    }


def _accuracy(part: Part, train: Part) -> float:
    """The accuracy of the label that is most frequent in train."""
    return float(np.mean(labels(part) == np.argmax(np.bincount(labels(train)))))


def _error(part: Part, train: Part) -> float:
    """The squared error of the mean of train."""
    rows = labels(part).astype(np.float64)
    return float(np.mean((rows - labels(train).astype(np.float64).mean(0)) ** 2))
