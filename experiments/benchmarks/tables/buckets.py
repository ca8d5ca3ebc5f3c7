"""Sentences of several lengths: batches padded to the longest of all, or to that of a bucket."""

import functools
import importlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from experiments.benchmarks import draw, peers, sentences, text, timing
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables
from lstmx.data import Missing

TITLE = "Buckets of lengths"
BUCKETS, QUICK_BUCKETS = 4, 2
UPDATES = {"TREC": 16, "enja": 8}  # in a call
COMPILING, TURN = 120.0, 10.0  # seconds of a corpus: six programs; a turn of all contestants
WAYS = ("the longest", "buckets")
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "keras": ("keras", {}),
    "torch": ("torch", {}),
    "torch, padded": ("torch", {"packed": False}),
}
"""Contestant -> the library of `peers`, whose module is `<library>_sentences`, and its options."""


class Row(NamedTuple):
    """A contestant on a corpus.

    Attributes:
        name: of the contestant.
        corpus: one of `sentences.CORPORA`.
        updates: of an epoch, 0 where nothing was measured.
        buckets: number of them.
        steps: mean number of steps of a batch, by way.
        longest: times of an epoch, all batches padded to the longest.
        bucketed: the same with buckets.
        ratio: of the two.
    """

    name: str
    corpus: str
    updates: int
    buckets: int
    steps: dict[str, float]
    longest: timing.Measured
    bucketed: timing.Measured
    ratio: timing.Ratio | None

    @property
    def times(self) -> timing.Measured:
        """Those of both ways, or why there are none."""
        return self.bucketed if isinstance(self.bucketed, str) else self.longest


KEYS: dict[str, str] = {}


def parts(settings: Settings) -> list[Part]:
    """A part per corpus."""
    seconds = COMPILING + settings.repeats * TURN
    return [
        Part(name, functools.partial(measure, name, settings), seconds)
        for name in sentences.CORPORA
    ]


def measure(name: str, settings: Settings) -> list[Row]:
    """A row per contestant: seconds an epoch of both ways."""
    buckets = QUICK_BUCKETS if settings.quick else BUCKETS
    steps = buckets if settings.quick else UPDATES[name]
    calls: dict[tuple[str, str], timing.Call | str] = {}
    about: dict[str, sentences.Corpus] = {}
    with tempfile.TemporaryDirectory() as folder:
        for way, count in zip(WAYS, (1, buckets)):
            config = sentences.config(name, count, steps, quick=settings.quick, folder=folder)
            try:
                about[way] = sentences.corpus(name, config)
            except Missing as error:
                why = timing.first_line(error)
                return [Row("lstmx", name, 0, buckets, {}, why, why, None)]
            calls["lstmx", way] = sentences.ours(config)
            for peer, (library, options) in PEERS.items():
                calls[peer, way] = _peer(library, about[way], settings.device, options)
        times = timing.interleaved(calls, settings.repeats)
    updates = about[WAYS[0]].updates
    lengths = {way: corpus.steps for way, corpus in about.items()}
    rows = []
    for contestant in ("lstmx", *PEERS):
        # A call has `steps` of the updates of an epoch.
        longest, bucketed = (timing.of_one(times[contestant, way], steps / updates) for way in WAYS)
        ratio = timing.ratio(longest, bucketed)
        rows.append(Row(contestant, name, updates, buckets, lengths, longest, bucketed, ratio))
    return rows


def _peer(
    library: str, corpus: sentences.Corpus, device: str, options: Mapping[str, Any]
) -> timing.Call | str:
    """The loop of a library, or why there is none."""
    if peers.missing(library):
        return peers.MISSING
    module = importlib.import_module(f"experiments.benchmarks.peers.{library}_sentences")
    try:
        return module.loop(corpus, device, **options)
    except Exception as error:  # a peer may raise anything; its row shows the message
        return timing.first_line(error)


def markdown(rows: Sequence[Row]) -> str:
    """A line per corpus and contestant."""
    caption = (
        f"Seconds of an epoch, median (minimum), and the ratio of both ways. {rows[0].buckets} "
        "buckets have as many sentences each. Within a way everybody gets the same batches; the "
        "arrays of a batch are as long as the longest sentence of train, or of its bucket. TREC: "
        "questions of 50 to a batch, a bidirectional LSTM of 64 units, the maximum over steps, "
        "six classes. enja: pairs of 64 to a batch, 4000 words of each language, LSTMs of 128 "
        "units, a bidirectional encoder, attention without input feeding. lstmx: a chunk of the "
        "runner, which draws its batches itself. Keras on JAX: masks, and `fit` on batches on the "
        "host. torch: `pack_padded_sequence`, which computes no padded step of an encoder in "
        "either way; padded, it computes all of them, and its backward direction reads the padding "
        "before the words, which is another result. Adam, float32, no clipping."
    )
    lengths = [
        f"{row.corpus}: {row.steps[WAYS[0]]:.0f} steps in the longest, {row.steps[WAYS[1]]:.1f} in "
        f"a bucket on average; {row.updates:,} updates an epoch."
        for row in rows
        if row.name == "lstmx" and row.steps
    ]
    seconds = lambda ms: tables.number(ms / 1e3)
    lines = [
        [
            row.corpus,
            row.name,
            text.times(row.longest, seconds),
            text.times(row.bucketed, seconds),
            text.ratio(row.ratio),
        ]
        for row in rows
    ]
    head = ["corpus", "", *(f"{way}, s" for way in WAYS), "ratio"]
    table = tables.markdown(head, lines)
    return "\n\n".join([caption, *lengths, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Seconds of an epoch by contestant, a figure per corpus: their epochs differ in size."""
    lines: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        if isinstance(row.longest, str) or isinstance(row.bucketed, str):
            continue
        times = {WAYS[0]: row.longest.median / 1e3, WAYS[1]: row.bucketed.median / 1e3}
        lines.setdefault(row.corpus, {})[row.name] = times
    return {
        f"buckets_{corpus.lower()}": draw.dots(found, f"{corpus}: seconds of an epoch", zero=True)
        for corpus, found in lines.items()
    }
