"""CIFAR-10: both versions of its files, refusals, the task in colour, and noise behind images."""

import io
import pickle
import tarfile

import jax
import numpy as np
import pytest
from fuzzing.readers import python2

from lstmx import data, tasks
from lstmx.data import cifar10, fetch
from lstmx.tasks import _images
from lstmx.tasks import images as image_task
from lstmx.testing.tasks import check_task

N = 7  # images of a file here
BINARY, PYTHON = cifar10.VERSIONS


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The folder for the files of CIFAR-10, in a data folder of its own."""
    monkeypatch.setenv("LSTMX_DATA", str(tmp_path))
    monkeypatch.setattr(cifar10, "IMAGES", N)
    (tmp_path / "cifar10").mkdir()
    return tmp_path / "cifar10"


def images(batch):
    """Pixels [N, 3072] and classes [N] of a file, other ones for every file."""
    random = np.random.default_rng(len(batch) + ord(batch[-1]))
    return random.integers(0, 256, (N, 3072), np.uint8), random.integers(0, 10, N, np.uint8)


def binary(pixels, labels):
    return np.concatenate([labels[:, None], pixels], axis=1).tobytes()


ENCODE = {BINARY: binary, PYTHON: python2}


def write(place, version):
    """All six files of a version, unpacked."""
    (place / version.folder).mkdir()
    for batch in sum(cifar10.BATCHES.values(), ()):
        content = ENCODE[version](*images(batch))
        (place / version.folder / (batch + version.suffix)).write_bytes(content)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("version", [BINARY, PYTHON], ids=["binary", "python"])
def test_both_versions_are_read_packed_and_unpacked(place, monkeypatch, version, packed):
    write(place, version)
    if packed:
        with tarfile.open(place / version.archive, "w:gz") as archive:
            archive.add(place / version.folder, version.folder)
        (place / version.folder).rename(place / "away")
        known = fetch.Known("", fetch.sha256(place / version.archive))
        monkeypatch.setitem(fetch.KNOWN, f"cifar10/{version.archive}", known)
    train, test = cifar10.load("train"), cifar10.load("test")
    planes, labels = images("data_batch_2")
    np.testing.assert_array_equal(
        train.pixels[N : 2 * N, ..., 1].reshape(N, -1), planes[:, 1024:2048]
    )
    np.testing.assert_array_equal(train.labels[N : 2 * N], labels)
    np.testing.assert_array_equal(test.labels, images("test_batch")[1])
    assert train.pixels.shape == (5 * N, 32, 32, 3)
    assert len(train.files) == (1 if packed else 5)
    assert train.labels.dtype == np.int32


def test_a_pickle_runs_no_code():
    pixels, labels = images("test_batch")
    with pytest.raises(ValueError, match=r"asks for os\.system, which no array needs"):
        cifar10.decode_python(python2(pixels, labels, b"os\nsystem\n"), "test_batch")
    with pytest.raises(ValueError, match="test_batch is not a batch of CIFAR-10"):
        cifar10.decode_python(python2(pixels, labels)[:-9], "test_batch")
    with pytest.raises(ValueError, match="test_batch is not a batch of CIFAR-10"):
        cifar10.decode_python(pickle.dumps([1]), "test_batch")


def test_wrong_files_get_one_line(place):
    with pytest.raises(ValueError, match=r"holds 5 bytes; expected records of 3073"):
        cifar10.decode_binary(bytes(5), "test_batch.bin")
    write(place, BINARY)
    wrong = place / BINARY.folder / "test_batch.bin"
    pixels, labels = images("test_batch")
    wrong.write_bytes(binary(pixels[:-1], labels[:-1]))
    with pytest.raises(ValueError, match=r"pixels \(6, 3072\) uint8.*expected \(7, 3072\)"):
        cifar10.load("test")
    wrong.write_bytes(binary(pixels, labels + np.uint8(9)))
    with pytest.raises(ValueError, match="expected 0 to 9"):
        cifar10.load("test")
    wrong.unlink()
    with pytest.raises(data.Missing, match=r"test_batch\.bin does not exist"):
        cifar10.load("test")
    archive = place / "a.tar.gz"
    archive.write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"is not a \.tar\.gz archive"):
        cifar10.read_archive(archive, ["b"])
    with tarfile.open(archive, "w:gz") as packed:
        packed.addfile(tarfile.TarInfo("c"), io.BytesIO())
    with pytest.raises(ValueError, match=r"a\.tar\.gz has no b"):
        cifar10.read_archive(archive, ["b"])


def test_pixels_come_in_colour_row_by_row_or_scaled(place, monkeypatch):
    monkeypatch.setattr(_images, "VALID", N)
    write(place, BINARY)
    made = [
        tasks.make("images", batch_size=3, split="test", source="cifar10", **options)
        for options in ({}, {"chunk": 32}, {"scaling": "standard"})
    ]
    batches = jax.device_get(
        jax.jit(lambda key: [t.batch(key, 1) for t in made])(jax.random.key(0))
    )
    plain, rows, standard = batches
    planes, labels = images("test_batch")
    expected = planes[3:6].reshape(3, 3, 1024).transpose(0, 2, 1)
    np.testing.assert_allclose(plain.inputs, expected / 255, rtol=1e-6)
    np.testing.assert_array_equal(rows.inputs.reshape(plain.inputs.shape), plain.inputs)
    train = np.concatenate([images(b)[0] for b in cifar10.BATCHES["train"][:4]]).reshape(
        -1, 3, 1024
    )
    mean, deviation = train.mean((0, 2)), train.std((0, 2))
    np.testing.assert_allclose(standard.inputs, (expected - mean) / deviation, atol=1e-5)
    np.testing.assert_array_equal(plain.targets[:, -1], labels[3:6])
    assert made[1].spec.in_features == 96
    assert (
        tasks.make("images", source="cifar10", valid=0, batch_size=5, epochs=True).spec.num_batches
        == N
    )


def test_noise_is_independent_for_every_image():
    options = {"chunk": 32, "noise_steps": 11}
    drawn = tasks.make("images", batch_size=5, **options)
    held_out = [tasks.make("images", batch_size=b, split="test", **options) for b in (5, 1)]

    def ask(keys, first, fourth):
        two = jax.vmap(drawn.batch, (0, None))(keys, first)
        return two.inputs, held_out[0].batch(keys[0], first), held_out[1].batch(keys[1], fourth)

    two, many, alone = jax.device_get(jax.jit(ask)(jax.random.split(jax.random.key(0)), 0, 3))
    assert many.inputs.shape == (5, 13, 32)
    np.testing.assert_array_equal(many.weights.sum(0), 12 * [0] + [5])
    np.testing.assert_array_equal(alone.inputs[0], many.inputs[3])  # whatever the batch size
    check_independent(np.concatenate([*two, many.inputs])[:, 2:])


def test_noise_of_epochs_is_another_one_every_time():
    def ask(epoch, index):
        return [image_task.noise(None, split, epoch, index, (101,)) for split in ("train", "test")]

    many = jax.jit(jax.vmap(ask, (0, None)))(np.arange(2), np.arange(200))
    check_independent(np.concatenate(many).reshape(800, 101))


def check_independent(noise):
    """Rows of standard normal numbers: no two the same, and scalar products as by chance."""
    rows = noise.reshape(len(noise), -1)
    products = rows @ rows.T / rows.shape[1]
    others = products[~np.eye(len(rows), dtype=bool)]
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert abs(rows.mean()) < 4 / rows.size**0.5
    assert abs(rows.std() - 1) < 4 / (2 * rows.size) ** 0.5
    # Of independent rows the largest is about 5 / sqrt(101); of repeated ones it is near 1.
    assert others.max() < 0.7


@pytest.mark.slow
def test_noise_conforms(strict):
    check_task(tasks.make("images", batch_size=100, split="test", noise_steps=5))
    check_task(tasks.make("images", batch_size=3, epochs=True, noise_steps=5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"noise_steps": -1}, "noise_steps=-1; expected at least 0"),
        ({"source": "cifar"}, "did you mean 'cifar10'"),
        ({"source": "cifar10", "valid": 99}, "valid=99; expected 0 to 34 of train"),
        ({"source": "cifar10", "chunk": 3}, "expected a divisor of the 1024 pixels"),
    ],
)
def test_wrong_options_get_one_line(place, options, message):
    write(place, BINARY)
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make("images", **({"valid": N} if options.get("source") else {}) | options)
    assert "\n" not in str(refused.value)


def test_cifar10_statistics(data_folder):
    try:
        train, test = cifar10.load("train", data_folder), cifar10.load("test", data_folder)
    except data.Missing as missing:
        pytest.skip(str(missing))
    assert np.bincount(train.labels).tolist() == 10 * [5000]
    assert np.bincount(test.labels).tolist() == 10 * [1000]
    assert train.labels[:5].tolist() == [6, 9, 9, 4, 1]  # frog, truck, truck, deer, automobile
