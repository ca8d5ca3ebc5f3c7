"""Forecasts of finished runs: errors, the same targets for every method, files, refusals."""

import contextlib
import csv

import jax
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import experiment, plots, runs, tables, tasks
from lstmx.report import forecasting
from lstmx.report.forecasting import _errors, _tables
from lstmx.runs import checkpoint, jobs
from lstmx.tasks import _windows

LENGTH, HORIZON, SEASON = 40, 3, 4


@pytest.fixture
def series(tmp_path):
    """A daily CSV of two columns: a rising season with a gap in every part, and another one."""
    random = np.random.default_rng(0)
    rows = ["date,a,b"]
    for day in range(LENGTH):
        a = day + [0, 3, 1, -2][day % SEASON] + 0.1 * random.normal()
        cells = ["" if day in (5, 26, 37) else f"{a:.4f}", f"{20 - day + random.normal():.4f}"]
        date = np.datetime64("2024-01-01") + np.timedelta64(day, "D")
        rows.append(",".join([str(date), *cells]))
    file = tmp_path / "series.csv"
    file.write_text("\n".join(rows) + "\n")
    return file


TASK = {"baseline": 0.0, "references": {}, "solved": None}
"""What a run's meta.json says of its task, as far as it is read here."""


def config(file, **overrides):
    c = cfg.base()
    c.name = "tiny"
    sizes = {"window": 5, "horizon": HORIZON, "season": SEASON, "test_fraction": 0.3}
    c.task = cfg.task("forecast", file=str(file), unit="m", **sizes)
    c.model.cell = cfg.cell("rnn", hidden_size=2)
    return cfg.resolve(c, overrides)


def write_run(path, config, bias=0.0, scale=0.0):
    """A finished run: random parameters times `scale`, and `bias` added to every output."""
    exp = experiment.build(config)
    params = jax.tree.map(lambda leaf: scale * np.asarray(leaf), exp.model.init(jax.random.key(0)))
    params["readout"]["b"] = params["readout"]["b"] + np.float32(bias)
    runs.create(path, config, {"selection": exp.selection, "maximize": exp.maximize, "task": TASK})
    writer = checkpoint.Writer(path / "checkpoints", exp.maximize)
    writer.save(4, {"params": params}, 1.0)
    writer.close()
    runs.append_metrics(path, [{"step": 4, exp.selection: 1.0}])
    done = {"step": 4, "reason": "steps", "seconds": 1.0, "diverged_at": None}
    runs.write_json(path / "DONE", done)
    return path


def test_training_begins_with_what_was_decided_on_the_table(series, tmp_path):
    series.write_text(series.read_text().replace("2024-01-09,", "2024-01-09,99"))
    with contextlib.ExitStack() as held:
        options = {"force": False, "init_from": None, "command": ""}
        both = [config(series, **{"hparams.learning_rate": rate}) for rate in (0.1, 0.2)]
        plan = jobs.make(both, tmp_path / "runs", ["a", "b"], held, **options)
    assert plan.remarks[0] == "read 40 daily rows, 2024-01-01 to 2024-02-09"
    assert "column 'a': 3 values missing" in plan.remarks
    assert plan.remarks[-1].startswith("column 'a': 1 value of 21 in training lie")
    assert len(plan.remarks) == len(set(plan.remarks))


@pytest.mark.parametrize(("split", "first"), [("valid", 26), ("test", 30)])
def test_a_part_without_any_observation_is_refused(series, split, first):
    lines = series.read_text().splitlines()
    cut = [line.split(",")[0] + ",," for line in lines[first:]]
    series.write_text("\n".join([*lines[:first], *cut]))
    options = {"window": 2, "horizon": 1, "season": 0, "valid_fraction": 0.2}
    with pytest.raises(ValueError, match=f"{split} part of .*series.csv has no observation"):
        tasks.make("forecast", split=split, file=str(series), **options)


