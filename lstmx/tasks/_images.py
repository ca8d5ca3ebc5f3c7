"""The parts of image corpora: which images are train, valid and test."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from lstmx.data import cifar10, digits, mnist

BRIGHTEST = {"digits": 16.0, "mnist": 255.0, "cifar10": 255.0}
"""The largest pixel value of every source."""
LOADERS: Mapping[str, Callable[[str], mnist.Images | cifar10.Images]] = {
    "mnist": mnist.load,
    "cifar10": cifar10.load,
}
"""Corpora that come as train and test."""
VALID = 5000  # of their 60 000 and 50 000 training images


class Parts(NamedTuple):
    """A corpus as sequences of pixels.

    Attributes:
        pixels: part -> [N, P, C] uint8; train, the part asked for, and maybe others.
        labels: part -> [N] int32.
        files: name -> sha256 of the files read.
    """

    pixels: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    files: dict[str, str]


def load(source: str, split: str, valid: int | None = None) -> Parts:
    """Train and the split asked for of "digits", "mnist" or "cifar10".

    Args:
        source: which corpus.
        split: train, valid or test.
        valid: how many images, the last ones, train leaves to valid; None for the usual number.

    Raises:
        ValueError: a number that does not fit, an empty split, a file missing or wrong.
    """
    if split == "valid" and valid == 0:
        raise ValueError("split='valid' has no images with valid=0; expected train or test")
    if source == "digits":
        return _digits(valid)
    train = LOADERS[source]("train")
    pixels, labels, files = _flat(train.pixels), train.labels, dict(train.files)
    held_out = VALID if valid is None else valid
    if not 0 <= held_out < len(labels):
        raise ValueError(f"valid={held_out}; expected 0 to {len(labels) - 1} of train")
    cut = len(labels) - held_out
    parts = Parts(
        {"train": pixels[:cut], "valid": pixels[cut:]},
        {"train": labels[:cut], "valid": labels[cut:]},
        files,
    )
    if split == "test":
        test = LOADERS[source]("test")
        parts.pixels["test"], parts.labels["test"] = _flat(test.pixels), test.labels
        files |= test.files
    return parts


def moments(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation [C] of the pixels [N, P, C] uint8, by counts: 1 GB of floats less."""
    values = np.arange(256.0)
    counts = [np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(pixels, -1, 0)]
    mean = np.array([np.average(values, weights=count) for count in counts])
    square = [np.average((values - m) ** 2, weights=count) for m, count in zip(mean, counts)]
    return mean.astype(np.float32), np.sqrt(square).astype(np.float32)


def _digits(valid: int | None) -> Parts:
    """Our split of the digits; valid=0 gives the images of valid to train."""
    found = digits.load()
    pixels, indices = _flat(found.pixels), digits.split(found.labels)
    held_out = len(indices["valid"])
    if valid not in (None, 0, held_out):
        raise ValueError(f"valid={valid}; expected {held_out} or 0, for digits have a split")
    if valid == 0:
        indices["train"] = np.sort(np.concatenate([indices["train"], indices.pop("valid")]))
    return Parts(
        {part: pixels[index] for part, index in indices.items()},
        {part: found.labels[index] for part, index in indices.items()},
        found.files,
    )


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Images [N, rows, columns] or [N, rows, columns, C] in scan-line order, [N, P, C]."""
    channels = pixels.shape[3] if pixels.ndim == 4 else 1
    return pixels.reshape(len(pixels), -1, channels)
