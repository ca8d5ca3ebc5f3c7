"""CIFAR-10 from its original files, binary or Python version. Krizhevsky 2009.

The folder `cifar10` of the data folder may contain either archive, or its unpacked folder; if it
contains neither, the binary archive is downloaded. Archives are checked by their sha256; there is
no published sha256 of the unpacked files, of which only the layout is checked.

    binary   cifar-10-binary.tar.gz, cifar-10-batches-bin/data_batch_1.bin ... test_batch.bin:
             10 000 records per file, one byte for the class and 32x32 red, then green, then blue
    Python   cifar-10-python.tar.gz, cifar-10-batches-py/data_batch_1 ... test_batch:
             one pickle of Python 2 each, with "data" [10000, 3072] in the same order, and "labels"

Unpickling can run any code. These files are parsed without it, see `lstmx.data.pickled`.
"""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np

from lstmx import checks
from lstmx.data import fetch, packed, pickled

BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
IMAGES = 10_000
"""Number of images per file."""
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
LARGEST = 1 << 25
"""The largest size of a file in bytes (32 MiB): 10 000 records, and the names of the images."""


class Images(NamedTuple):
    """Labelled images.

    Attributes:
        pixels: [N, 32, 32, 3] uint8: row, column, red / green / blue.
        labels: [N] int32, indices into CLASSES.
        files: name -> sha256 of the files read.
    """

    pixels: np.ndarray
    labels: np.ndarray
    files: dict[str, str]


class Version(NamedTuple):
    """One of the two published versions.

    Attributes:
        archive: name of the archive.
        folder: the folder in the archive.
        suffix: suffix of the files in it.
        decode: (content, name) -> (pixels [N, 3072], labels [N]) of a file.
    """

    archive: str
    folder: str
    suffix: str
    decode: Callable[[bytes, str], tuple[np.ndarray, np.ndarray]]


def load(part: str, data_dir: str | os.PathLike[str] | None = None) -> Images:
    """The 50 000 images of part "train" or the 10 000 of "test".

    Raises:
        ValueError: an unknown part, or files that are missing (`Missing`) or have a wrong checksum
            or a wrong layout.
    """
    checks.one_of("part", part, BATCHES)
    place = fetch.folder(data_dir) / "cifar10"
    contents: dict[str, bytes] = {}
    files: dict[str, str] = {}
    version = VERSIONS[0]
    for unpacked in VERSIONS:
        if not contents and (place / unpacked.folder).is_dir():
            version = unpacked
            paths = [place / version.folder / (b + version.suffix) for b in BATCHES[part]]
            contents = {str(path): _content(path) for path in paths}
            files = {path.name: fetch.sha256(path) for path in paths}
    if not contents:
        version = next((v for v in VERSIONS if (place / v.archive).is_file()), VERSIONS[0])
        archive = fetch.path("cifar10", version.archive, data_dir)
        names = [f"{version.folder}/{b}{version.suffix}" for b in BATCHES[part]]
        contents = read_archive(archive, names)
        files = {archive.name: fetch.sha256(archive)}
    pixels, labels = zip(*(_checked(version, name, c) for name, c in contents.items()))
    return Images(np.concatenate(pixels), np.concatenate(labels), files)


def read_archive(place: Path, names: list[str]) -> dict[str, bytes]:
    """The contents of files in a .tar.gz, in the order of `names`; nothing is written to disk.

    Raises:
        ValueError: no such archive, one that lacks a file, or one with a file of over 32 MiB.
    """
    contents = {}
    try:
        # In one pass, because seeking backwards in gzip unpacks it again from the start.
        with (
            packed.opened(place) as stream,
            tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive,
        ):
            for member in archive:
                file = archive.extractfile(member) if member.name in names else None
                if file is not None:
                    contents[member.name] = file.read(LARGEST + 1)
    except (tarfile.TarError, *packed.BROKEN) as error:
        reason = packed.one_line(error)
        raise ValueError(f"{place} is not a .tar.gz archive: {reason}") from None
    if large := [name for name, content in contents.items() if len(content) > LARGEST]:
        raise ValueError(f"{place}: {large[0]} has more than {LARGEST} bytes; no batch has")
    if absent := [name for name in names if name not in contents]:
        raise ValueError(f"{place} has no {', '.join(absent)}")
    return {name: contents[name] for name in names}


def decode_binary(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 3072] and labels [N] of a file of the binary version. Raises ValueError."""
    if len(content) % (1 + PIXELS):
        raise ValueError(f"{name} holds {len(content)} bytes; expected records of {1 + PIXELS}")
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 1:], records[:, 0]


def decode_python(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 3072] and labels [N] of a file of the Python version. Raises ValueError."""
    try:
        fields = pickled.parse(content)
    except ValueError as error:
        raise ValueError(f"{name} is not a batch of CIFAR-10: {error}") from None
    pixels, labels = fields.get(b"data"), fields.get(b"labels")
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, list):
        raise ValueError(
            f"{name} is not a batch of CIFAR-10: no array of data, or no list of labels"
        )
    if not all(type(label) is int and 0 <= label < len(CLASSES) for label in labels):
        raise ValueError(
            f"{name} has labels that are no whole numbers from 0 to {len(CLASSES) - 1}"
        )
    return pixels, np.array(labels, np.int32)


VERSIONS = (
    Version("cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin", decode_binary),
    Version("cifar-10-python.tar.gz", "cifar-10-batches-py", "", decode_python),
)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise fetch.Missing(f"data file {path} does not exist; its folder does, so unpack it anew")
    if (size := path.stat().st_size) > LARGEST:
        raise ValueError(f"{path} has {size} bytes; expected at most {LARGEST}")
    return path.read_bytes()


def _checked(version: Version, name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 32, 32, 3] and labels [N] int32 of a file. Raises ValueError for other layouts."""
    pixels, labels = version.decode(content, name)
    if pixels.shape != (IMAGES, PIXELS) or labels.shape != (IMAGES,) or pixels.dtype != np.uint8:
        raise ValueError(
            f"{name} has pixels {pixels.shape} {pixels.dtype} and labels {labels.shape}; "
            f"expected ({IMAGES}, {PIXELS}) uint8 and ({IMAGES},)"
        )
    if not np.all((labels >= 0) & (labels < len(CLASSES))):
        raise ValueError(f"{name} has labels {labels.min()} to {labels.max()}; expected 0 to 9")
    return pixels.reshape(-1, *SHAPE).transpose(0, 2, 3, 1), labels.astype(np.int32)