def test_errors_of_known_misses_leave_missing_targets_out():
    truth = np.array([[1.0, np.nan], [3.0, 4.0]])
    errors = _errors.errors(truth, np.array([[[2.0, 9.0], [0.0, 4.0]]]), scale=0.5)
    np.testing.assert_allclose(errors.by_step["mae"], [[2.0, 0.0]])
    np.testing.assert_allclose(errors.by_step["rmse"], [[5**0.5, 0.0]])
    np.testing.assert_allclose(errors.overall["mae"], [4 / 3])
    np.testing.assert_allclose(errors.overall["rmse"], [(10 / 3) ** 0.5])
    np.testing.assert_allclose(errors.overall["bias"], [-2 / 3])
    np.testing.assert_allclose(errors.overall["mase"], [8 / 3])


def test_step_without_any_target_has_no_error():
    errors = _errors.errors(np.array([[1.0, np.nan]]), np.array([[[1.0, 1.0]]]), scale=1.0)
    np.testing.assert_array_equal(errors.by_step["mae"], [[0.0, np.nan]])
    assert errors.overall["mae"] == 0


def test_seasonal_scale_looks_one_season_back():
    train = np.array([1.0, 5.0, 2.0, np.nan, 5.0, 9.0])
    assert _windows.seasonal_scale(train, 2) == 2  # 2 - 1, 5 - 2; the gap takes two pairs away
    assert _windows.seasonal_scale(train, 0) == pytest.approx((4 + 3 + 4) / 3)


def test_model_that_says_nothing_is_naive_and_rows_equal_the_task_spec(series, tmp_path):
    resolved = config(series, **{"task.target_columns": ("a",)})
    predicted = forecasting.predict([write_run(tmp_path / "run", resolved)])
    errors = _tables.scores(predicted, 0)
    options = {**resolved.task, "split": "test"}
    spec = tasks.make(options.pop("name"), **options).spec
    assert errors["model"].overall["mae"] == pytest.approx(spec.baseline, rel=1e-5)
    assert errors["naive"].overall["mae"] == pytest.approx(spec.baseline)
    for name, value in spec.references.items():
        assert errors[name].overall["mae"] == pytest.approx(value)
    perfect = predicted._replace(forecasts=np.nan_to_num(predicted.windows.truth)[None])
    for values in _tables.scores(perfect, 0)["model"].overall.values():
        assert values == 0
    # Ten origins of three steps are too few to show it.
    said = forecasting.verdict(perfect, 0, _tables.scores(perfect, 0))
    assert (said.rank, "is shown (ahead of it; MAE 0" in said.text) == (1, True)
    far = perfect._replace(forecasts=perfect.forecasts + 100)
    said = forecasting.verdict(far, 0, _tables.scores(far, 0))
    name = said.reference.replace("_", " ")
    assert (said.rank, said.text.startswith(f"a: the model loses to {name} (MAE 100")) == (0, True)


def test_errors_equal_those_of_an_evaluation(series, tmp_path):
    path = write_run(tmp_path / "run", config(series, **{"task.target_columns": ("a",)}), scale=1.0)
    (row,) = runs.evaluate(path, ["split=valid"])
    errors = _tables.scores(forecasting.predict([path], split="valid"), 0)["model"].overall
    np.testing.assert_allclose(errors["mae"], row.metrics["mae"], rtol=1e-5)
    np.testing.assert_allclose(np.square(errors["rmse"]), row.metrics["mse"], rtol=1e-5)


@pytest.mark.slow
def test_missing_values_never_reach_the_model_nor_the_errors(series, tmp_path):
    made = forecasting.write([write_run(tmp_path / "run", config(series))])
    truth = made.predicted.windows.truth
    assert np.isnan(truth[..., 0]).sum() == HORIZON
    assert np.isnan(truth[..., 1]).sum() == 0
    assert np.isfinite(made.predicted.forecasts).all()
    assert "## a (m)\n" in made.markdown
    assert f"{HORIZON} missing ones left out" in made.markdown
    lines = list(csv.DictReader((tmp_path / "run/forecast/errors.csv").open()))
    total = {(x["column"], x["forecast"]): x for x in lines if x["ahead"] == "all"}
    assert total["a", "model"]["missing"] == str(HORIZON)
    assert total["a", "model"]["targets"] == total["a", "naive"]["targets"]
    by_step = [x for x in lines if (x["column"], x["forecast"]) == ("a", "model")][:-1]
    assert [x["ahead"] for x in by_step] == ["1", "2", "3"]


