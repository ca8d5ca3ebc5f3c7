"""Every reader of the project: how it is called, what it may give, samples, and its packing."""

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from experiments import _flags
from lstmx import config as cfg
from lstmx import interop, runs
from lstmx.data import arrays, cases, cifar10, listops, mnist, music, text, timeseries
from lstmx.data.cases import csv as csv_of_cases  # noqa: F401  # importing executes code, reading not
from lstmx.data.cases import ts  # noqa: F401
from lstmx.data.timeseries import csv, parquet  # noqa: F401

IMAGES = 3
"""Images of a CIFAR file here, instead of 10 000."""


class Reader(NamedTuple):
    """One reader.

    Attributes:
        file: the file below a folder that it reads.
        read: (folder, place of the file) -> what it gives.
        right: whether that is of the documented type.
        samples: contents that are right, or nearly so.
        tokens: words of the format, for mutations.
        packing: (unpack, pack), where a mutation of the packed bytes would only break a checksum.
        named: whether a message has to name the file.
        beside: other files below the folder, and what is in them.
        imports: whether the user names modules that it may import.
    """

    file: str
    read: Callable[..., Any]
    right: Callable[[Any], bool]
    samples: tuple[bytes, ...]
    tokens: tuple[bytes, ...] = ()
    packing: tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]] | None = None
    named: bool = True
    beside: Mapping[str, bytes] = {}
    imports: bool = False


def array(value, *, dtype=None, axes=None):
    """Whether it is an array of this type and number of axes."""
    known = isinstance(value, np.ndarray) and not value.dtype.hasobject
    return known and dtype in (None, value.dtype) and axes in (None, value.ndim)


def read_csv(folder, place):
    return timeseries.filled(timeseries.load(place), str(place))


def right_series(series):
    values, times = series.values, series.times
    return (
        array(values, dtype=np.float64, axes=2)
        and array(times, dtype="datetime64[s]", axes=1)
        and not np.isinf(values).any()
        and bool((np.diff(times).astype(np.int64) > 0).all())
        and values.shape == (len(times), len(series.columns))
    )


DAYS = b"date,x,pm2.5\n2020-01-01,1,NA\n2020-01-02,2,-1.5e3\n\n2020-01-05,,7\n"
TABLES = (
    DAYS,
    b"\xef\xbb\xbf" + DAYS.replace(b"\n", b"\r\n"),
    b'Month,"a, b"\n"1949-01",112\n"1949-02",118\n1949-04,132\n',
    b"t,v\n2020-01-01T00:00:00+01:00,1\n2020-01-01T01:00:00+01:00,2\n",
    b"year,v\n1900,0.5\n1901,+3\n",
    b"t,v\n2020-01-01 00:00:00,1\n2020-01-01 00:00:01,2\n2020-01-01 00:00:02,3\n",
)
OTHER_TABLES = (
    b"Date;Time;CO(GT);T;;\n10/03/2004;18:00:00;2,6;1.013,6;;\n10/03/2004;19:00:00;-;13,3;;\n",
    "t\tT (\u00b0C)\n2020-01-01 00:00\t1\n2020-01-01 01:00\t-9999\n".encode("utf-16"),
    b"t,v\n1577836800,1\n1577840400,2\n1577847600,3\n",
    b",v\n0,1\n1,2\n",
    b"q|v\n2020Q1|1\n2020Q2|2\n2020-Q4|3\n",
    b"year,month,v\n2020,1,1\n2020,2,?\n2020,4,7\n",
    b"t,v\nJan 2020,1\nFeb 2020,2\nMay 2020,2\n",
    b"t,v,kind,on\n2020-01-03,1,a,TRUE\n2020-01-06,2,b,FALSE\n2020-01-07,,a,TRUE\n",
    b"V1,V2,V3\nH1,1,2\nH2,3,\n",
)
CSV_TOKENS = (
    b",",
    b"\n",
    b"2120-01-01",
    b"now",
    b"10:00",
    b"NA",
    b"\t",
    b";",
    b"%",
    b"+00:00",
    b"Z",
    b"q1",
    b"2020Q1",
    b"-9999",
    b"1.234,5",
    b" 1 234",
    b"|",
    b"\xb0",
    b"2020-W05",
    b"31/12/2020",
    b"Feb",
    b"1e15",
)
CSV = Reader("a.csv", read_csv, right_series, (*TABLES, *OTHER_TABLES), CSV_TOKENS)


