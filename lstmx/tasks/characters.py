"""Language modelling by characters: from the text up to now, the next character.

Mikolov et al. 2012 (Subword language modeling with neural networks) and Graves 2013
(arXiv:1308.0850, section 3): cross entropy of a softmax over the alphabet, in bits a character.
"loss" is the same in nats: 1 bit = ln 2 = 0.693 nats.

Training is truncated back-propagation through time with carried state (`lstmx/tasks/_text.py`):
B streams side by side, batch s shows window s, and after `spec.num_batches` steps an epoch is over
and the state starts afresh. Worked example: "abracad" holds six predictions, a to b until a to d.
With two streams and `window=2`, "." standing for a step filled up:

    step 0   inputs  ab  ac    targets  br  ca    resets  10  10
    step 1   inputs  r.  a.    targets  a.  d.    resets  00  00     step 2 is step 0 again

Sources, each with a vocabulary of what train holds:
* "shakespeare" (Karpathy 2015): 1 115 394 characters of 65 kinds. It has no official split; ours is
  the first 90 % for train, then 5 % valid and 5 % test. Where others judge by the last 10 %, that
  is the mean of our two: uniform 4.174, unigram 3.347, bigram 2.484 nats.
* "text8" and "enwik8" (Mahoney 2006): 100 million characters of 27 kinds, and bytes of 205; 90, 5
  and 5 million. The part asked for stays on the device, a byte a character.
* "ptb": Penn Treebank as Mikolov prepared it, 50 kinds with the end of a line, rare words spelt
  `<unk>`; from `ptb.char.*.txt`, or the same text from `ptb.*.txt`. Needs a licence.
* "file": any text of your own, UTF-8.

Baseline "unigram": every character at its rate in train. References: "uniform", log2 of their
number, and "bigram", the rate after the character before; both counts plus 0.1. No line counts as
solved; published LSTMs reach 1.38 bits on ptb and 1.43 on text8 (Cooijmans et al. 2017, one layer
of 1000 and 2000 units).

Traps: a large `batch_size` in evaluation cuts the text in more places, and each cut costs context;
more than that, if training never restarts (`restart`).
"""

import math

from lstmx import checks
from lstmx.data import text
from lstmx.tasks import _common, _text
from lstmx.types import Task


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "shakespeare",
    file: str = "",
    window: int = 64,
    carry: bool = True,
    restart: float = 0.0,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
) -> Task:
    """Language modelling by characters; inputs [B, T] tokens, outputs [B, T, V] logits.

    Args:
        batch_size: streams B.
        split: every split goes through its text by the step, train again and again.
        source: "shakespeare", "text8", "enwik8", "ptb" or "file".
        file: for source "file": a path, or `<set>/<file>` of the data folder; `{split}` in it
            stands for train, valid and test of a text in three files.
        window: characters T of a batch, through which gradients flow.
        carry: False starts the state afresh with every window.
        restart: in train, the probability that a stream's window starts afresh all the same;
            0.01 teaches a network to start anywhere.
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
        carry,
        restart,
        metric="bpc",
        unit="bits/character",
        nats=math.log(2),
        backoff=False,
    )
