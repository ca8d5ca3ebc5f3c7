"""Texts: tokenisers come back, tables are read, the task, and its bag of words."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmx import config as cfg
from lstmx import experiment, tasks
from lstmx.data import bag_of_words, labelled_text, tokens
from lstmx.testing.cells import QUICKLY
from lstmx.testing.tasks import check_task

no_jax = pytest.mark.no_jax
TRAIN = ("no way ,", "no , no", "Ünïcode\tand 日本語 😀")


@no_jax
@pytest.mark.parametrize("kind", tokens.KINDS)
@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_any_text_comes_back(kind, text):
    known = tokens.vocabulary(TRAIN, kind)
    assert "".join(tokens.cut(text, kind)) == (f" {text}" if kind == "word" else text)
    numbers = known.encode(text)
    assert known.decode(numbers) == text
    assert all(0 < n < known.size for n in numbers)
    assert len(known.encode(text, spell=False)) == len(tokens.cut(text, kind))


@no_jax
def test_pieces_of_training_have_numbers_by_frequency_and_others_share_one():
    known = tokens.vocabulary(TRAIN[:2], "word")
    assert known.pieces == (" no", " ,", " way")
    assert known.encode("no way out", spell=False) == [257, 259, tokens.UNKNOWN]
    assert known.encode("no x") == [257, 1 + ord(" "), 1 + ord("x")]
    assert known.decode([257, tokens.UNKNOWN, 1 + 0xF0]) == "no\ufffd\ufffd"
    assert tokens.vocabulary(TRAIN[:2], "word", least=2).pieces == (" no", " ,")
    assert tokens.vocabulary(reversed(TRAIN), "word") == tokens.vocabulary(TRAIN, "word")
    with pytest.raises(ValueError, match="token 260; expected 0 to 259"):
        known.decode([260])
    with pytest.raises(ValueError, match="unknown tokeniser 'words'; did you mean 'word'"):
        tokens.vocabulary(TRAIN, "words")


@no_jax
def test_tables_of_texts(tmp_path):
    place = tmp_path / "t.csv"
    place.write_text('label,note,text\nyes,1,"a, ""b"""\nno,2,c\n')
    assert labelled_text.table(place) == (('a, "b"', "c"), ("yes", "no"))
    assert labelled_text.table(place, "note", "text").labels == ('a, "b"', "c")
    rows = tmp_path / "t.txt"
    rows.write_bytes('say "hi\u0085\t1\nbye\t0\n'.encode())  # no header, and U+0085 ends no line
    assert labelled_text.table(rows, "0", "1") == (('say "hi\u0085', "bye"), ("1", "0"))
    for name, text, message in (
        ("t.csv", "a,label\nx\n", "line 2 has 1 fields; expected 2"),
        ("t.csv", "a,label\n,1\n", "line 2 has no text or no label"),
        ("t.csv", "label\n1\n", "text and label are one column"),
        ("t.csv", "text,label\n", "has a header and no rows"),
        ("t.csv", "\n", "has no rows"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=message):
            labelled_text.table(tmp_path / name)
    (tmp_path / "t.csv").write_bytes(b"a,b\n\xff,1\n")
    with pytest.raises(ValueError, match="expected a text in UTF-8"):
        labelled_text.table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("text,label\na,1\n")
    with pytest.raises(ValueError, match="label_column of"):
        labelled_text.table(tmp_path / "t.csv", label_column="lable")


def test_the_task_has_the_tokens_of_train_and_a_bag_of_words(tmp_path):
    place = tmp_path / "t.csv"
    rows = [f"Word{n % 3} common{n},{'abc'[n % 3]}" for n in range(30)]
    place.write_text("\n".join(["text,label", *rows]))
    make = lambda **options: tasks.make("text_classification", file=str(place), **options)
    task = make(split="test", batch_size=3)
    assert task.spec.num_batches == 1  # a tenth of each class
    assert task.spec.references == {"bag of words": 1.0}
    assert set(task.spec.files) == {"t.csv"}
    batch = task.batch(jax.random.key(0), 0)
    # " word0" ... are the most frequent ones of train, "common29" of test is unknown.
    numbers = np.asarray(batch.inputs)
    targets = np.asarray(batch.targets)[:, -1]
    assert sorted(targets.tolist()) == [0, 1, 2]
    np.testing.assert_array_equal(numbers[:, 0], tokens.FIRST + targets)
    assert (numbers[:, 1] == tokens.UNKNOWN).all()
    assert make(batch_size=3, tokeniser="character", length=4).spec.length == 4
    for options, message in (
        ({"source": "trec"}, "source='trec' and a file"),
        ({"valid_fraction": 0.95}, "expected a sum below 1"),
        ({"valid_fraction": 0.0, "split": "valid"}, "split='valid' has no texts"),
        ({"test_file": str(tmp_path / "missing.csv")}, "does not exist"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**{"batch_size": 3, **options})


@no_jax
def test_a_bag_of_words_sees_pairs_of_words():
    train = (("a b", "b a", "a b c", "c b a"), ("ab", "ba", "ab", "ba"))
    assert bag_of_words.accuracy(train, (("c a b", "c b a"), ("ab", "ba"))) == 1.0


def test_a_network_learns_the_frequencies_of_a_toy_corpus(tmp_path):
    """Equal texts with several labels: no loss is below the entropy of the labels of a text."""
    counts = {"left": (30, 10), "right": (5, 35)}
    rows = [f"{text},{label}" for text, n in counts.items() for label in (0,) * n[0] + (1,) * n[1]]
    place = tmp_path / "toy.csv"
    place.write_text("\n".join(["text,label", *rows]), "utf-8")
    options = {"file": str(place), "valid_fraction": 0.0, "test_fraction": 0.0}
    c = cfg.base()
    c.task = cfg.task("text_classification", batch_size=80, **options)
    c.model.cell = cfg.cell("gru", hidden_size=3)
    c.steps = c.log_every = c.eval_every = 150
    c.evals = {"train": {"split": "train"}}
    hparams = {**c.hparams, "learning_rate": 0.1}
    built = experiment.build(c)

    def train(key):
        return built.chunk(built.init(hparams, key), hparams, key)[1]

    metrics = jax.jit(train, compiler_options=QUICKLY)(jax.random.key(0))
    losses, hits = (np.asarray(m.total / m.count) for m in (metrics["loss"], metrics["accuracy"]))
    shares = np.array(list(counts.values())) / 40
    best = -np.sum(shares * np.log(shares)) / 2
    assert losses.min() > best - 1e-6
    assert losses[0] > best + 0.05
    assert losses[-1] < best + 1e-3
    np.testing.assert_allclose(hits[-1], 65 / 80)


def test_one_class_is_refused(tmp_path):
    place = tmp_path / "one.csv"
    place.write_text("text,label\n" + "hello,a\n" * 40, "utf-8")
    with pytest.raises(ValueError, match="the data has one class, 'a'; expected at least two"):
        tasks.make("text_classification", file=str(place), batch_size=2)


@pytest.mark.slow
def test_generated_texts_conform():
    check_task(tasks.make("text_classification", batch_size=4))


@no_jax
def test_trec_is_that_of_its_authors(data_folder):
    if not (data_folder / "trec_questions" / "TREC.train").is_file():
        pytest.skip("no TREC")
    parts, _ = labelled_text.published("trec")
    names, counts = np.unique(parts["train"].labels, return_counts=True)
    expected = {"ABBR": 86, "DESC": 1162, "ENTY": 1250, "HUM": 1223, "LOC": 835, "NUM": 896}
    assert dict(zip(names.tolist(), counts.tolist())) == expected
    assert len(parts["test"].texts) == 500
