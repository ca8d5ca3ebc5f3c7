"""A job that makes no progress says so."""

import threading
import time

import pytest

from lstmx.runs import watchdog
from lstmx.runs.progress import Progress


def waiting_for_ever(ended):
    ended.wait()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(watchdog, "IDLE", 0.2)
    monkeypatch.setattr(watchdog, "BUSY", 0.5)


def test_job_that_waits_is_reported_with_the_stacks_of_its_threads(tmp_path, impatient):
    ended = threading.Event()
    stuck = threading.Thread(target=waiting_for_ever, args=(ended,))
    with Progress(10, tmp_path / "job.log", quiet=True) as progress:
        progress.say("compiling")
        stuck.start()
        with watchdog.watched(progress, tmp_path / "job.stacks"):
            time.sleep(1.2)
        ended.set()
        stuck.join()
    lines = [line for line in (tmp_path / "job.log").read_text().splitlines() if "no prog" in line]
    assert "without using the processor" in lines[0]
    assert str(tmp_path / "job.stacks") in lines[0]
    assert 1 <= len(lines) <= 3, "each time it waits twice as long"
    assert "waiting_for_ever" in (tmp_path / "job.stacks").read_text()


def test_job_that_moves_or_computes_is_left_alone(tmp_path, impatient):
    until = time.monotonic() + 0.8
    with (
        Progress(10, tmp_path / "job.log", quiet=True) as progress,
        watchdog.watched(progress, tmp_path / "job.stacks"),
    ):
        while time.monotonic() < until:  # in small steps, as a signal of life
            time.sleep(0.05)
            progress.advance(1, "", {})
    assert "no progress" not in (tmp_path / "job.log").read_text()
    assert not (tmp_path / "job.stacks").exists()
