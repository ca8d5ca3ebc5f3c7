"""Readers of files and flags: what was written is read again, and bad input is one line.

Properties are asked of a few examples, the same ones every time; `python -m tests.fuzzing.fuzz`
asks of as many as one likes.
"""

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pytest
from fuzzing import fuzz, judge, readers
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lstmx import config as cfg
from lstmx import interop
from lstmx.data import cifar10, fetch, listops, mnist, music, packed, pickled, text, timeseries

pytestmark = pytest.mark.files
few = settings(derandomize=True, max_examples=15, deadline=None, database=None)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def folder():
    """A folder that examples share; each writes its file anew."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """Files of CIFAR-10 have three images here."""
    monkeypatch.setattr(cifar10, "IMAGES", readers.IMAGES)


@pytest.mark.parametrize("name", readers.READERS)
def test_damaged_files_are_read_or_refused_in_one_line(name, folder):
    reader, mutate, here = readers.READERS[name], fuzz.mutator(readers.READERS[name]), folder / name

    @few
    @given(st.integers(0, 2**32), st.sampled_from(reader.samples))
    def property_holds(seed, sample):
        judge.judge(reader, here, mutate(random.Random(seed), sample))

    outcomes = [judge.judge(reader, here, sample) for sample in reader.samples]
    assert any(outcome.accepted for outcome in outcomes) or name in ("mat", "cifar10.pickle")
    property_holds()


def test_the_judge_sees_what_a_reader_must_not_do(tmp_path):
    def of(read, right=bool):
        reader = readers.Reader("a", read, right, ())
        with pytest.raises(judge.Fault) as fault:
            judge.judge(reader, tmp_path, b"x")
        return str(fault.value)

    def refuse(message):
        def read(folder, place):
            raise ValueError(message)

        return read

    assert "TypeError" in of(lambda folder, place: 1 + "")
    assert "gave 0" in of(lambda folder, place: 0)
    assert "open for writing" in of(lambda folder, place: (folder / "b").write_text("b"))
    assert "os.mkdir" in of(lambda folder, place: (folder / "c").mkdir() or 1)
    assert "exec" in of(lambda folder, place: eval("1"))
    assert "pickle.find_class" in of(lambda folder, place: pickle.loads(pickle.dumps(Path)))
    assert "subprocess.Popen" in of(lambda folder, place: subprocess.run("true", check=True))
    assert "said 'a\\nb'" in of(refuse("a\nb"))
    assert "did not name the file" in of(refuse("wrong"))
    assert judge.judge(readers.Reader("a", refuse("a 1"), bool, ()), tmp_path, b"") == (
        False,
        "a #",
    )


@few
@given(
    st.lists(NAMES, min_size=1, max_size=3, unique=True),
    st.sets(st.datetimes().map(lambda t: t.replace(microsecond=0)), min_size=1, max_size=5),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.sampled_from(["", ".gz", ".bz2", ".xz", ".zip"]),
    st.data(),
)
def test_tables_come_back(folder, names, times, mark, suffix, data):
    numbers = st.floats(-timeseries.MOST, timeseries.MOST) | st.just(float("nan"))
    rows = {t: [data.draw(numbers) for _ in names] for t in times}
    import csv as standard

    file = io.StringIO()
    writer = standard.writer(file)
    writer.writerow(["time", *(f"{name}_" for name in names)])
    for t, values in rows.items():
        writer.writerow([t.isoformat(), *("" if np.isnan(v) else repr(v) for v in values)])
    pack = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    pack |= {"": bytes, ".zip": readers.rezip("../a.csv")}
    place = folder / f"a.csv{suffix}"
    place.write_bytes(pack[suffix](mark + file.getvalue().encode()))
    series = timeseries.load(place, time_format="%Y-%m-%dT%H:%M:%S")
    assert series.columns == tuple(f"{name}_" for name in names)
    assert series.times.tolist() == sorted(rows)
    np.testing.assert_array_equal(series.values, [rows[t] for t in sorted(rows)])


@few
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)))
def test_idx_files_come_back(folder, array):
    place = folder / "a.gz"
    place.write_bytes(gzip.compress(readers.idx(array.shape, array.tobytes())))
    np.testing.assert_array_equal(mnist.read_idx(place), array)


PLAIN = st.sampled_from([np.float32, np.float64, np.int32, np.uint8, np.bool_, np.float16])
ARRAYS = PLAIN.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_side=3)))


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_arrays_come_back(folder, suffix):
    @few
    @given(st.dictionaries(st.from_regex(r"[a-z]{1,3}(/[a-z0-9]{1,3})?", fullmatch=True), ARRAYS))
    def property_holds(arrays):
        interop.write(folder / f"a.{suffix}", arrays)
        found = interop.read(folder / f"a.{suffix}")
        assert sorted(found) == sorted(arrays)
        for name, array in arrays.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)

    property_holds()


PLAIN_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | st.text(max_size=4),
    lambda inner: st.tuples(inner) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=5,
)


@few
@given(st.tuples(PLAIN_VALUES, PLAIN_VALUES))
def test_values_on_the_command_line_come_back(value):
    read = cfg.parse(cfg.base(), "curriculum", repr(value))
    config = cfg.resolve(cfg.base(), {"curriculum": read})
    given = cfg.resolve(cfg.base(), {"curriculum": value})
    assert repr(config.curriculum) == repr(given.curriculum)
    assert cfg.from_dict(json.loads(json.dumps(cfg.to_dict(config)))) == config


@few
@given(st.text(st.characters(codec="utf-8"), min_size=4), st.booleans(), st.booleans())
def test_texts_come_back(folder, content, zipped, marked):
    whole = content.removeprefix("\ufeff")
    place = folder / ("a.zip" if zipped else "a.txt")
    encoded = b"\xef\xbb\xbf" * marked + whole.encode()
    place.write_bytes(readers.rezip("a")(encoded) if zipped else encoded)
    corpus = text.characters("file", file=str(place), valid_fraction=0.3, test_fraction=0.3)
    tokens = np.concatenate([corpus.tokens[split] for split in text.SPLITS])
    spelt = [corpus.symbols[n] for n in tokens]
    assert all(a == b or a == text.UNKNOWN for a, b in zip(spelt, whole, strict=True))


@pytest.mark.parametrize("load", [text.characters, text.words])
@pytest.mark.parametrize("marked", [("train",), ("valid", "test"), text.SPLITS])
def test_a_byte_order_mark_is_no_character(tmp_path, load, marked):
    found = []
    for name, splits in (("plain", ()), ("marked", marked)):
        for split in text.SPLITS:
            mark = b"\xef\xbb\xbf" if split in splits else b""
            (tmp_path / f"{name}.{split}").write_bytes(mark + b"the cat\n")
        found.append(load("file", file=str(tmp_path / f"{name}.{{split}}")))
    assert found[0].symbols == found[1].symbols
    for split in text.SPLITS:
        np.testing.assert_array_equal(found[0].tokens[split], found[1].tokens[split])


EXPRESSIONS = st.recursive(
    st.sampled_from("0123456789"),
    lambda inner: st.tuples(st.sampled_from(listops.OPERATORS), inner, inner).map(
        lambda parts: f"{' '.join(parts)} ]"
    ),
    max_leaves=6,
)


@few
@given(
    st.lists(st.tuples(EXPRESSIONS, st.integers(0, 9)), max_size=4), st.sampled_from(["\n", "\r\n"])
)
def test_expressions_come_back(folder, pairs, end):
    place = folder / "basic_test.tsv"
    rows = ["Source\tTarget", *(f"( {words} )\t{value}" for words, value in pairs)]
    place.write_bytes((end.join(rows) + end).encode())
    found = listops.parse(place)
    read = [
        (" ".join(listops.SYMBOLS[token] for token in tokens[:length]), value)
        for tokens, length, value in zip(found.tokens, found.lengths, found.values)
    ]
    assert read == pairs


@few
@given(
    st.integers(0, 99),
    st.lists(st.integers(0, 9), min_size=readers.IMAGES, max_size=readers.IMAGES),
    st.sampled_from([2, 3, 4]),
)
def test_images_come_back_from_a_pickle_that_is_never_unpickled(seed, labels, protocol):
    pixels = np.random.default_rng(seed).integers(0, 256, readers.ZEROS.shape, np.uint8)
    if protocol == 2:
        content = readers.python2(pixels, labels)
    else:
        content = readers.a_batch(protocol, pixels, labels)
    found, numbers = cifar10.decode_python(content, "test_batch")
    np.testing.assert_array_equal(found, pixels)
    assert numbers.tolist() == labels


NUMPY_2 = pickle.dumps({b"data": np.zeros(3, np.uint8), b"labels": []}, 3)
DEEP = b"\x80\x02}(" + b"K\x01q\x00" + b"h\x00h\x00\x86q\x00" * 64 + b"K\x02u."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({b"a": [1, (2, None)]}, 4), "no array of data"),
        (pickle.dumps({b"data": np.zeros(3)}, 2), "no pickle of plain arrays"),
        (NUMPY_2, "asks for numpy._core.multiarray._reconstruct, which no array needs"),
        (b"\x80\x02}r\xff\xff\xff\x7f.", "no array of data"),  # a memo of two billion entries
        (b"\x80\x05\x96\xff\xff\xff\xff\x07\0\0\0.", "no pickle of plain arrays"),  # 34 GB
        (b"\x80\x02]\x81.", "an instruction NEWOBJ, which no array needs"),
        (DEEP, "a dict with keys that are no texts"),  # their hash takes 2**64 steps
        (b"\x80\x02K\x01.", "something else than a dict"),
        (b"\x80\x02}", "no pickle"),
        (b"\x80\x02}u.", "it ends what it never began"),
        (b"", "no pickle"),
    ],
)
def test_pickles_of_anything_else_get_one_line(content, message):
    with pytest.raises(ValueError, match=message) as refused:
        cifar10.decode_python(content, "test_batch")
    assert str(refused.value).startswith("test_batch is not a batch of CIFAR-10: ")
    assert str(refused.value).isprintable()


def test_arrays_by_columns_are_read():
    columns = np.asfortranarray(np.arange(6, dtype=np.uint8).reshape(2, 3))
    content = pickle.dumps({b"a": columns}, 3).replace(b"numpy._core", b"numpy.core")
    np.testing.assert_array_equal(pickled.parse(content)[b"a"], columns)


def test_no_mat_file_is_parsed_but_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.setattr("scipy.io.loadmat", lambda *_: pytest.fail("parsed"))
    for folder in (tmp_path, tmp_path / "mine"):
        place = folder / "polyphonic_music" / "JSB_Chorales.mat"
        place.parent.mkdir(parents=True)
        place.write_bytes(readers.MAT.samples[0])
        monkeypatch.setenv("LSTMX_DATA", str(folder))
        for data_dir in (None, folder):
            with pytest.raises(ValueError, match=r"Chorales\.mat has sha256 .*; expected ac0e"):
                music.load("jsb", data_dir)
        monkeypatch.setattr(fetch, "path", lambda *_, place=place, **__: place)  # changed meanwhile
        with pytest.raises(ValueError, match=r"JSB_Chorales\.mat changed while it was read"):
            music.load("jsb")
        monkeypatch.undo()
        monkeypatch.setattr("scipy.io.loadmat", lambda *_: pytest.fail("parsed"))
    with pytest.raises(ValueError, match="unknown source 'jbs'; did you mean 'jsb'"):
        music.load("jbs")


def archive_of(**members):
    """A .tar.gz."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def saved(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def as_text(place):
    return text.characters("file", file=str(place))


