"""The forecast task: options undone exactly, nothing fit on the future, series, runs to come."""

import dataclasses
import json

import jax
import numpy as np
import pandas as pd
import pytest

import lstmx
from lstmx import config as cfg
from lstmx import experiment, registry, runs
from lstmx.data import timeseries
from lstmx.forecasting import _fit
from lstmx.report import forecasting
from lstmx.runs import checkpoint
from lstmx.tasks import forecast
from lstmx.tasks._forecasting import fitting, preparing
from lstmx.testing.cells import QUICKLY

ROWS, WINDOW, HORIZON, SEASON = 90, 8, 3, 5


def table(rows=ROWS, series=("",), seed=0):
    """Lines of a CSV of hourly series with gaps, covariates, a category and a static column."""
    lines = ["id,time,y,w,k,c,size"]
    for name in series:
        random = np.random.default_rng([seed, len(name), *name.encode()])
        level = random.normal(size=rows).cumsum() + 50 + 5 * np.sin(np.arange(rows) * 2 * np.pi / 5)
        for row in range(rows):
            time = np.datetime64("2024-01-01T00") + np.timedelta64(row, "h")
            y = "" if row in (20, 41, 80) else f"{level[row]:.3f}"
            w, k, c = random.normal(), row % 7, "abc"[random.integers(3)]
            lines.append(f"{name or 's'},{time}:00,{y},{w:.3f},{k},{c},{len(name)}")
    return lines


def written(folder, lines, name="table.csv"):
    file = folder / name
    file.write_text("\n".join(lines) + "\n")
    return file


def options_of(file, **options):
    given = {
        **{"file": str(file), "target_columns": ("y",), "past_columns": ("w", "c")},
        **{"known_columns": ("k",), "window": WINDOW, "horizon": HORIZON, "season": SEASON},
        **{"id_columns": ("id",), "static_columns": ("size",), "time_columns": ("time",)},
        **options,
    }
    known = {k: o.default for k, o in registry.options("tasks", "forecast").items()}
    return {**known, **given}


def spec_of(file, split, **options):
    values = options_of(file, **options)
    fields = [field.name for field in dataclasses.fields(forecast.ForecastSpec)]
    return forecast.ForecastSpec(**{**{k: values[k] for k in fields}, "split": split})


def batch_of(assembled):
    """The first batch of a task, compiled as little as possible."""
    make = jax.jit(assembled.task.batch, compiler_options=QUICKLY)
    return jax.device_get(make(jax.random.key(0), 0))


VARIANTS = {
    "direct": {"detrend": "seasonal", "transform": "log", "likelihood": "gaussian"},
    "continued": {
        **{"detrend": "linear", "multi_step": "continued", "likelihood": "quantiles"},
        **{"calendar": ("hour", "weekday"), "lags": (2, 5), "scaling": "robust"},
    },
    "masked": {
        **{"detrend": "none", "normalize": "window", "inputs": "masked", "transform": "box-cox"},
        "least_window": 3,
    },
}


