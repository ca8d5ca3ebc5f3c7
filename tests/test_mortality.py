"""Stays in intensive care: the reader, the task, its reference, the area under the curve."""

import jax
import numpy as np
import pytest
import sklearn.metrics

from lstmx import stats
from lstmx.data import physionet2012
from lstmx.data.physionet2012 import COLUMNS, DESCRIPTORS, VARIABLES, Stays
from lstmx.tasks import _labelled, mortality

STAY = """Time,Parameter,Value
00:00,RecordID,132539
00:00,Age,54
00:00,Gender,-1
00:00,ICUType,4
00:00,Weight,-1
00:07,HR,73
00:37,HR,77
00:37,pH,1.2e+00
47:59,Temp,36.5
"""


@pytest.mark.no_jax
def test_a_stay_has_a_step_for_each_hour_with_measurements():
    values, hours = physionet2012.parsed(STAY, 60, "stay")
    assert hours.tolist() == [0, 47]
    assert values.shape == (2, len(VARIABLES) + len(DESCRIPTORS)) == (2, 44)
    known = {name: values[:, at].tolist() for name, at in COLUMNS.items()}
    np.testing.assert_array_equal(known["HR"], [75, np.nan])  # the mean of the hour
    np.testing.assert_array_equal(known["pH"], [1.2, np.nan])
    np.testing.assert_array_equal(known["Temp"], [np.nan, 36.5])
    assert np.isfinite(values[:, : len(VARIABLES)]).sum() == 3  # -1 is not recorded
    described = dict(zip(DESCRIPTORS, values[:, len(VARIABLES) :].T.tolist()))
    assert described["Age"] == [54, 54]
    assert np.isnan(described["Gender"]).all()
    assert [described[f"unit {n}"][0] for n in (1, 2, 3, 4)] == [0, 0, 0, 1]
    assert physionet2012.parsed(STAY, 1, "stay")[1].tolist() == [0, 7 / 60, 37 / 60, 47 + 59 / 60]
    with pytest.raises(ValueError, match="stay 7: line 2 is '00:00 HR 73'; expected"):
        physionet2012.parsed("Time\n00:00 HR 73", 60, "stay 7")


@pytest.fixture(scope="module")
def stays():
    """Forty stays of 2 to 6 irregular hours; who dies has a higher pulse."""
    random = np.random.default_rng(0)
    values = np.full((40, 6, 44), np.nan, np.float32)
    hours, mask = np.zeros((40, 6)), np.zeros((40, 6), bool)
    died = np.asarray(np.arange(40) % 4 == 0, np.int32)
    for row in range(40):
        length = 2 + row % 5
        mask[row, :length] = True
        hours[row, :length] = np.sort(random.choice(48, length, replace=False))
        values[row, 0] = 7.0
        values[row, :length, COLUMNS["HR"]] = random.normal(80 + 30 * died[row], 5, length)
    return Stays(values, hours, mask, died, {"set-a.tar.gz": "0"})


def test_steps_have_elapsed_hours_and_masks_and_the_label_is_at_the_last(stays):
    parts = _labelled.divided(stays.died, 0.25, 0.2, seed=3)
    other = _labelled.divided(stays.died, 0.25, 0.2, seed=4)
    assert not np.array_equal(parts["test"], other["test"])
    features = physionet2012.summaries(stays)
    said = physionet2012.logistic(features, stays.died, parts["train"])
    assert stats.auroc(stays.died[parts["test"]], said[parts["test"]]) == 1.0
    task = mortality.make(stays, parts, 16, "test", "masked", said)
    batch, rows = task.batch(jax.random.key(0), 0), parts["test"]
    assert task.spec.num_batches == 1
    for at, row in enumerate(rows):
        length = stays.mask[row].sum()
        passed = np.asarray(batch.inputs.elapsed[at])
        np.testing.assert_allclose(passed[:length], [1, *np.diff(stays.hours[row, :length])])
        np.testing.assert_array_equal(batch.inputs.observed[at], np.isfinite(stays.values[row]))
        assert np.flatnonzero(batch.weights[at]).tolist() == [length - 1]
        assert batch.targets[at, length - 1] == stays.died[row]
    seen = stays.values[parts["train"]][..., COLUMNS["HR"]]
    pulse = np.asarray(batch.inputs.values[0, 0, COLUMNS["HR"]])
    raw = stays.values[rows[0], 0, COLUMNS["HR"]]
    assert pulse == pytest.approx((raw - np.nanmean(seen)) / np.nanstd(seen), abs=0.1)
    assert task.spec.baseline == pytest.approx(np.log(4) - 0.75 * np.log(3))  # one in four dies
    assert task.spec.references["logistic"] < task.spec.baseline
    flags = mortality.make(stays, parts, 16, "train", "flags", said)
    batch = flags.batch(jax.random.key(0), 0)
    assert batch.inputs.shape == (16, 6, flags.spec.in_features) == (16, 6, 89)
    assert flags.spec.remarks[1].startswith("logistic regression on summaries: AUROC 1.0000 on ")


@pytest.mark.no_jax
def test_area_under_the_curve_is_that_of_sklearn():
    random = np.random.default_rng(1)
    truth, scores = random.integers(2, size=50), random.integers(6, size=50) / 5
    expected = sklearn.metrics.roc_auc_score(truth, scores)
    assert stats.auroc(truth, scores) == pytest.approx(expected)
    assert np.isnan(stats.auroc(np.ones(3), np.ones(3)))


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("options", "message"),
    [({"inputs": "flag"}, "did you mean 'flags'"), ({"test_fraction": 0.0}, "a part above 0")],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        mortality.task(**options)


@pytest.mark.slow
def test_set_a_has_its_published_counts(data_folder):
    stays = physionet2012.load(60)
    assert (len(stays.died), stays.died.sum(), stays.mask.shape[1]) == (4000, 554, 49)
    units = stays.values[:, 0, -4:].sum(axis=0)
    assert units.tolist() == [577, 874, 1481, 1068]
