"""Vectors of words: files of GloVe and word2vec, and the embeddings that start from them."""

import gzip

import jax
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import constants, experiment, runs, tasks
from lstmx.data import tokens, vectors

WORDS = ("", "the", "cat", "sat", "cat")
ROWS = "the 0.5 -1 2\n. . 1 1 1\n\ndog 4 5 6\ncat 1e0 2 3\t\nthe 7 8 9\n"


def load(folder, text, words=WORDS, name="v.txt", **options):
    (folder / name).write_text(text, "utf-8")
    return vectors.load(folder / name, words, **options)


@pytest.mark.no_jax
def test_vectors_are_found_word_by_word(tmp_path):
    found = load(tmp_path, ROWS, trained=False)
    expected = [[0, 0, 0], [0.5, -1, 2], [1, 2, 3], [0, 0, 0], [1, 2, 3]]
    np.testing.assert_array_equal(found.values, np.float32(expected))
    np.testing.assert_array_equal(found.found, [False, True, True, False, True])
    np.testing.assert_allclose(found.scale, np.std([0.5, -1, 2, 1, 2, 3, 1, 2, 3]))
    assert found.record == {"words": 3, "found": 2, "width": 3, "trained": False}
    assert found.about == (
        "v.txt: vectors of 3 numbers for 2 of 3 words; words that occur there again: 1, the "
        "first line counts"
    )
    assert load(tmp_path, f"5 3\n{ROWS}").record == load(tmp_path, ROWS).record  # word2vec
    tabs = load(tmp_path, ROWS.replace(" ", "\t"), trained=False)
    np.testing.assert_array_equal(tabs.values, found.values)
    (tmp_path / "v.txt.gz").write_bytes(gzip.compress(ROWS.encode()))
    packed = vectors.load(tmp_path / "v.txt.gz", WORDS)
    np.testing.assert_array_equal(packed.values, found.values)


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2\ncat 1\n", "line 2 has 1 numbers; expected a word and 2"),
        ("the 1 2\ncat 1 2 3\n", "line 2 has 3 numbers; expected a word and 2"),
        ("3 2\nthe 1 2 3\n", "line 2 has 3 numbers; expected a word and 2"),
        ("dog 1 2\npig 1\nthe 1 2\n", "line 2 has 1 numbers; expected a word and 2"),
        ("the 1 2\ncat 1 x\n", "line 2 has 'x'; expected a finite number"),
        ("the 1 nan\n", "line 1 has 'nan'; expected a finite number"),
        ("the\n", "line 1 has 0 numbers; expected a word and some"),
        ("dog 1 2\n", "no vector of any of the 3 words of train"),
        ("\x00\x01\x02 \xff\n", "expected a finite number"),
        ("x" * ((1 << 21) + 1), "a line of more than 1048576 bytes"),
        ("", "no vector of any of the 3 words"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, text)


