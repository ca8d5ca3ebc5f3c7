"""Searches whose workers train: command lines, Slurm, signals, pruning."""

import collections
import csv
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna.trial import TrialState
from searching import CONFIG, METRIC, WORDS, describe, small

from lstmx import runs, search
from lstmx.runs import checkpoint
from lstmx.search import results
from lstmx.search.storage import Place


def table(folder):
    """trials.csv without times."""
    with (folder / "runs" / "tiny" / "trials.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def logs(folder):
    """Run -> its log without times."""
    return {
        path.name: [{k: v for k, v in p.items() if k != "seconds"} for p in runs.load(path).metrics]
        for path in runs.find(folder / "runs")
    }


@pytest.fixture(scope="module")
def whole(launch, tmp_path_factory):
    """A study that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.py").write_text(CONFIG)
    done = launch(WORDS, folder)
    assert done.code == 0, done.err
    return folder, done


def begun(folder, points=6):
    """Whether a run of the first block is in the middle."""
    for path in runs.find(folder / "runs"):
        if len(runs.read_metrics(path)) >= points and checkpoint.steps(path / "checkpoints"):
            return True
    return False


@pytest.mark.slow
def test_a_study_from_the_command_line(launch, whole):
    folder, done = whole
    assert "4 of 4 trials have ended (4 steps)" in done.out
    assert "| trial | eval/valid/mse | learning_rate |" in done.out
    rows = table(folder)
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    for row in rows:
        run = runs.load(folder / "runs" / row["run"])
        assert run.config["hparams"]["learning_rate"] == float(row["hparams.learning_rate"])
        assert (run.config["seed"], run.meta["replicas"]) == (int(row["trial"]), 2)
        at_best = min(p["eval/valid/mse"] for p in run.metrics if "eval/valid/mse" in p)
        assert float(row["value"]) == at_best
    status = launch(f"{WORDS} --status", folder)
    assert status.code == 0, status.err
    assert "4 of 4 trials have ended" in status.out
    again = launch(WORDS, folder)
    assert again.code == 0, again.err
    assert "begin" not in again.err, "nothing is left to do"
    report = launch(f"{WORDS} --report", folder)
    assert report.code == 0, report.err
    assert "4 trials, " in report.out
    assert (folder / "runs" / "tiny" / "report" / "study.html").exists()
    listed = launch(f"{WORDS} --list", folder)
    assert "log-uniform 0.0001 .. 0.1" in listed.out
    undone = launch(f"{WORDS} --config.hparams.learning_rate=1", folder)
    assert (undone.code, "would be undone by the search" in undone.err) == (2, True)


@pytest.mark.files
@pytest.mark.no_jax
def test_a_slurm_script_starts_the_workers(launch, tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    place = "--storage=postgresql://me@host/studies"
    made = launch(f"{WORDS} {place} --slurm=16", tmp_path)
    assert (made.code, made.err) == (0, "")
    script = tmp_path / "search.sh"
    script.write_text(made.out)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2]
        for line in made.out.splitlines()
        if line.startswith("#SBATCH")
    )
    assert options["array"] == "0-15"
    assert options["output"] == str(tmp_path / "tiny-%A_%a.out")
    assert "requeue" in options
    # What a task does: the same command without --slurm, in this folder, in place of the shell.
    last = shlex.split(made.out.splitlines()[-1])
    assert last[:1] == ["exec"]
    assert last[2:] == ["-m", "experiments.search", *WORDS.split()[1:], place]
    said = subprocess.run(
        ["bash", "-c", made.out.replace("exec ", "pwd; echo ")], capture_output=True, text=True
    ).stdout.splitlines()
    assert said == [str(tmp_path), shlex.join(last[1:])]
    for words, message in (
        (f"{WORDS} --storage=sqlite:///study.db --slurm=2", "is for the processes of one machine"),
        (f"{WORDS} --slurm=0", "--slurm=0; expected at least 1"),
    ):
        refusal = launch(words, tmp_path)
        assert (refusal.code, message in refusal.err) == (2, True), refusal.err


@pytest.mark.slow
@pytest.mark.files
def test_the_documented_submitit_code_works_a_study_off(tmp_path):
    pytest.importorskip("submitit", reason="needs submitit: pip install 'lstmx[slurm]'")
    page = (Path(__file__).parents[1] / "docs" / "clusters.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "tiny.py").write_text(CONFIG)
    (tmp_path / "submit.py").write_text(code)
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "submit.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "4 of 4 trials have ended (4 steps)" in done.stdout
    assert [row["trial"] for row in table(tmp_path)] == ["0", "1", "2", "3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "storage", ["", " --storage=sqlite:///study.db"], ids=["journal", "sqlite"]
)
def test_what_a_killed_worker_leaves_ends_with_the_same_numbers(launch, whole, tmp_path, storage):
    (tmp_path / "tiny.py").write_text(CONFIG)
    words = WORDS + storage
    first = launch.start(words, tmp_path)
    while not begun(tmp_path):
        assert first.runs(), first.wait().err
        time.sleep(0.002)
    first.send(signal.SIGKILL)
    assert first.wait().code == -signal.SIGKILL
    assert not any((path / "DONE").exists() for path in runs.find(tmp_path / "runs")), "too late"
    second = launch(words, tmp_path)
    assert second.code == 0, second.err
    assert "taken over" in second.err
    assert "resuming at step" in second.err
    assert table(tmp_path) == table(whole[0])
    assert logs(tmp_path) == logs(whole[0])


@pytest.mark.slow
def test_a_signal_leaves_the_trials_to_others(launch, whole, tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    first = launch.start(WORDS, tmp_path)
    while not begun(tmp_path, 3):
        assert first.runs(), first.wait().err
        time.sleep(0.002)
    first.send(signal.SIGTERM)
    ended = first.wait()
    assert ended.code == 143
    assert ended.err.splitlines()[-1] == "terminated; the same command resumes"
    place = Place(tmp_path / "runs", "tiny")
    text = (tmp_path / "runs" / "tiny" / "study.journal").read_text()
    states = [json.loads(line).get("state") for line in text.splitlines()]
    assert states[-2:] == [TrialState.WAITING, TrialState.WAITING], place
    second = launch(WORDS, tmp_path)
    assert second.code == 0, second.err
    assert table(tmp_path) == table(whole[0])


def trained(folder, asked, config=None):
    """The trials of a study that this process works on."""
    place, told = Place(folder, "tiny"), []
    study = search.work(
        asked, config or small(), place, lambda c: f"seed={c.seed}", quiet=True, say=told.append
    )
    return study, search.trials(study), told


@pytest.mark.slow
def test_pruning_ends_runs_and_says_so(tmp_path):
    asked = describe(
        space={"hparams.learning_rate": search.log_uniform(1e-5, 1e-1), "seed": 0},
        trials=4,
        pruning="halving",
    )
    study, trials, told = trained(tmp_path, asked)
    outcomes = collections.Counter(t.outcome for t in trials)
    assert outcomes["pruned"] >= 1
    assert outcomes["steps"] >= 1
    assert told[-1].startswith("4 of 4 trials have ended")
    for trial, stored in zip(trials, study.optuna.trials):
        run = runs.load(tmp_path / trial.run)
        pruned = trial.outcome == "pruned"
        assert run.reason == trial.outcome
        assert stored.state == (TrialState.PRUNED if pruned else TrialState.COMPLETE)
        assert (run.step < 40) == pruned
        evaluated = {p["step"]: p[METRIC[0]] for p in run.metrics if METRIC[0] in p}
        assert stored.intermediate_values == evaluated
        best = min(evaluated.values())
        assert stored.value == (evaluated[run.step] if pruned else best)
    assert results.ranked(study)[0].value == min(t.value for t in trials if t.outcome == "steps")


@pytest.mark.slow
def test_a_run_that_diverges_is_a_trial_with_that_outcome(tmp_path):
    rates = search.choice([1e-3, 1e30])
    asked = search.Search({"hparams.learning_rate": rates}, sampler="grid")
    study, (good, bad), _ = trained(tmp_path, asked)
    assert (good.outcome, bad.outcome) == ("steps", "diverged")
    assert math.isnan(bad.value)
    assert study.optuna.trials[1].state == TrialState.PRUNED
    assert [t.number for t in results.ranked(study)] == [0]
    assert "(1 steps, 1 diverged)" in results.progress(study)
