"""The bytes of packed files in bounded memory; nothing is ever unpacked onto a disk.

A gzip file of a megabyte can unpack to a gigabyte, one of bzip2 to far more. What a file unpacks to
is therefore bounded by its own size: text and numbers shrink 2 to 20 times (text8 by 3.2, MNIST by
4.7), and what shrinks 200 times is no corpus. Formats are known by their suffix, except zip, which
has a mark of its own. Of a member of an archive only the bytes are read, so that a name such as
"../../x" has no effect.
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
"""How many times its own size a file may unpack to."""
ALWAYS = 1 << 26
"""Bytes (64 MiB) that every file may unpack to, however small it is."""
BLOCK = 1 << 20
"""Bytes read at once."""
KINDS: dict[str, tuple[str, Any]] = {
    ".gz": ("gzip", gzip.open),
    ".bz2": ("bzip2", bz2.open),
    ".xz": ("xz", lzma.open),
}
"""Suffix -> the name of the format, and what opens a stream of it."""
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    MemoryError,  # LZMA asks for what the file says
    RuntimeError,  # a zip with a password, or of a method that nobody knows
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What the standard library raises for files that are broken."""


class Stream:
    """The bytes of an open file, unpacked as they are read; up to a number of them.

    Args:
        stream: what gives the bytes.
        place: the file, and `kind` its format, for messages.
        most: how many bytes it may give.
    """

    def __init__(self, stream: Any, place: Path, kind: str, most: int) -> None:
        self._stream, self._place, self._kind = stream, place, kind
        self._left = self.most = most

    def read(self, size: int, /) -> bytes:
        """The next bytes, `size` of them or what there is; none at the end.

        Raises:
            ValueError: the file is broken, or gives more than it may.
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
        """The next `count` bytes, or all there are; takes no memory for those that are not."""
        found = io.BytesIO()
        while block := self.read(min(BLOCK, count - found.tell())):
            found.write(block)
        return found.getvalue()


@contextlib.contextmanager
def opened(place: Path) -> Iterator[Stream]:
    """The bytes of a file; those of the file inside where it is a zip or ends in .gz, .bz2 or .xz.

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
    """All bytes of a file as `opened` gives them.

    Raises:
        ValueError: a broken file, a zip of several files, one with a password, or a file that
            unpacks to more than 64 MiB and more than 200 times its size.
        OSError: the file cannot be opened.
    """
    with opened(place) as stream:
        return stream.up_to(stream.most + 1)


def one_line(error: BaseException, width: int = 200) -> str:
    """What an exception of another library says, in one line of at most `width` letters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _member(file: Any, place: Path) -> Any:
    """A stream of the one file in a zip."""
    try:
        archive = zipfile.ZipFile(file)
        members = [m for m in archive.infolist() if not m.filename.endswith("/")]
        if len(members) == 1:
            return archive.open(members[0])
    except BROKEN as error:
        raise ValueError(f"{place} is not a zip file: {one_line(error)}") from None
    raise ValueError(f"{place} holds {len(members)} files; expected one text")
