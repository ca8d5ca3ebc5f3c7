"""The task "translation" and the pairs that it reads."""

import jax
import numpy as np
import pytest

from lstmx import tasks
from lstmx.data import pairs
from lstmx.tasks import translation
from lstmx.testing import check_task

TRAIN = [("he ran .", "il courait ."), ("he ran", "il courait"), ("he  sat .", "il etait assis .")]
HELD_OUT = {"valid": [("he slept .", "il dormait .")], "test": [("ran he .", "courait il .")] * 3}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{split}.src and {split}.tgt of a toy corpus."""
    folder = tmp_path_factory.mktemp("pairs")
    for split, rows in {"train": TRAIN, **HELD_OUT}.items():
        for column, suffix in enumerate(("src", "tgt")):
            text = "".join(f"{row[column]}\n" for row in rows)
            (folder / f"{split}.{suffix}").write_text(text, "utf-8")
    return {"file": f"{folder}/{{split}}.src", "target_file": f"{folder}/{{split}}.tgt"}


def test_batches_have_the_words_of_the_docstring(files):
    corpus = pairs.load("file", **files)
    assert corpus.target == ("<s>", "</s>", "<unk>", "il", ".", "courait", "assis", "etait")
    task = tasks.make("translation", source="file", batch_size=2, split="test", **files)
    batch = jax.jit(task.batch)(jax.random.key(0), 1)
    ran, he = (corpus.source.index(word) for word in ("ran", "he"))
    stop = corpus.source.index(".")
    np.testing.assert_array_equal(batch.inputs["source"][0], [ran, he, stop, 1])
    np.testing.assert_array_equal(batch.inputs["target"][0], [0, 5, 3, 4])
    np.testing.assert_array_equal(batch.targets[0], [5, 3, 4, 1])
    np.testing.assert_array_equal(batch.weights.sum(1), [4, 0])  # three pairs: one row is empty
    assert task.spec.num_batches == 2


def test_the_vocabulary_is_that_of_train(files):
    corpus = pairs.load("file", vocabulary=5, **files)
    assert corpus.source == (*pairs.SPECIAL, "he", ".")
    (tokens,) = pairs.encode(["he slept ."], corpus.source)
    assert tokens == [3, pairs.UNKNOWN, 4, pairs.END]
    assert pairs.decode([*tokens, 3, 3], corpus.source) == "he <unk> ."
    turned = pairs.load("file", swapped=True, **files)
    assert turned.lines["valid"] == (["il dormait ."], ["he slept ."])


def test_equal_sentences_of_one_file_are_in_one_part(tmp_path):
    rows = [f"word{n % 200} of\tmot{n}\tcolumn" for n in range(800)]
    (tmp_path / "all.tsv").write_text("\n".join([*rows, "empty\t"]), "utf-8")
    corpus = pairs.load("file", file=str(tmp_path / "all.tsv"))
    parts = {split: set(source) for split, (source, _) in corpus.lines.items()}
    assert sum(len(source) for source, _ in corpus.lines.values()) == 800
    assert sum(map(len, parts.values())) == 200 == len(set.union(*parts.values()))
    assert all(0 < len(parts[split]) < 30 for split in ("valid", "test"))


def test_a_schedule_makes_the_teacher_rare():
    e = lambda name, step: float(translation.probability(name, step, 100))
    assert [e("linear", n) for n in (0, 25, 100, 400)] == [1, 0.75, 0, 0]
    np.testing.assert_allclose(e("exponential", 50), np.exp(-0.5), rtol=1e-6)
    for step in (0, 300, 500):
        expected = 100 / (100 + np.exp(step / 100))
        np.testing.assert_allclose(e("sigmoid", step), expected, rtol=1e-5)


def test_the_task_keeps_the_protocol(files):
    options = {"teacher_forcing": "linear", "teacher_steps": 2, "teacher_least": 0.0}
    task = tasks.make("translation", source="file", batch_size=3, **files, **options)
    make = jax.jit(task.batch)
    first, last = (make(jax.random.key(0), n).inputs["teacher"] for n in (0, 2))
    np.testing.assert_array_equal(first, 1)
    np.testing.assert_array_equal(last[:, 1:], 0)
    np.testing.assert_array_equal(last[:, 0], 1)
    check_task(tasks.make("translation", source="file", batch_size=2, split="test", **files))


def test_wrong_input_is_refused_in_one_line(files, tmp_path):
    (tmp_path / "no.tsv").write_text("a\tb\nno tab\n", "utf-8")
    (tmp_path / "one.src").write_text("a\nb\n", "utf-8")
    (tmp_path / "one.tgt").write_text("a\n", "utf-8")
    short = {"file": f"{tmp_path}/one.src", "target_file": f"{tmp_path}/one.tgt"}
    for options, complaint in [
        ({"source": "enjp"}, "did you mean 'enja'"),
        ({"source": "file"}, "expected files for source='file'"),
        ({"source": "file", "file": f"{tmp_path}/no.tsv"}, "line 2: no tab"),
        ({"source": "file", **short}, "has 2 and .* has 1 lines"),
        ({"source": "file", **files, "length": 2}, "no pair of train is as short"),
        ({"source": "file", **files, "batch_size": 4}, "at most the 3 pairs of train"),
        ({"source": "file", **files, "teacher_forcing": "never"}, "known: always"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            tasks.make("translation", **options)


def test_attention_is_drawn_word_by_word():
    from lstmx import plots

    weights = np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]])
    figure = plots.attention_map(weights, ["he", "ran", "."], ["il", "courait"])
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["he", "ran", "."]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["il", "courait"]
    with pytest.raises(ValueError, match="2 target and 3 source"):
        plots.attention_map(weights.T, ["he", "ran", "."], ["il", "courait"])


def test_scores_are_those_of_sacrebleu():
    """The example of its README, whose BLEU is printed there."""
    pytest.importorskip("sacrebleu")
    from lstmx.report import translation

    said = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    meant = ["The dog bit the man.", "It was not unexpected.", "The man bit him first."]
    too = ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."]
    scores = translation._scores(translation._metrics("13a"), said, meant, too)
    assert round(scores.bleu, 2) == 48.53
    assert "tok:13a" in scores.signatures["bleu"]
    same = translation._scores(translation._metrics("none"), meant, meant)
    np.testing.assert_allclose((same.bleu, same.chrf), 100)
    with pytest.raises(ValueError, match="unknown tokenize '13b'; did you mean '13a'"):
        translation._metrics("13b")


@pytest.mark.slow
def test_a_run_translates_its_corpus(files, tmp_path):
    pytest.importorskip("sacrebleu")
    from lstmx import config as cfg
    from lstmx import runs
    from lstmx.report import translation

    c = cfg.resolve(cfg.base(), {"model.name": "seq2seq", "name": "toy"})
    c.task = cfg.task("translation", source="file", batch_size=3, length=6, **files)
    c.model.cell = cfg.cell("gru", hidden_size=16)
    c.model.embed_features = 8
    c.hparams.learning_rate = 0.02
    c.steps = c.log_every = c.eval_every = 100
    c.evals = {"valid": {"split": "valid"}}
    (path,) = runs.train([c], tmp_path, quiet=True)
    opened = runs.open(path, step="latest")
    made = translation.translate(opened, split="train", width=2)
    assert list(made.hypotheses) == list(made.references)
    assert made.scores.bleu > 99.9
    written = translation.save(opened, made, tmp_path / "out", figures=1)
    assert [p.name for p in written] == ["hypotheses.txt", "scores.json", "attention_1.svg"]
    assert "courait" in (tmp_path / "out" / "attention_1.svg").read_text("utf-8")
