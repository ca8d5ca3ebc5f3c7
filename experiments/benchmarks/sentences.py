"""Texts and translations for the table of buckets: two tasks, and their batches for any library."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from lstmx import config as cfg
from lstmx import experiment
from lstmx.runs import group
from lstmx.types import Batch

CORPORA = ("TREC", "enja")


class Corpus(NamedTuple):
    """What every contestant trains on, and how large its network is.

    Attributes:
        name: one of `CORPORA`.
        batches: the batches of a call, as dicts of arrays: `tokens`, `lengths`, `labels`, or
            `source`, `source_lengths`, `before`, `after`, `lengths`.
        steps: their mean number of steps, padding included.
        tokens: size of the vocabulary that is read.
        outputs: number of classes, or size of the vocabulary that is written.
        units: hidden size, and width of the embeddings.
        updates: number of updates of an epoch.
    """

    name: str
    batches: list[dict[str, np.ndarray]]
    steps: float
    tokens: int
    outputs: int
    units: int
    updates: int


def config(name: str, buckets: int, steps: int, *, quick: bool, folder: str = "") -> Any:
    """The config of one corpus: a bidirectional LSTM, pooled, or an encoder-decoder.

    Args:
        name: one of `CORPORA`.
        buckets: of the task.
        steps: updates of a call.
        quick: tiny sizes, and texts that are made.
        folder: where a quick corpus is written to.
    """
    if name == "TREC":
        own: dict[str, Any] = {"model.name": "pooled", "model.pooling": "max"}
        options: dict[str, Any] = {"source": "trec", "batch_size": 50, "min_count": 2}
        options = {"batch_size": 4} if quick else options
        task = cfg.task("text_classification", buckets=buckets, **options)
    else:
        own = {"model.name": "seq2seq", "model.attention": "multiplicative"}
        options = {"source": "enja", "batch_size": 64, "vocabulary": 4000, "length": 20}
        options = {"source": "file", "file": _pairs(folder), "batch_size": 4} if quick else options
        task = cfg.task("translation", buckets=buckets, **options)
    c = cfg.resolve(cfg.base(), own)
    c.task = task
    c.model.bidirectional = True
    units = 3 if quick else 64 if name == "TREC" else 128
    c.model.cell = cfg.cell("lstm", hidden_size=units)
    c.model.embed_features = units
    c.steps = c.log_every = c.eval_every = steps
    c.hparams.clip_norm = 0.0  # as in the peers' loops
    c.evals = {}
    return c


def ours(config: Any) -> Any:
    """A call that trains for the steps of a config: one chunk of the runner."""
    made = group.make(experiment.build(config), [config])
    state = made.init(made.hparams, made.seeds)

    def run() -> Any:
        nonlocal state
        state, metrics = made.chunks[0](state, made.hparams, made.seeds)
        return jax.block_until_ready(metrics)

    return run


def corpus(name: str, config: Any) -> Corpus:
    """The batches that a config trains on in its first call, as arrays on the host."""
    built = experiment.build(config)
    task, spec = built.task, built.task.spec
    functions = [jax.jit(one) for one in task.buckets or (task.batch,)]
    found, key = [], jax.random.key(0)
    for step in range(config.steps):
        found.append(jax.device_get(functions[step % len(functions)](key, step)))
    units = config.model.cell.hidden_size
    steps = float(np.mean([one.mask.shape[1] for one in found]))
    sizes = (spec.in_features, spec.out_features, units, spec.num_batches or 0)
    read = _labelled if name == "TREC" else _paired
    return Corpus(name, list(map(read, found)), steps, *sizes)


def _labelled(batch: Batch) -> dict[str, np.ndarray]:
    last = np.asarray(batch.weights).argmax(1)
    labels = np.take_along_axis(np.asarray(batch.targets), last[:, None], 1)[:, 0]
    return {"tokens": batch.inputs, "lengths": last + 1, "labels": labels}


def _paired(batch: Batch) -> dict[str, np.ndarray]:
    inputs = batch.inputs
    return {
        "source": inputs["source"],
        "source_lengths": np.asarray(inputs["source_mask"]).sum(1),
        "before": inputs["target"],
        "after": batch.targets,
        "lengths": np.asarray(batch.mask).sum(1),
    }


def _pairs(folder: str) -> str:
    """A file of made pairs of 1 to 8 words."""
    place = Path(folder or tempfile.gettempdir()) / "pairs.tsv"
    rows = [f"{'one two ' * (n % 4)}end {n}\t{'eins ' * (n % 6)}Ende" for n in range(200)]
    place.write_text("\n".join(rows), "utf-8")
    return str(place)
