"""Decompression of files in bounded memory, without writing to disk.

A gzip file of a megabyte can unpack to a gigabyte, one of bzip2 to far more. The unpacked size is
therefore limited to a multiple of the file's size: text and numbers are compressed 2 to 20 times
(text8 3.2, MNIST 4.7), and a file that is compressed 200 times is not a corpus. Formats are
recognized by their suffix, zip by its signature. Only the bytes of an archive's member are used,
so that a name such as "../../x" has no effect.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RATIO = 200
"""Largest ratio of the unpacked size to the size of the file."""
ALWAYS = 1 << 26
"""Unpacked size in bytes (64 MiB) that is always allowed, whatever the ratio."""
BLOCK = 1 << 20
"""Bytes per read."""
KINDS: dict[str, tuple[str, Any]] = {
    ".gz": ("gzip", gzip.open),
    ".bz2": ("bzip2", bz2.open),
    ".xz": ("xz", lzma.open),
}
"""Suffix -> the name of the format, and the function that opens a stream of it."""
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    MemoryError,  # LZMA allocates as much as the file specifies
    RuntimeError,  # a zip with a password, or with an unknown method
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""The exceptions of the standard library for broken files."""


class Stream:
    """A limited number of bytes of an open file, unpacked as they are read.

    Args:
        stream: the unpacked stream.
        place: path of the file, for messages.
        kind: its format, for messages.
        most: the largest number of bytes that can be read.
    """

    def __init__(self, stream: Any, place: Path, kind: str, most: int) -> None:
        self._stream, self._place, self._kind = stream, place, kind
        self._left = self.most = most

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; empty at the end.

        Raises:
            ValueError: the file is broken, or unpacks to more than the limit.
        """
        try:
            block = self._stream.read(min(size, self._left + 1))
        except BROKEN as error:
            raise ValueError(
                f"{self._place} is not a {self._kind} file: {one_line(error)}"
            ) from None
        self._left -= len(block)
        if self._left < 0:
            raise ValueError(
                f"{self._place} unpacks to more than {self.most} bytes, which no such file does; "
                "unpack it by hand if that is right"
            )
        return block

    def up_to(self, count: int) -> bytes:
        """The next `count` bytes, or all up to the end."""
        # Block by block: `count` may come from a damaged header, and must not be allocated.
        result = io.BytesIO()
        while block := self.read(min(BLOCK, count - result.tell())):
            result.write(block)
        return result.getvalue()


@contextlib.contextmanager
def opened(place: Path) -> Iterator[Stream]:
    """A stream of a file's bytes, unpacked if it is a zip or its suffix is .gz, .bz2 or .xz.

    Raises:
        ValueError: a broken zip, one of several files, or one with a password.
        OSError: the file cannot be opened.
    """
    kind, unpack = KINDS.get(place.suffix.lower(), ("readable", None))
    most = max(ALWAYS, RATIO * place.stat().st_size)
    with place.open("rb") as file:
        if zipfile.is_zipfile(file):
            yield Stream(_member(file, place), place, "zip", most)
        else:
            file.seek(0)
            yield Stream(unpack(file) if unpack else file, place, kind, most)


def contents(place: Path) -> bytes:
    """All bytes of a file, unpacked as by `opened`.

    Raises:
        ValueError: a broken file, a zip of several files, one with a password, or a file that
            unpacks to more than 64 MiB and more than 200 times its size.
        OSError: the file cannot be opened.
    """
    with opened(place) as stream:
        return stream.up_to(stream.most + 1)


def one_line(error: BaseException, width: int = 200) -> str:
    """The message of an exception as one line of at most `width` characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _member(file: Any, place: Path) -> Any:
    """A stream of the single file in a zip."""
    try:
        archive = zipfile.ZipFile(file)
        members = [m for m in archive.infolist() if not m.filename.endswith("/")]
        if len(members) == 1:
            return archive.open(members[0])
    except BROKEN as error:
        raise ValueError(f"{place} is not a zip file: {one_line(error)}") from None
    raise ValueError(f"{place} holds {len(members)} files; expected one text")
