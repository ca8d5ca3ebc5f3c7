"""Arrays from a `.npz` file in bounded memory.

NumPy trusts the header of an array: one with the shape (10**12,) makes it allocate a terabyte, and
a zip of a megabyte may unpack to a gigabyte of zeros. Here every header is compared with the size
of its member, and the sum of all sizes with that of the file, before NumPy reads a value.
"""

import math
import struct
import tokenize
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from lstmx.data import packed

BROKEN = (
    *packed.BROKEN,
    KeyError,
    TypeError,
    AttributeError,
    SyntaxError,
    struct.error,
    tokenize.TokenError,  # a header that looks as if written by Python 2
)
"""Errors of zipfile and NumPy at broken files."""


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file, by name. Nothing is unpickled.

    Raises:
        ValueError: a file that is broken, has objects or anything but arrays, or unpacks to more
            than 64 MiB and more than 200 times its size; the message does not name the file.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check_sizes(archive, path.stat().st_size)
                return {
                    member.filename.removesuffix(".npy"): _array(archive, member)
                    for member in archive.infolist()
                }
        except BROKEN as error:
            raise ValueError(packed.one_line(error)) from None


def _check_sizes(archive: zipfile.ZipFile, size: int) -> None:
    total = sum(member.file_size for member in archive.infolist())
    most = max(packed.ALWAYS, packed.RATIO * size)
    if total > most:
        raise ValueError(f"it unpacks to {total} bytes; expected at most {most}")
    if len(set(archive.namelist())) < len(archive.namelist()):
        raise ValueError("two of its arrays have the same name")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as stream:
        size = _size(stream)
    if size != member.file_size:
        raise ValueError(
            f"{member.filename!r} has {member.file_size} bytes; its header says {size}"
        )
    with archive.open(member) as stream:
        array = np.lib.format.read_array(stream, allow_pickle=False)
        if stream.read(1):  # zipfile compares the checksum only at the end
            raise ValueError(f"{member.filename!r} does not end with its array")
    return array


def _size(stream: IO[bytes]) -> int:
    """The size of a member in bytes, its header included, according to this header."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:  # 3.0 has names of fields in UTF-8
        raise ValueError(f"an array has version {version}; expected (1, 0) or (2, 0)")
    if dtype.hasobject or not dtype.itemsize:
        raise ValueError(f"an array is of {dtype}; expected numbers, no objects")
    return stream.tell() + math.prod(shape) * dtype.itemsize
