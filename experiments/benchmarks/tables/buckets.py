"""Sentences of several lengths: batches padded to the longest of all, or to that of a bucket."""

import functools
import importlib
import tempfile
from collections.abc import Sequence
from typing import Any

from experiments.benchmarks import draw, peers, sentences, text, timing
from experiments.benchmarks.tables import Part, Row, Settings
from lstmx import tables
from lstmx.data import Missing

TITLE = "Buckets of lengths"
BUCKETS, QUICK_BUCKETS = 4, 2
UPDATES = {"TREC": 16, "enja": 8}  # in a call
COMPILING, TURN = 120.0, 8.0  # seconds of a corpus: six programs; a turn of all contestants
WAYS = ("the longest", "buckets")
PEERS = {"keras": "keras", "torch": "torch"}
"""Contestant -> the library of `peers`, whose module is `<library>_sentences`."""


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
    calls: dict[tuple[str, str], timing.Call] = {}
    failed: dict[str, str] = {}
    about: dict[str, sentences.Corpus] = {}
    with tempfile.TemporaryDirectory() as folder:
        for way, count in zip(WAYS, (1, buckets)):
            config = sentences.config(name, count, steps, quick=settings.quick, folder=folder)
            try:
                about[way] = sentences.corpus(name, config)
            except Missing as error:
                return [_row({"name": "lstmx", "corpus": name}, {}, str(error))]
            calls["lstmx", way] = sentences.ours(config)
            for peer, library in PEERS.items():
                if peers.missing(library):
                    failed[peer] = peers.MISSING
                    continue
                module = f"experiments.benchmarks.peers.{library}_sentences"
                loop = importlib.import_module(module).loop
                calls[peer, way] = loop(about[way], settings.device)
        times = timing.interleaved(calls, settings.repeats)
    updates = about[WAYS[0]].updates
    rows = []
    for contestant in ("lstmx", *PEERS):
        found = {
            way: timing.row(_epoch(times[contestant, way], steps, updates))
            for way in WAYS
            if (contestant, way) in times
        }
        row = {"name": contestant, "corpus": name, "updates": updates, "buckets": buckets}
        row |= {"steps": {way: about[way].steps for way in WAYS}}
        rows.append(_row(row, found, failed.get(contestant, "")))
    return rows


def _epoch(times: timing.Times | str, steps: int, updates: int) -> timing.Times | str:
    """Milliseconds of an epoch of `updates`, from those of a call of `steps`."""
    return timing.of_one(times, steps / updates)  # type: ignore[arg-type]


def _row(row: Row, found: dict[str, Row], note: str) -> Row:
    both = {way: found.get(way, timing.row(note)) for way in WAYS}
    note = note or "; ".join(one["note"] for one in both.values() if one["note"])
    return {**row, "times": both, "ratio": timing.ratio(both[WAYS[0]], both[WAYS[1]]), "note": note}


def markdown(rows: Sequence[Row]) -> str:
    """A line per corpus and contestant."""
    counts = [row["buckets"] for row in rows if "buckets" in row]
    caption = (
        f"Seconds of an epoch, median (minimum), of {counts[0] if counts else BUCKETS} buckets "
        "with as many sentences in each, and the ratio of the two. Everybody gets the same "
        "batches; the arrays of a batch are as long as the longest sentence of train, or of its "
        "bucket. TREC: questions of 50 to a batch, a bidirectional LSTM of 64 units, the maximum "
        "over steps, six classes. enja: pairs of 64 to a batch, 4000 words of each language, LSTMs "
        "of 128 units, a bidirectional encoder, attention without input feeding. lstmx: a chunk "
        "of the runner, which draws its batches itself. Keras on JAX: masks, and `fit` on "
        "batches that are on the host. torch: `pack_padded_sequence`, which computes no padded "
        "step of the encoder in either way. Adam, float32, no clipping."
    )
    lines = [
        [
            row["corpus"],
            row["name"],
            *(_seconds(row["times"][way]) for way in WAYS),
            text.ratio(row["ratio"]),
        ]
        for row in rows
    ]
    lengths = [
        f"{row['corpus']}: {row['steps'][WAYS[0]]:.0f} steps in the longest, "
        f"{row['steps'][WAYS[1]]:.1f} in a bucket on average; {row['updates']:,} updates an epoch."
        for row in rows
        if row["name"] == "lstmx" and "steps" in row
    ]
    head = ["corpus", "", *(f"{way}, s" for way in WAYS), "ratio"]
    table = tables.markdown(head, lines)
    return "\n\n".join([caption, *lengths, table, text.notes(rows)]).strip()


def _seconds(row: Row) -> str:
    if row["ms"] is None:
        return str(row["note"]).partition(":")[0]
    return f"{tables.number(row['ms'] / 1e3)} ({tables.number(row['ms_min'] / 1e3)})"


def figures(rows: Sequence[Row]) -> dict[str, Any]:
    """Seconds of an epoch, by corpus and contestant."""
    lines = {
        f"{row['corpus']}, {row['name']}": {way: row["times"][way]["ms"] / 1e3 for way in WAYS}
        for row in rows
        if all(row["times"][way]["ms"] is not None for way in WAYS)
    }
    return {"buckets": draw.dots(lines, "seconds of an epoch", zero=True)} if lines else {}
