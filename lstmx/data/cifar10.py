"""CIFAR-10 from its original files, binary or Python version. Krizhevsky 2009.

Either archive may lie in the folder `cifar10` of the data folder, or what it unpacks to; where
nothing is there, the binary archive is downloaded. Archives are checked by their sha256; of loose
files there is no published one, so that only their layout is.

    binary   cifar-10-binary.tar.gz, cifar-10-batches-bin/data_batch_1.bin ... test_batch.bin:
             10 000 records a file, a byte for the class and 32x32 red, then green, then blue
    Python   cifar-10-python.tar.gz, cifar-10-batches-py/data_batch_1 ... test_batch:
             a pickle of Python 2 each, with "data" [10000, 3072] in the same order, and "labels"

A pickle can run any code. These are read by an unpickler that makes arrays and nothing else.
"""

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx.data import fetch

BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
IMAGES = 10_000
"""Images of a file."""
SHAPE = (3, 32, 32)
PIXELS = 3 * 32 * 32
ARRAY_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
"""All names that the pickle of an array asks for."""


class Images(NamedTuple):
    """Labelled images.

    Attributes:
        pixels: [N, 32, 32, 3] uint8: row, column, red / green / blue.
        labels: [N] int32, places in CLASSES.
        files: name -> sha256 of the files read.
    """

    pixels: np.ndarray
    labels: np.ndarray
    files: dict[str, str]


class Version(NamedTuple):
    """One of the two versions that the author publishes.

    Attributes:
        archive: name of the archive.
        folder: what it unpacks to.
        suffix: end of the names of its files.
        decode: (content, name) -> (pixels [N, 3072], labels [N]) of a file.
    """

    archive: str
    folder: str
    suffix: str
    decode: Callable[[bytes, str], tuple[np.ndarray, np.ndarray]]


def load(part: str, data_dir: str | os.PathLike[str] | None = None) -> Images:
    """The 50 000 images of part "train" or the 10 000 of "test".

    Raises:
        ValueError: the files are missing (`Missing`), have a wrong checksum or a wrong layout.
    """
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
    """Files of a .tar.gz by their names, in the order asked for. Raises ValueError."""
    found = {}
    try:
        with tarfile.open(place, "r|gz") as archive:  # once through, for gzip cannot go back
            for member in archive:
                stream = archive.extractfile(member) if member.name in names else None
                if stream is not None:
                    found[member.name] = stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ValueError(f"{place} is not a .tar.gz archive: {error}") from None
    if absent := [name for name in names if name not in found]:
        raise ValueError(f"{place} has no {', '.join(absent)}")
    return {name: found[name] for name in names}


def decode_binary(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 3072] and labels [N] of a file of the binary version. Raises ValueError."""
    if len(content) % (1 + PIXELS):
        raise ValueError(f"{name} holds {len(content)} bytes; expected records of {1 + PIXELS}")
    records = np.frombuffer(content, np.uint8).reshape(-1, 1 + PIXELS)
    return records[:, 1:], records[:, 0]


def decode_python(content: bytes, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 3072] and labels [N] of a file of the Python version. Raises ValueError."""
    try:
        fields = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
        return np.asarray(fields[b"data"]), np.asarray(fields[b"labels"])
    # What the documentation of pickle lists for broken files, and fields that are not there.
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, LookupError) as error:
        raise ValueError(f"{name} is not a batch of CIFAR-10: {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not a batch of CIFAR-10: {error}") from None


class _ArraysOnly(pickle.Unpickler):
    """Refuses every name that no array asks for."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ARRAY_NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array needs")
        return ARRAY_NAMES[module, name]


VERSIONS = (
    Version("cifar-10-binary.tar.gz", "cifar-10-batches-bin", ".bin", decode_binary),
    Version("cifar-10-python.tar.gz", "cifar-10-batches-py", "", decode_python),
)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise fetch.Missing(f"data file {path} does not exist; its folder does, so unpack it anew")
    return path.read_bytes()


def _checked(version: Version, name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 32, 32, 3] and labels [N] int32 of a file with the layout that it should have."""
    pixels, labels = version.decode(content, name)
    if pixels.shape != (IMAGES, PIXELS) or labels.shape != (IMAGES,) or pixels.dtype != np.uint8:
        raise ValueError(
            f"{name} has pixels {pixels.shape} {pixels.dtype} and labels {labels.shape}; "
            f"expected ({IMAGES}, {PIXELS}) uint8 and ({IMAGES},)"
        )
    if not np.all((labels >= 0) & (labels < len(CLASSES))):
        raise ValueError(f"{name} has labels {labels.min()} to {labels.max()}; expected 0 to 9")
    return pixels.reshape(-1, *SHAPE).transpose(0, 2, 3, 1), labels.astype(np.int32)
