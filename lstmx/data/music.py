"""Piano rolls from the public .mat files. Boulanger-Lewandowski, Bengio & Vincent 2012.

The files are the conversions published with the code of Bai, Kolter & Koltun 2018; column k of a
roll is MIDI pitch 21 + k.

scipy's reader of .mat files may crash the process on a damaged file, and allocates as much memory
as such a file specifies. Therefore only the four known files are parsed: the sha256 is computed of
the same bytes that the parser gets.
"""

import hashlib
import io
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lstmx import checks
from lstmx.data import fetch

FILES = {
    "jsb": "JSB_Chorales.mat",
    "nottingham": "Nottingham.mat",
    "musedata": "MuseData.mat",
    "piano": "Piano_midi.mat",
}
NOTES = 88  # the keys of a piano


class Music(NamedTuple):
    """Pieces of music as piano rolls.

    Attributes:
        pieces: split (train, valid, test) -> list of rolls [frames, 88] uint8, 0 or 1.
        files: name -> sha256 of the file read.
    """

    pieces: dict[str, list[np.ndarray]]
    files: dict[str, str]


def load(source: str, data_dir: str | os.PathLike[str] | None = None) -> Music:
    """The pieces of "jsb", "nottingham", "musedata" or "piano".

    Raises:
        ValueError: an unknown source, or a file that is missing (`Missing`) or has another checksum
            than the published one.
    """
    checks.one_of("source", source, FILES)
    place = fetch.path("polyphonic_music", FILES[source], data_dir)
    content = place.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != fetch.KNOWN[f"polyphonic_music/{place.name}"].sha256:
        raise ValueError(f"data file {place} changed while it was read; start again")
    cells = _parse(content)
    pieces = {
        part: [np.asarray(roll, np.uint8) for roll in cells[f"{part}data"][0]]
        for part in ("train", "valid", "test")
    }
    return Music(pieces, {place.name: sha256})


def _parse(content: bytes) -> Mapping[str, np.ndarray]:
    """The variables of a .mat file with a verified checksum."""
    from scipy.io import loadmat  # slow to import, and only this function needs it

    return loadmat(io.BytesIO(content))
