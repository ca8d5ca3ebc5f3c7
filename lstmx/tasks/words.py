"""Language modelling by words: from the text up to now, the next word.

Mikolov et al. 2010; Zaremba, Sutskever & Vinyals 2014 (arXiv:1409.2329): cross entropy of a softmax
over the vocabulary, in nats a word, the end of a line being the word `<eos>`.

Perplexity is exp(nll) of the mean over a whole split, never a mean of perplexities, which is why
it is no metric here: means of parts would not add up to it. nll 4.74 is perplexity 114.5.

Streams and carried state are those of `lstmx/tasks/_text.py`. Worked example: the lines "a b"
and "a c" of train are the words a b <eos> a c <eos>. By frequency, then alphabetically, their
numbers are <eos> 0, a 1, b 2, c 3, hence 1 2 0 1 3 0. A "d" in valid or test would be <unk>, 4.

Sources:
* "sherlock": The Adventures of Sherlock Holmes, lower case, 2000 kinds with <unk> and <eos>; 87 001
  / 21 756 / 27 195 words. Free and small, not comparable with published numbers. Its lines are
  cut anywhere, so that <eos> says little.
* "ptb": Penn Treebank as Mikolov prepared it, `ptb.{train,valid,test}.txt`, 10 000 kinds. Needs a
  licence. Zaremba's LSTMs reach test perplexity 114.5 (2 x 200 units), 82.7 (2 x 650) and 78.4.
* "wikitext2" (Merity et al. 2016, arXiv:1609.07843): `wiki.{train,valid,test}.tokens`; 2 088 628 /
  217 646 / 245 569 words.
* "file": any text of your own, UTF-8, its words between white space; `vocabulary` keeps the most
  frequent ones.

Baseline "unigram": every word at its rate in train. References: "uniform", ln of the vocabulary,
and "bigram", the rate after the word before, mixed with single rates (Witten & Bell 1991). No line
counts as solved.

Trap: words as one-hot inputs are as wide as the vocabulary; set `model.embed_features`.
"""

from lstmx import checks
from lstmx.data import text
from lstmx.tasks import _common, _text
from lstmx.types import Task


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "sherlock",
    file: str = "",
    vocabulary: int = 0,
    window: int = 35,
    carry: bool = True,
    restart: float = 0.0,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
) -> Task:
    """Language modelling by words; inputs [B, T] tokens, outputs [B, T, V] logits.

    Args:
        batch_size: streams B.
        split: every split goes through its text by the step, train again and again.
        source: "sherlock", "ptb", "wikitext2" or "file".
        file: for source "file": a path, or `<set>/<file>` of the data folder; `{split}` in it
            stands for train, valid and test of a text in three files.
        vocabulary: how many words there are at most, <unk> for all others; 0 for those of train.
        window: words T of a batch, through which gradients flow.
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
    checks.sizes(2 if vocabulary else 0, vocabulary=vocabulary)
    corpus = text.words(
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
        carry,
        restart,
        metric="nll",
        unit="nats/word",
        nats=1.0,
        backoff=True,
    )
