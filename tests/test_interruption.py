"""A killed run that is started again ends like one that was never killed, bit for bit."""

import random
import signal
import time

import jax
import numpy as np
import pytest
from event_files import check_events

from lstmx import checkpoint, runs

pytestmark = pytest.mark.slow

CONFIG = """
from lstmx import config as cfg
from lstmx import sweep as sw

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=8)
    c.model.cell = cfg.cell("lstm", hidden_size=4)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 80, 2, 4, 1
    return c

def sweep():
    return sw.product({"model.cell.name": ["lstm", "rnn"], "seed": range(2)})
"""
WORDS = "{} --config=tiny.py --workdir=runs"


@pytest.fixture
def folders(tmp_path):
    """Two folders with the same config: one for a whole job, one for the interrupted one."""
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiny.py").write_text(CONFIG)
    return tmp_path / "whole", tmp_path / "cut"


def test_killed_run_ends_like_one_that_was_not(launch, folders):
    whole, cut = folders
    words = WORDS.format("train")
    assert launch(words, whole).code == 0
    moments = random.Random(1)
    interrupt(
        launch, words, cut, signal.SIGKILL, lambda: list(cut.glob("runs/tiny/*/checkpoints/*tmp*"))
    )
    for points in (moments.randrange(6, 12), moments.randrange(22, 32)):
        interrupt(
            launch, words, cut, signal.SIGKILL, lambda n=points: log_points(cut) >= n, moments
        )
    resume(launch, words, cut)
    check_equal(whole, cut, 1)


def test_interrupted_and_killed_sweep_ends_like_one_that_was_not(launch, folders):
    whole, cut = folders
    words = WORDS.format("sweep")
    assert launch(words, whole).code == 0
    moments = random.Random(2)
    code, said = interrupt(launch, words, cut, signal.SIGINT, lambda: log_points(cut) >= 20)
    assert code == 130
    assert said.splitlines()[-1] == "interrupted; the same command resumes"
    assert "Traceback" not in said
    interrupt(launch, words, cut, signal.SIGKILL, lambda: log_points(cut) >= 60, moments)
    resume(launch, words, cut)
    check_equal(whole, cut, 4)


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_signal_saves_what_is_done_before_the_run_ends(launch, folders, sent, code, word):
    whole, cut = folders
    words = WORDS.format("train")
    assert launch(words, whole).code == 0
    # Checkpoints are 20 log points apart, and the signal comes in between.
    words += " --config.checkpoint_every=40"
    ended, printed = interrupt(launch, words, cut, sent, lambda: log_points(cut) >= 5)
    assert ended == code
    assert printed.splitlines()[-1] == f"{word}; the same command resumes"
    assert "Traceback" not in printed
    (path,) = runs.find(cut / "runs")
    saved = checkpoint.steps(path / "checkpoints")[-1]
    assert saved == runs.load(path).metrics[-1]["step"], "no step is lost"
    assert saved % 40, "too late: it had saved anyway"
    resume(launch, words, cut)
    (again,), (other,) = ([runs.load(p) for p in runs.find(f / "runs")] for f in (cut, whole))
    assert without_clock(again.metrics) == without_clock(other.metrics)
    assert checkpoint.steps(path / "checkpoints")[-2:] == [40, 80], "only regular ones are left"


def test_second_signal_ends_at_once(launch, folders):
    _, cut = folders
    words = WORDS.format("train") + " --config.task.length=300 --config.log_every=40"
    words += " --config.eval_every=80"
    started = launch.start(words, cut)
    while not log_points(cut):
        assert started.runs(), started.wait().err
        time.sleep(0.001)
    for _ in range(2):
        started.send(signal.SIGINT)
        time.sleep(0.05)
    ended = started.wait()
    assert ended.code == 130, ended.err
    assert ended.err.splitlines()[-1] == "interrupted; the same command resumes"
    assert "Traceback" not in ended.err


def resume(launch, words, folder):
    """Run a command line again, to its end; it tells where it goes on, and no library speaks."""
    ended = launch(words, folder)
    assert ended.code == 0, ended.err
    assert "resuming at step" in ended.err
    assert all(line.startswith("[") or "% " in line for line in ended.err.splitlines()), ended.err


def interrupt(launch, words, folder, sent, moment, random_delay=None):
    """Start a command line, and send a signal at a moment; its exit code and what it said."""
    started = launch.start(words, folder)
    while not moment():
        assert started.runs(), f"too late to interrupt: {started.wait().err}"
        time.sleep(0.001)
    time.sleep(random_delay.uniform(0, 0.05) if random_delay else 0)
    started.send(sent)
    ended = started.wait()
    finished = all((p / "DONE").exists() for p in runs.find(folder / "runs"))
    assert not finished, f"too late, it had ended: {ended}"
    return ended.code, ended.err


def log_points(folder):
    """How many log points all runs together have written."""
    return sum(len(f.read_text().splitlines()) for f in folder.glob("runs/tiny/*/metrics.jsonl"))


def check_equal(whole, cut, count):
    """All runs of two folders ended with the same files."""
    names = [p.relative_to(whole) for p in runs.find(whole)]
    assert [p.relative_to(cut) for p in runs.find(cut)] == names
    assert len(names) == count
    for name in names:
        one, two = runs.load(whole / name), runs.load(cut / name)
        assert without_clock(one.metrics) == without_clock(two.metrics)
        assert without_clock([one.done]) == without_clock([two.done])
        assert [p["step"] for p in two.metrics] == list(range(2, 81, 2))
        folders = [run.path / "checkpoints" for run in (one, two)]
        there = checkpoint.steps(folders[0])
        assert checkpoint.steps(folders[1]) == there
        for step in there:
            trees = [checkpoint.restore(folder, step) for folder in folders]
            jax.tree.map(np.testing.assert_array_equal, *trees)
        assert not list(folders[1].glob("*tmp*"))
        check_events(two)


def without_clock(points):
    return [{k: v for k, v in point.items() if k != "seconds"} for point in points]
