"""Signals save what is done; see `test_faults` for what random ones do."""

import signal
import subprocess
import sys
import time

import pytest
from launching import ROOT

from lstmx import runs
from lstmx.runs import checkpoint

pytestmark = pytest.mark.slow

CONFIG = """
from lstmx import config as cfg

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=8)
    c.model.cell = cfg.cell("lstm", hidden_size=4)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 80, 2, 4, 1
    return c
"""
WORDS = "train --config=tiny.py --workdir=runs"


@pytest.fixture(scope="module")
def whole(launch, tmp_path_factory):
    """The log of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.py").write_text(CONFIG)
    assert launch(WORDS, folder).code == 0
    (path,) = runs.find(folder / "runs")
    return runs.load(path).metrics


@pytest.fixture
def cut(tmp_path):
    """The folder of a run to be interrupted."""
    (tmp_path / "tiny.py").write_text(CONFIG)
    return tmp_path


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_signal_saves_what_is_done_before_the_run_ends(launch, whole, cut, sent, code, word):
    # Checkpoints are 20 log points apart, and the signal comes in between.
    words = f"{WORDS} --config.checkpoint_every=40"
    ended, printed = interrupt(launch, words, cut, sent, lambda: log_points(cut) >= 5)
    assert ended == code
    assert printed.splitlines()[-1] == f"{word}; the same command resumes"
    assert "Traceback" not in printed
    (path,) = runs.find(cut / "runs")
    saved = checkpoint.steps(path / "checkpoints")[-1]
    assert saved == runs.load(path).metrics[-1]["step"], "no step is lost"
    assert saved % 40, "too late: it had saved anyway"
    resume(launch, words, cut)
    assert without_clock(runs.load(path).metrics) == without_clock(whole)
    assert checkpoint.steps(path / "checkpoints")[-2:] == [40, 80], "only regular ones are left"


def test_second_signal_ends_at_once(launch, cut):
    words = f"{WORDS} --config.task.length=300 --config.log_every=40"
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


def test_only_a_job_that_saves_says_that_it_resumes(tmp_path):
    for resumes, word in ((True, "resumes"), (False, "starts over")):
        code = f"from experiments import _signals; _signals.leave(2, resumes={resumes})"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 130
        assert done.stderr == f"interrupted; the same command {word}\n"


def resume(launch, words, folder):
    """Run a command line again, to its end; it tells where it goes on, and no library speaks."""
    ended = launch(words, folder)
    assert ended.code == 0, ended.err
    assert "resuming at step" in ended.err
    assert all(line.startswith("[") or "% " in line for line in ended.err.splitlines()), ended.err


def interrupt(launch, words, folder, sent, moment):
    """Start a command line, and send a signal at a moment; returns exit code and stderr."""
    started = launch.start(words, folder)
    while not moment():
        assert started.runs(), f"too late to interrupt: {started.wait().err}"
        time.sleep(0.001)
    started.send(sent)
    ended = started.wait()
    finished = all((p / "DONE").exists() for p in runs.find(folder / "runs"))
    assert not finished, f"too late, it had ended: {ended}"
    return ended.code, ended.err


def log_points(folder):
    """How many log points all runs together have written."""
    return sum(len(f.read_text().splitlines()) for f in folder.glob("runs/tiny/*/metrics.jsonl"))


def without_clock(points):
    return [{k: v for k, v in point.items() if k != "seconds"} for point in points]
