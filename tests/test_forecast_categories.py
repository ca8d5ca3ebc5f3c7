"""Categories of many levels, and series, as learned vectors: known answers, unseen levels, runs."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import lstmx
from lstmx import cells, experiment, models, registry, runs, tasks
from lstmx import config as cfg
from lstmx.embeddings import Coded, Table
from lstmx.experiment import _tables
from lstmx.report import forecasting
from lstmx.tasks import forecast
from lstmx.tasks._forecasting import codes, preparing
from lstmx.testing.tasks import check_task
from lstmx.types import Inputs

LEVELS, ROWS = 40, 900


def spec_of(file, split, **options):
    known = {k: o.default for k, o in registry.options("tasks", "forecast").items()}
    fields = [field.name for field in dataclasses.fields(forecast.ForecastSpec)]
    values = {**known, "file": str(file), "window": 4, "horizon": 2, "season": 0, **options}
    return forecast.ForecastSpec(**{**{k: values[k] for k in fields}, "split": split})


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """Daily values that the name of a day's shop decides, known in advance; its last is new."""
    random = np.random.default_rng(0)
    worth = random.normal(size=LEVELS).round(3)
    own = random.integers(LEVELS, size=ROWS)
    days = np.datetime64("2020-01-01") + np.arange(ROWS + 2)
    lines = ["day,y,shop", *(f"{d},{worth[s]},shop {s}" for d, s in zip(days, own))]
    file = tmp_path_factory.mktemp("shops") / "shops.csv"
    file.write_text("\n".join([*lines, f"{days[ROWS]},,shop 3", f"{days[ROWS + 1]},,new"]) + "\n")
    return file, worth


@pytest.mark.slow
def test_a_level_decides_the_value_and_an_unseen_one_reads_the_row_of_missing_ones(shops, tmp_path):
    file, worth = shops
    options = {"known_columns": ("shop",), "target_columns": ("y",), "window": 4}
    options |= {"detrend": "none", "multi_step": "continued", "likelihood": "squared"}
    small = {"steps": 200, "hparams.learning_rate": 3e-2, "model.cell.hidden_size": 16}
    config = cfg.resolve(lstmx.forecasting.config(file, 2, options), small)
    (path,) = runs.train([config], tmp_path, labels=["run"], quiet=True)
    predicted = forecasting.predict([path], split="future")
    truth, found = predicted.calibration.windows.truth, predicted.calibration.forecasts[0]
    assert np.abs(truth - found).mean() < 0.15 * worth.std()
    ahead = predicted.forecasts[0, 0, :, 0]
    assert ahead[0] == pytest.approx(worth[3], abs=0.2)
    # Of a shop that no one knows the best that can be said is the mean of all.
    assert ahead[1] == pytest.approx(worth.mean(), abs=0.4)
    table = runs.open(path).params["tables"]["table_0"]["W"]
    assert table.shape == (LEVELS + 1, codes.width(LEVELS, 0)) == (41, 13)
    assert np.abs(table[0]).max() > 0  # hidden levels have trained it
    gone = file.read_text().replace(",new\n", ",\n")
    (tmp_path / "gone.csv").write_text(gone)
    missing = forecasting.predict([path], split="future", file=str(tmp_path / "gone.csv"))
    np.testing.assert_array_equal(missing.forecasts, predicted.forecasts)


def test_columns_of_few_levels_stay_one_hot_and_an_option_embeds_them(shops):
    options = {"known_columns": ("shop",), "target_columns": ("y",), "multi_step": "continued"}
    with_table = forecast.assemble(spec_of(shops[0], "train", **options), 8).task
    one_hot = forecast.assemble(spec_of(shops[0], "train", embed_above=99, **options), 8).task
    assert one_hot.spec.tables == ()
    assert "embedded" not in one_hot.spec.record
    assert with_table.spec.tables == (Table("shop", LEVELS + 1, 13),)
    assert one_hot.spec.in_features == 2 + LEVELS
    assert with_table.spec.in_features == 2 + 13
    key = jax.random.key(0)
    batches = jax.device_get(jax.jit(lambda: [t.batch(key, 0) for t in (one_hot, with_table)])())
    inputs = batches[1].inputs
    # Both draw the same windows; the code of a shop is the place of its indicator.
    np.testing.assert_array_equal(inputs.values, batches[0].inputs[..., :2])
    indicators = batches[0].inputs[..., 2:]
    code = np.where(indicators.any(-1), 1 + indicators.argmax(-1), 0)
    hidden = (inputs.codes == 0).all(axis=(1, 2))
    np.testing.assert_array_equal(inputs.codes[~hidden, :, 0], code[~hidden])
    check_task(with_table)
    spec = with_table.spec._replace(tables=(Table("shop", LEVELS, 13),))
    with pytest.raises(AssertionError, match="codes of shop reach from 0 to 40; expected 0 to 39"):
        check_task(with_table._replace(spec=spec))
    later = Coded(np.zeros((2000, 3, 1)), np.ones((2000, 3, 2), np.int32))
    shares = np.asarray(codes.hidden(jax.random.key(1), later).codes)
    assert 1 - shares.mean() == pytest.approx(codes.HIDDEN, abs=0.01)
    assert (shares == shares[:, :1]).all()


