"""The 8x8 digits of scikit-learn: images without a download. Alpaydin & Kaynak 1998."""

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

    bunch = datasets.load_digits()
    name = "digits.csv.gz"
    with resources.as_file(resources.files("sklearn.datasets.data") / name) as place:
        files = {name: fetch.sha256(place)}
    return Digits(bunch.images.astype(np.uint8), bunch.target.astype(np.int32), files)


def split(labels: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Indices of train, valid and test: each class shuffled, then cut 70 / 10 / 20.

    The digits have no official split, and neighbors in the file are by the same writer, so that a
    contiguous split is a different, harder task (logistic regression: 90 % instead of 96 %).
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
