"""Sequences of different lengths as arrays of indices: padded rows, or parallel streams.

A corpus is one array of frames, the concatenation of its sequences. The functions here compute the
index of the frame at every place of the batches; a task gathers the frames by these indices. Pure
NumPy, before any tracing.

Truncated back-propagation through time needs streams: B long rows, of which the s-th batch is the
s-th window. Sequences of 3, 2 and 4 frames (0-2, 3-4, 5-8) in two streams:

    frames   5 6 7 8 .        starts   1 0 0 0 0
             0 1 2 3 4                 1 0 0 1 0
"""

from typing import NamedTuple

import numpy as np


class Layout(NamedTuple):
    """The frame at every place of R rows.

    Attributes:
        frames: [R, L] int32 indices into the corpus; 0 at padding.
        exists: [R, L] bool; False at padding.
        starts: [R, L] bool; True where a sequence begins, and at column 0.
    """

    frames: np.ndarray
    exists: np.ndarray
    starts: np.ndarray


def cut(lengths: list[int], longest: int) -> list[tuple[int, int]]:
    """(first frame, number of frames) of all pieces of concatenated sequences.

    A sequence longer than `longest` is cut into several pieces, the last one shorter; with 0 none.
    """
    pieces, first = [], 0
    for length in lengths:
        size = longest or max(length, 1)
        pieces += [(first + i, min(size, length - i)) for i in range(0, length, size)]
        first += length
    return pieces


def padded(pieces: list[tuple[int, int]]) -> Layout:
    """One piece per row, padded at the right to the longest."""
    return _layout([[piece] for piece in pieces], 1)


def streams(pieces: list[tuple[int, int]], rows: int, window: int) -> Layout:
    """Concatenated pieces in `rows` streams of about equal length, a multiple of `window`.

    The pieces are assigned in order of decreasing length, each to the row that is shortest so far.
    """
    order = sorted(pieces, key=lambda piece: (-piece[1], piece[0]))
    assigned: list[list[tuple[int, int]]] = [[] for _ in range(rows)]
    lengths = [0] * rows
    for piece in order:
        row = lengths.index(min(lengths))
        assigned[row].append(piece)
        lengths[row] += piece[1]
    return _layout(assigned, window)


def _layout(assigned: list[list[tuple[int, int]]], multiple: int) -> Layout:
    """The layout of rows of pieces, padded to a multiple of `multiple`."""
    longest = max(sum(size for _, size in row) for row in assigned)
    length = -(-longest // multiple) * multiple
    shape = (len(assigned), length)
    layout = Layout(np.zeros(shape, np.int32), np.zeros(shape, bool), np.zeros(shape, bool))
    layout.starts[:, 0] = True
    for number, row in enumerate(assigned):
        at = 0
        for first, size in row:
            layout.frames[number, at : at + size] = np.arange(first, first + size)
            layout.exists[number, at : at + size] = True
            layout.starts[number, at] = True
            at += size
    return layout
