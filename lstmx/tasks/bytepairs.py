"""Language modelling by byte pairs: predict the next piece of a word from all before it.

Pieces are learned from the training part (Sennrich, Haddow & Birch 2016, over bytes as in Radford
et al. 2019, see `lstmx/data/bytepairs.py`): frequent words are one token, rare ones several, and no
text has a token that is unknown. "loss" is the cross entropy in nats a token. The metric is in bits
a character, the sum of all bits over the number of characters: it compares with that of the task
"characters" on the same parts of the same text, whatever the vocabulary.

Streams and carried state are those of `lstmx/tasks/_text.py`. Worked example: with " the" learned
as one token 300, "at the" is 97 116 300. The first token is not predicted: two predictions, in
nats n_1 and n_2, of 1 + 4 characters are (n_1 + n_2) / (5 ln 2) bits a character.

Sources are those of the task "characters", and "file"; a run keeps the pairs that it learned.

Baseline "unigram": the frequency of every token in train. References: "uniform", log2 of the
vocabulary size, and "bigram", the frequency after the preceding token, mixed with unigram
frequencies (Witten & Bell 1991), all in bits a character. There is no threshold from which the task
is solved.

Traps: one-hot inputs are as wide as the vocabulary, set `model.embed_features`; a window of as many
tokens is longer than one of characters.
"""

import math

from lstmx import checks
from lstmx.data import text
from lstmx.tasks import _common, _text
from lstmx.types import Task

BIBTEX = """
@inproceedings{sennrich2016bpe,
  author = {Rico Sennrich and Barry Haddow and Alexandra Birch},
  title = {Neural Machine Translation of Rare Words with Subword Units},
  booktitle = {Annual Meeting of the Association for Computational Linguistics},
  eprint = {1508.07909},
  archiveprefix = {arXiv},
  year = {2016},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "shakespeare",
    file: str = "",
    vocabulary: int = 0,
    window: int = 32,
    stateful: bool = True,
    state_reset_prob: float = 0.0,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
) -> Task:
    """Language modelling by byte pairs; inputs [B, T] tokens, outputs [B, T, V] logits.

    Args:
        batch_size: streams B.
        split: train, valid or test; batch `step` is a window of its text, epoch after epoch.
        source: "shakespeare", "text8", "enwik8", "ptb" or "file".
        file: for source "file": a path, or `<set>/<file>` of the data folder; `{split}` in it
            stands for train, valid and test of a text in three files.
        vocabulary: most tokens, those of the 256 bytes included; 0 is 4000.
        window: tokens T of a batch, through which gradients flow.
        stateful: whether the state is carried from window to window; False resets it before each.
        state_reset_prob: in train, the probability that the state is reset before a window; with
            0.01 a network learns to start anywhere in a text.
        valid_fraction: of a text in one file, the part before test.
        test_fraction: of a text in one file, the part at its end.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or wrong,
            `tokenizers` that is not installed.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, window=window)
    checks.sizes(0, vocabulary=vocabulary)
    corpus = text.byte_pairs(
        source,
        file=file,
        vocabulary=vocabulary,
        valid_fraction=valid_fraction,
        test_fraction=test_fraction,
    )
    return _text.from_corpus(
        corpus,
        batch_size,
        split,
        window,
        stateful,
        state_reset_prob,
        metric="bpc",
        unit="bits/character",
        nats=math.log(2),
        backoff=True,
    )
