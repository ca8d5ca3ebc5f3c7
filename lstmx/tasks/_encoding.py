"""What a step of labelled sequences reads: scaled values, flags of missing ones, tokens.

Kept apart from the batches of a task, for predictions on other arrays.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lstmx import checks
from lstmx.data.arrays import Labelled, Part
from lstmx.tasks import _common

SCALINGS = ("none", "standard")
MISSING = ("refuse", "flags")


@dataclass(frozen=True)
class Options:
    """How labelled sequences become batches; checks itself when made.

    Attributes:
        batch_size: sequences of a batch.
        split: train, valid or test.
        epochs: whether train goes through its sequences in epochs, by the step; else it samples
            them by the key.
        scaling: "none" or "standard", by mean and standard deviation of train; targets that are
            numbers are scaled, too.
        missing: "refuse" missing values, or add "flags": inputs are, per feature, the value (0
            where missing) and 1 or 0 for observed or not.
        class_weights: weight of each class in the loss of train; () is 1.
        balanced: whether these weights are in inverse proportion to the classes in train.
        buckets: of train, see `lstmx/tasks/_buckets.py`; 1 pads every batch to the longest.
    """

    batch_size: int = 32
    split: str = "train"
    epochs: bool = True
    scaling: str = "none"
    missing: str = "refuse"
    class_weights: tuple[float, ...] = ()
    balanced: bool = False
    buckets: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown choice, a size below 1, or weights given twice."""
        _common.check_split(self.split)
        checks.one_of("scaling", self.scaling, SCALINGS)
        checks.one_of("missing", self.missing, MISSING)
        checks.sizes(1, batch_size=self.batch_size, buckets=self.buckets)
        if self.buckets > 1 and not self.epochs:
            raise ValueError("buckets go through train in epochs; expected epochs=True")
        if self.balanced and self.class_weights:
            raise ValueError("balanced=True computes class_weights; expected one of both")


class Scale(NamedTuple):
    """A shift and a scale for each feature: x' = (x - shift) / scale."""

    shift: np.ndarray
    scale: np.ndarray


class Encoder(NamedTuple):
    """From arrays to what a model reads, and from what it returns to the units of the targets.

    Attributes:
        inputs: scale of the values; None for tokens.
        outputs: scale of the targets; None for classes.
        flags: whether inputs have a flag beside each value.
        in_features: size of the inputs, the number of tokens for tokens.
    """

    inputs: Scale | None
    outputs: Scale | None
    flags: bool
    in_features: int

    def encoded(self, what: str, part: Part) -> np.ndarray:
        """The inputs [N, T, X] or tokens [N, T] of a part, 0 at padding.

        Raises:
            ValueError: missing values where they are refused, or tokens that train has not.
        """
        values, mask = part.values, part.mask
        if self.inputs is None:
            if (most := int(values.max())) >= self.in_features:
                raise ValueError(f"{what}: token {most}; expected 0 to {self.in_features - 1}")
            return np.where(mask, values, 0)
        observed = np.isfinite(values) & mask[..., None]
        if not self.flags and (absent := mask[..., None] & ~observed).any():
            row, step, column = (int(place[0]) for place in np.nonzero(absent))
            raise ValueError(
                f"{what}: sequence {row} has no value at step {step} of feature {column}; fill it, "
                "or set missing='flags'"
            )
        scaled = (values.astype(np.float64) - self.inputs.shift) / self.inputs.scale
        scaled = np.where(observed, scaled, 0.0).astype(np.float32)
        if not self.flags:
            return scaled
        both = np.stack([scaled, observed.astype(np.float32)], axis=-1)
        return both.reshape(*values.shape[:2], -1)


def encoder(labelled: Labelled, options: Options, tokens: int = 0) -> Encoder:
    """The encoder that train determines.

    Args:
        labelled: all parts.
        options: scaling and missing.
        tokens: their number; 0 is one more than the largest of all parts.
    """
    train, flags = labelled.parts["train"], options.missing == "flags"
    outputs = None
    if labelled.classes is None:
        targets = train.targets
        rows = targets[train.mask] if targets.ndim == 3 else targets
        outputs = _scale(rows, options.scaling)
    if train.values.ndim == 2:
        most = 1 + max(int(part.values.max()) for part in labelled.parts.values())
        return Encoder(None, outputs, False, tokens or most)
    inputs = _scale(train.values[train.mask], options.scaling)
    return Encoder(inputs, outputs, flags, train.values.shape[2] * (1 + flags))


def scaled(targets: np.ndarray, scale: Scale | None) -> np.ndarray:
    """Targets in the units of the model: numbers after scaling, classes as they are."""
    if scale is None:
        return targets
    return ((targets.astype(np.float64) - scale.shift) / scale.scale).astype(np.float32)


def _scale(rows: np.ndarray, scaling: str) -> Scale:
    """Mean and standard deviation of the columns of rows [M, X]; 0 and 1 without scaling."""
    columns = rows.shape[1]
    if scaling == "none":
        return Scale(np.zeros(columns), np.ones(columns))
    known = np.isfinite(rows)
    numbers = np.maximum(known.sum(0), 1)
    exact = np.where(known, rows, 0.0).astype(np.float64)
    shift = exact.sum(0) / numbers
    spread = np.sqrt((np.where(known, exact - shift, 0.0) ** 2).sum(0) / numbers)
    return Scale(shift, np.where(spread > 0, spread, 1.0))