def read_frame(**options):
    spec = timeseries.TableSpec(**options)
    return lambda folder, place: timeseries.read(place, spec)


def right_frame(found):
    """Whether a frame keeps what its record promises."""
    rows, series = len(found.times), len(found.ids)
    inside = np.ones(max(0, rows - 1), bool)
    inside[found.bounds[1:-1] - 1] = False
    sizes = {"static": series}
    return (
        array(found.times, dtype="datetime64[s]", axes=1)
        and found.bounds[0] == 0
        and found.bounds[-1] == rows
        and bool((np.diff(found.times).astype(np.int64)[inside] > 0).all())
        and len(found.history) == series
        and bool((found.history <= np.diff(found.bounds)).all())
        and all(len(c.values) == sizes.get(c.role, rows) for c in found.columns)
        and all(array(c.values, dtype=np.int32 if c.levels else np.float64) for c in found.columns)
        and not any(np.isinf(c.values).any() for c in found.columns)
        and all(line and line.isprintable() and len(line) < 1000 for line in found.report)
    )


FRAMES = {
    "csv.frame": {},
    "csv.rows": {"layout": "rows"},
    "csv.lenient": {
        "duplicates": "mean",
        "odd_times": "round",
        "time_zone": "Europe/Berlin",
        "missing": ("-9999",),
    },
}


def a_parquet():
    """Parquet files, where the library for them is installed."""
    import pandas as pd

    try:
        file = io.BytesIO()
        rows = pd.DataFrame({"t": pd.date_range("2020", periods=4), "v": [1.5, None, 3, 4]})
        rows.to_parquet(file, engine="pyarrow")
        return (file.getvalue(),)
    except ImportError:
        return ()


PARQUET = Reader("a.parquet", read_frame(), right_frame, a_parquet(), (b"PAR1",))
GZ = (gzip.decompress, lambda content: gzip.compress(content, 1, mtime=0))
CSV_GZ = Reader("a.csv.gz", read_csv, right_series, tuple(map(GZ[1], TABLES)), CSV_TOKENS, GZ)


def idx(shape, values):
    return bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + bytes(values)


IDX = Reader(
    "a.gz",
    lambda folder, place: mnist.read_idx(place),
    lambda found: array(found, dtype=np.uint8) and found.ndim > 0,
    tuple(map(GZ[1], (idx((2, 3), range(6)), idx((4,), range(4)), idx((2, 2, 2), range(8))))),
    (b"\0\0\x08", b"\0\0\x0d", b"\0\0\0\0", b"\xff\xff\xff\xff"),
    GZ,
)


def a_mat():
    from scipy.io import savemat

    file, rolls = io.BytesIO(), np.empty((1, 1), object)
    rolls[0, 0] = np.eye(3, 88, dtype=np.uint8)
    savemat(file, {f"{part}data": rolls for part in ("train", "valid", "test")})
    return file.getvalue()


MAT = Reader(
    "polyphonic_music/JSB_Chorales.mat",
    lambda folder, place: music.load("jsb", folder),
    lambda found: False,  # none of these is the known file
    (a_mat(),),
)