def as_tar(place):
    return cifar10.read_archive(place, ["b"])


ZEROS = bytes(1 << 22)
BOMBS = {
    "a.csv.gz": (gzip.compress(ZEROS), timeseries.load),
    "a.csv.bz2": (bz2.compress(ZEROS), timeseries.load),
    "a.csv.xz": (lzma.compress(ZEROS), timeseries.load),
    "a.gz": (gzip.compress(bytes([0, 0, 8, 1, 0, 64, 0, 0]) + ZEROS), mnist.read_idx),
    "a.zip": (readers.rezip("a")(ZEROS), as_text),
    "a.npz": (saved(np.savez_compressed, x=np.zeros(1 << 22, np.uint8)), interop.read),
    "a.tar.gz": (archive_of(b=ZEROS), as_tar),
    "b.tar.gz": (archive_of(a=ZEROS, b=b"1"), as_tar),
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_far_more_than_its_size_is_refused(tmp_path, monkeypatch, name):
    content, read = BOMBS[name]
    (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(packed, "ALWAYS", 1 << 16)
    with pytest.raises(ValueError, match=f"{name}.*unpacks to .*more|{name}.*expected at most"):
        read(tmp_path / name)


def test_idx_files_give_no_more_than_their_header_says(tmp_path, monkeypatch):
    place, given = tmp_path / "a.gz", []
    place.write_bytes(gzip.compress(readers.idx((2, 3), range(6)) + ZEROS))
    up_to = packed.Stream.up_to
    monkeypatch.setattr(
        packed.Stream, "up_to", lambda self, count: given.append(count) or up_to(self, count)
    )
    with pytest.raises(ValueError, match=r"holds more than 6 bytes; expected shape \(2, 3\)"):
        mnist.read_idx(place)
    assert max(given) < 10
    huge = 4 * [2**32 - 1]  # 2**128 bytes, which is 0 in 64 bits
    for content, message in (
        (readers.idx(huge, ()), "holds 0 bytes; expected shape"),
        (readers.idx((), ()), "has 0 axes; expected 1 to 8"),
        (readers.idx((2,) * 9, range(2)), "has 9 axes"),
        (readers.idx((2, 3), ())[:9], "ends in its header; expected 2 sizes"),
        (readers.idx((0,), ()), "holds 0 bytes"),
    ):
        place.write_bytes(gzip.compress(content))
        with pytest.raises(ValueError, match=f"a.gz {message}"):
            mnist.read_idx(place)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (readers.rezip("a.npy")(b"\x93NUMPY\x01\0" + readers.header("(1000000000000,)")), "says"),
        (readers.rezip("a.npy")(b"\x93NUMPY\x01\0" + readers.header("(-1, -1)")), "says 72"),
        (saved(np.savez, o=np.array([{}], object)), "objects"),
        (saved(np.savez, x=np.ones(9))[:-30], "not a zip file"),
        (saved(np.savez, x=np.ones(9)).replace(b"\0\xf0?", b"\0\xf1?", 1), "CRC-32"),
        (readers.rezip("a.npy")(b"no array"), "magic string"),
    ],
)
def test_wrong_npz_gets_one_line(tmp_path, content, message):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.npz holds no plain arrays.*{message}") as refused:
        interop.read(tmp_path / "a.npz")
    assert str(refused.value).isprintable()


def test_only_one_long_expression_is_not_filled_up_to(tmp_path, monkeypatch):
    place = tmp_path / "basic_train.tsv"
    place.write_text("Source\tTarget\n" + "1\t1\n" * 99 + f"[MAX {'1 ' * 997}]\t1\n")
    assert listops.parse(place).tokens.shape == (100, 999)
    monkeypatch.setattr(listops, "MOST_FILLED", 1000)
    with pytest.raises(ValueError, match=r"train\.tsv, line 101: 999 symbols, to which 100 expr"):
        listops.parse(place)


@pytest.mark.parametrize(
    ("name", "message"),
    [("~nobody-of-this-name/a/b.txt", "does not exist; expected a path"), ("a" * 300, "too long")],
)
def test_odd_names_of_files_get_one_line(name, message):
    with pytest.raises((ValueError, OSError), match=message):
        fetch.find(name)
