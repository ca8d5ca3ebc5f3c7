"""Axes of time: frequencies, gaps, rows beside the axis, duplicates, order."""

import numpy as np
import pandas as pd
import pytest
from tables import column, dates, read, table

from lstmx.data import timeseries as ts
from lstmx.data.timeseries import _axis

pytestmark = [pytest.mark.no_jax, pytest.mark.files]

HOURS = pd.date_range("2020-03-01", periods=200, freq="h").delete(range(100, 107))
ODD = sorted([*HOURS, pd.Timestamp("2020-03-02 03:17")])
JITTER = [time + pd.Timedelta(seconds=at % 2) for at, time in enumerate(HOURS)]


@pytest.mark.parametrize(
    ("alias", "frequency", "name"),
    [
        ("7s", ("second", 7), "7-second"),
        ("15min", ("second", 900), "15-minute"),
        ("30min", ("second", 1800), "half-hourly"),
        ("h", ("second", 3600), "hourly"),
        ("D", ("second", 86400), "daily"),
        ("2D", ("second", 172800), "2-day"),
        ("W-SUN", ("second", 604800), "weekly"),
        ("B", ("weekday", 1, (0, 1, 2, 3, 4)), "business-daily"),
        ("C", ("weekday", 1, (0, 2, 4)), "Mon-Wed-Fri"),
        ("MS", ("month", 1, (1,)), "monthly"),
        ("ME", ("month", 1, (31,)), "monthly"),
        ("QE", ("month", 3, (31,)), "quarterly"),
        ("YS-JUL", ("month", 12, (1,)), "yearly"),
    ],
)
def test_frequencies_are_found_and_continued(alias, frequency, name):
    step = pd.offsets.CustomBusinessDay(weekmask="Mon Wed Fri") if alias == "C" else alias
    times = pd.date_range("2019-11-01 00:00", periods=80, freq=step).to_numpy()
    times = times.astype("datetime64[s]")
    found = _axis.infer(times[:60], np.array([0, 60]))
    assert found == ts.Frequency(*frequency)
    assert ts.described(found) == name
    np.testing.assert_array_equal(ts.next_times(found, times[59], 20), times[60:])
    kept = np.delete(times[:60], [20, 21, 40])  # gaps change nothing
    assert _axis.infer(kept, np.array([0, 57])) == found


@pytest.mark.parametrize(("step", "season"), [("MS", 12), ("QS", 4)])
def test_lost_months_become_missing_rows(tmp_path, step, season):
    values = np.tile(np.arange(season) ** 2.0, 20)
    times = dates(len(values), "2000-01-01", step)
    lost = [61, 62]
    text = table(np.delete(times, lost), np.delete(values, lost))
    found = read(tmp_path, text)
    assert len(found.times) == len(values)
    assert np.flatnonzero(np.isnan(column(found))).tolist() == lost
    assert any("1 gap, 2 rows, the longest of 2 after" in line for line in found.report)
    series = ts.filled(ts.load(tmp_path / "a.csv"))
    np.testing.assert_array_equal(series.times, found.times)
    with pytest.raises(ValueError, match=r"1 gap, 2 rows.*gaps='missing'"):
        read(tmp_path, text, gaps="refuse")


def test_business_days_stay_business_days(tmp_path):
    days = pd.bdate_range("2020-01-01", periods=60)
    found = read(tmp_path, table(days.delete(30).date))
    assert (len(found.times), np.isnan(column(found)).sum()) == (60, 1)
    saturday = sorted([*days, pd.Timestamp("2020-02-01")])
    with pytest.raises(ValueError, match=r"1 row of 61 beside the business-daily.*\('drop' or 'k"):
        read(tmp_path, table(saturday))
    assert len(read(tmp_path, table(saturday), odd_times="drop").times) == 60
    week = read(tmp_path, table(dates(5, "2020-01-06")))  # too short to know
    assert week.frequency == ts.Frequency("second", 86400)


@pytest.mark.parametrize(
    ("times", "how", "rows", "odd", "options"),
    [
        (ODD, "drop", 200, 1, {}),
        (ODD, "keep", 194, 0, {}),
        (ODD, "round", 200, 1, {"duplicates": "first"}),
        (JITTER, "round", 200, 96, {}),
        (JITTER, "keep", 193, 0, {}),
    ],
)
def test_rows_beside_the_grid_are_treated_as_told(tmp_path, times, how, rows, odd, options):
    text = table(times)
    with pytest.raises(ValueError, match=r"beside the hourly rows, first 2020-03-0\d \d.*give odd"):
        read(tmp_path, text)
    found = read(tmp_path, text, odd_times=how, **options)
    assert len(found.times) == rows
    assert (found.frequency is None) == (how == "keep")
    assert any(f"{odd} row" in line and "beside" in line for line in found.report) == bool(odd)


def test_rounded_rows_may_meet_others_and_many_are_not_dropped(tmp_path):
    with pytest.raises(ValueError, match="more than one row of time 2020-03-02 03:00:00"):
        read(tmp_path, table(ODD), odd_times="round")
    with pytest.raises(ValueError, match=r"96 rows of 193.*odd_times \('round'"):
        read(tmp_path, table(JITTER), odd_times="drop")


def test_irregular_times_are_kept_and_reported(tmp_path):
    random = np.random.default_rng(0)
    times = pd.Timestamp("2020") + pd.to_timedelta(np.cumsum(random.integers(1, 9999, 50)), "s")
    found = read(tmp_path, table(times))
    assert (len(found.times), found.frequency) == (50, None)
    assert any("times are irregular: steps from" in line for line in found.report)
    with pytest.raises(ValueError, match=r"times are irregular.*irregular='keep'"):
        read(tmp_path, table(times), irregular="refuse")


def test_rows_are_sorted_and_the_same_row_twice_is_one(tmp_path):
    found = read(tmp_path, table(dates(5)[::-1]))
    assert column(found).tolist() == [4, 3, 2, 1, 0]
    assert any("rows sorted by time: 4 rows" in line for line in found.report)
    found = read(tmp_path, table([*dates(4), dates(4)[3]], [1, 2, 3, "", ""]))
    assert len(found.times) == 4
    assert any("1 duplicate row left out" in line for line in found.report)


@pytest.mark.parametrize(("how", "value"), [("first", 3), ("last", 7), ("mean", 5)])
def test_rows_of_one_time_are_treated_as_told(tmp_path, how, value):
    text = table([*dates(4), *[dates(4)[3]] * 2], [0, 1, 2, 3, "", 7])
    with pytest.raises(ValueError, match="more than one row of time 2020-01-04, in all 2 rows"):
        read(tmp_path, text)
    assert column(read(tmp_path, text, duplicates=how)).tolist() == [0, 1, 2, value]


def test_one_row_is_a_series(tmp_path):
    found = read(tmp_path, table(dates(1)))
    assert (found.frequency, found.report[0]) == (None, "read 1 row of 2020-01-01")


def test_far_too_long_gaps_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lstmx.data.timeseries._rows.MOST_VALUES", 9)
    with pytest.raises(
        ValueError, match=r"would be 365.. rows, one every 86400 s, and the file has"
    ):
        read(tmp_path, table([*dates(5), "2120-01-01"]))
