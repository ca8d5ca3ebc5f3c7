"""Classification of texts: questions (TREC), sentiment (SST), or a table with text and label.

Tokens are words or characters of the training part; all other ones share one token. Byte pairs
(`lstmx/data/bytepairs.py`), which are learned from that part, have none that is unknown. The label
is the target at the last token; the model "pooled" reads the mean of all steps instead of the last.

Worked example, the training texts "No way" and "no", in lower case:

    tokens of " no", " way" in the order of frequency    257 258
    inputs  257 258        mask  1 1        targets  0 c        weights  0 1
            257 0                1 0                 c 0                 1 0

Splits are those that are published, or, where a source has none, parts that are cut class by class
in a random order, the same for every seed of a run. TREC (Li & Roth 2002): 5452 and 500 questions
of six classes, of which `valid_fraction` is held out. SST (Socher et al. 2013): 6920, 872 and 1821
sentences of two classes, or 8544, 1101 and 2210 of five.

Baseline: the class that is most frequent in train. Reference, beside every result on valid and
test: "bag of words", the accuracy of a logistic regression on the counts of words and pairs of
words. On these small corpora it is better than most networks without pretrained vectors. No line
counts as solved. With `source="file"` and no file the texts are generated: which of two words comes
first, where a bag of words cannot tell.
"""

from typing import Any

import numpy as np

from lstmx import checks
from lstmx.data import arrays, bag_of_words, bytepairs, fetch, labelled_text, tokens
from lstmx.data.arrays import Labelled, Part
from lstmx.data.labelled_text import Texts
from lstmx.tasks import _common, _encoding, _labelled
from lstmx.types import Task

BIBTEX = """
@inproceedings{li2002trec,
  author = {Xin Li and Dan Roth},
  title = {Learning Question Classifiers},
  booktitle = {International Conference on Computational Linguistics},
  year = {2002},
}
@inproceedings{socher2013recursive,
  author = {Richard Socher and Alex Perelygin and Jean Y. Wu and Jason Chuang and Christopher D.
    Manning and Andrew Y. Ng and Christopher Potts},
  title = {Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank},
  booktitle = {Empirical Methods in Natural Language Processing},
  year = {2013},
}
"""

TOKENISERS = (*tokens.KINDS, "bytepairs")


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "file",
    file: str = "",
    test_file: str = "",
    text_column: str = "",
    label_column: str = "",
    tokeniser: str = "word",
    lowercase: bool = True,
    min_count: int = 1,
    vocabulary: int = 0,
    length: int = 0,
    vectors_file: str = "",
    vectors_trained: bool = True,
    valid_fraction: float = 0.1,
    test_fraction: float = 0.1,
    epochs: bool = True,
    buckets: int = 1,
    class_weights: tuple[float, ...] = (),
    balanced: bool = False,
) -> Task:
    """Labelled texts; inputs tokens [B, length], outputs [B, length, C], scored at the last token.

    Args:
        batch_size: texts of a batch.
        split: valid and test go through their texts by the step.
        source: "trec", "sst2", "sst5", or "file".
        file: a `.csv` or `.tsv` file, as a path or as `<set>/<file>` of the data folder.
        test_file: the file of the test part; a part of `file` where empty.
        text_column, label_column: names in the header, or numbers from 0 on where there is none;
            "text" and "label", or the first and the last column, where empty.
        tokeniser: "word", "character" or "bytepairs".
        lowercase: whether texts are read in lower case.
        min_count: how often a token has to occur in train to have a number of its own.
        vocabulary: most words or characters that have one, 0 for all of train; of byte pairs the
            most tokens, bytes included, 0 for 4000.
        length: most tokens of a text, whose rest is cut off; 0 is the longest one of train.
        vectors_file: vectors of words from which the embedding starts, in a text file of GloVe or
            word2vec, as a path or as `<set>/<file>` of the data folder; needs the tokeniser "word",
            and `model.embed_features` as wide as they are. Other words start at random.
        vectors_trained: whether training changes the embedding then.
        valid_fraction, test_fraction: parts that are held out where a source does not say which.
        epochs: whether train goes through its texts in epochs; else it samples them by the key.
        buckets: of about one length, to which batches of train are padded, see
            `lstmx/tasks/_buckets.py`; 1 pads all to the longest.
        class_weights: weight of each class in the loss of train, in the order of the labels.
        balanced: weights in inverse proportion to the frequency of the classes in train.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or unreadable.
    """
    options = _encoding.Options(
        batch_size,
        split,
        epochs,
        class_weights=class_weights,
        balanced=balanced,
        buckets=buckets,
    )
    checks.one_of("source", source, labelled_text.SOURCES)
    checks.one_of("tokeniser", tokeniser, TOKENISERS)
    checks.sizes(0, length=length, vocabulary=vocabulary)
    _common.check_vectors(vectors_trained, vectors_file, tokeniser=tokeniser)
    if source != "file" and (file or test_file):
        raise ValueError(f"source={source!r} and a file; expected source='file' for a file")
    _labelled.check_held_out(file, test_file, valid_fraction, test_fraction)
    if source == "file":
        parts, files = _own(file, test_file, text_column, label_column)
    else:
        parts, files = labelled_text.published(source)
    parts = _divided(parts, valid_fraction, test_fraction)
    if lowercase:
        parts = {k: Texts(tuple(t.lower() for t in p.texts), p.labels) for k, p in parts.items()}
    if split not in parts:
        raise ValueError(f"split={split!r} has no texts; expected one of {', '.join(parts)}")
    used = {name: parts[name].texts for name in ("train", split)}
    rows, words, record = _tokens(used, tokeniser, min_count, vocabulary)
    classes = np.unique(parts["train"].labels)
    longest = length or max(map(len, rows["train"]))
    labelled = Labelled(
        {
            name: _part(numbers, parts[name].labels, classes, longest)
            for name, numbers in rows.items()
        },
        classes,
    )
    references = {}
    if split != "train":
        accuracy = bag_of_words.accuracy(tuple(parts["train"]), tuple(parts[split]))
        references = {"bag of words": accuracy}
    size = len(words)
    made = _labelled.make(labelled, options, files=files, tokens=size, references=references)
    if split != "train":
        return made
    made = made._replace(spec=made.spec._replace(record=record))
    return _common.with_vectors(made, vectors_file, words, vectors_trained)


