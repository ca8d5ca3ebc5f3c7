"""Polyphonic music: predict every note of the next frame from all frames before it.

Boulanger-Lewandowski, Bengio & Vincent 2012 (arXiv:1206.6392): a piece is a piano roll of 88 notes
per frame, each on or off; input frame t, target frame t + 1, 88 independent logistic outputs. The
loss is the binary cross entropy SUMMED over the 88 notes and averaged over the frames of all
pieces, in nats per frame. Frames of padding do not count; an average over them is much too low.

Worked example with three notes: the piece 100, 110, 011 gives two predictions, 110 from 100 and
011 from 110; with probability 1/2 for every note each costs 3 ln 2 = 2.08 nats. A first frame has
no predecessor and is never predicted.

Baseline: the frequency of every note in train; on the test split of JSB 11.09. Reference "markov":
a first-order Markov chain for every note; 10.49. Both add half an event of each kind to the counts
(a note that never sounds in train must not cost infinity). There is no threshold from which the
task is solved.

Three ways to read a piece:
* complete (default): one piece per row, padded to the longest of the split: 160 frames for JSB.
* `max_length=n`: pieces are cut into parts of at most n frames, each read from the initial state.
  For training on long pieces (MuseData has one of 4273 frames); every frame still counts once, with
  less context.
* `window=n`: truncated back-propagation. The pieces are concatenated in `batch_size` streams, batch
  s is window s of n frames, the state is carried between windows, and `resets` marks where a piece
  begins. Every frame counts once, with all earlier frames of its piece as context.

Epochs: by default training samples pieces with replacement, by the key. With `epochs=True` every
piece is in one batch of an epoch, in an order of the epoch's own.

`loss_per="piece"` trains on the sum over the frames of a piece, averaged over the pieces of a
batch: gradients are then about 60 times those of the mean over frames, and long pieces count more.
The metric is nats per frame in both cases.

Deviation: the paper's models have richer outputs (an RBM or NADE per frame) and are not comparable.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.data import music
from lstmx.tasks import _common, _epochs, _streams
from lstmx.types import Array, Batch, Key, Mean, Metrics, Task, TaskSpec

BIBTEX = """
@inproceedings{boulanger2012music,
  author = {Nicolas Boulanger-Lewandowski and Yoshua Bengio and Pascal Vincent},
  title = {Modeling Temporal Dependencies in High-Dimensional Sequences: Application to Polyphonic
    Music Generation and Transcription},
  booktitle = {International Conference on Machine Learning},
  eprint = {1206.6392},
  archiveprefix = {arXiv},
  year = {2012},
}
"""

LOSS_PER = ("frame", "piece")
"""What the loss of training is the mean over."""
PRIOR = 0.5  # Jeffreys' prior of a rate


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "jsb",
    window: int = 0,
    max_length: int = 0,
    epochs: bool = False,
    loss_per: str = "frame",
) -> Task:
    """Polyphonic music; inputs [B, T, 88] of 0 and 1, outputs [B, T, 88] logits.

    Args:
        batch_size: rows of a batch.
        split: train samples pieces by the key, unless `window` or `epochs` is set; valid and test
            contain theirs in order, by the step.
        source: "jsb", "nottingham", "musedata" or "piano".
        window: frames of a batch in truncated back-propagation; 0 for complete pieces.
        max_length: most frames of a part of a piece; 0 for no limit.
        epochs: whether train goes through its pieces in epochs, by the step.
        loss_per: "frame", or "piece" for a loss that is summed over the frames of each.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or wrong.
    """
    _common.check_split(split)
    checks.one_of("source", source, tuple(music.FILES))
    checks.sizes(1, batch_size=batch_size)
    checks.sizes(0, window=window, max_length=max_length)
    if window and max_length:
        raise ValueError(f"window={window} and max_length={max_length}: expected one of them 0")
    checks.one_of("loss_per", loss_per, LOSS_PER)
    for name, set_ in (("epochs", epochs), ("loss_per='piece'", loss_per == "piece")):
        if window and set_:
            raise ValueError(f"window={window} and {name}: streams have no pieces; expected one")
    loaded = music.load(source)
    return from_pieces(
        loaded.pieces,
        loaded.files,
        batch_size,
        split,
        window=window,
        max_length=max_length,
        epochs=epochs,
        loss_per=loss_per,
    )


def from_pieces(
    pieces: dict[str, list[np.ndarray]],
    files: dict[str, str],
    batch_size: int,
    split: str,
    *,
    window: int = 0,
    max_length: int = 0,
    epochs: bool = False,
    loss_per: str = "frame",
) -> Task:
    """The task on these pieces: split -> list of rolls [frames, notes]."""
    now, after = (np.concatenate(x) for x in zip(*((p[:-1], p[1:]) for p in pieces[split])))
    parts = _streams.cut([len(p) - 1 for p in pieces[split]], max_length)
    if window:
        layout = _streams.streams(parts, batch_size, window)
        num_batches = layout.frames.shape[1] // window
    else:
        layout = _streams.padded(parts)
        num_batches = -(-len(parts) // batch_size)
    stored_now, stored_after, stored = (
        jnp.asarray(now),
        jnp.asarray(after),
        tuple(map(jnp.asarray, layout)),
    )
    shuffled = split == "train" and epochs
    sampled = split == "train" and not window and not epochs

    def batch(key: Key, step: Array | int) -> Batch:
        if window:
            start = jnp.asarray(step) % num_batches * window
            frames, exists, starts = (
                jax.lax.dynamic_slice_in_dim(part, start, window, axis=1) for part in stored
            )
        else:
            if sampled:
                key = _common.split_key(key, split)
                index = jax.random.randint(key, (batch_size,), 0, len(parts))
                row_exists = jnp.ones(batch_size, bool)
            elif shuffled:
                epoch, place = jnp.asarray(step) // num_batches, jnp.asarray(step) % num_batches
                places, row_exists = _common.rows(place, batch_size, len(parts))
                index = _epochs.order(epoch, places, len(parts))
            else:
                index, row_exists = _common.rows(step, batch_size, len(parts))
            frames, exists, starts = (part[index] for part in stored)
            exists = exists & row_exists[:, None]
        inputs, targets = (
            jnp.where(exists[..., None], jnp.asarray(roll[frames], jnp.float32), 0.0)
            for roll in (stored_now, stored_after)
        )
        return Batch(inputs, targets, jnp.asarray(exists, jnp.float32), exists, starts)

    independent, markov = _references(pieces["train"], pieces[split])
    spec = TaskSpec(
        in_features=now.shape[1],
        out_features=now.shape[1],
        length=window or layout.frames.shape[1],
        batch_size=batch_size,
        metric="nll",
        maximize=False,
        baseline=independent,
        references={"markov": markov},
        num_batches=None if sampled else num_batches,
        unit="nats/frame",
        files=files,
    )
    return Task(spec, batch, _loss if loss_per == "frame" else _loss_per_piece)


def _loss_per_piece(outputs: Array, batch: Batch) -> Metrics:
    metrics = _loss(outputs, batch)
    pieces = jnp.sum(jnp.any(batch.weights > 0, axis=1).astype(batch.weights.dtype))
    return {**metrics, "loss": Mean(metrics["nll"].total, pieces)}


def _loss(outputs: Array, batch: Batch) -> Metrics:
    # softplus(x) - x y is the cross entropy of sigmoid(x) against y, without overflow
    notes = jax.nn.softplus(outputs) - outputs * batch.targets
    nll = _common.weighted(jnp.sum(notes, axis=-1), batch.weights)
    return {"loss": nll, "nll": nll}


def _references(train: list[np.ndarray], held_out: list[np.ndarray]) -> tuple[float, float]:
    """Nats per frame on `held_out` of independent notes and of Markov chains, fitted on train."""
    x, y = _pairs(train)
    rate = _rate(y.sum(0), len(y))
    after_off = _rate(((1 - x) * y).sum(0), (1 - x).sum(0))
    after_on = _rate((x * y).sum(0), x.sum(0))
    x, y = _pairs(held_out)
    return _nll(rate, y), _nll(np.where(x > 0, after_on, after_off), y)


def _pairs(pieces: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    now, after = zip(*((p[:-1], p[1:]) for p in pieces))
    return np.concatenate(now).astype(np.float64), np.concatenate(after).astype(np.float64)


def _rate(events: np.ndarray, trials: np.ndarray | int) -> np.ndarray:
    return (events + PRIOR) / (trials + 2 * PRIOR)


def _nll(p: np.ndarray, y: np.ndarray) -> float:
    return float(-np.mean(np.sum(y * np.log(p) + (1 - y) * np.log1p(-p), axis=1)))