def test_written_forecasts_can_be_read_back(series, tmp_path):
    made = forecasting.write([write_run(tmp_path / "run", config(series))], tmp_path / "out")
    names = (
        "forecast.md errors.csv forecasts.csv cases_a.png series_a.png errors_a.png "
        "cases_b.png series_b.png errors_b.png"
    )
    assert [file.name for file in made.files] == names.split()
    assert all(file.stat().st_size for file in made.files)
    assert "![series of a](series_a.png)" in made.files[0].read_text()
    lines = list(csv.DictReader(made.files[2].open()))
    truth = made.predicted.windows.truth
    assert len(lines) == truth.size
    read = [float(line["truth"] or "nan") for line in lines]
    np.testing.assert_allclose(read, truth.ravel(), rtol=1e-5)
    gap = next(line for line in lines if not line["truth"])
    assert (gap["time"][:10], gap["column"]) == ("2024-02-07", "a")
    first = made.predicted.windows
    assert lines[0]["origin"] == str(first.series.times[first.origins[0]])


def test_one_entry_makes_a_metric_of_every_table(series, tmp_path, monkeypatch):
    def median(miss):
        known = np.where(miss.observed, np.abs(miss.values), np.nan)
        return np.nanmedian(known, axis=miss.axes)

    metric = _errors.Metric("MedAE", median, spread=True, note="median over {lag}")
    monkeypatch.setitem(_errors.METRICS, "medae", metric)
    monkeypatch.setattr(forecasting, "_pictures", lambda *_: [])
    made = forecasting.write([write_run(tmp_path / "run", config(series))], tmp_path / "out")
    misses = np.abs(made.predicted.forecasts - made.predicted.windows.truth)[..., 0]
    assert np.isnan(misses).any()
    (value,) = made.errors[0]["model"].overall["medae"]
    assert value == np.nanmedian(misses)
    assert f"MASE: MAE over that of the value {SEASON} days before" in made.markdown
    assert f"training part; MedAE: median over {SEASON} days; sMAPE" in made.markdown
    head, _, first, *_ = [line for line in made.markdown.splitlines() if line.startswith("|")]
    cells = dict(zip(*([cell.strip() for cell in line.split("|")] for line in (head, first))))
    assert cells["MedAE"] == tables.number(value)
    line = next(csv.DictReader(made.files[1].open()))
    assert float(line["medae"]) == pytest.approx(np.nanmedian(misses[:, :, 0]), rel=1e-5)


def test_several_seeds_give_mean_range_and_ensemble(series, tmp_path):
    one = {"task.target_columns": ("b",)}
    for seed, bias in enumerate((-1.0, 3.0)):
        write_run(tmp_path / f"seed{seed}", config(series, seed=seed, **one), bias)
    predicted = forecasting.predict([tmp_path])
    assert predicted.runs == ("seed 0", "seed 1")
    naive = predicted.windows.forecasts["naive"]
    low, high = (predicted.forecasts[seed] - naive for seed in (0, 1))
    np.testing.assert_allclose(high, -3 * low, rtol=1e-4)
    errors = _tables.scores(predicted, 0)
    assert errors["model"].overall["mae"].shape == (2,)
    centre = errors["naive"].overall["bias"] - low.mean()  # their mean is +1
    np.testing.assert_allclose(errors["ensemble"].overall["bias"], centre, rtol=1e-4)
    assert " to " in _tables.markdown(predicted, 0, errors)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "adding"}, "is a run of task 'adding'; expected forecast"),
        ({"task.window": 6}, r"differ in more than the seed \(task.window: 5 and 6\)"),
    ],
)
def test_other_runs_are_refused(series, tmp_path, change, message):
    meta = {"selection": "", "task": TASK}
    runs.create(tmp_path / "1", config(series), meta)
    runs.create(tmp_path / "2", config(series, **change), meta)
    with pytest.raises(ValueError, match=message):
        forecasting.predict([tmp_path])


