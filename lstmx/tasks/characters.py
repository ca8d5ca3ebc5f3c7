"""Language modelling by characters: predict the next character from all before it.

Mikolov et al. 2012 (Subword language modeling with neural networks) and Graves 2013
(arXiv:1308.0850, section 3): cross entropy of a softmax over the alphabet, in bits a character.
"loss" is the same in nats: 1 bit = ln 2 = 0.693 nats.

Training is truncated back-propagation through time with carried state (`lstmx/tasks/_text.py`):
B parallel streams, batch s contains window s of each, and after `spec.num_batches` steps an epoch
ends and the state is reset. Worked example: "abracad" contains six predictions, a to b until a to
d. With two streams and `window=2`, where "." is a padded step:

    step 0   inputs  ab  ac    targets  br  ca    resets  10  10
    step 1   inputs  r.  a.    targets  a.  d.    resets  00  00     step 2 is step 0 again

Sources; the vocabulary of each consists of the characters of its train part:
* "shakespeare" (Karpathy 2015): 1 115 394 characters of 65 kinds. It has no official split; ours is
  the first 90 % for train, then 5 % valid and 5 % test. Others evaluate on the last 10 %, which
  is the mean of our two parts: uniform 4.174, unigram 3.347, bigram 2.484 nats.
* "text8" and "enwik8" (Mahoney 2006): 100 million characters of 27 kinds, and bytes of 205; 90, 5
  and 5 million. The selected part stays on the device, one byte per character.
* "ptb": Penn Treebank as Mikolov prepared it, 50 kinds with the end of a line, rare words written
  as `<unk>`; from `ptb.char.*.txt`, or the same text from `ptb.*.txt`. Needs a licence.
* "file": any text file in UTF-8.

Baseline "unigram": the frequency of every character in train. References: "uniform", log2 of the
vocabulary size, and "bigram", the frequency after the preceding character; 0.1 is added to all
counts. There is no threshold from which the task is solved; published LSTMs reach 1.38 bits on
ptb and 1.43 on text8 (Cooijmans et al. 2017, one layer of 1000 and 2000 units).

Traps: a large `batch_size` in evaluation cuts the text in more places, and each cut loses context;
it costs more than that if training never resets the state (`state_reset_prob`).
"""

import math

from lstmx import checks
from lstmx.data import text
from lstmx.tasks import _common, _text
from lstmx.types import Task

BIBTEX = """
@unpublished{mikolov2012subword,
  author = {Tomas Mikolov and others},
  title = {Subword Language Modeling with Neural Networks},
  note = {Preprint},
  year = {2012},
}
@misc{graves2013generating,
  author = {Alex Graves},
  title = {Generating Sequences With Recurrent Neural Networks},
  eprint = {1308.0850},
  archiveprefix = {arXiv},
  year = {2013},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "shakespeare",
    file: str = "",
    window: int = 64,
    stateful: bool = True,
    state_reset_prob: float = 0.0,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
) -> Task:
    """Language modelling by characters; inputs [B, T] tokens, outputs [B, T, V] logits.

    Args:
        batch_size: streams B.
        split: train, valid or test; batch `step` is a window of its text, epoch after epoch.
        source: "shakespeare", "text8", "enwik8", "ptb" or "file".
        file: for source "file": a path, or `<set>/<file>` of the data folder; `{split}` in it
            stands for train, valid and test of a text in three files.
        window: characters T of a batch, through which gradients flow.
        stateful: whether the state is carried from window to window; False resets it before each.
        state_reset_prob: in train, the probability that the state is reset before a window; with
            0.01 a network learns to start anywhere in a text.
        valid_fraction: of a text in one file, the part before test.
        test_fraction: of a text in one file, the part at its end.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or wrong.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, window=window)
    corpus = text.characters(
        source, file=file, valid_fraction=valid_fraction, test_fraction=test_fraction
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
        backoff=False,
    )
