"""Searches whose trials are means of several runs: cross-validation over time."""

import csv
import math

import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import runs, search
from lstmx.search import listing, reporting, results, spec
from lstmx.search import study as studies
from lstmx.search.storage import Place

METRIC = "eval/valid/mae"
FOLDS = {"task.fold": range(2)}


def small():
    """A forecast of the generated series that trains in no time."""
    c = cfg.base()
    c.name = "tiny"
    c.task = cfg.task("forecast", window=6, horizon=2, season=0, batch_size=4)
    c.model.cell = cfg.cell("rnn", hidden_size=2)
    c.steps = c.eval_every = 4
    c.log_every = 2
    c.evals = {"valid": {"split": "valid", "batch_size": 256}}
    return c


def describe(**changes):
    space = {"hparams.learning_rate": search.choice([1e-3, 1e-1])}
    return search.Search(**{"space": space, "sampler": "grid", "mean_over": FOLDS, **changes})


def work(folder, asked):
    place = Place(folder, "tiny")
    label = lambda c: f"fold={c.task.fold}"
    said = []
    return search.work(asked, small(), place, label, block=2, quiet=True, say=said.append)


@pytest.mark.slow
def test_a_trial_is_the_mean_of_its_folds_and_resumes_each(tmp_path):
    # What a killed worker leaves: the first fold of the first trial has ended.
    first = cfg.resolve(small(), {"hparams.learning_rate": 1e-3, "task.fold": 0})
    (done,) = runs.train([first], tmp_path, labels=["fold=0"], quiet=True)
    before = (done / "metrics.jsonl").stat().st_mtime_ns
    study = work(tmp_path, describe())
    assert (done / "metrics.jsonl").stat().st_mtime_ns == before
    trials = search.trials(study)
    assert [len(t.runs) for t in trials] == [2, 2]
    assert (tmp_path / trials[0].runs[0]).resolve() == done.resolve()
    for trial in trials:
        found = [runs.load(tmp_path / name) for name in trial.runs]
        assert [run.config["task"]["fold"] for run in found] == [0, 1]
        best = [min(p[METRIC] for p in run.metrics if METRIC in p) for run in found]
        assert trial.parts == pytest.approx(best)
        assert best[0] != best[1]
        assert trial.value == pytest.approx(np.mean(best))
        assert trial.seconds == pytest.approx(sum(run.seconds for run in found))
    # The table has both folds; the page of the study has their mean.
    rows = list(csv.DictReader(results.write_csv(study).open(encoding="utf-8")))
    parts = [float(rows[1][f"value task.fold={k}"]) for k in range(2)]
    assert parts == pytest.approx(trials[1].parts)
    reported = reporting.trials(study)
    assert reported.several
    entries = reported.entries
    assert [e.value for e in entries] == pytest.approx([t.value for t in trials])
    # Other folds are another search.
    other = describe(mean_over={"task.fold": range(3)})
    with pytest.raises(ValueError, match=r"is another search .*mean_over"):
        studies.load(Place(tmp_path, "tiny"), other, small())


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean_over": {"task.fold": [0]}}, "expected a list of at least 2 values"),
        ({"mean_over": {"task.fold": 3}}, r"task.fold: got 3; expected a list"),
        ({"mean_over": {"hparams.learning_rate": [1, 2]}}, "is in the space; expected it in one"),
        ({"pruning": "median"}, "with mean_over a trial is several runs"),
        ({"mean_over": {"task.folds": [0, 1]}}, "did you mean 'task.fold'"),
    ],
)
def test_means_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        spec.check(describe(**changes), small())
    assert "\n" not in str(caught.value)


def test_a_fold_before_the_first_row_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match=r"fold=6 of valid_fraction=0\.15"):
        work(tmp_path, describe(mean_over={"task.fold": (0, 6)}))
    assert not list(tmp_path.iterdir())


@pytest.mark.no_jax
def test_the_listing_names_the_runs_of_a_trial():
    text = listing.listing(describe(), None)
    assert "each the mean of runs with task.fold=0; task.fold=1" in text
    assert math.prod(len(values) for values in FOLDS.values()) == len(spec.repeats(describe()))
