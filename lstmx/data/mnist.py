"""MNIST from its original IDX files. LeCun, Bottou, Bengio & Haffner 1998."""

import gzip
import math
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx.data import fetch

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
UNSIGNED_BYTE = 0x08  # the only element type that MNIST uses


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
        ValueError: a file is missing (`Missing`), has a wrong checksum or is no IDX file.
    """
    places = [fetch.path("mnist", file, data_dir) for file in FILES[part]]
    pixels, labels = (read_idx(place) for place in places)
    files = {place.name: fetch.sha256(place) for place in places}
    return Images(pixels, labels.astype(np.int32), files)


def read_idx(place: Path) -> np.ndarray:
    """The array of bytes in a gzipped IDX file.

    Raises:
        ValueError: not such a file, or shorter or longer than its header says.
    """
    try:
        content = gzip.decompress(place.read_bytes())
    except (gzip.BadGzipFile, EOFError) as error:
        raise ValueError(f"{place} is not a gzip file: {error}") from None
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE:
        raise ValueError(f"{place} is not an IDX file of bytes")
    header = 4 + 4 * content[3]
    shape = tuple(int(n) for n in np.frombuffer(content[4:header], ">u4"))
    if len(content) - header != math.prod(shape):
        raise ValueError(f"{place} holds {len(content) - header} bytes; expected shape {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
