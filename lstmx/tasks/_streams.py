"""Sequences of many lengths as fixed arrays of indices: padded rows, or parallel streams.

A corpus is one array of frames with the sequences end to end. What follows says which frame a
batch shows where; a task gathers the frames by these indices. Pure NumPy, before any tracing.

Truncated back-propagation through time needs streams: B rows that never end, of which the s-th
batch shows the s-th window. Sequences of 3, 2 and 4 frames (0-2, 3-4, 5-8) in two streams:

    frames   5 6 7 8 .        starts   1 0 0 0 0
             0 1 2 3 4                 1 0 0 1 0
"""

from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """Which frame stands where.

    Attributes:
        frames: [R, L] int32 indices into the corpus; 0 where there is none.
        exists: [R, L] bool; False at filled-up places.
        starts: [R, L] bool; True where a sequence begins, and at column 0.
    """

    frames: np.ndarray
    exists: np.ndarray
    starts: np.ndarray


def cut(lengths: list[int], longest: int) -> list[tuple[int, int]]:
    """(first frame, number of frames) of all pieces of sequences laid end to end.

    A sequence longer than `longest` gives several pieces, the last one shorter; 0 cuts nothing.
    """
    pieces, first = [], 0
    for length in lengths:
        size = longest or max(length, 1)
        pieces += [(first + i, min(size, length - i)) for i in range(0, length, size)]
        first += length
    return pieces


def padded(pieces: list[tuple[int, int]]) -> Layout:
    """One piece a row, filled up at the right to the longest."""
    return _lay([[piece] for piece in pieces], 1)


def streams(pieces: list[tuple[int, int]], rows: int, window: int) -> Layout:
    """Pieces end to end in `rows` streams of about equal length, a multiple of `window`.

    The longest piece goes first, each to the row that is shortest by then.
    """
    order = sorted(pieces, key=lambda piece: (-piece[1], piece[0]))
    placed: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
    filled = [0] * rows
    for piece in order:
        row = filled.index(min(filled))
        placed[row].append(piece)
        filled[row] += piece[1]
    return _lay(placed, window)


def _lay(placed: list[list[tuple[int, int]]], multiple: int) -> Layout:
    longest = max(sum(size for _, size in row) for row in placed)
    length = -(-longest // multiple) * multiple
    shape = (len(placed), length)
    layout = Layout(np.zeros(shape, np.int32), np.zeros(shape, bool), np.zeros(shape, bool))
    layout.starts[:, 0] = True
    for number, row in enumerate(placed):
        at = 0
        for first, size in row:
            layout.frames[number, at : at + size] = np.arange(first, first + size)
            layout.exists[number, at : at + size] = True
            layout.starts[number, at] = True
            at += size
    return layout