def test_series_have_rows_and_those_without_a_window_of_training_share_one(tmp_path):
    lines = ["id,day,y"]
    for name, rows in (("a", 40), ("short", 6), ("b", 40)):
        days = np.datetime64("2020-01-01") + np.arange(rows)
        lines += [f"{name},{day},{row % 5}" for row, day in enumerate(days)]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    options = {"id_columns": ("id",), "embed_series": True, "embed_features": 3}
    options |= {"time_columns": ("day",), "target_columns": ("y",)}
    train = forecast.assemble(spec_of(tmp_path / "t.csv", "train", **options), 4).task
    assert train.spec.tables == (Table("series", 3, 3),)
    record = json.loads(json.dumps(train.spec.record))
    assert record["embedded"] == {"columns": [], "series": ["a", "b"]}
    future = spec_of(tmp_path / "t.csv", forecast.FUTURE, **options)
    task = forecast.assemble(future, 3, record=record).task
    np.testing.assert_array_equal(task.batch(None, 0).inputs.codes[:, -1, 0], [1, 0, 2])
    # A newer file has a series more: its scale is of its own rows, the others are as they were.
    newer = [*lines, *(f"new,{d},{100 + 10 * r}" for r, d in enumerate(days))]
    (tmp_path / "newer.csv").write_text("\n".join(newer) + "\n")
    options |= {"detrend": "linear"}
    train = forecast.assemble(spec_of(tmp_path / "t.csv", "train", **options), 4).task
    record = json.loads(json.dumps(train.spec.record))
    ready = [
        preparing.prepared(spec_of(tmp_path / name, forecast.FUTURE, **options), record)
        for name in ("t.csv", "newer.csv")
    ]
    np.testing.assert_array_equal(ready[1].scales.weights, ready[0].scales.weights)
    np.testing.assert_array_equal(ready[1].scales.scale[:3], ready[0].scales.scale)
    assert ready[1].scales.shift[3] == 295  # the mean of 100 to 490
    assert ready[1].report[-1].endswith("not in training, scaled by their own rows: new")
    assert set(ready[1].panel.codes.always[ready[1].panel.series == 3, 0]) == {0}
    valid = forecast.windows(spec_of(tmp_path / "newer.csv", "valid", **options), record)
    assert 3 not in valid.of_series
    other = {**options, "embed_series": False}
    with pytest.raises(ValueError, match="'new' is not among those of training"):
        forecast.windows(spec_of(tmp_path / "newer.csv", "valid", **other), record)
    with pytest.raises(ValueError, match="a vector for each series; expected id_columns"):
        tasks.make("forecast", embed_series=True)


def test_static_numbers_and_steps_of_time_are_scaled_as_in_training(tmp_path):
    hours = np.arange(60).cumsum() % 7 + np.arange(60) * 9  # irregular, of typical steps
    late = hours[-1] + 100 * (1 + np.arange(90))  # rows that are far apart, and more than before
    times = lambda at: np.datetime64("2020-01-01T00") + at.astype("timedelta64[h]")
    rows = lambda name, at: [f"{name},{t}:00,{n % 5},{ord(name)}" for n, t in enumerate(times(at))]
    head = "id,time,y,size"
    files = {
        "all": [head, *rows("a", hours), *rows("b", hours), *rows("c", hours)],
        "one": [head, *rows("c", hours)],
        "late": [head, *rows("c", np.concatenate([hours, late]))],
    }
    for name, lines in files.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    options = {"id_columns": ("id",), "time_columns": ("time",), "static_columns": ("size",)}
    options |= {"target_columns": ("y",), "calendar": ()}
    spec = lambda name: spec_of(tmp_path / f"{name}.csv", "train", **options)
    trained = preparing.prepared(spec("all"), None)
    record = json.loads(json.dumps(forecast.assemble(spec("all"), 4).task.spec.record))
    own = trained.panel.always[trained.panel.series == 2]
    assert np.ptp(own[:, -1]) > 0.5  # the elapsed time
    assert own[0, 0] == pytest.approx(np.sqrt(1.5))  # 99 among 97, 98 and 99
    for name in ("one", "late"):
        found = preparing.prepared(spec(name), record).panel
        np.testing.assert_allclose(found.always[:60], own)
        assert found.elapsed[70:].mean() > 5 if name == "late" else len(found.times) == 60
    # A run of an earlier version has no such constants: they are those of its table.
    del record["constants"]
    assert preparing.prepared(spec("one"), record).panel.always[0, 0] == 0


def test_tables_stand_beside_the_parameters_of_any_model():
    cell = cells.make("lstm", hidden_size=3)
    plain = models.sequence_model(cell, 4, 1)
    (table,) = tables = (Table("shop", 6, 2),)
    task = tasks.make("adding")
    task = task._replace(spec=task.spec._replace(tables=[list(table)]))  # as JSON has it
    model = _tables.with_tables(plain, task)
    params, own = model.init(jax.random.key(0)), plain.init(jax.random.key(0))
    W = params["tables"]["table_0"]["W"]
    assert W.shape == (6, 2)
    assert not W[0].any()
    jax.tree.map(np.testing.assert_array_equal, {**params, "tables": None}, {**own, "tables": None})
    x, code = np.ones((1, 3, 2), np.float32), np.array([[[1], [5], [0]]])
    y, _, _ = model.apply(params, Coded(x, code))
    joined = np.concatenate([x, W[code[..., 0]]], axis=-1)
    np.testing.assert_array_equal(y, plain.apply(own, joined)[0])
    marked = _tables.embedded(params["tables"], Coded(Inputs(x, None, x > 2), code))
    np.testing.assert_array_equal(marked.values, joined)
    np.testing.assert_array_equal(marked.observed[0, 0], [False, False, True, True])
    with pytest.raises(ValueError, match="have the codes of 0 categories; expected"):
        model.apply(params, joined)
    assert experiment.sizes(model).parameters == experiment.sizes(plain).parameters + 12
    assert tables
