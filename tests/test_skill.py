"""Forecasts over many sets: skill, win rates, errors by window, others' forecasts, the page."""

import csv
import gzip
import json

import numpy as np
import pytest

from experiments import _skill as sets
from lstmx.report import forecasting
from tests.test_forecasting import config, series, write_run

__all__ = ["series"]  # a fixture


@pytest.mark.no_jax
def test_skill_and_win_rate_of_known_errors():
    nan = np.nan
    table = np.array([[1.0, 2.0, 4.0], [0.5, 4.0, 4.0], [1e-9, nan, 8.0]])
    # Half of the baseline's in one set and twice in another is no skill; a ratio is at most 100.
    skill = forecasting.skill_scores(table, table[0])
    np.testing.assert_allclose(skill, [0, 0, 1 - np.sqrt(0.01 * 2)])
    # Five of the pairs each; the third method is absent from a set.
    wins = forecasting.win_rates(table)
    np.testing.assert_allclose(wins, [(0 + 1 + 1.5) / 5, (1 + 0 + 1.5) / 5, 2 / 4])


@pytest.mark.no_jax
def test_leaderboard_is_by_skill_with_intervals_over_sets():
    errors = {
        f"set {n}": {"seasonal_naive": 1.0, "better": 0.5 + 0.1 * n, "sometimes": nan}
        for n, nan in enumerate([0.9, float("nan"), 0.8, 0.7])
    }
    rows = forecasting.leaderboard(errors)
    assert [row.name for row in rows] == ["better", "sometimes", "seasonal_naive"]
    assert [row.sets for row in rows] == [4, 3, 4]
    for row in rows[:2]:
        assert row.skill[1] < row.skill[0] < row.skill[2]
    assert rows[0].wins[0] == pytest.approx(6 / 7)  # once the other has less
    assert rows[2].skill == (0, 0, 0)
    page = forecasting.leaderboard_markdown(rows, errors)
    assert "**0.5**" in page
    with pytest.raises(ValueError, match="has no error of seasonal_naive"):
        forecasting.leaderboard({"a": {"better": 1.0}})


def test_windows_have_the_errors_of_the_report_and_forecasts_from_elsewhere_beside(
    series, tmp_path
):
    path = write_run(tmp_path / "run", config(series, **{"task.likelihood": "absolute"}))
    made = forecasting.write([path], tmp_path / "out", figures=False)
    predicted = made.predicted
    # The model's own forecasts as if somebody else had made them, with all quantiles equal.
    elsewhere = tmp_path / "other.csv"
    head = ["origin", "ahead", "column", "forecast", *(f"{q:g}" for q in forecasting.LEVELS)]
    with elsewhere.open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(head)
        for line in csv.DictReader(made.files[2].open()):
            own = [line["model"]] * (1 + len(forecasting.LEVELS))
            table.writerow([line["origin"], line["ahead"], line["column"], *own])
    others = {"elsewhere": forecasting.given(predicted, elsewhere)}
    found = forecasting.by_window(predicted, made.before, others)
    with pytest.raises(ValueError, match="naive is the name of a forecast here"):
        forecasting.by_window(predicted, made.before, {"naive": others["elsewhere"]})
    np.testing.assert_allclose(found["elsewhere"].mase, found["model"].mase)
    np.testing.assert_allclose(found["elsewhere"].sql, found["model"].mase)
    for name in ("model", "naive", "ridge"):
        # Every window of column b has all its targets, so that the mean of means is the mean.
        mase = made.errors[1][name].overall["mase"].mean()
        np.testing.assert_allclose(found[name].mase[:, 1].mean(), mase)
        assert found[name].sql.mean() < found[name].mase.mean()
    forecasting.write_windows(tmp_path / "rows.csv.gz", predicted, found)
    with gzip.open(tmp_path / "rows.csv.gz", "rt") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(predicted.windows.origins) * 2 * len(found)
    (row,) = [r for r in rows[: 2 * len(found)] if (r["column"], r["method"]) == ("b", "ridge")]
    assert float(row["mase"]) == pytest.approx(found["ridge"].mase[0, 1], rel=1e-5)
    assert row["first"] == str(predicted.windows.times[0, 0])
    # Every cell is empty or a number that programs read.
    ridge = found["ridge"]
    large = {"ets": ridge._replace(mase=1e6 * ridge.mase, sql=np.full(ridge.sql.shape, np.nan))}
    forecasting.write_windows(tmp_path / "rows.csv.gz", predicted, large)
    with gzip.open(tmp_path / "rows.csv.gz", "rt") as stream:
        (row, *_) = csv.DictReader(stream)
    assert float(row["mase"]) == large["ets"].mase[0, 0]
    assert row["sql"] == ""
    # Rows without times are named by their numbers.
    own = predicted.windows
    numbered = own._replace(series=own.series._replace(times=np.arange(len(own.series.times))))
    by_time = dict(zip(map(str, own.series.times), numbered.series.times))
    by_number = tmp_path / "numbered.csv"
    lines = (line.split(",", 1) for line in elsewhere.read_text().splitlines())
    by_number.write_text("\n".join(f"{by_time.get(at, at)},{rest}" for at, rest in lines))
    again = forecasting.given(predicted._replace(windows=numbered), by_number)
    np.testing.assert_array_equal(again[0], others["elsewhere"][0])
    text = elsewhere.read_text().splitlines()
    elsewhere.write_text("\n".join(text[:-1]))
    with pytest.raises(ValueError, match="lacks 1 forecasts, first of 'b'"):
        forecasting.given(predicted, elsewhere)
    elsewhere.write_text("origin,ahead\n")
    with pytest.raises(ValueError, match="has no column 'forecast'"):
        forecasting.given(predicted, elsewhere)