VARIANTS["recursive"] = {
    **{"detrend": "last", "multi_step": "recursive", "likelihood": "gaussian", "lags": (2,)},
    **{"inputs": "masked", "normalize": "window", "transform": "log1p"},
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Two series; the same with other values from the test part on, and beyond the last origin."""
    folder = tmp_path_factory.mktemp("tables")
    lines = table(series=("a", "bb"))
    changed = list(lines)
    last = ROWS - round(0.15 * ROWS)
    for at in range(1, len(lines)):
        if (at - 1) % ROWS >= last:
            cells = lines[at].split(",")
            cells[2:4] = [str(float(cells[2] or 50) * 3), str(float(cells[3]) - 9)]
            cells[5] = "new"
            if (at - 1) % ROWS >= last + HORIZON:  # beyond what the first origin is told
                cells[4] = "99"
            changed[at] = ",".join(cells)
    return written(folder, lines), written(folder, changed, "changed.csv"), last


@pytest.mark.parametrize("name", VARIANTS)
def test_options_are_undone_exactly_and_nothing_is_fit_on_the_future(tables, name):
    file, changed, last = tables
    make = lambda file, split, **more: forecast.assemble(
        spec_of(file, split, **VARIANTS[name]), 64, **more
    )
    train = make(file, "train")
    record = json.loads(json.dumps(dict(train.task.spec.record)))  # as meta.json has it
    test = make(file, "test", record=record)
    batch = batch_of(test)
    truth, windows = test.windows.truth, test.windows
    count = len(windows.origins)
    given = batch.targets
    values = given.values if hasattr(given, "values") else given
    per_target = test.task.spec.out_features // values.shape[-1]
    outputs = np.zeros((*values.shape, per_target), np.float32)
    outputs[..., 0] = values
    flat = outputs.reshape(*values.shape[:2], -1)
    # Outputs that equal the targets are restored to the truth, ...
    restored = windows.restore(np.asarray(test.last(flat))[:count])
    known = np.isfinite(truth)
    np.testing.assert_allclose(restored[known], truth[known], rtol=2e-4)
    # ... and zeros to the base, whose error is the same in traced code as in NumPy.
    zeros = windows.restore(np.zeros_like(np.asarray(test.last(flat))[:count]))
    mae = test.task.loss(0 * flat, batch)["mae"]
    np.testing.assert_allclose(
        mae.total / mae.count, np.abs(zeros - truth)[known].mean(), rtol=2e-4
    )
    # Another future changes no scale, no origin of training, and no input before it.
    other = make(changed, "train")
    assert json.dumps(other.task.spec.record) == json.dumps(train.task.spec.record)
    np.testing.assert_array_equal(other.windows.origins, train.windows.origins)
    first = [0, count // 2]  # the first origin of each series: the row before the change
    assert (windows.origins[first] % ROWS == last - 1).all()
    after = batch_of(make(changed, "test", record=record))
    for one, two in zip(jax.tree.leaves(batch.inputs), jax.tree.leaves(after.inputs)):
        np.testing.assert_array_equal(one[first], two[first])
        assert not np.array_equal(one, two) or one.dtype == bool or one.ndim == 2


def test_standardised_errors_are_of_the_deviation_in_training_whatever_the_base(tables):
    options = {"target_columns": ("y", "w"), "past_columns": (), "detrend": "seasonal"}
    found = forecast.assemble(spec_of(tables[0], "valid", **options), 64)
    batch = batch_of(found)
    errors = found.task.loss(np.zeros((*batch.weights.shape[:2], 2 * HORIZON)), batch)
    windows = found.windows
    parts = np.split(windows.series.values, windows.bounds[1:-1])
    deviation = np.array([np.nanstd(part[: windows.training], axis=0) for part in parts])
    miss = windows.forecasts["seasonal_naive"] - windows.truth
    scaled = miss / deviation[windows.of_series][:, None]
    for name, expected in {"scaled_mse": scaled**2, "scaled_mae": abs(scaled)}.items():
        found = errors[name].total / errors[name].count
        np.testing.assert_allclose(found, np.nanmean(expected), rtol=1e-4)


def test_counts_are_restored_and_scored_in_their_own_units(tmp_path):
    random = np.random.default_rng(0)
    lines = ["time,y", *(f"{2000 + row},{random.poisson(3)}" for row in range(60))]
    options = {"past_columns": (), "known_columns": (), "id_columns": (), "static_columns": ()}
    options |= {"likelihood": "negative_binomial", "detrend": "none"}
    spec = spec_of(written(tmp_path, lines), "test", **options)
    found = forecast.assemble(spec, 16)
    batch, windows = batch_of(found), found.windows
    outputs = np.zeros((16, WINDOW, 2 * HORIZON), np.float32)
    mean = windows.restore(outputs[: len(windows.origins), -1])
    train = windows.series.values[: windows.training]
    np.testing.assert_allclose(mean, train.mean(), rtol=1e-5)
    levels = windows.quantiles(outputs[: len(windows.origins), -1], (0.1, 0.9))
    assert (levels[..., 0] < mean).all()
    assert (levels == np.round(levels)).all()
    errors = found.task.loss(outputs, batch)
    mae = np.abs(mean - windows.truth).mean()
    np.testing.assert_allclose(errors["mae"].total / errors["mae"].count, mae, rtol=1e-4)


@pytest.mark.parametrize("detrend", ["last", "none", "seasonal"])
def test_recursive_forecast_feeds_back_its_own_values(tables, detrend):
    """The model is a difference equation that NumPy iterates in the units of the table."""
    options = {"detrend": detrend, "multi_step": "recursive", "lags": (2,), "season": 2}
    found = forecast.assemble(spec_of(tables[0], "test", horizon=5, **options), 32)
    batch, windows = batch_of(found), found.windows
    a, b, c = 0.5, -0.3, 0.2  # of the last value, the one before, and the known column

    def apply(x, state, mask, resets):
        return (a * x[..., 0] + b * x[..., 2] + c * x[..., 4])[..., None], state

    y, _ = found.task.outputs(apply, batch, None)
    count = len(windows.origins)
    forecasts = windows.restore(np.asarray(found.last(y))[:count])[..., 0]
    # Where both values that the equation begins with are known, and the base is not older.
    values, given = windows.series.values[:, 0], batch.targets
    whole = [
        row
        for row, origin in enumerate(windows.origins)
        if np.isfinite(values[origin - 1 : origin + 1]).all()
    ]
    assert len(whole) > count // 2
    known = np.asarray(batch.inputs[:count, WINDOW - 1 :, 4], float)
    table = lambda name: np.asarray(getattr(given, name), float)[:count].reshape(count, -1)[:, -1]
    shift, scale, unit, level = (table(name) for name in ("shift", "scale", "unit", "level"))
    for row in whole:
        z = list((values[windows.origins[row] - 1 :][:2] - shift[row]) / scale[row])
        for ahead in range(5):
            base = {"last": z[-1], "none": 0, "seasonal": z[ahead % 2]}[detrend]
            inputs = a * (z[-1] - level[row]) + b * (z[-2] - level[row]) + c * known[row, ahead]
            z.append(base + unit[row] * inputs)
        expected = np.array(z[2:]) * scale[row] + shift[row]
        np.testing.assert_allclose(forecasts[row], expected, rtol=1e-4)


def test_quarters_beside_months_are_held_with_flag_and_age(tmp_path):
    months = np.arange("2000-01", "2005-01", dtype="datetime64[M]")
    quarter = lambda row: f"{row}" if row % 3 == 2 and row > 3 else ""
    lines = ["time,y,w,q,c", *(f"{t},{r},{-r},{quarter(r)},a" for r, t in enumerate(months))]
    file = written(tmp_path, lines)
    options = {"past_columns": ("w", "q", "c"), "coarse_columns": ("q",), "known_columns": ()}
    options |= {"id_columns": (), "static_columns": (), "detrend": "none"}
    found = forecast.assemble(spec_of(file, "train", **options), 64)
    panel_of = found.task.batch(jax.random.key(0), 0).inputs  # y, w and q with flags; a, flag, age
    train = found.windows.training
    q = np.array([np.nan] * 5 + [row - (row - 5) % 3 for row in range(5, train)])
    scale = lambda values: (values - np.nanmean(q)) / np.nanstd(q)
    firsts = set()
    for window in np.asarray(panel_of, float):
        first = round(window[0, 0] * np.std(np.arange(train)) + np.mean(np.arange(train)))
        rows = np.arange(first, first + WINDOW)
        known = rows >= 5
        np.testing.assert_allclose(window[:, 4], np.where(known, scale(q[rows]), 0), atol=1e-5)
        np.testing.assert_array_equal(window[:, 5], known)
        np.testing.assert_array_equal(window[:, 7], known & (rows % 3 == 2))
        ages = np.where(known, np.log1p((rows - 5) % 3), 0)
        np.testing.assert_allclose(window[:, 8], ages, atol=1e-6)
        firsts.add(first)
    assert min(firsts) < 5 < max(firsts)


def test_series_are_the_same_together_and_alone(tables, tmp_path):
    file, _, _ = tables
    both = forecast.assemble(spec_of(file, "test", detrend="seasonal"), 32)
    lines = file.read_text().splitlines()
    alone = written(tmp_path, [lines[0], *(line for line in lines if line.startswith("bb,"))])
    one = forecast.assemble(spec_of(alone, "test", detrend="seasonal"), 32)
    count = len(one.windows.origins)
    assert both.windows.ids == ("a", "bb")
    assert len(both.windows.origins) == 2 * count
    np.testing.assert_array_equal(both.windows.truth[count:], one.windows.truth)
    for name, guess in one.windows.forecasts.items():
        np.testing.assert_array_equal(both.windows.forecasts[name][count:], guess)
    np.testing.assert_allclose(both.windows.naive[1], one.windows.naive[0])
    inputs = [batch_of(a).inputs for a in (both, one)]
    # Value and flag of the target: covariates have one scale for all series.
    np.testing.assert_allclose(inputs[0][count : 2 * count, :, :2], inputs[1][:count, :, :2], 1e-5)


def test_short_series_are_padded_and_masked(tmp_path):
    file = written(tmp_path, table(24, ("a",)))
    options = {"window": 20, "valid_fraction": 0.2, "test_fraction": 0.2}
    with pytest.raises(ValueError, match="has no place for window=20"):
        forecast.windows(spec_of(file, "train", **options))
    train = forecast.assemble(spec_of(file, "valid", least_window=4, **options), 4)
    batch = batch_of(train)
    origin = train.windows.origins[0]
    assert batch.mask[0].sum() == origin + 1 < 20
    assert (batch.inputs[0][~batch.mask[0]] == 0).all()
    assert batch.resets[0][20 - origin - 1]  # the first step that exists starts afresh


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("detrend", ["seasonal", "linear"])
def test_series_without_values_or_rows_enough_stop_nothing(tmp_path, detrend):
    lines = table(60, ("a", "bb"))
    for name, rows, value in (("empty", 20, ""), ("short", 3, 5), ("constant", 24, 5)):
        lines += [f"{name},2024-01-01T{row:02d}:00,{value},1,1,a,1" for row in range(rows)]
    file = written(tmp_path, lines)
    options = {"detrend": detrend, "multi_step": "continued"}
    train = forecast.assemble(spec_of(file, "train", **options), 4)
    record = json.loads(json.dumps(train.task.spec.record))
    found = forecast.windows(spec_of(file, "future", **options), record)
    names = [found.ids[s] for s in found.of_series]
    assert names == ["a", "bb", "short", "constant"]
    last = found.restore(np.zeros((4, HORIZON)))[names.index("constant"), :, 0]
    np.testing.assert_allclose(last, 5)


@pytest.mark.parametrize("wrapper", ["mask_as_feature", "impute", "decay_to_mean", "elapsed_decay"])
def test_every_wrapper_for_missing_data_is_a_config_key(tables, wrapper):
    c = cfg.base()
    c.task = cfg.task("forecast", **options_of(tables[0], inputs="masked", multi_step="continued"))
    c.model.cell = cfg.cell("gru", hidden_size=3)
    c.model.wrappers = ((wrapper, {}),)
    task = experiment.make_task(c.task)
    model = experiment.make_model(c.model, task)

    def outputs():
        batch, params = task.batch(jax.random.key(0), 0), model.init(jax.random.key(0))
        state = model.initial_state(params, (task.spec.batch_size,))
        return model.apply(params, batch.inputs, state, mask=batch.mask, resets=batch.resets)[0]

    assert jax.eval_shape(outputs).shape == (32, WINDOW + HORIZON, 1)


def write_run(path, file, **options):
    """A finished run with random parameters, as training would have written it."""
    c = cfg.base()
    c.name = "tiny"
    c.task = cfg.task("forecast", **options_of(file, **options))
    c.model.cell = cfg.cell("rnn", hidden_size=2)
    exp = experiment.build(c)
    spec = {**exp.task.spec._asdict(), "files": dict(exp.task.spec.files)}
    meta = {"selection": exp.selection, "maximize": exp.maximize, "task": spec}
    runs.create(path, c, meta)
    writer = checkpoint.Writer(path / "checkpoints", exp.maximize)
    writer.save(4, {"params": exp.model.init(jax.random.key(0))}, 1.0)
    writer.close()
    runs.append_metrics(path, [{"step": 4, exp.selection: 1.0}])
    done = {"step": 4, "reason": "steps", "seconds": 1.0, "diverged_at": None}
    runs.write_json(path / "DONE", done)
    return path


def test_future_follows_the_last_row_of_a_newer_file_with_the_scales_of_training(tmp_path):
    lines = table(100, ("a",))
    file = written(tmp_path, lines[:91])
    options = {"detrend": "linear", "multi_step": "continued", "likelihood": "quantiles"}
    run = write_run(tmp_path / "run", file, **options)
    made = forecasting.future([run])
    (row, *_) = made.files[1].read_text().splitlines()[1:]
    assert row.split(",")[:4] == ["a", "2024-01-04T18:00:00", "1", "y"]
    assert [float(cell or "nan") for cell in row.split(",")[4:]] == pytest.approx(
        [made.predicted.forecasts[0, 0, 0, 0], *(ends(made.intervals, 0))], nan_ok=True
    )
    # The model's own quantiles, conformalised: 80 % of the valid part, by the rank of its margin.
    before = made.predicted.calibration
    at = [forecasting.LEVELS.index(level) for level in (0.1, 0.9)]
    low, high = (before.quantiles[:, 0, 0, k] for k in at)
    truth = before.windows.truth[:, 0, 0]
    known = np.isfinite(truth)
    margin = made.intervals[0.8].low[0, 0, 0] - made.predicted.quantiles[0, 0, 0, at[0]]
    inside = (low + margin <= truth) & (truth <= high - margin)
    assert inside[known].sum() == np.ceil(0.8 * (known.sum() + 1))
    # A longer file is forecast from its end, cut where training was cut.
    newer = written(tmp_path, lines, "newer.csv")
    later = forecasting.predict([run], split="future", file=str(newer))
    assert str(later.windows.times[0, 0]) == "2024-01-05T04:00:00"
    assert "newer.csv is not the file of training" in later.remarks[-1]
    then, now = made.predicted.calibration, later.calibration
    np.testing.assert_array_equal(now.windows.cuts, then.windows.cuts)
    np.testing.assert_array_equal(now.forecasts, then.forecasts)
    # The longer file has the values that were known later.
    page = forecasting.future([run], truth=str(newer)).markdown
    line = next(line for line in page.splitlines() if line.startswith("| y ") and " naive " in line)
    shown = [float(cell) for cell in line.split("|")[3:5]]
    values = later.windows.series.values[:, 0]
    first = made.predicted.windows.origins[0] + 1
    horizon = made.predicted.forecasts.shape[2]
    last = values[:first][np.isfinite(values[:first])][-1]
    mae = np.nanmean(np.abs(values[first : first + horizon] - last))
    lag = made.predicted.season or 1
    scale = np.nanmean(np.abs(values[lag:first] - values[: first - lag]))
    assert shown == pytest.approx([mae / scale, mae], rel=1e-3)
    with pytest.raises(ValueError, match="has none of the forecast values; they begin at 2024-01"):
        forecasting.future([run], truth=str(file))


def ends(intervals, step):
    """The ends of the intervals at a step of the first window, ascending; NaN if infinite."""
    low = [intervals[c].low[0, step, 0] for c in sorted(intervals, reverse=True)]
    high = [intervals[c].high[0, step, 0] for c in sorted(intervals)]
    return [x if np.isfinite(x) else np.nan for x in (*low, *high)]


def test_columns_known_in_advance_reach_the_future(tmp_path):
    lines = table(60, ("a",))
    ahead = [f"a,2024-01-03T{12 + n}:00,,,{n},,1" for n in range(HORIZON)]
    other = [f"a,2024-01-03T{12 + n}:00,,,{9 - n},,1" for n in range(HORIZON)]
    files = [written(tmp_path, lines + more, f"{n}.csv") for n, more in enumerate((ahead, other))]
    found = []
    for file in files:
        spec = spec_of(file, "future", multi_step="continued")
        assembled = forecast.assemble(spec, 1)
        assert str(assembled.windows.times[0, 0]) == "2024-01-03T12:00:00"
        assert not np.isfinite(assembled.windows.truth).any()
        found.append(batch_of(assembled).inputs[0])
    differ = ~np.isclose(*found).all(axis=1)
    np.testing.assert_array_equal(np.flatnonzero(differ), WINDOW + np.arange(HORIZON))


def test_file_that_does_not_fit_a_run_is_refused(tmp_path):
    lines = table(60, ("a",))
    file = written(tmp_path, lines)
    run = write_run(tmp_path / "run", file, detrend="linear", multi_step="direct")
    with pytest.raises(ValueError, match=r"^--set horizon=2 changes in_features from 16 to 14"):
        runs.evaluate(run, ["split=test", "horizon=2"])
    changed = [line.replace("2024-01-01T05:00,", "2024-01-01T05:00,9") for line in lines]
    for content, message in (
        (changed, "detrend='linear' computes its weights from the rows of training"),
        ([line.replace(",k,", ",kk,") for line in lines], "kk"),
        ([line for line in lines if ":00," not in line or int(line[13:15]) % 2], "apart, those of"),
        (table(60, ("z",)), "series 'z' is not among those of training"),
    ):
        written(tmp_path, content)
        with pytest.raises(ValueError, match=message):
            forecasting.predict([run])
    with pytest.raises(ValueError, match="would be fitted anew under trained weights"):
        runs.evaluate(run)
    meta = runs.read_json(run / "meta.json")
    del meta["task"]["record"]["unit"]
    runs.write_json(run / "meta.json", meta)
    written(tmp_path, lines)
    with pytest.raises(ValueError, match="its record of the data lacks or garbles a part"):
        forecasting.predict([run])
    written(tmp_path, changed)
    meta["task"]["record"] = {}
    runs.write_json(run / "meta.json", meta)
    with pytest.raises(ValueError, match="the run has no record of its scales"):
        forecasting.predict([run])


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detrend": "seasonal", "season": 0}, "needs a season"),
        ({"quantiles": (0.9, 0.1)}, "expected ascending levels"),
        ({"lags": (0,)}, "expected whole numbers above 0"),
        ({"fold": 9}, "no row is left to train on"),
        ({"least_window": 9}, "is longer than window=8"),
        ({"calendar": ("hours",)}, "did you mean 'hour'"),
        ({"horizon": 5000}, "expected multi_step='continued'"),
        ({"id_columns": ()}, "static_columns describe series"),
        ({"coarse_columns": ("k",)}, "coarse column among past ones that are numbers"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        spec_of("table.csv", "train", **options)


@pytest.mark.no_jax
def test_seeds_of_a_forecast_are_different_numbers(tmp_path):
    for given, message in (
        ({"seeds": 0}, "seeds=0; expected at least 1"),
        ({"seeds": (4, 4)}, "seeds has 4 twice"),
        ({"overrides": {"seed": 3}}, "overrides has the key 'seed'"),
        ({"options": {"horizon": 5}}, "options has the key 'horizon'; expected horizon=... for it"),
        ({"options": {"file": "a.csv"}}, "options has the key 'file'; expected frame=... for it"),
        (
            {"target_columns": ("a",), "options": {"target_columns": ("b",)}},
            "target_columns and an option of this name",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            lstmx.forecasting.fit(tmp_path / "none.csv", horizon=2, **given)


@pytest.mark.no_jax
def test_tables_that_are_none_and_words_that_a_file_loses_are_refused(tmp_path):
    days = pd.date_range("2020-01-01", periods=40)
    series = pd.Series(np.arange(40.0), days, name="load")
    assert _fit.stored(series, tmp_path).read_text().startswith("time,load\n2020-01-01,0.0")
    for table in (np.zeros(4), {"a": [1]}):
        with pytest.raises(ValueError, match=r"the table is of type .*; expected a DataFrame"):
            _fit.stored(table, tmp_path)
    frame = pd.DataFrame({"time": days, "y": 1.0, "holiday": ["None", "x"] * 20})
    with pytest.raises(ValueError, match="column 'holiday' has the text 'None', which is read as"):
        _fit.stored(frame, tmp_path)
    assert _fit.stored(frame, tmp_path, id_columns=("holiday",)).exists()
    numbers = frame.assign(holiday=["NA", "1.5"] * 20)  # of numbers it is a missing one
    assert _fit.stored(numbers, tmp_path).exists()
    with pytest.raises(ValueError, match=r"folds=2.0; expected a whole number"):
        lstmx.forecasting.cross_validate(frame, horizon=2, folds=2.0)


@pytest.mark.no_jax
def test_what_fit_chooses_is_that_of_the_middle_series_and_of_whole_seasons(tmp_path):
    table = tmp_path / "t.csv"
    hours = pd.date_range("2020-01-01", periods=1000, freq="h")
    lengths = {"a": 1000, "b": 10, "c": 1000}
    rows = [f"{name},{t},{t.hour}" for name, n in lengths.items() for t in hours[:n]]
    table.write_text("\n".join(["id,time,y", *rows]))
    assert _fit.config(table, 24, {"id_columns": ("id",)}).task.window == 48
    assert _fit.config(table, 24, {"id_columns": ("id",), "rows": 100}).task.window == 8
    months = {every: _fit.season_of(timeseries.Frequency("month", every)) for every in (1, 3, 5)}
    assert months == {1: 12, 3: 4, 5: 0}


@pytest.mark.no_jax
def test_a_series_without_any_observation_has_no_window_also_with_known_columns(tmp_path):
    days = pd.date_range("2020-01-01", periods=60)
    rows = [f"{s},{d.date()},{d.day if s == 'a' else ''},{d.weekday()}" for s in "ab" for d in days]
    table = tmp_path / "t.csv"
    table.write_text("\n".join(["id,time,y,promo", *rows]))
    given = {"target_columns": ("y",), "past_columns": (), "static_columns": ()}
    spec = spec_of(table, "train", **given, known_columns=("promo",))
    ready = preparing.prepared(spec, None)
    assert ready.frame.history.tolist() == [60, 60]
    places = fitting.places(ready.panel, spec, ready.cuts, "train", ready.z)
    assert set(ready.panel.series[places]) == {0}
    table.write_text("\n".join(["id,time,y,promo", *rows[60:]]))
    with pytest.raises(ValueError, match="no observation at all"):
        forecast.task(**{**options_of(table, **given, known_columns=("promo",)), "batch_size": 2})


@pytest.mark.no_jax
@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2015-01", periods=60, freq="M"),
        pd.Index([f"{2015 + n // 12}-{1 + n % 12:02}" for n in range(60)]),
        pd.MultiIndex.from_product(
            [("a", "NA"), pd.date_range("2020-01-01", periods=30)], names=("id", "time")
        ),
    ],
)
def test_stored_frame_is_read_as_the_frame(tmp_path, index):
    frame = pd.DataFrame({"count": np.arange(100, 160), "load": np.arange(60.0) % 7}, index=index)
    spec = timeseries.TableSpec(id_columns=("id",) if index.nlevels > 1 else ())
    stored = _fit.stored(frame, tmp_path, spec.id_columns)
    one, other = (timeseries.read(t, spec) for t in (frame, stored))
    assert (one.ids, one.frequency) == (other.ids, other.frequency)
    np.testing.assert_array_equal(one.times, other.times)
    assert [c.name for c in other.columns] == ["count", "load"]
    np.testing.assert_array_equal(one.columns[0].values, other.columns[0].values)


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("every", "season"),
    [(3600, 24), (86_400, 7), (7 * 86_400, 52), (2 * 86_400, 0), (5 * 3600, 0), (900, 96)],
)
def test_season_is_a_whole_number_of_steps_or_none(every, season):
    assert _fit.season_of(timeseries.Frequency("second", every)) == season


@pytest.mark.slow
def test_frame_is_fitted_forecast_and_cross_validated(tmp_path):
    random = np.random.default_rng(0)
    times = pd.date_range("2024-01-01", periods=120, freq="D", name="day")
    frame = pd.DataFrame({"a": random.normal(size=120).cumsum()}, index=times)
    small = {"steps": 2, "log_every": 1, "eval_every": 2, "model.cell.hidden_size": 2}
    options = {"window": 6, "multi_step": "direct", "detrend": "seasonal"}
    given = {"horizon": 2, "options": options, "overrides": small, "workdir": tmp_path}
    fitted = lstmx.forecasting.fit(frame, **given)
    assert fitted.verdict[0].startswith("a: ")
    assert {"model", "ridge", "seasonal_naive"} <= set(fitted.errors["a"])
    ahead = lstmx.forecasting.predict(fitted)
    assert list(ahead["time"].astype(str)) == ["2024-04-30", "2024-05-01"]
    assert (ahead["low_80"] < ahead["forecast"]).all()
    longer = pd.concat([frame, pd.DataFrame({"a": [1.0]}, index=times[-1:] + pd.Timedelta("1D"))])
    later = lstmx.forecasting.predict(fitted, longer.rename_axis("day"), horizon=1)
    assert list(later["time"].astype(str)) == ["2024-05-01"]
    with pytest.raises(ValueError, match="expected 1 to 2, the horizon of training"):
        lstmx.forecasting.predict(fitted, horizon=3)
    scores = lstmx.forecasting.cross_validate(frame, folds=2, **given)
    assert list(scores["fold"].unique()) == [0, 1]
    assert set(scores.columns) == {"fold", "from", "to", "column", "forecast", "mae", "mase"}
    first = scores[scores["forecast"] == "naive"].set_index("fold")
    assert first.loc[1, "to"] < first.loc[0, "from"]
