"""Several processes as one job: the numbers of one process, files from the first alone."""

import os
import signal
import socket
import time

import jax
import pytest
from helpers import close
from jax.sharding import PartitionSpec as P

import lstmx
from experiments._recipe import recipe
from lstmx import config as cfg
from lstmx import runs
from lstmx.parallel import mesh, shards
from lstmx.runs import checkpoint, hosts

CONFIG = """
from lstmx import config as cfg
from lstmx import sweep as sw

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=8)
    c.model.cell = cfg.cell("rnn", hidden_size=4)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 12, 2, 4, 1
    return c

def sweep():
    return sw.product({"seed": range(3)})
"""
TRAIN = "train --config=tiny.py --workdir=runs"
SWEEP = "sweep --config=tiny.py --workdir=runs"


def several(launch, words, folders, count=2, timeout=300):
    """Processes that are one job, each in a separate folder, with one device each."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    cores = sorted(os.sched_getaffinity(0))
    flags = f"--coordinator_address=localhost:{port} --num_processes={count}"
    flags += f" --initialization_timeout={timeout}"
    return [
        launch.start(f"{words} {flags} --process_id={n}", folder, cores[n % len(cores)])
        for n, folder in enumerate(folders)
    ]


def ended(processes):
    """(exit code, stdout, stderr) of each."""
    results = []
    for code, *texts in (process.wait() for process in processes):
        texts = ([x for x in t.splitlines() if not x.startswith("[Gloo]")] for t in texts)
        results.append((code, *map("\n".join, texts)))
    return results


@pytest.fixture
def folders(tmp_path):
    """Folders of two processes with the config in each, as on hosts without a common disk."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
        (folder / "tiny.py").write_text(CONFIG)
    return folders


def alone(workdir, *seeds):
    """The same job by this process, which has two devices."""
    assert jax.device_count() == 2, "this test needs two devices"
    name = workdir.with_name("tiny.py")
    name.write_text(CONFIG)
    configs = [cfg.resolve(recipe(str(name)).config, {"seed": seed}) for seed in seeds]
    return runs.train(configs, workdir, quiet=True)


def check_equal(whole, workdir):
    """The runs of a folder have the numbers of these."""
    by_seed = {runs.load(path).config["seed"]: path for path in runs.find(workdir)}
    assert len(by_seed) == len(whole)
    for path in whole:
        one = runs.load(path)
        other = runs.load(by_seed[one.config["seed"]])
        assert len(one.metrics) == len(other.metrics) == 6
        for p, q in zip(one.metrics, other.metrics):
            p, q = ({k: v for k, v in point.items() if k != "seconds"} for point in (p, q))
            assert p == pytest.approx(q, rel=1e-4)  # sums in another order, twelve steps of it
        folders = [run.path / "checkpoints" for run in (one, other)]
        assert checkpoint.steps(folders[0]) == checkpoint.steps(folders[1])
        close(*(checkpoint.restore(folder, 12) for folder in folders), 1e-4)


@pytest.mark.slow
def test_two_processes_equal_one_and_resume_after_a_death(launch, folders, tmp_path):
    whole = alone(tmp_path / "whole", 0)
    killed = several(launch, TRAIN, folders)
    while not list(folders[0].glob("runs/tiny/*/checkpoints/4")):
        assert killed[1].runs(), ended(killed)
        time.sleep(0.001)
    killed[1].send(signal.SIGKILL)
    (code, _, message), _ = ended(killed)
    (path,) = runs.find(folders[0])
    assert not (path / "DONE").exists(), "it had ended"
    assert code == 2, message
    last = message.splitlines()[-1]
    assert last.startswith("error: stopped, as another process seems to have ended ("), message
    (code, out, message), (other, nothing, silence) = ended(several(launch, TRAIN, folders))
    assert (code, other) == (0, 0), message + silence
    assert "resuming at step" in message
    assert out.splitlines()[0] == str(path)
    assert (nothing, silence) == ("", "")
    assert [p.name for p in folders[1].iterdir()] == ["tiny.py"]
    assert runs.load(path).meta["processes"] == 2
    check_equal(whole, folders[0])


@pytest.mark.slow
def test_sweep_by_two_processes_equals_one_and_refusals_reach_all(launch, folders, tmp_path):
    whole = alone(tmp_path / "whole", 0, 1, 2)
    results = ended(several(launch, SWEEP, folders))
    assert [code for code, *_ in results] == [0, 0], results
    assert results[0][1].startswith("3 runs in ")
    assert results[1][1:] == ("", "")
    check_equal(whole, folders[0])
    (path, *_) = runs.find(folders[0])
    text = (path / "config.json").read_text()
    (path / "config.json").write_text(text.replace('"length": 10', '"length": 11'))
    for code, _, message in ended(several(launch, SWEEP, folders)):
        assert code == 2, message
        assert "task.length: 11 there, 10 requested" in message


@pytest.mark.slow
def test_absent_processes_are_told_of_in_one_line(launch, folders):
    first, second = several(launch, TRAIN, folders, count=3, timeout=1)
    for code, _, message in ended([first, second]):
        assert code == 2
        assert message.startswith("error: not all of 3 processes met at localhost:")
        assert message.count("\n") == 0, message
    assert [p.name for p in folders[0].iterdir()] == ["tiny.py"]


def test_wrong_arguments_are_refused_before_anything_waits():
    with pytest.raises(ValueError, match=r"num_processes=None.*expected all three, or none"):
        mesh.connect("localhost:1", process_id=0)
    with pytest.raises(ValueError, match=r"process_id=2; .* below num_processes=2"):
        mesh.connect("localhost:1", 2, 2)


def test_one_process_decides_for_itself():
    assert mesh.is_main_process()
    assert hosts.agreed(lambda: {"a": 1}) == {"a": 1}
    tree = object()
    assert hosts.same(tree, None) is tree


def test_batch_of_one_model_is_shared_by_the_devices():
    cell = lstmx.cells.make("lstm", hidden_size=5)
    params, xs = cell.init(jax.random.key(0), 3), jax.random.normal(jax.random.key(1), (8, 7, 3))
    both = mesh.make(1, [8])
    assert both.devices.size == 2, "this test needs two devices"

    def loss(params, xs):
        return jax.numpy.sum(lstmx.unroll(cell, params, xs).outputs ** 2)

    grad = lambda params, xs: shards.total(jax.grad(loss)(params, xs))
    shared = mesh.over_batch(grad, both, (P(), P(mesh.BATCH_AXIS)), P())
    close(shared(params, xs), jax.grad(loss)(params, xs), 1e-4, 1e-5)


class Device:
    """A stand-in that says which process it belongs to."""

    def __init__(self, process):
        self.process_index = process


@pytest.mark.parametrize(
    ("processes", "replicas", "batches", "shape"),
    [
        (1, 3, [8], (3, 1)),  # one process leaves the fourth device alone
        (2, 3, [8], (4, 1)),  # two use it for padding
        (2, 1, [8], (2, 2)),  # MIN_ROWS
        (2, 1, [7], (4, 1)),
        (4, 1, [32, 16], (1, 4)),
    ],
)
def test_every_process_has_its_devices_in_the_mesh(
    monkeypatch, processes, replicas, batches, shape
):
    monkeypatch.setattr(mesh, "Mesh", lambda grid, names, axis_types: grid)
    devices = [Device(n * processes // 4) for n in range(4)]
    assert mesh.make(replicas, batches, devices).shape == shape