def header(shape, dtype="|u1"):
    """The length and text of an array's header."""
    said = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return len(said).to_bytes(2, "little") + said


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def unzip(content):
    """The first member of a zip; the others go along as they are."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(archive.namelist()[0])


def rezip(name):
    """What packs a content as a zip of one member."""

    def pack(content):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        return file.getvalue()

    return pack


def right_arrays(found):
    return all(isinstance(name, str) and array(value) for name, value in found.items())


WEIGHTS = {"W": np.ones((3, 5), np.float32), "b": np.arange(4.0)}
NPZ = Reader(
    "a.npz",
    lambda folder, place: interop.read(place),
    right_arrays,
    (
        npz(**WEIGHTS),
        npz(x=np.zeros((2, 0, 3))),
        npz(s=np.array(["a", "bc"]), b=np.array([True])),
        npz(o=np.array([{}], object)),  # refused
    ),
    (
        b"'O'",
        b"|O",
        b"<f8",
        b"'descr'",
        b"(10000000000,)",
        b"(1,)",
        b"\x93NUMPY\x02\x00",
        b"V0",
        b"S0",
    ),
    (unzip, rezip("a.npy")),
)


def reheaded(content):
    """A safetensors file whose header is as long as its first eight bytes say."""
    header, _, values = content.partition(b"\xff")
    return len(header).to_bytes(8, "little") + header + values


def unheaded(content):
    size = int.from_bytes(content[:8], "little")
    return content[8 : 8 + size] + b"\xff" + content[8 + size :]


def safetensors():
    header = json.dumps({"W": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    half = json.dumps({"b": {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}}).encode()
    return reheaded(header + b"\xff" + bytes(24)), reheaded(half + b"\xff" + bytes(8))


SAFETENSORS = Reader(
    "a.safetensors",
    lambda folder, place: interop.read(place),
    right_arrays,
    safetensors(),
    (b'"BF16"', b'"I64"', b'"F8_E4M3"', b"data_offsets", b"__metadata__", b"{}", b"[]", b'"U8"'),
    (unheaded, reheaded),
)


def read_overrides(folder, place):
    """What the launchers do with the words of a command line, one a line here."""
    words = place.read_bytes().replace(b"\0", b"").decode(errors="surrogateescape").split("\n")
    _, overrides = _flags.split(words)
    config, values = cfg.base(), {}
    for key, said in sorted(overrides, key=lambda pair: not cfg.renames(pair[0])):
        values[key] = cfg.parse(config, key, said)
        if cfg.renames(key):
            config = cfg.resolve(config, {key: values[key]})
    resolved = cfg.resolve(cfg.base(), values)
    cfg.validate(resolved)
    return resolved


OVERRIDES = Reader(
    "words.txt",
    read_overrides,
    lambda found: len(cfg.identity(found)) == 10 and cfg.from_dict(cfg.to_dict(found)) == found,
    (
        b"--config.model.cell=gru\n--config.model.cell.hidden_size=8\n--config.steps=100",
        b"--config.curriculum=((0, {'length': 10}), (500, {}))\n--noconfig.model.bidirectional",
        b"--config.stop=(('train/accuracy', 0.99),)\n--config.hparams.learning_rate=1e-2",
        b"--config.evals={'T9': {'length': 9}}\n--config.model.wrappers=(('zoneout', {}),)",
        b"--config.model.hidden_sizes=3,4\n--config.model.layers=2\n--config.seed=4294967295",
        b"--config.task=copy_memory\n--config.task.length=20\n--config.name=x",
    ),
    (
        b"...",
        b"{1,2}",
        b"1+1j",
        b"b'x'",
        b"None",
        b"True",
        b"--config.",
        b"=",
        b"()",
        b"{}",
        b"'a'",
        b",",
    ),
    named=False,
    imports=True,
)


def read_text(load):
    return lambda folder, place: load("file", file=str(place))


def right_corpus(found):
    whole = all(array(part, axes=1) for part in found.tokens.values())
    sizes = [int(part.max(initial=0)) for part in found.tokens.values()]
    return (
        whole
        and sorted(found.tokens) == ["test", "train", "valid"]
        and max(sizes) < max(1, len(found.symbols))
    )


RHYMES = (
    b"the cat sat on the mat\nthat cat <unk>\n" * 4,
    b"\xef\xbb\xbf" + "día\u0085 dïa\r\n𝄞\n".encode() * 5,
    b"",
)
CHARACTERS = Reader("a.txt", read_text(text.characters), right_corpus, RHYMES)
WORDS = Reader("a.txt", read_text(text.words), right_corpus, RHYMES, (b"<unk>", b"<eos>"))
ZIPPED = Reader(
    "a.zip",
    read_text(text.words),
    right_corpus,
    tuple(map(rezip("../../a.txt"), RHYMES)),
    (b"PK\x05\x06", b"PK\x03\x04"),
)

LISTOPS = Reader(
    "basic_train.tsv",
    lambda folder, place: listops.parse(place),
    lambda found: (
        array(found.tokens, dtype=np.uint8, axes=2)
        and len(found.tokens) == len(found.lengths) == len(found.values)
    ),
    (
        b"Source\tTarget\n( ( ( [MAX 2 ) 9 ) ] )\t9\n[SM 8 [MED 7 3 ] ]\t5\n",
        b"Source\tTarget\r\n[MIN 1 2 ]\t1\r\n",
    ),
    (b"\t", b"]", b"[MAX", "²".encode(), b" 1" * 300),
)


def read_cifar(folder, place):
    cifar10.IMAGES = IMAGES
    return cifar10.load("test", folder)


def right_images(found):
    return array(found.pixels, dtype=np.uint8, axes=4) and array(
        found.labels, dtype=np.int32, axes=1
    )


ZEROS = np.zeros((IMAGES, cifar10.PIXELS), np.uint8)


def a_batch(protocol, pixels=ZEROS, labels=(1, 2, 3)):
    """A batch as NumPy 1 pickled it."""
    fields = {b"data": pixels, b"labels": list(labels)}
    old = pickle.dumps(fields, protocol).replace(
        b"numpy._core.multiarray", b"numpy.core.multiarray"
    )
    # Texts of protocol 4 begin with their length, which is one less now.
    return old.replace(b"\x8c\x16numpy.core.multiarray", b"\x8c\x15numpy.core.multiarray")


def python2(pixels, labels, name=b"numpy.core.multiarray\n_reconstruct\n"):
    """A batch as cPickle of Python 2 wrote it, opcode by opcode."""
    count = len(pixels).to_bytes(2, "little")
    array = (
        b"c" + name + b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01M" + count + b"M\x00\x0c\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xff"
        b"K\x00tb\x89T" + pixels.size.to_bytes(4, "little") + pixels.tobytes() + b"tb"
    )
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels](" + numbers + b"eu."


PIXELS = bytes(range(256)) * 12
CIFAR = Reader(
    "cifar10/cifar-10-batches-bin/test_batch.bin",
    read_cifar,
    right_images,
    (b"".join(bytes([label]) + PIXELS for label in range(IMAGES)),),
)
CIFAR_PICKLE = Reader(
    "cifar10/cifar-10-batches-py/test_batch",
    read_cifar,
    right_images,
    (python2(ZEROS, (1, 2, 3)), a_batch(3), a_batch(4)),
    (
        b"cos\nsystem\n",
        b"r\xff\xff\xff\x7f",
        b"\x96\xff\xff\xff\x7f\0\0\0\0",
        b"\x95\xff\xff\xff\x7f\0\0\0\0",
    )
    + (
        b"(",
        b"t",
        b"R",
        b"b",
        b"\x81",
        b"i",
        b"o",
        b"P",
        b"Q",
        b"\x8a\xff",
        b"0",
        b"2",
        b"u",
        b"e",
        b".",
    ),
)


def a_tar(names=("a/x.bin", "a/../../y")):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"12345"))
    return file.getvalue()


TAR = Reader(
    "a.tar.gz",
    lambda folder, place: cifar10.read_archive(place, ["a/x.bin"]),
    lambda found: list(found) == ["a/x.bin"] and isinstance(found["a/x.bin"], bytes),
    (GZ[1](a_tar()), GZ[1](a_tar(("a/" + 60 * "long/" + "x", "a/x.bin")))),
    (b"ustar", b"00000000005\0", b"77777777777\0", b"x", b"L", b"../../y"),
    GZ,
)

RUN = {
    "config.json": json.dumps(cfg.to_dict(cfg.base())).encode(),
    "meta.json": json.dumps(
        {
            "selection": "eval/valid/mse",
            "maximize": False,
            "parameters": 7,
            "task": {"baseline": 0.5, "references": {"mean": 0.6}, "solved": None},
            "evals": {"valid": {"baseline": 0.5, "references": {}, "solved": 0.1}},
            "identity": "0123456789",
        }
    ).encode(),
    "metrics.jsonl": b"".join(
        json.dumps({"step": 50 * n, "train/loss": 1.5, "eval/valid/mse": value}).encode() + b"\n"
        for n, value in enumerate((0.5, None, 0.25), 1)
    ),
    "DONE": b'{"step": 150, "reason": "finished", "seconds": 1.5, "diverged_at": null}',
}


def read_run(folder, place):
    """A run, and what is said of it; a damaged file is an error, or a remark on the run."""
    run = runs.load(place.parent)
    return run, runs.best_step(run), runs.summary(run)


def right_run(found):
    run, best, _ = found
    points = all(isinstance(point, dict) and type(point["step"]) is int for point in run.metrics)
    known = isinstance(run.config, dict) and isinstance(run.meta, dict)
    return points and known and (best is None or type(best) is int)


def run_file(name):
    """The reader of a run of which this file is a mutation."""
    beside = {f"run/{other}": content for other, content in RUN.items() if other != name}
    tokens = (b"null", b"NaN", b"Infinity", b"true", b'"step"', b"{}", b"[]", b"-1", b"0", b'"x"')
    return Reader(f"run/{name}", read_run, right_run, (RUN[name],), tokens, beside=beside)


def read_cases(folder, place):
    return cases.load(place)


def right_cases(found):
    values, labels = found.values, found.labels
    each = all(array(one, dtype=np.float64, axes=2) and len(one) for one in values)
    finite = not any(np.isinf(one).any() for one in values)
    if isinstance(labels, np.ndarray):
        return each and finite and array(labels, dtype=np.float64, axes=1)
    same = all(len(one) == len(label) for one, label in zip(values, labels))
    return each and finite and same and len(labels) == len(values)


def read_arrays(folder, place):
    return arrays.load(place)


def right_arrays(found):
    return "train" in found.parts and all(
        array(part.mask, dtype=np.bool_, axes=2) for part in found.parts.values()
    )


def npz_of_arrays():
    mask, targets = np.ones((2, 3), bool), np.array([0, 1], np.int32)
    stream = io.BytesIO()
    parts = {"train_values": np.zeros((2, 3, 1), np.float32), "train_mask": mask}
    np.savez(stream, **parts, train_targets=targets, classes=np.array(["a", "b"]))
    return stream.getvalue()


TS = Reader(
    "a.ts",
    read_cases,
    right_cases,
    (
        b"#c\n@timeStamps false\n@classLabel true a b\n@data\n1,2,?:0,1,1:a\n3:4:b\n",
        b"@timestamps true\n@targetlabel true\n@data\n(2020-01-01 00:00:00,1.5),(2,3):0.25\n",
    ),
    (b"@data", b"@classLabel true", b"@targetLabel true", b":", b",", b"(", b")", b"?", b"NaN"),
)
TABLE = b"id,t,x,label\na,0,1,u\na,1,,u\nb,2020-01-01,2,v\n"
LONG = Reader("a.csv", read_cases, right_cases, (TABLE, TABLE.replace(b"2020-01-01", b"7")))
ARRAYS = Reader("a.npz", read_arrays, right_arrays, (npz_of_arrays(),))

READERS = {
    "ts": TS,
    "long table": LONG,
    "arrays": ARRAYS,
    **{f"run.{name}": run_file(name) for name in RUN},
    "csv": CSV,
    "csv.gz": CSV_GZ,
    **{
        name: Reader("a.csv", read_frame(**options), right_frame, CSV.samples, CSV_TOKENS)
        for name, options in FRAMES.items()
    },
    **({"parquet": PARQUET} if PARQUET.samples else {}),
    "idx": IDX,
    "mat": MAT,
    "npz": NPZ,
    "safetensors": SAFETENSORS,
    "overrides": OVERRIDES,
    "characters": CHARACTERS,
    "words": WORDS,
    "words.zip": ZIPPED,
    "listops": LISTOPS,
    "cifar10": CIFAR,
    "cifar10.pickle": CIFAR_PICKLE,
    "cifar10.tar.gz": TAR,
}
