"""The parts of image corpora: which images are train, valid and test."""

from typing import NamedTuple

import numpy as np

from lstmx.data import digits, mnist

BRIGHTEST = {"digits": 16.0, "mnist": 255.0}
"""The largest pixel value of every source."""
VALID = 5000  # of the 60 000 training images of MNIST


class Parts(NamedTuple):
    """A corpus as rows of pixels.

    Attributes:
        pixels: part -> [N, P] uint8; train, the part asked for, and maybe others.
        labels: part -> [N] int32.
        files: name -> sha256 of the files read.
    """

    pixels: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    files: dict[str, str]


def load(source: str, split: str, valid: int | None = None) -> Parts:
    """Train and the split asked for of "digits" or "mnist".

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
    train = mnist.load("train")
    pixels, labels, files = _flat(train.pixels), train.labels, dict(train.files)
    held_out = VALID if valid is None else valid
    if not 0 <= held_out < len(labels):
        raise ValueError(f"valid: got {held_out}; expected 0 to {len(labels) - 1} of train")
    cut = len(labels) - held_out
    parts = Parts(
        {"train": pixels[:cut], "valid": pixels[cut:]},
        {"train": labels[:cut], "valid": labels[cut:]},
        files,
    )
    if split == "test":
        test = mnist.load("test")
        parts.pixels["test"], parts.labels["test"] = _flat(test.pixels), test.labels
        files |= test.files
    return parts


def _digits(valid: int | None) -> Parts:
    """Our split of the digits; valid=0 gives the images of valid to train."""
    found = digits.load()
    pixels, indices = _flat(found.pixels), digits.split(found.labels)
    held_out = len(indices["valid"])
    if valid not in (None, 0, held_out):
        raise ValueError(f"valid: got {valid}; expected {held_out} or 0, for digits have a split")
    if valid == 0:
        indices["train"] = np.sort(np.concatenate([indices["train"], indices.pop("valid")]))
    return Parts(
        {part: pixels[index] for part, index in indices.items()},
        {part: found.labels[index] for part, index in indices.items()},
        found.files,
    )


def _flat(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1)