def test_what_is_no_run_or_held_out_split_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is no run directory"):
        forecasting.predict([tmp_path])
    with pytest.raises(ValueError, match="split: got 'train'"):
        forecasting.predict([tmp_path], split="train")


@pytest.mark.parametrize(
    ("step", "name"), [("1h", "hours"), ("7D", "weeks"), ("1M", "months"), ("1Y", "years")]
)
def test_steps_are_called_by_their_length(step, name):
    size, letter = int(step[0]), step[1]
    times = np.datetime64("2024", letter) + size * np.arange(5) * np.timedelta64(1, letter)
    assert _tables.unit(times.astype("datetime64[s]")) == name
    assert _tables.unit(np.arange(5).astype("datetime64[s]")) == "steps"
    assert _tables.unit(np.arange(0, 300, 60)) == "steps"  # rows with numbers


def test_rolling_figure_breaks_at_every_origin():
    truth = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0])
    forecasts = {"model": [[3.0, 5.0], [5.5, 6.5]], "naive": [[2.0, 2.0], [5.0, 5.0]]}
    figure = plots.rolling_forecasts(np.arange(7), truth, [2, 4], forecasts)
    above, below = figure.axes
    plotted = [line.get_ydata() for line in above.lines if line.get_gid() == "series-0"]
    np.testing.assert_allclose(plotted, [[2.0, 3.0, 5.0], [5.0, 5.5, 6.5]])
    missed = [line.get_ydata() for line in below.lines if line.get_gid() == "series-1"]
    np.testing.assert_allclose(missed, [[-2.0, -3.0], [-1.0, -2.0]])
    with pytest.raises(ValueError, match="within the series"):
        plots.rolling_forecasts(np.arange(7), truth, [2, 5], forecasts)


@pytest.mark.parametrize(("last", "starts_at_zero"), [(2.0, True), (0.01, False)])
def test_curves_from_zero_unless_log(last, starts_at_zero):
    curves = {"model": [([1, 2], [3.0, last])]}
    figure = plots.learning_curves(curves, ylabel="MAE", from_zero=True)
    assert (figure.axes[0].get_ylim()[0] == 0) == starts_at_zero


def test_co2_simple_forecasts_are_as_documented(data_folder):
    options = {"file": "mauna_loa_co2/co2.csv", "window": 104, "horizon": 52, "season": 52}
    spec = tasks.make("forecast", split="test", **options).spec
    # NumPy alone, without this package's windows: see the Expect line of configs/co2.py.
    assert spec.baseline == pytest.approx(2.664, abs=1e-3)
    assert spec.references["seasonal_naive"] == pytest.approx(1.690, abs=1e-3)
    assert spec.references["seasonal_drift"] == pytest.approx(0.840, abs=1e-3)


@pytest.mark.slow
def test_trained_model_beats_the_simple_forecasts(tmp_path):
    c = cfg.base()
    c.name = "generated"
    c.task = cfg.task("forecast")
    c.model.cell = cfg.cell("lstm", hidden_size=16)
    c.steps, c.log_every, c.eval_every = 200, 50, 100
    c.hparams.learning_rate = 0.01
    (path,) = runs.train([c], tmp_path, labels=["run"], quiet=True)
    errors = _tables.scores(forecasting.predict([path]), 0)
    mae = {name: float(e.overall["mae"].mean()) for name, e in errors.items()}
    assert mae["model"] < 0.9 * min(mae["naive"], mae["seasonal_naive"], mae["seasonal_drift"])
