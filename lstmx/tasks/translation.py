"""Translation of sentences: predict each word of the target from the source and the words before.

For an encoder-decoder (`model.name="seq2seq"`), whose inputs are the words of the source and those
of the target that come before the word to predict, see `lstmx/models/seq2seq.py`. Cross entropy of
a softmax over the words of the target and `</s>`, in nats a word. BLEU is that of whole sentences
which the model writes itself: `python -m experiments.translate` measures it.

Worked example: "he ran ." -> "il courait ." with the numbers il 3, courait 4, "." 5 has

    source  he ran . </s>       target  <s> il courait .      targets  il courait . </s>  =  3 4 5 1

Sources: "enja", 50 000 / 500 / 500 English-Japanese pairs of 4 to 16 words (small_parallel_enja);
"file", two text files or one of `source<TAB>target`, words separated by white space. Vocabularies
are those of train; other words are `<unk>`. With byte pairs instead of words none is unknown, and
the cross entropy is in nats a token, which does not compare with that of words; BLEU does.

Batches of train are consecutive pairs of an order that is shuffled for every epoch; a last batch
that is not full is left out. Sentences longer than `length` tokens with `</s>` are left out of
train, and cut in held-out parts.

Scheduled sampling (Bengio et al. 2015, arXiv:1506.03099, section 2.4): in train, a word before the
one to predict is the right one with probability e, which depends on the number i of updates, and
else one that the model has chosen. K is `teacher_steps` and the floor `teacher_least`:

    always 1    linear 1 - i / K    exponential exp(-i / K)    sigmoid K / (K + exp(i / K))

Baseline "unigram": the frequency of every word in train. No threshold counts as solved.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.data import bytepairs, pairs
from lstmx.data.bytepairs import BytePairs
from lstmx.tasks import _buckets, _common, _epochs
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@inproceedings{bengio2015scheduled,
  author = {Samy Bengio and Oriol Vinyals and Navdeep Jaitly and Noam Shazeer},
  title = {Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks},
  booktitle = {Advances in Neural Information Processing Systems},
  eprint = {1506.03099},
  archiveprefix = {arXiv},
  year = {2015},
}
"""

