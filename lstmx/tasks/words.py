"""Language modelling by words: predict the next word from all before it.

Mikolov et al. 2010; Zaremba, Sutskever & Vinyals 2014 (arXiv:1409.2329): cross entropy of a softmax
over the vocabulary, in nats per word; the end of a line is the word `<eos>`.

Perplexity is exp(nll) of the mean nll over a split, never a mean of perplexities. It is therefore
no metric here: metrics are means over batches, which do not add up to it. nll 4.74 is perplexity
114.5.

Streams and carried state are those of `lstmx/tasks/_text.py`. Worked example: the lines "a b"
and "a c" of train are the words a b <eos> a c <eos>. Sorted by frequency, then alphabetically,
their numbers are <eos> 0, a 1, b 2, c 3, hence 1 2 0 1 3 0. A "d" in valid or test is <unk>, 4.

Sources:
* "sherlock": The Adventures of Sherlock Holmes, lower case, 2000 kinds with <unk> and <eos>; 87 001
  / 21 756 / 27 195 words. Free and small, not comparable with published numbers. Its lines end at
  arbitrary places, so that <eos> means little.
* "ptb": Penn Treebank as Mikolov prepared it, `ptb.{train,valid,test}.txt`, 10 000 kinds. Needs a
  licence. Zaremba's LSTMs reach test perplexity 114.5 (2 x 200 units), 82.7 (2 x 650) and 78.4.
* "wikitext2" (Merity et al. 2016, arXiv:1609.07843): `wiki.{train,valid,test}.tokens`; 2 088 628 /
  217 646 / 245 569 words.
* "file": any text file in UTF-8, words separated by white space; `vocabulary` keeps the most
  frequent ones.

Baseline "unigram": the frequency of every word in train. References: "uniform", ln of the
vocabulary size, and "bigram", the frequency after the preceding word, mixed with unigram
frequencies (Witten & Bell 1991). There is no threshold from which the task is solved.

Trap: one-hot inputs are as wide as the vocabulary; set `model.embed_features`.
"""

from lstmx import checks
from lstmx.data import text
from lstmx.tasks import _common, _text
from lstmx.types import Task

BIBTEX = """
@inproceedings{mikolov2010rnnlm,
  author = {Tomas Mikolov and Martin Karafiát and Lukas Burget and Jan Cernocky and Sanjeev
    Khudanpur},
  title = {Recurrent Neural Network Based Language Model},
  booktitle = {Interspeech},
  year = {2010},
}
@misc{zaremba2014regularization,
  author = {Wojciech Zaremba and Ilya Sutskever and Oriol Vinyals},
  title = {Recurrent Neural Network Regularization},
  eprint = {1409.2329},
  archiveprefix = {arXiv},
  year = {2014},
}
"""

BIBTEX_OPTIONS = {
    "source=wikitext2": """
@misc{merity2016pointer,
  author = {Stephen Merity and Caiming Xiong and James Bradbury and Richard Socher},
  title = {Pointer Sentinel Mixture Models},
  eprint = {1609.07843},
  archiveprefix = {arXiv},
  year = {2016},
}
""",
}
"""Option, or option=value -> what to cite besides where it is set."""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "sherlock",
    file: str = "",
    vocabulary: int = 0,
    vectors_file: str = "",
    vectors_trained: bool = True,
    window: int = 35,
    stateful: bool = True,
    state_reset_prob: float = 0.0,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
) -> Task:
    """Language modelling by words; inputs [B, T] tokens, outputs [B, T, V] logits.

    Args:
        batch_size: streams B.
        split: train, valid or test; batch `step` is a window of its text, epoch after epoch.
        source: "sherlock", "ptb", "wikitext2" or "file".
        file: for source "file": a path, or `<set>/<file>` of the data folder; `{split}` in it
            stands for train, valid and test of a text in three files.
        vocabulary: the largest number of words, <unk> for all others; 0 for all words of train.
        vectors_file: vectors of words from which the embedding starts, in a text file of GloVe or
            word2vec, as a path or as `<set>/<file>` of the data folder; `model.embed_features` has
            to be as wide as they are. Other words start at random.
        vectors_trained: whether training changes the embedding then.
        window: words T of a batch, through which gradients flow.
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
    checks.sizes(2 if vocabulary else 0, vocabulary=vocabulary)
    _common.check_vectors(vectors_trained, vectors_file)
    corpus = text.words(
        source,
        file=file,
        vocabulary=vocabulary,
        valid_fraction=valid_fraction,
        test_fraction=test_fraction,
    )
    made = _text.from_corpus(
        corpus,
        batch_size,
        split,
        window,
        stateful,
        state_reset_prob,
        metric="nll",
        unit="nats/word",
        nats=1.0,
        backoff=True,
    )
    if split != "train":
        return made
    return _common.with_vectors(made, vectors_file, corpus.symbols, vectors_trained)
