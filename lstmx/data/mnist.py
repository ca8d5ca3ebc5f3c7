"""MNIST from its original IDX files. LeCun, Bottou, Bengio & Haffner 1998."""

import functools
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx import checks
from lstmx.data import fetch, packed

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
UNSIGNED_BYTE = 0x08  # the only element type that MNIST uses
MOST_AXES = 8
"""Upper bound of their number, which is a byte of the header; MNIST has 1 to 3."""


class Images(NamedTuple):
    """Labelled images.

    Attributes:
        pixels: [N, rows, columns] uint8.
        labels: [N] int32.
        files: name -> sha256 of the files read.
    """

    pixels: np.ndarray
    labels: np.ndarray
    files: dict[str, str]


def load(part: str, data_dir: str | os.PathLike[str] | None = None) -> Images:
    """The 60 000 images of part "train" or the 10 000 of "test", [N, 28, 28].

    Raises:
        ValueError: an unknown part, or a file that is missing (`Missing`), has a wrong checksum or
            is not an IDX file.
    """
    checks.one_of("part", part, FILES)
    places = [fetch.path("mnist", file, data_dir) for file in FILES[part]]
    files = {place.name: fetch.sha256(place) for place in places}
    pixels, labels = (_remembered(place, files[place.name]) for place in places)
    return Images(pixels, labels.astype(np.int32), files)


# The four files: train, valid and test of one experiment are three calls.
@functools.lru_cache(maxsize=4)
def _remembered(place: Path, digest: str) -> np.ndarray:
    """What `read_idx` reads, which nobody can write to, of a file with this sha256."""
    del digest  # a file that has changed between two calls is read again
    return read_idx(place)


def read_idx(place: Path) -> np.ndarray:
    """The array of bytes in a gzipped IDX file.

    Raises:
        ValueError: not such a file, or shorter or longer than its header specifies; no more than
            that is unpacked.
        OSError: the file cannot be opened.
    """
    with packed.opened(place) as stream:
        start = stream.up_to(4)
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] != UNSIGNED_BYTE:
            raise ValueError(f"{place} is not an IDX file of bytes")
        axes = start[3]
        if not 1 <= axes <= MOST_AXES:
            raise ValueError(f"{place} has {axes} axes; expected 1 to {MOST_AXES}")
        sizes = stream.up_to(4 * axes)
        if len(sizes) < 4 * axes:
            raise ValueError(f"{place} ends in its header; expected {axes} sizes")
        shape = tuple(int.from_bytes(sizes[4 * i : 4 * i + 4]) for i in range(axes))
        count = math.prod(shape)  # of Python's integers, which do not overflow
        content = stream.up_to(count + 1)
    if len(content) != count or not count:
        size = len(content) if len(content) <= count else f"more than {count}"
        raise ValueError(f"{place} holds {size} bytes; expected shape {shape}")
    return np.frombuffer(content, np.uint8).reshape(shape)
