"""Piano rolls from the public .mat files. Boulanger-Lewandowski, Bengio & Vincent 2012.

The files are the conversions that Bai, Kolter & Koltun 2018 publish with their code; column k of
a roll is MIDI pitch 21 + k.
"""

import os
from typing import NamedTuple

import numpy as np

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
        ValueError: the file is missing (`Missing`) or has a wrong checksum.
    """
    from scipy import io  # slow to import, and only this function needs it

    place = fetch.path("polyphonic_music", FILES[source], data_dir)
    cells = io.loadmat(place)
    pieces = {
        part: [np.asarray(roll, np.uint8) for roll in cells[f"{part}data"][0]]
        for part in ("train", "valid", "test")
    }
    return Music(pieces, {place.name: fetch.sha256(place)})
