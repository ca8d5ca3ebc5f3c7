"""Byte pairs: any text comes back, pairs are of train, runs keep them."""

import math
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmx import config as cfg
from lstmx import runs, tasks
from lstmx.data import bytepairs, pairs
from lstmx.report import generation, translation
from lstmx.tasks import _text

no_jax = pytest.mark.no_jax
TRAIN = ("the cat sat on the mat", "the cats", "日本 and 日本") * 2


@pytest.fixture(scope="module")
def library():
    return pytest.importorskip("tokenizers")


@pytest.fixture(scope="module")
def learned(library):
    return bytepairs.learn("text", TRAIN, 280, first=3)


@no_jax
@settings(max_examples=200, deadline=None)
@given(text=st.text())
def test_any_text_comes_back(learned, text):
    tokens = learned.encode(text)
    assert learned.decode(tokens) == text
    assert all(3 <= token < learned.size == 280 for token in tokens)
    assert "".join(bytepairs.blocks(text)) == text


@no_jax
def test_the_most_frequent_pairs_are_joined_first(learned):
    """By hand: "at" occurs 8 times, "th" and "he" 6 times, and " c" 4 times."""
    assert learned.pairs[0] == "a t"
    assert learned.pieces[:4] == (b"", b"", b"", b"\x00")
    assert learned.pieces[3 + 256] == b"at"
    assert learned.pieces[learned.encode("the cat")[0]] == b"the"
    assert bytepairs.learn("text", TRAIN[::-1], 280, first=3) == learned  # the order of texts
    assert learned.decode([3 + 0xE6, 3 + ord("x")]) == "\ufffdx"
    assert bytepairs.learn("text", ("ab", "ab"), 300, least=3).pairs == ()


@no_jax
def test_wrong_input_is_refused_in_one_line(learned, monkeypatch):
    for call, message in (
        (lambda: learned.decode([280]), "token 280; expected 0 to 279"),
        (lambda: learned.encode("\ud800"), "a text is no Unicode"),
        (lambda: bytepairs.learn("text", ("\ud800",), 300), "a text is no Unicode"),
        (lambda: bytepairs.learn("text", TRAIN, 256), "expected more than the 256 tokens"),
        (lambda: bytepairs.kept({}, "text", "runs/one"), "runs/one: .* has no byte pairs"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@no_jax
def test_a_missing_library_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match=r"not installed; pip install 'lstmx\[text\]'"):
        bytepairs.learn("text", ("another text",), 300)


@no_jax
def test_characters_of_tokens_add_up_to_those_of_the_text(learned):
    lengths = _text.characters(learned)
    for text in ("日本 of the cat", "ü", "a\n😀"):
        assert lengths[learned.encode(text)].sum() == len(text)


@no_jax
def test_a_text_is_written_token_by_token(learned):
    own = generation.Alphabet((), False, learned)
    writes, text = own.writer(), "x日本 😀 cat"
    parts = [writes(token) for token in own.encode(text)]
    assert "".join(parts) == text
    assert "" in parts  # within a character nothing can be written yet


@no_jax
def test_sentences_have_pairs_of_their_language(library, tmp_path):
    rows = "".join(f"the cat {n}\tdie Katze {n}\n" for n in range(300))
    (tmp_path / "all.tsv").write_text(rows, "utf-8")
    options = {"file": str(tmp_path / "all.tsv"), "vocabulary": 270, "tokeniser": "bytepairs"}
    corpus = pairs.load("file", **options)
    assert pairs.size(corpus.source) == 270
    assert corpus.source != corpus.target
    (tokens,) = pairs.encode(["die Katze 7"], corpus.target)
    assert tokens[-1] == pairs.END
    assert min(tokens[:-1]) >= len(pairs.SPECIAL)
    assert pairs.decode([*tokens, 70], corpus.target) == "die Katze 7"
    shown = pairs.shown("die Katze 7", corpus.target)
    assert shown[0] == "die"
    assert shown[-1] == "</s>"
    assert len(shown) == len(tokens)
    # A run translates with what it has kept.
    meta = {"task": {"record": bytepairs.record(source=corpus.target)}}
    task = cfg.task("translation", source="file", **options)
    config = SimpleNamespace(task=task, model=SimpleNamespace(name="seq2seq"))
    run, model = SimpleNamespace(meta=meta, path=tmp_path), SimpleNamespace(decoder=True)
    found = translation.corpus_of(SimpleNamespace(run=run, model=model, config=config))
    assert found.source == found.target == corpus.target


def test_classes_of_texts_by_byte_pairs(library, tmp_path):
    rows = [f"Word{n % 3} common{n},{'abc'[n % 3]}" for n in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]))
    options = {"file": str(tmp_path / "t.csv"), "tokeniser": "bytepairs", "vocabulary": 300}
    task = tasks.make("text_classification", batch_size=3, **options)
    assert task.spec.in_features <= 300
    own = bytepairs.BytePairs(tuple(task.spec.record["bytepairs"]["text"]), 1)
    batch = task.batch(jax.random.key(0), 0)
    text = own.decode(np.asarray(batch.inputs[0])[np.asarray(batch.mask[0])])
    assert text.startswith("word")
    assert " common" in text
    test = tasks.make("text_classification", batch_size=3, split="test", **options)
    assert test.spec.record == {}
    assert test.spec.in_features == task.spec.in_features