def generated(count: int = 200) -> Texts:
    """Texts of 4 to 12 words in which "salt" and "pepper" occur once; the label is the first."""
    rng = np.random.default_rng(_labelled.SPLIT_SEED)
    words, texts, labels = ("stir", "the", "soup", "well", "and", "wait"), [], []
    for _ in range(count):
        row = list(rng.choice(words, int(rng.integers(2, 11))))
        first, second = rng.permutation(["salt", "pepper"])
        one, two = sorted(rng.integers(0, len(row) + 1, 2))
        texts.append(" ".join([*row[:one], first, *row[one:two], second, *row[two:]]))
        labels.append(str(first))
    return Texts(tuple(texts), tuple(labels))


def _tokens(
    texts: dict[str, tuple[str, ...]], tokeniser: str, least: int, most: int
) -> tuple[dict[str, list[list[int]]], list[str], dict[str, Any]]:
    """The tokens of the texts of each part, the word of each token, and what a run records."""
    if tokeniser == "bytepairs":
        # Token 0 is that of padding.
        pairs = bytepairs.learn("text", texts["train"], most, least=least, first=1)
        rows = {name: pairs.encode_all(part) for name, part in texts.items()}
        return rows, [""] * pairs.size, bytepairs.record(text=pairs)
    known = tokens.vocabulary(texts["train"], tokeniser, least=least, most=most)
    encode = lambda text: known.encode(text, spell=False)
    words = [""] * tokens.FIRST + [piece.strip() for piece in known.pieces]
    return {name: list(map(encode, part)) for name, part in texts.items()}, words, {}


def _own(
    file: str, test_file: str, text_column: str, label_column: str
) -> tuple[dict[str, Texts], dict[str, str]]:
    if not file:
        return {"train": generated()}, {}
    named = {"train": file, **({"test": test_file} if test_file else {})}
    places = {name: fetch.find(path) for name, path in named.items()}
    parts = {n: labelled_text.table(p, text_column, label_column) for n, p in places.items()}
    return parts, {place.name: fetch.sha256(place) for place in places.values()}


def _divided(parts: dict[str, Texts], valid: float, test: float) -> dict[str, Texts]:
    """The parts, with valid and test cut off train where they are not there."""
    whole = parts["train"]
    keys = np.unique(whole.labels, return_inverse=True)[1]
    index = _labelled.divided(keys, valid * ("valid" not in parts), test * ("test" not in parts))
    pick = lambda rows: Texts(*(tuple(field[n] for n in rows) for field in whole))
    return {**parts, **{name: pick(rows) for name, rows in index.items() if len(rows)}}


def _part(
    rows: list[list[int]], labels: tuple[str, ...], classes: np.ndarray, longest: int
) -> Part:
    """The tokens of texts, cut after `longest` and padded to it."""
    values = np.zeros((len(rows), longest), np.int32)
    for row, numbers in zip(values, rows):
        row[: len(numbers)] = numbers[:longest]
    lengths = np.array([max(1, min(len(numbers), longest)) for numbers in rows])
    at = np.searchsorted(classes, labels).clip(0, len(classes) - 1)
    if (unknown := classes[at] != np.asarray(labels)).any():
        label = str(np.asarray(labels)[unknown][0])
        raise ValueError(f"a text has the label {label!r}, which train has not")
    part = Part(values, np.arange(longest) < lengths[:, None], at.astype(np.int32))
    arrays.check("texts", part, classes)
    return part