def make(folder, **options):
    """A config of texts whose embedding starts from the vectors of two words."""
    rows = [f"{'good' if n % 2 else 'bad'} thing{n % 5},{n % 2}" for n in range(40)]
    (folder / "t.csv").write_text("\n".join(["text,label", *rows]))
    (folder / "v.txt").write_text("good 1 2 3 4 5\nbad -1 -2 -3 -4 -5\n")
    c = cfg.base()
    c.name = "vectors"
    files = {"file": str(folder / "t.csv"), "vectors_file": str(folder / "v.txt")}
    c.task = cfg.task("text_classification", batch_size=3, **{**files, **options})
    c.model.cell = cfg.cell("gru", hidden_size=2)
    c.model.embed_features = 5
    c.steps = c.log_every = c.eval_every = 2
    return c


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A run with an embedding that is kept."""
    folder = tmp_path_factory.mktemp("vectors")
    (path,) = runs.train([make(folder, vectors_trained=False)], folder, quiet=True)
    return runs.open(path, step="latest")


def test_an_embedding_that_is_kept_is_no_parameter(opened):
    trained, first = opened.params["embedding"], opened.at("initial").params["embedding"]
    assert list(trained) == ["constants"]
    W = np.asarray(trained["constants"]["W"])
    np.testing.assert_array_equal(W, first["constants"]["W"])
    good = tokens.FIRST + 1 if W[tokens.FIRST, 0] < 0 else tokens.FIRST
    np.testing.assert_array_equal(W[good], [1, 2, 3, 4, 5])
    others = np.delete(W, [tokens.FIRST, tokens.FIRST + 1], axis=0)
    np.testing.assert_allclose(others.std(), np.sqrt(11), rtol=0.05)  # that of the vectors
    assert opened.run.meta["parameters"] < W.size
    assert set(opened.run.meta["task"]["files"]) == {"t.csv", "v.txt"}
    assert opened.run.meta["task"]["record"]["vectors"]["found"] == 2


def test_a_run_is_evaluated_with_its_embedding(opened):
    (row,) = runs.evaluate(opened.run.path, step="latest")
    logged = opened.run.metrics[-1]["eval/valid/accuracy"]
    np.testing.assert_allclose(row.metrics["accuracy"], logged)


def test_an_embedding_that_is_trained_starts_there(tmp_path):
    c = make(tmp_path)
    built = experiment.build(c)
    params = jax.eval_shape(built.model.init, jax.random.key(0))
    assert set(params["embedding"]) == {"W"}
    W = np.asarray(built.model.init(jax.random.key(0))["embedding"]["W"])
    assert [1, 2, 3, 4, 5] in W.tolist()
    assert built.task.spec.remarks == ("v.txt: vectors of 5 numbers for 2 of 7 words",)
    c.model.embed_features = 4
    with pytest.raises(ValueError, match=r"embed_features=4; expected 5, the width of task"):
        experiment.build(c)


def test_vectors_are_of_words(tmp_path):
    config = make(tmp_path)
    options = {k: v for k, v in config.task.items() if k != "name"}
    for over, message in (
        ({"tokeniser": "character"}, "vectors_file is of words"),
        ({"vectors_file": "", "vectors_trained": False}, "name vectors_file"),
        ({"vectors_file": str(tmp_path / "gone.txt")}, "gone.txt does not exist"),
    ):
        with pytest.raises(ValueError, match=message):
            tasks.make("text_classification", **{**options, **over})
    (tmp_path / "words.txt").write_text("good good bad\n" * 30)
    made = {"source": "file", "file": str(tmp_path / "words.txt"), "batch_size": 2}
    task = tasks.make("words", vectors_file=options["vectors_file"], **made)
    symbols = np.flatnonzero(task.vectors["vectors"].found)
    assert symbols.tolist() == [0, 2]  # good, <eos>, bad
    assert tasks.make("words", vectors_file="", **made).vectors == {}


def test_a_translation_starts_from_vectors_of_both_languages(tmp_path):
    (tmp_path / "pairs.tsv").write_text(
        "".join(f"he ran{n}\til courait{n}\n" for n in range(90)), "utf-8"
    )
    (tmp_path / "en.txt").write_text("he 1 2 3\nran1 4 5 6\n", "utf-8")
    (tmp_path / "fr.txt").write_text("il -1 -2 -3\n", "utf-8")
    both = {
        "vectors_file": str(tmp_path / "en.txt"),
        "target_vectors_file": str(tmp_path / "fr.txt"),
    }
    made = {"source": "file", "file": str(tmp_path / "pairs.tsv"), "batch_size": 8, **both}
    c = cfg.resolve(cfg.base(), {"model.name": "seq2seq"})
    c.name = "translation"
    c.task = cfg.task("translation", vectors_trained=False, **made)
    c.model.cell = cfg.cell("gru", hidden_size=2)
    c.model.embed_features = 3
    built = experiment.build(c)
    params = built.model.init(jax.random.key(0))
    read, written = params["embedding"], params["decoder"]["embedding"]
    assert [list(part) for part in (read, written)] == [["constants"]] * 2
    assert [1, 2, 3] in np.asarray(read["constants"]["W"]).tolist()
    assert [-1, -2, -3] in np.asarray(written["constants"]["W"]).tolist()
    record = built.task.spec.record
    assert [record[key]["found"] for key in ("vectors", "target_vectors")] == [2, 1]
    # Training, and translating word by word, find both where they are.
    trained, _ = constants.split_constants(params)
    assert "embedding" not in trained
    assert "embedding" not in trained["decoder"]
    batch = jax.eval_shape(built.task.batch, jax.random.key(0), 0)
    state = jax.eval_shape(built.model.decoder.start, params, batch.inputs)
    first = jax.eval_shape(lambda tokens: tokens[:, 0], batch.inputs["target"])
    _, scores = jax.eval_shape(built.model.decoder.step, params, state, first)
    assert scores.shape == (8, built.task.spec.out_features)
    turned = tasks.make("translation", swapped=True, **made)
    assert np.asarray(turned.vectors["vectors"].values).min() == -3
    for over, message in (
        ({"task.vectors_trained": True, "model.embed_features": 4}, "width of task.vectors_file"),
        ({"task.vectors_file": "", "model.embed_features": 4}, "task.target_vectors_file"),
        ({"task.tokeniser": "bytepairs"}, "vectors_file is of words; expected tokeniser='word'"),
        ({"task.vectors_file": "", "task.target_vectors_file": ""}, "name vectors_file"),
    ):
        with pytest.raises(ValueError, match=message):
            experiment.build(cfg.resolve(c, over))
