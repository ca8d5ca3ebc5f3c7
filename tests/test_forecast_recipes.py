"""What recipes of forecasts say of data that they make: tables of two frequencies."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments._recipe import recipe
from lstmx.tasks import _windows, forecast
from lstmx.tasks._forecasting import preparing, references
from tests.test_forecast_categories import spec_of

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.no_jax
def test_long_tables_are_taken_in_parts(tmp_path, monkeypatch):
    """A million rows need it: errors of parts add up, and few rows have the spread of all."""
    times = pd.date_range("2020-01-01", periods=400, freq="h", name="time")
    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=400).cumsum(), "b": np.arange(400.0)}, times)
    table.iloc[50:60, 0] = np.nan
    table.to_csv(tmp_path / "t.csv")
    spec = spec_of(tmp_path / "t.csv", "train", target_columns=("a", "b"), season=24, horizon=5)
    ready = preparing.prepared(spec, None)
    view = forecast.windows(spec)
    whole = {
        name: np.nanmean(np.abs(guess - view.truth) / ready.scales.naive[0])
        for name, guess in view.forecasts.items()
    }
    monkeypatch.setattr(references, "MOST_NUMBERS", 70)
    found = references.errors(spec, ready.panel, view.origins, ready.scales.naive)
    assert found == pytest.approx(whole, rel=1e-12)
    # The moves of a line are h at every row: every third row has the same spread.
    line = np.arange(300.0)[:, None]
    every = _windows.fit(line, 5, detrended=True).scale
    monkeypatch.setattr(_windows, "MOST_MOVES", 500)
    some = _windows.fit(line, 5, detrended=True).scale
    assert some != every
    np.testing.assert_allclose(some, every, rtol=5e-3)


@pytest.mark.no_jax
def test_means_of_a_day_are_read_from_its_end_on(tmp_path):
    """The command of the recipe, on five days of which one hour is missing."""
    file = CONFIGS / "beijing_daily.py"
    script = re.search(r"<<'END'\n(.*?)\n +END\n", file.read_text("utf-8"), re.DOTALL)[1]
    times = pd.date_range("2010-01-01", periods=120, freq="h").delete(7)
    random = np.random.default_rng(0)
    table = pd.DataFrame({part: getattr(times, part) for part in ("year", "month", "day", "hour")})
    for name in ("pm2.5", "DEWP", "TEMP", "PRES", "Iws"):
        table[name] = random.normal(size=len(times)).round(2)
    table.to_csv(tmp_path / "pollution.csv", index=False)
    code = re.sub(r"(?m)^ {9}", "", script)
    run = [sys.executable, "-c", code, "pollution.csv"]
    subprocess.run(run, cwd=tmp_path, check=True, timeout=120)
    options = dict(recipe(str(file)).config.task)
    keys = ("time_columns", "target_columns", "past_columns", "coarse_columns")
    spec = spec_of(tmp_path / "beijing_daily.csv", "train", **{k: options[k] for k in keys})
    panel = preparing.prepared(spec, None).panel
    assert panel.past.shape == (120, 4)
    means = table.groupby("day")[["DEWP", "TEMP", "PRES", "Iws"]].mean().to_numpy()
    row = np.arange(120)
    day = (row - 23) // 24  # the last one that has ended
    expected = np.where((day >= 0)[:, None], means[np.maximum(day, 0)], np.nan)
    np.testing.assert_allclose(panel.past, expected, rtol=1e-12)
    flags, ages = panel.now[:, 0::2], panel.now[:, 1::2]
    np.testing.assert_array_equal(flags, np.repeat((row % 24 == 23)[:, None], 4, axis=1))
    age = np.where(day >= 0, np.log1p((row - 23) % 24), 0)
    np.testing.assert_allclose(ages, np.repeat(age[:, None], 4, axis=1))