SCHEDULES = ("always", "linear", "exponential", "sigmoid")
PRIOR = 0.1
"""Added to the counts of the unigram baseline."""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "enja",
    file: str = "",
    target_file: str = "",
    swapped: bool = False,
    vocabulary: int = 0,
    tokeniser: str = "word",
    vectors_file: str = "",
    target_vectors_file: str = "",
    vectors_trained: bool = True,
    length: int = 32,
    buckets: int = 1,
    teacher_forcing: str = "always",
    teacher_steps: int = 1000,
    teacher_least: float = 0.0,
) -> Task:
    """Translation; inputs a dict of the model "seq2seq", outputs [B, T, Y] logits.

    Args:
        batch_size: pairs of a batch.
        split: train, valid or test.
        source: "enja" or "file".
        file: for source "file": the sentences of the source, or pairs `source<TAB>target`; see
            `lstmx.data.pairs.load`.
        target_file: the sentences of the target.
        swapped: whether source and target change places.
        vocabulary: most symbols of each language; 0 for all words of train, for 4000 byte pairs.
        tokeniser: "word", or "bytepairs", learned from train.
        vectors_file: vectors of the words of the source from which the encoder's embedding starts,
            in a text file of GloVe or word2vec, as a path or as `<set>/<file>` of the data folder;
            needs the tokeniser "word", and `model.embed_features` as wide as they are. Other words
            start at random.
        target_vectors_file: likewise of the target, for the embedding of the decoder. The two files
            change places with `swapped`, as those of sentences do.
        vectors_trained: whether training changes the embeddings that start from a file.
        length: most tokens of a sentence, `</s>` included.
        buckets: of pairs of about one length, by the longer side, to which batches of train are
            padded, see `lstmx/tasks/_buckets.py`; 1 pads all to the longest.
        teacher_forcing: schedule of the probability e that the model reads the right word.
        teacher_steps: K of that schedule.
        teacher_least: the least e.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or wrong.
    """
    _common.check_split(split)
    checks.one_of("teacher_forcing", teacher_forcing, SCHEDULES)
    checks.sizes(1, batch_size=batch_size, buckets=buckets, teacher_steps=teacher_steps)
    checks.size("length", length, 2)
    checks.number("teacher_least", teacher_least, least=0, most=1)
    vectors = (vectors_file, target_vectors_file)
    _common.check_vectors(vectors_trained, *vectors, tokeniser=tokeniser)
    corpus = pairs.load(
        source,
        file=file,
        target_file=target_file,
        swapped=swapped,
        vocabulary=vocabulary,
        tokeniser=tokeniser,
    )
    xs, ys = _tokens(corpus, split, length)
    (read, read_lengths), (written, written_lengths) = pairs.padded(xs), pairs.padded(ys)
    count, steps = written.shape
    if split == "train" and batch_size > count:
        raise ValueError(f"batch_size={batch_size}; expected at most the {count} pairs of train")
    num_batches = count // batch_size if split == "train" else -(-count // batch_size)

    def batches(
        rows: np.ndarray, place: Callable[[Array], tuple[Array, Array]]
    ) -> _buckets.Batches:
        """The batches of some of the pairs, padded to the longest of them.

        Args:
            rows: which pairs.
            place: step -> [B] which of them a batch has, and [B] whether they exist.
        """
        sizes = (read_lengths[rows], written_lengths[rows])
        most = [int(lengths.max()) for lengths in sizes]
        cut = (read[rows, : most[0]], sizes[0], written[rows, : most[1]], sizes[1])
        stored = jax.tree.map(jnp.asarray, cut)

        def batch(key: Key, step: Array | int) -> Batch:
            step = jnp.asarray(step)
            index, exists = place(step)
            tokens, lengths, targets, target_lengths = (a[index] for a in stored)
            start = jnp.full((batch_size, 1), pairs.START, jnp.int32)
            before = jnp.concatenate([start, targets[:, :-1]], axis=1)
            mask = _common.real(target_lengths, most[1]) & exists[:, None]
            inputs = {
                "source": tokens,
                "source_mask": _common.real(lengths, most[0]) & exists[:, None],
                "target": before,
            }
            if split == "train" and teacher_forcing != "always":
                e = jnp.maximum(probability(teacher_forcing, step, teacher_steps), teacher_least)
                right = jax.random.bernoulli(key, e, before.shape)
                inputs["teacher"] = jnp.asarray(right.at[:, 0].set(True), jnp.float32)
            return Batch(
                inputs=inputs,
                targets=targets,
                weights=jnp.asarray(mask, jnp.float32),
                mask=mask,
                resets=_common.initial_resets(batch_size, most[1]),
            )

        return batch

    def plain(step: Array) -> tuple[Array, Array]:
        if split != "train":
            return _common.rows(step, batch_size, count)
        index, exists = _common.rows(step % num_batches, batch_size, count)
        return _epochs.order(step // num_batches, index, count), exists

    batch, epoch = batches(np.arange(count), plain), num_batches
    bucketed: tuple[_buckets.Batches, ...] = ()
    if split == "train" and buckets > 1:
        parts = _buckets.cut(np.maximum(read_lengths, written_lengths), buckets, batch_size)
        places = _buckets.places(parts, batch_size)
        bucketed = tuple(map(batches, parts, places))
        batch, epoch = _buckets.whole(bucketed), _buckets.epoch(parts, batch_size)

    def loss(outputs: Array, batch: Batch) -> Metrics:
        metrics = _common.classification(outputs, batch)
        return {**metrics, "nll": metrics["loss"]}

    size = pairs.size(corpus.target)
    trained = ys if split == "train" else _tokens(corpus, "train", length)[1]
    both = {"source": corpus.source, "target": corpus.target}
    paired = {name: one for name, one in both.items() if isinstance(one, BytePairs)}
    spec = TaskSpec(
        in_features=pairs.size(corpus.source),
        out_features=size,
        length=steps,
        batch_size=batch_size,
        metric="nll",
        maximize=False,
        baseline=_unigram(trained, ys, size),
        references={"uniform": math.log(size)},
        inputs="token",
        num_batches=epoch,
        unit="nats/token" if paired else "nats/word",
        files=corpus.files,
        maximized=("accuracy",),
        record=bytepairs.record(**paired) if split == "train" and paired else {},
    )
    made = Task(spec, batch, loss, buckets=bucketed)
    if split != "train":
        return made
    placed = vectors[::-1] if swapped else vectors
    for name, one, of in zip(("vectors", "target_vectors"), placed, both.values()):
        if not isinstance(of, BytePairs):
            made = _common.with_vectors(made, one, of, vectors_trained, name=name)
    return made


def probability(schedule: str, step: Array | int, steps: int) -> Array:
    """The probability e that the model reads the right word, after `step` updates, []."""
    i = jnp.asarray(step, jnp.float32) / steps
    values = {
        "always": jnp.ones_like(i),
        "linear": jnp.maximum(1 - i, 0),
        "exponential": jnp.exp(-i),
        # K / (K + exp(i / K)), in a form that does not overflow.
        "sigmoid": jax.nn.sigmoid(math.log(steps) - i),
    }
    return values[schedule]


def _tokens(corpus: pairs.Pairs, split: str, length: int) -> tuple[list[list[int]], ...]:
    """Source and target of a part, without or cut to sentences of at most `length` tokens."""
    source, target = corpus.lines[split]
    xs, ys = pairs.encode(source, corpus.source), pairs.encode(target, corpus.target)
    if split != "train":
        return [x[:length] for x in xs], [y[:length] for y in ys]
    kept = [(x, y) for x, y in zip(xs, ys) if max(len(x), len(y)) <= length]
    if not kept:
        raise ValueError(f"length={length}: no pair of train is as short; expected more")
    return [x for x, _ in kept], [y for _, y in kept]


def _unigram(train: list[list[int]], held_out: list[list[int]], size: int) -> float:
    counts = np.bincount(np.concatenate(train), minlength=size) + PRIOR
    return float(-np.log(counts / counts.sum())[np.concatenate(held_out)].mean())