@pytest.mark.files
def test_page_has_every_measured_set_and_names_are_checked(tmp_path):
    found = {
        **{"set": "nile", "sha256": "0" * 64, "horizon": 5, "origins": 11, "way": "linear"},
        **{"from": "1956-01-01", "to": "1970-01-01", "seeds": 3, "cpu_seconds": 9.0},
        "options": {"known_columns": ["Temperature", "Holiday"]},
        "errors": {
            "model": {"mase": 0.5, "sql": 0.4},
            "seasonal_naive": {"mase": 1.0, "sql": 0.8},
            "elsewhere": {"mase": 0.75, "sql": None},
        },
    }
    (tmp_path / "nile.json").write_text(json.dumps(found))
    page = sets.table(tmp_path)
    assert "| model          |    1 | 50.0% (50.0% to 50.0%)" in page
    points, quantiles = page.split("## Quantiles")
    assert "elsewhere" in points
    assert "elsewhere" not in quantiles
    assert "The model has the least MASE in 1 of 1 sets." in page
    assert "with future values of Temperature, Holiday, 9 CPU seconds" in page
    assert "- nile: 11 windows of 5 steps, 1956-01-01 to 1970-01-01; linear" in page
    found["errors"]["elsewhere"]["mase"] = 0.25
    (tmp_path / "nile.json").write_text(json.dumps(found | {"from": "222", "to": "2596"}))
    page = sets.table(tmp_path)
    assert "of 5 steps, row 222 to row 2596; linear" in page
    assert "in 0 of 1 sets; it is behind in nile (0.5, elsewhere 0.25)." in page
    assert "measured" in next(s for s in sets.listing(tmp_path).splitlines() if "nile" in s)
    with pytest.raises(ValueError, match="unknown set 'nil'; known: air_passengers"):
        sets.chosen(["nil"])


@pytest.mark.files
@pytest.mark.parametrize("name", sets.SETS)
def test_set_names_ways_and_a_file_of_the_data_folder(data_folder, name):
    assert (data_folder / sets.SETS[name].file).is_file()
    assert set(sets.SETS[name].ways) <= set(sets.WAYS)
