"""The 8x8 digits that scikit-learn carries: images without any download. Alpaydin & Kaynak 1998."""

from importlib import resources
from typing import NamedTuple

import numpy as np

from lstmx.data import fetch

FRACTIONS = {"test": 0.2, "valid": 0.1}


class Digits(NamedTuple):
    """Labelled 8x8 images.

    Attributes:
        pixels: [1797, 8, 8] uint8, 0 ... 16.
        labels: [1797] int32.
        files: name -> sha256 of the file read.
    """

    pixels: np.ndarray
    labels: np.ndarray
    files: dict[str, str]


def load() -> Digits:
    """All 1797 digits, in the order of scikit-learn."""
    from sklearn import datasets  # slow to import, and only this function needs it

    found = datasets.load_digits()
    name = "digits.csv.gz"
    with resources.as_file(resources.files("sklearn.datasets.data") / name) as place:
        files = {name: fetch.sha256(place)}
    return Digits(found.images.astype(np.uint8), found.target.astype(np.int32), files)


def split(labels: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Indices of train, valid and test: each class shuffled, then cut 70 / 10 / 20.

    The digits come without a split, and neighbours in the file have one writer, so that a
    contiguous cut is a different, harder question (logistic regression: 90 % instead of 96 %).
    """
    random = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        for part, fraction in FRACTIONS.items():
            size = round(fraction * np.sum(labels == label))
            parts[part].append(members[:size])
            members = members[size:]
        parts["train"].append(members)
    return {part: np.sort(np.concatenate(indices)) for part, indices in parts.items()}
