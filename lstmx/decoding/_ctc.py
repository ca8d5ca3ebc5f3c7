"""Decoding of connectionist temporal classification (Graves, Fernandez, Gomez & Schmidhuber 2006).

A path has a label or the blank at every frame; repetitions merge, then blanks go: `a a - a b` is
`a a b`. The probability of a labelling is the sum over its paths.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lstmx import checks
from lstmx.types import Array


def best_path(logits: Array, mask: Array, blank: int) -> tuple[Array, Array]:
    """The labels of the most probable path: greedy decoding (Graves et al. 2006, section 3.2).

    Args:
        logits: [B, T, C].
        mask: [B, T] bool, the frames that exist; padding is at the end.
        blank: the class that stands for no label.

    Returns:
        labels [B, T], the first ones of each row and then `blank`, and their numbers [B].
    """
    path = jnp.where(mask, jnp.argmax(logits, axis=-1), blank).astype(jnp.int32)
    before = jnp.concatenate([jnp.full_like(path[:, :1], blank), path[:, :-1]], axis=1)
    kept = (path != blank) & (path != before)
    # A stable sort moves the labels to the front in their order.
    order = jnp.argsort(~kept, axis=1, stable=True)
    labels = jnp.take_along_axis(jnp.where(kept, path, blank), order, axis=1)
    return labels, kept.sum(1)


def edit_distance(one: Array, ones: Array, other: Array, others: Array) -> Array:
    """The least number of insertions, deletions and substitutions (Levenshtein 1966), [B].

    Args:
        one: labels [B, M].
        ones: how many of them exist, [B].
        other: labels [B, N].
        others: how many of them exist, [B].
    """
    B, N = other.shape
    columns = jnp.arange(N + 1)[None]
    start = jnp.tile(columns, (B, 1))

    def row(above: Array, x: tuple[Array, Array]) -> tuple[Array, Array]:
        label, number = x
        swap = above[:, :-1] + jnp.asarray(label[:, None] != other, above.dtype)
        best = jnp.minimum(above[:, 1:] + 1, swap)
        best = jnp.concatenate([jnp.full((B, 1), number + 1), best], axis=1)
        # Insertions: d[j] = min over k <= j of best[k] + (j - k), a running minimum.
        here = jax.lax.cummin(best - columns, axis=1) + columns
        return here, here

    steps = jnp.arange(one.shape[1])
    _, below = jax.lax.scan(row, start, (one.T, steps))
    table = jnp.concatenate([start[None], below])
    return table[ones, jnp.arange(B), others]


def prefix_beam(
    log_p: ArrayLike, *, width: int, blank: int, most: int = 1
) -> list[tuple[tuple[int, ...], float]]:
    """The `most` most probable labellings that a beam finds, the best first; on the host.

    Prefix beam search without a language model (Hannun, Maas, Jurafsky & Ng 2014, algorithm 1): a
    prefix has the probability of all its paths that are in the beam, those that end in a blank
    apart from those that end in its last label, which a repetition merges with.

    Args:
        log_p: [T, C] log-probabilities of the frames of one sequence.
        width: number of prefixes that are kept after a frame.
        blank: the class that stands for no label.
        most: number of labellings returned.

    Returns:
        labels and the log of their probability; exact if no prefix was left out.

    Raises:
        ValueError: a width below 1, log-probabilities that are not [T, C].
    """
    checks.sizes(1, width=width, most=most)
    frames = np.asarray(log_p, float)
    if frames.ndim != 2 or not 0 <= blank < frames.shape[1]:
        raise ValueError(f"log_p is {frames.shape} with blank={blank}; expected [T, C], 0 to C - 1")
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    labels = [c for c in range(frames.shape[1]) if c != blank]
    for frame in frames.tolist():
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        for prefix, (ends_blank, ends_label) in beam.items():
            both = _plus(ends_blank, ends_label)
            same = grown[prefix]
            same[0] = _plus(same[0], both + frame[blank])
            if prefix:
                same[1] = _plus(same[1], ends_label + frame[prefix[-1]])
            for c in labels:
                # The last label again needs a blank between: from other paths it is merged.
                before = ends_blank if prefix and prefix[-1] == c else both
                longer = grown[(*prefix, c)]
                longer[1] = _plus(longer[1], before + frame[c])
        ranked = sorted(grown.items(), key=lambda item: -_plus(*item[1]))[:width]
        beam = {prefix: (pair[0], pair[1]) for prefix, pair in ranked}
    return [(prefix, _plus(*pair)) for prefix, pair in itertools.islice(beam.items(), most)]


def label_error_rate(decoded: Sequence[Sequence[int]], truth: Sequence[Sequence[int]]) -> float:
    """Edits between decoded and true labels, divided by the number of true labels.

    Raises:
        ValueError: not as many rows decoded as true, or no true label.
    """
    if len(decoded) != len(truth) or not any(map(len, truth)):
        raise ValueError(
            f"got {len(decoded)} decoded rows for {len(truth)} true ones with "
            f"{sum(map(len, truth))} labels; expected as many, and one label at least"
        )
    rows = [_padded(labels) for labels in (decoded, truth)]
    edits = edit_distance(*rows[0], *rows[1])
    return float(edits.sum()) / sum(map(len, truth))


def _padded(labels: Sequence[Sequence[int]]) -> tuple[Array, Array]:
    lengths = np.array([len(row) for row in labels])
    wide = np.full((len(labels), max(1, lengths.max())), -1)
    for place, row in zip(wide, labels):
        place[: len(row)] = row
    return jnp.asarray(wide), jnp.asarray(lengths)


def _plus(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    high, low = (a, b) if a > b else (b, a)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
