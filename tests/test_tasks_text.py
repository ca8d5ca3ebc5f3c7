"""Language modelling: texts as numbers, streams that carry state, and what counting predicts."""

import math
import zipfile
from collections import Counter
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import lstmx
from lstmx import data, tasks
from lstmx.data import text
from lstmx.tasks import _ngrams
from lstmx.testing.tasks import check_task
from lstmx.train import step as training

RHYME = "the cat sat on the mat\nthat cat\n"


def write(folder, train, valid, test="ab", pattern="{}.txt"):
    """The option `file` of a text in three files."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, content in (("train", train), ("valid", valid), ("test", test)):
        (folder / pattern.format(split)).write_bytes(content.encode())
    return str(folder / pattern.format("{split}"))


def windows(task, count=0):
    """The first batches, else those of a pass and the first of the next; one compilation."""
    steps = jnp.arange(count or task.spec.num_batches + 1)
    run = jax.jit(jax.vmap(task.batch, (None, 0)))
    return jax.device_get(run(jax.random.key(0), steps))


def spelt(symbols, numbers, mask):
    """Rows of tokens as text, with a dot for every step filled up."""
    return [
        "".join(symbols[n] if real else "." for n, real in zip(row, exists))
        for row, exists in zip(numbers, mask)
    ]


def test_streams_of_the_docstring(tmp_path):
    file = write(tmp_path, "abcdr", "abracad")
    options = {"source": "file", "file": file, "split": "valid", "batch_size": 2, "window": 2}
    task = tasks.make("characters", **options)
    symbols = text.characters("file", file=file).symbols
    found = windows(task)
    assert [spelt(symbols, *x) for x in zip(found.inputs, found.mask)] == [
        ["ab", "ac"],
        ["r.", "a."],
        ["ab", "ac"],
    ]
    assert [spelt(symbols, *x) for x in zip(found.targets, found.mask)] == [
        ["br", "ca"],
        ["a.", "d."],
        ["br", "ca"],
    ]
    np.testing.assert_array_equal(found.resets[:, :, 0], [[1, 1], [0, 0], [1, 1]])
    assert not found.resets[:, :, 1].any()
    np.testing.assert_array_equal(found.weights, found.mask)
    stateless = windows(tasks.make("characters", stateful=False, **options))
    np.testing.assert_array_equal(stateless.inputs, found.inputs)
    assert stateless.resets[:, :, 0].all()


def test_restarts_are_of_train_only_and_new_in_every_epoch(tmp_path):
    file = write(tmp_path, 40 * RHYME, 40 * RHYME)
    options = {
        "source": "file",
        "file": file,
        "batch_size": 40,
        "window": 3,
        "state_reset_prob": 0.25,
    }
    train, valid = (tasks.make("characters", split=s, **options) for s in ("train", "valid"))
    epoch = train.spec.num_batches
    resets = windows(train, 3 * epoch).resets
    assert not resets[:, :, 1:].any()
    first = resets[:, :, 0].reshape(3, epoch, 40)
    assert first[:, 0].all()
    assert not np.array_equal(first[0], first[1])
    share = first[:, 1:].mean()
    assert abs(share - 0.25) < 3 * (0.25 * 0.75 / first[:, 1:].size) ** 0.5
    assert not windows(valid).resets[1 : valid.spec.num_batches].any()


@pytest.mark.parametrize(("rows", "window"), [(1, 7), (3, 4), (5, 2), (40, 3)])
@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_pass_makes_every_prediction_once(tmp_path, split, rows, window):
    parts = {"train": RHYME, "valid": "that mat the cat sat on\n"}
    file = write(tmp_path, **parts)
    options = {"source": "file", "file": file, "split": split}
    task = tasks.make("characters", batch_size=rows, window=window, **options)
    symbols = text.characters("file", file=file).symbols
    found = windows(task)
    real = found.mask[: task.spec.num_batches]
    made = Counter(zip(*(x[: task.spec.num_batches][real] for x in (found.inputs, found.targets))))
    asked = [symbols.index(c) for c in parts[split]]
    assert made == Counter(pairwise(asked))
    assert real[-1].any()
    # A stream goes on where its last window ended, and the next stream where this one ends.
    order = np.moveaxis(found.inputs[: task.spec.num_batches], 0, 1)[np.moveaxis(real, 0, 1)]
    np.testing.assert_array_equal(order, asked[:-1])


@pytest.mark.slow
def test_carried_state_makes_windows_one_text(tmp_path):
    options = {"source": "file", "file": write(tmp_path, RHYME, RHYME[:12])}
    made = [
        tasks.make("characters", split="valid", batch_size=1, window=w, **options) for w in (11, 3)
    ]
    size = made[0].spec.in_features
    cell = lstmx.cells.make("rnn", hidden_size=5)
    model = lstmx.models.sequence_model(cell, size, size, inputs="token")

    def ask(key):  # all in one compilation
        params = model.init(key)
        parts = [training.evaluate(t, model, params, key, t.spec.num_batches) for t in made]
        return [training.values(part) for part in parts]

    whole, carried = jax.device_get(jax.jit(ask)(jax.random.key(0)))
    assert float(carried["loss"]) == pytest.approx(float(whole["loss"]), rel=1e-5)
    assert float(whole["bpc"]) == pytest.approx(float(whole["loss"]) / math.log(2), rel=1e-5)


@pytest.mark.parametrize(("name", "metric"), [("characters", "bpc"), ("words", "nll")])
def test_baselines_equal_the_predictors_they_name(tmp_path, name, metric):
    file = write(tmp_path, RHYME, "the mat sat\non that cat\n", RHYME)
    task = tasks.make(name, source="file", file=file, split="valid", batch_size=2, window=5)
    corpus = getattr(text, name)("file", file=file)
    train, size = corpus.tokens["train"].tolist(), len(corpus.symbols)
    single, double = Counter(train), Counter(pairwise(train))
    rate = np.array([(single[y] + 0.1) / (len(train) + 0.1 * size) for y in range(size)])
    after = np.zeros((size, size))
    for x in range(size):
        left = sum(double[x, y] for y in range(size))
        kinds = max(sum((x, y) in double for y in range(size)), 1)
        for y in range(size):
            if name == "characters":
                after[x, y] = (double[x, y] + 0.1) / (left + 0.1 * size)
            else:
                after[x, y] = (double[x, y] + kinds * rate[y]) / (left + kinds)
    np.testing.assert_allclose(after.sum(1), 1)  # an honest predictor
    expected = {
        "unigram": np.broadcast_to(np.log(rate), (size, size)),
        "bigram": np.log(after),
        "uniform": np.zeros((size, size)),
        "perfect": None,
    }
    found = windows(task)

    def score(table):
        def one(batch):
            outputs = table[batch.inputs]
            return task.loss(outputs, batch)[metric]

        parts = jax.vmap(one)(found)
        return parts.total[:-1].sum() / parts.count[:-1].sum()  # the last one is of the next pass

    score = jax.jit(score)
    losses = {"unigram": task.spec.baseline, **task.spec.references}
    for predictor, value in losses.items():
        table = jnp.asarray(expected[predictor], jnp.float32)
        assert float(score(table)) == pytest.approx(value, rel=1e-5), predictor
    one = jax.tree.map(lambda leaf: leaf[0], found)
    perfect = task.loss(100.0 * jax.nn.one_hot(one.targets, size), one)
    assert float(perfect[metric].total) == 0
    assert perfect[metric].count == one.mask.sum()


@pytest.mark.parametrize("dense", [9, 0])
def test_pairs_are_counted_alike_in_pieces_and_by_sorting(monkeypatch, dense):
    tokens = np.random.default_rng(0).integers(0, 3, 40).astype(np.uint8)
    monkeypatch.setattr(_ngrams, "DENSE", dense)
    pairs = _ngrams.pairs(tokens, 3)
    expected = Counter(pairwise(tokens.tolist()))
    assert dict(zip(zip(pairs.before, pairs.after), pairs.counts)) == expected


def test_words_of_the_docstring(tmp_path):
    file = write(tmp_path, "a b\na c\n", "a d\n", "b")
    corpus = text.words("file", file=file)
    assert corpus.symbols == ("<eos>", "a", "b", "c", "<unk>")
    assert corpus.tokens["train"].tolist() == [1, 2, 0, 1, 3, 0]
    assert corpus.tokens["valid"].tolist() == [1, 4, 0]
    assert corpus.tokens["test"].tolist() == [2, 0]
    few = text.words("file", file=file, vocabulary=3)
    assert few.symbols == ("<eos>", "a", "<unk>")
    assert few.tokens["train"].tolist() == [1, 2, 0, 1, 2, 0]
    assert text.words("file", file=file, vocabulary=4).symbols == ("<eos>", "a", "b", "<unk>")
    known = write(tmp_path / "known", "<unk> a\u0085a\n", "b\n", "\n a\n")
    corpus = text.words("file", file=known)
    assert corpus.symbols == ("a", "<eos>", "<unk>")
    assert corpus.tokens["test"].tolist() == [1, 0, 1]  # an empty line ends too
    assert corpus.tokens["train"].tolist() == [2, 0, 0, 1]  # U+0085 parts words, not lines


def test_characters_are_those_of_unicode_and_of_train(tmp_path):
    file = write(tmp_path, "día\u0085\r\n", "dïa", "a")
    corpus = text.characters("file", file=file)
    assert corpus.symbols == ("\n", "\r", "a", "d", "\x85", "í", "<unk>")
    assert [corpus.symbols[n] for n in corpus.tokens["valid"]] == ["d", "<unk>", "a"]
    assert corpus.tokens["valid"].dtype == np.uint8
    assert "<unk>" not in text.characters("file", file=write(tmp_path, "ab", "ba", "b")).symbols


def test_a_text_in_one_file_is_cut_in_order(tmp_path):
    place = tmp_path / "a.txt"
    place.write_text("".join(map(chr, range(100, 140))))
    corpus = text.characters("file", file=str(place), valid_fraction=0.1, test_fraction=0.2)
    assert {k: len(v) for k, v in corpus.tokens.items()} == {"train": 28, "valid": 4, "test": 8}
    assert corpus.tokens["train"].tolist() == list(range(28))
    assert len(corpus.symbols) == 29
    place.write_text("a b\nc d\n")
    cut = text.words("file", file=str(place), valid_fraction=1 / 3, test_fraction=1 / 3)
    assert cut.symbols == ("a", "b", "<unk>")
    assert [cut.tokens[s].tolist() for s in text.SPLITS] == [[0, 1], [2, 2], [2, 2]]


def test_penn_treebank_by_words_and_by_characters(tmp_path):
    lines = [" no it was n't black monday \n but N <unk> \n", " it was \n", " black N \n"]
    write(tmp_path / "ptb", *lines, pattern="ptb.{}.txt")
    words = text.words("ptb", data_dir=tmp_path)
    assert [words.symbols[n] for n in words.tokens["test"]] == ["black", "N", "<eos>"]
    assert sorted(words.files) == ["ptb.test.txt", "ptb.train.txt", "ptb.valid.txt"]
    derived = text.characters("ptb", data_dir=tmp_path)
    spelt = "".join(derived.symbols[n] for n in derived.tokens["train"])
    assert spelt == "no it was n't black monday\nbut N <unk>\n"
    spaced = [
        "\n".join(f" {' '.join(line.strip().replace(' ', '_'))} " for line in part.splitlines())
        for part in lines
    ]
    assert spaced[1] == " i t _ w a s "
    write(tmp_path / "ptb", *spaced, pattern="ptb.char.{}.txt")
    characters = text.characters("ptb", data_dir=tmp_path)
    assert "ptb.char.train.txt" in characters.files
    assert characters.symbols == derived.symbols
    for split, numbers in derived.tokens.items():
        np.testing.assert_array_equal(characters.tokens[split], numbers)


@pytest.mark.parametrize("zipped", [False, True])
def test_text8_is_cut_90_5_5_zipped_or_not(tmp_path, zipped, monkeypatch):
    content = (b" anarchism originated as a term of abuse" * 5)[:200]
    folder = tmp_path / "text8"
    folder.mkdir()
    if zipped:  # its own checksum, for it is not the public file
        with zipfile.ZipFile(folder / "text8.zip", "w") as archive:
            archive.writestr("text8", content)
        monkeypatch.setattr(text.corpora, "KNOWN", {})
    else:
        (folder / "text8").write_bytes(content)
    corpus = text.characters("text8", data_dir=tmp_path)
    assert [len(corpus.tokens[s]) for s in text.SPLITS] == [180, 10, 10]
    assert corpus.symbols == tuple(sorted(set(content.decode())))
    spelt = "".join(corpus.symbols[n] for s in text.SPLITS for n in corpus.tokens[s])
    assert spelt.encode() == content


def test_enwik8_is_bytes(tmp_path):
    (tmp_path / "enwik8").mkdir()
    (tmp_path / "enwik8" / "enwik8").write_bytes("é".encode() * 20)
    corpus = text.characters("enwik8", data_dir=tmp_path)
    assert corpus.symbols == ("\xa9", "\xc3")
    assert corpus.tokens["train"].tolist() == 18 * [1, 0]


def test_streams_conform(tmp_path, strict):
    file = write(tmp_path, RHYME, "that mat\n")
    options = {"source": "file", "file": file, "batch_size": 4, "window": 3}
    check_task(tasks.make("characters", split="valid", **options))


def test_a_missing_text_says_what_to_put_where(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("tests do not download")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    for load, source, message in (
        (text.characters, "shakespeare", r"tinyshakespeare/input\.txt does not .*get https://raw"),
        (text.characters, "text8", r"text8/text8\.zip .* get http://mattmahoney"),
        (text.characters, "ptb", r"ptb/ptb\.train\.txt .* put it there \(of Mikolov's simple"),
        (text.words, "ptb", r"ptb/ptb\.train\.txt .* put it there \(of Mikolov's simple"),
        (text.words, "wikitext2", r"wikitext2/train\.txt .*\(it is https.*or wiki\.train\.tokens"),
        (text.words, "sherlock", r"sherlockholmes\.train\.txt .* get https://raw"),
    ):
        with pytest.raises(data.Missing, match=message) as missing:
            load(source, data_dir=tmp_path)
        assert "\n" not in str(missing.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "shakespear"}, "did you mean 'shakespeare'"),
        ({"source": "shakespeare", "file": "a.txt"}, "expected a file for source='file', none"),
        ({"source": "file"}, "file='': expected a file for source='file'"),
        ({"file": "nowhere.txt"}, r"nowhere\.txt does not exist"),
        ({"window": 0}, "window=0; expected at least 1"),
        ({"state_reset_prob": 1.0}, "state_reset_prob=1.0; expected a probability below 1"),
        ({"vocabulary": 1}, "vocabulary=1; expected at least 2"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"split": "tset"}, "did you mean 'test'"),
        ({"valid_fraction": 0.1}, "cut a text in one file, and source='file' comes in three"),
        ({"file": "one.txt", "test_fraction": 0.95}, "their sum below 1"),
        ({"file": "one.txt", "split": "valid"}, "valid part has 0 tokens; expected at least 2"),
        ({"file": "latin.txt"}, r"latin\.txt is not UTF-8"),
        ({"file": "two.zip"}, r"two\.zip holds 2 files; expected one text"),
    ],
)
def test_wrong_options_get_one_line(tmp_path, monkeypatch, options, message):
    file = write(tmp_path, RHYME, RHYME)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.txt").write_text("abcd")
    (tmp_path / "latin.txt").write_bytes("día".encode("latin-1"))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a", "a")
        archive.writestr("b", "b")
    if "source" not in options:
        options = {"source": "file", "file": file, **options}
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make("words" if "vocabulary" in options else "characters", **options)
    assert "\n" not in str(refused.value)


def test_tiny_shakespeare_statistics(data_folder):
    corpus = text.characters("shakespeare", data_dir=data_folder)
    assert [len(corpus.tokens[s]) for s in text.SPLITS] == [1003854, 55770, 55770]
    assert len(corpus.symbols) == 65
    specs = [tasks.make("characters", split=s).spec for s in ("valid", "test")]
    nats = math.log(2)
    found = {
        "uniform": np.mean([s.references["uniform"] for s in specs]) * nats,
        "unigram": np.mean([s.baseline for s in specs]) * nats,
        "bigram": np.mean([s.references["bigram"] for s in specs]) * nats,
    }
    assert {k: round(float(v), 3) for k, v in found.items()} == {
        "uniform": 4.174,
        "unigram": 3.347,
        "bigram": 2.484,
    }


def test_word_counts_of_sherlock_and_wikitext(data_folder, tmp_path):
    corpus = text.words("sherlock", data_dir=data_folder)
    assert [len(corpus.tokens[s]) for s in text.SPLITS] == [87001, 21756, 27195]
    assert len(corpus.symbols) == 2000
    unknown = corpus.symbols.index("<unk>")
    counts = [int(np.sum(corpus.tokens[s] == unknown)) for s in text.SPLITS]
    assert counts == [10863, 2962, 4132]
    folder = tmp_path / "wikitext2"
    folder.mkdir()
    for split, name in (("train", "valid"), ("valid", "valid"), ("test", "test")):
        (folder / f"{split}.txt").symlink_to(data_folder / "wikitext2" / f"{name}.txt")
    counts = {k: len(v) for k, v in text.words("wikitext2", data_dir=tmp_path).tokens.items()}
    assert (counts["valid"], counts["test"]) == (217646, 245569)
