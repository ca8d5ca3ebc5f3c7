"""Text files: named corpora, and files of the user.

Penn Treebank must not be redistributed, so that it has no URL here: with a license, put the files
of Mikolov's simple-examples.tgz (folder data) into the data folder.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lstmx import checks
from lstmx.data import fetch, packed
from lstmx.data.fetch import Known

SPLITS = ("train", "valid", "test")
SPLIT = "{split}"
"""The placeholder for train, valid or test in the name of a text in three files."""
FILE = "file"
"""The source that stands for a file of the user."""


class Source(NamedTuple):
    """The location and encoding of a text.

    Attributes:
        folder: its folder in the data folder.
        files: alternative names of its file, of which the first existing one is read. A name with
            `{split}` means three files.
        bytewise: whether its characters are bytes, rather than those of UTF-8.
        spaced: whether spaces around words and lines are ignored (Mikolov's files).
    """

    folder: str
    files: tuple[str, ...]
    bytewise: bool = False
    spaced: bool = False


CHARACTERS: Mapping[str, Source] = {
    "shakespeare": Source("tinyshakespeare", ("input.txt",)),
    "text8": Source("text8", ("text8", "text8.zip"), bytewise=True),
    "enwik8": Source("enwik8", ("enwik8", "enwik8.zip"), bytewise=True),
    "ptb": Source("ptb", ("ptb.char.{split}.txt", "ptb.{split}.txt"), spaced=True),
}
WORDS: Mapping[str, Source] = {
    "sherlock": Source("sherlock_holmes", ("sherlockholmes.{split}.txt",)),
    "ptb": Source("ptb", ("ptb.{split}.txt",)),
    "wikitext2": Source("wikitext2", ("wiki.{split}.tokens", "{split}.txt")),
}

_SHERLOCK = "https://raw.githubusercontent.com/dmlc/web-data/master/mxnet/sherlockholmes/"
_WIKITEXT = (
    "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2/"
)
_PTB = {
    f"ptb/ptb.{split}.txt": Known("", "", about="of Mikolov's simple-examples.tgz, folder data")
    for split in ("train", "valid", "test")
}

KNOWN: Mapping[str, Known] = {
    "tinyshakespeare/input.txt": Known(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "text8/text8.zip": Known(
        "http://mattmahoney.net/dc/text8.zip",
        "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
    ),
    "enwik8/enwik8.zip": Known(
        "http://mattmahoney.net/dc/enwik8.zip",
        "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
    ),
    "sherlock_holmes/sherlockholmes.train.txt": Known(
        f"{_SHERLOCK}sherlockholmes.train.txt",
        "72c344436ad1ceeea4d6ad17613f49d2f2a747fb8f6090f66fa0f648a4747b86",
    ),
    "sherlock_holmes/sherlockholmes.valid.txt": Known(
        f"{_SHERLOCK}sherlockholmes.valid.txt",
        "d030a4b9729072c0a06a063c1254b50af1ac3b106b19a9e0261db8b30a7c7348",
    ),
    "sherlock_holmes/sherlockholmes.test.txt": Known(
        f"{_SHERLOCK}sherlockholmes.test.txt",
        "8d23764676dde05c6e60c675d60f63529efa1fa76f24a73d002c8a7cf33e8080",
    ),
    "wikitext2/train.txt": Known("", "", about=f"it is {_WIKITEXT}train.txt, or wiki.train.tokens"),
    "wikitext2/valid.txt": Known(
        f"{_WIKITEXT}valid.txt",
        "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
    ),
    "wikitext2/test.txt": Known(
        f"{_WIKITEXT}test.txt",
        "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
    ),
    **_PTB,
}
"""`<folder>/<file>` -> its URL and checksum. Those of text8.zip and enwik8.zip are published by
several independent projects."""


def places(
    table: Mapping[str, Source],
    source: str,
    file: str,
    data_dir: str | os.PathLike[str] | None = None,
) -> tuple[Source, dict[str, Path]]:
    """The source and its verified files: split -> path, with the key "" for a text in one file.

    Raises:
        ValueError: an unknown source, a file that does not belong to it, or as `fetch.path`.
    """
    if source not in table and source != FILE:
        raise ValueError(checks.unknown("source", source, (*table, FILE)))
    if (source == FILE) != bool(file):
        raise ValueError(
            f"source={source!r} and file={file!r}: expected a file for source='file', none else"
        )
    if source == FILE:
        splits = SPLITS if SPLIT in file else ("",)
        return Source("", (file,)), {
            s: fetch.find(file.replace(SPLIT, s), data_dir) for s in splits
        }
    known = table[source]
    folder = fetch.folder(data_dir) / known.folder
    present = (name for name in known.files if (folder / name.replace(SPLIT, "train")).is_file())
    name = next(present, known.files[-1])
    splits = SPLITS if SPLIT in name else ("",)
    return known, {
        s: fetch.path(known.folder, name.replace(SPLIT, s), data_dir, known=KNOWN) for s in splits
    }


def read(place: Path, known: Source) -> str:
    """The characters of a file; in a `spaced` one, words are separated by single spaces.

    A byte order mark at the start is skipped.

    Raises:
        ValueError: the file is not UTF-8, or as `packed.contents`.
    """
    try:
        text = packed.contents(place).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} is not UTF-8: {error}") from None
    if not known.spaced:
        return text
    if ".char." in place.name:  # spaces separate the characters, an underscore is a space
        text = text.replace(" ", "").replace("_", " ")
    return "".join(f"{' '.join(line.split())}\n" for line in lines(text))


def lines(text: str) -> list[str]:
    """The lines of a text without line ends."""
    # Not splitlines(): it also splits at U+0085 and similar, which some texts have within lines.
    return text.removesuffix("\n").split("\n") if text else []
