"""Image corpora as sequences of pixels, divided into train, valid and test."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from lstmx.data import cifar10, digits, mnist

BRIGHTEST = {"digits": 16.0, "mnist": 255.0, "cifar10": 255.0}
"""Source -> the largest value that a pixel can have."""
LOADERS: Mapping[str, Callable[[str], mnist.Images | cifar10.Images]] = {
    "mnist": mnist.load,
    "cifar10": cifar10.load,
}
"""Sources that are published as train and test, without valid."""
VALID = 5000  # images held out of their 60 000 and 50 000 training images


class Parts(NamedTuple):
    """A corpus as sequences of pixels.

    Attributes:
        pixels: part -> [N, P, C] uint8; train, the requested part, and possibly others.
        labels: part -> [N] int32.
        files: name -> sha256 of the files read.
    """

    pixels: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    files: dict[str, str]


def load(source: str, split: str, valid: int | None = None) -> Parts:
    """The parts train and `split` of "digits", "mnist" or "cifar10".

    Args:
        source: which corpus.
        split: train, valid or test.
        valid: number of images at the end of train that form valid; None for the default.

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


def moments(parts: Parts) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation [C] of the pixels of train; counted once for the same files."""
    pixels = parts.pixels["train"]
    key = (*sorted(parts.files.items()), len(pixels))
    if not parts.files or key not in _known:
        _known[key] = _counted(pixels)
    return _known[key]


_known: dict[tuple[object, ...], tuple[np.ndarray, np.ndarray]] = {}


def _counted(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation [C] of the pixels [N, P, C] uint8."""
    values = np.arange(256.0)
    # From counts of the 256 values: the pixels of MNIST as floats would take 1 GB more.
    counts = [np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(pixels, -1, 0)]
    mean = np.array([np.average(values, weights=count) for count in counts])
    square = [np.average((values - m) ** 2, weights=count) for m, count in zip(mean, counts)]
    return mean.astype(np.float32), np.sqrt(square).astype(np.float32)


def _digits(valid: int | None) -> Parts:
    """The digits by `digits.split`; with valid=0 the images of valid belong to train."""
    images = digits.load()
    pixels, indices = _flat(images.pixels), digits.split(images.labels)
    held_out = len(indices["valid"])
    if valid not in (None, 0, held_out):
        raise ValueError(f"valid={valid}; expected {held_out} or 0: digits have a fixed split")
    if valid == 0:
        indices["train"] = np.sort(np.concatenate([indices["train"], indices.pop("valid")]))
    return Parts(
        {part: pixels[index] for part, index in indices.items()},
        {part: images.labels[index] for part, index in indices.items()},
        images.files,
    )


def _flat(pixels: np.ndarray) -> np.ndarray:
    """Images [N, rows, columns] or [N, rows, columns, C] in scan-line order, [N, P, C]."""
    channels = pixels.shape[3] if pixels.ndim == 4 else 1
    return pixels.reshape(len(pixels), -1, channels)