@pytest.fixture(scope="module")
def opened(library, tmp_path_factory):
    """A run of one update of a language model of byte pairs, whose text is gone afterwards."""
    folder = tmp_path_factory.mktemp("writer")
    place = folder / "play.txt"
    place.write_text("to be, or not to be: that is the question.\n" * 40, "utf-8")
    c = cfg.base()
    c.name = "writer"
    options = {"source": "file", "file": str(place), "vocabulary": 270, "window": 5}
    c.task = cfg.task("bytepairs", batch_size=2, **options)
    c.model.cell = cfg.cell("gru", hidden_size=5)
    c.steps = c.log_every = c.eval_every = 1
    c.evals = {"valid": {"split": "valid"}}
    (path,) = runs.train([c], folder, quiet=True)
    return runs.open(path, step="latest")


def test_bits_are_those_of_characters(opened):
    """Uniform bits a character are those of a token, by tokens to a character of the text."""
    task = opened.make_task(split="valid")
    count = float(np.sum([task.batch(None, n).weights for n in range(task.spec.num_batches)]))
    chars = round(0.05 * 43 * 40)
    assert task.spec.references["uniform"] > math.log2(270) * count / chars
    assert task.spec.references["uniform"] < math.log2(270) * (count + 1) / (chars - 8)
    batch = task.batch(None, 0)
    metrics = task.loss(np.zeros((2, 5, 270)), batch)
    pieces = generation.alphabet(opened).pairs.pieces
    said = sum(len(pieces[t]) for t in np.asarray(batch.targets)[np.asarray(batch.mask)])
    assert metrics["bpc"].count == said
    np.testing.assert_allclose(metrics["bpc"].total, metrics["loss"].total / math.log(2), rtol=1e-6)


def test_a_run_writes_and_evaluates_with_what_it_keeps(opened, monkeypatch):
    path = opened.run.path
    text = opened.config.task.file
    monkeypatch.setattr(bytepairs, "_learned", lambda *_: pytest.fail("learned again"))
    (row,) = runs.evaluate(path)
    assert row.metric == "bpc"
    kept = generation.alphabet(opened).pairs
    Path(text).rename(f"{text}.gone")
    try:
        written = "".join(generation.generate(opened, "to be", length=9, temperature=0))
        assert written == "".join(generation.generate(opened, "to be", length=9, temperature=0))
    finally:
        Path(f"{text}.gone").rename(text)
    assert kept.encode("to be")[0] >= 256


def test_a_run_goes_on_with_its_own_pairs_only(opened, monkeypatch):
    other = lambda texts, size, least: ("t o",)
    monkeypatch.setattr(bytepairs, "_learned", other)
    with pytest.raises(ValueError, match="has learned other byte pairs"):
        runs.train([opened.config], opened.run.path.parent.parent, quiet=True)
