"""Files: fetching and checksums, CSV, and the canonical statistics of the public data sets."""

import dataclasses
import gzip
import hashlib
import json
import os

import jax
import numpy as np
import pytest

from lstmx import data, registry, tasks
from lstmx.data import fetch, mnist, music, timeseries
from lstmx.data.timeseries import _rows
from lstmx.tasks import _streams, _windows, forecast
from lstmx.tasks.music import from_pieces

CO2 = {"file": "mauna_loa_co2/co2.csv", "window": 104, "horizon": 26, "season": 52}


def source(tmp_path, content=b"abc", sha256=None):
    """A known file `set/a.txt` with its source on disk."""
    place = tmp_path / "source.txt"
    place.write_bytes(content)
    known = fetch.Known(place.as_uri(), sha256 or hashlib.sha256(content).hexdigest())
    return {"set/a.txt": known}


def test_a_known_file_is_downloaded_once_and_checked(tmp_path):
    known = source(tmp_path)
    place = fetch.path("set", "a.txt", tmp_path / "data", known=known)
    assert place == tmp_path / "data" / "set" / "a.txt"
    assert place.read_bytes() == b"abc"
    (tmp_path / "source.txt").unlink()
    assert fetch.path("set", "a.txt", tmp_path / "data", known=known) == place


def test_a_wrong_download_leaves_nothing_behind(tmp_path):
    known = source(tmp_path, sha256="0" * 64)
    with pytest.raises(ValueError, match=f"has sha256 ba7816bf.*expected {'0' * 64}") as refused:
        fetch.path("set", "a.txt", tmp_path / "data", known=known)
    assert not isinstance(refused.value, data.Missing)
    assert os.listdir(tmp_path / "data" / "set") == []


def test_a_wrong_file_is_named_and_kept(tmp_path):
    place = tmp_path / "data" / "set" / "a.txt"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"set/a\.txt has sha256 .*; expected ba7816bf"):
        fetch.path("set", "a.txt", tmp_path / "data", known=source(tmp_path))
    assert place.read_bytes() == b"mine"


def test_a_missing_file_says_where_to_put_it(tmp_path):
    known = source(tmp_path)
    (tmp_path / "source.txt").unlink()
    with pytest.raises(
        data.Missing, match=r"set/a\.txt does not exist.*by hand and put"
    ) as missing:
        fetch.path("set", "a.txt", tmp_path / "data", known=known)
    assert "\n" not in str(missing.value)
    assert known["set/a.txt"].url in str(missing.value)
    with pytest.raises(data.Missing, match=r"b\.txt does not exist and has no public URL"):
        fetch.path("set", "b.txt", tmp_path / "data", known=known)
    with pytest.raises(data.Missing, match="statsmodels"):
        fetch.path("mauna_loa_co2", "co2.csv", tmp_path)


def test_the_data_folder_is_argument_then_variable_then_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("LSTMX_DATA", raising=False)
    assert fetch.folder() == tmp_path / "lstmx"
    monkeypatch.setenv("LSTMX_DATA", "/named")
    assert str(fetch.folder()) == "/named"
    assert str(fetch.folder("/given")) == "/given"


def test_idx_files_are_read_and_others_refused(tmp_path):
    place = tmp_path / "a.gz"
    header = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3])
    place.write_bytes(gzip.compress(header + bytes(range(6))))
    np.testing.assert_array_equal(mnist.read_idx(place), [[0, 1, 2], [3, 4, 5]])
    place.write_bytes(gzip.compress(header + bytes(5)))
    with pytest.raises(ValueError, match=r"holds 5 bytes; expected shape \(2, 3\)"):
        mnist.read_idx(place)
    place.write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="is not a gzip file"):
        mnist.read_idx(place)


def test_files_of_mnist_are_unpacked_once_until_they_change(tmp_path, monkeypatch):
    def write(first):
        for name, shape in zip(mnist.FILES["test"], ((2, 1, 1), (2,))):
            sizes = b"".join(size.to_bytes(4) for size in shape)
            header = bytes([0, 0, 8, len(shape)]) + sizes
            (tmp_path / name).write_bytes(gzip.compress(header + bytes([first, first + 1])))

    unpacked = []
    read = mnist.read_idx
    monkeypatch.setattr(mnist, "read_idx", lambda place: unpacked.append(place) or read(place))
    monkeypatch.setattr(fetch, "path", lambda name, file, data_dir: tmp_path / file)
    for first, reads in ((3, 2), (3, 2), (7, 4)):
        write(first)
        test = mnist.load("test")
        assert test.pixels.ravel().tolist() == test.labels.tolist() == [first, first + 1]
        assert len(unpacked) == reads
        assert not test.pixels.flags.writeable


def write(tmp_path, text):
    place = tmp_path / "a.csv"
    place.write_text(text)
    return place


def test_csv_keeps_missing_values_and_sorts_times(tmp_path):
    place = write(
        tmp_path, "date,x,pm2.5\r\n20200102,2,\r\n20200101,1,NA\r\n20200104,4,7\r\n20200105,5,\r\n"
    )
    series = timeseries.load(place)
    assert series.columns == ("x", "pm2.5")
    assert str(series.times[0]) == "2020-01-01T00:00:00"
    np.testing.assert_array_equal(series.values, [[1, np.nan], [2, np.nan], [4, 7], [5, np.nan]])
    full = timeseries.filled(series)
    assert str(full.times[2]) == "2020-01-03T00:00:00"
    np.testing.assert_array_equal(full.values[:, 0], [1, 2, np.nan, 4, 5])


def test_csv_reads_several_time_columns(tmp_path):
    place = write(tmp_path, "year,month,x\n2020,1,1\n2020,2,2\n")
    series = timeseries.load(place, ("year", "month"), time_format="%Y %m")
    assert str(series.times[1]) == "2020-02-01T00:00:00"
    assert series.columns == ("x",)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("date,value\n2020-01-01,1\n", {"columns": ("vaule",)}, "did you mean 'value'"),
        ("date,value\n2020-01-01,one\n", {}, "column 'value'.*one"),
        ("date,value\nsoon,1\n", {"time_format": "%Y"}, "time columns date"),
        ("date,value\n2020,1\n2020,2\n", {}, "more than one row of time 2020"),
        ("date,value\n123,1\n", {}, "need time_format"),
        ("date\n2020\n", {}, "no value column"),
        (
            "y,m,v\n2020,1,1\n",
            {"time_columns": ("y", "m")},
            "several time columns need time_format",
        ),
        ("", {}, "is not a CSV file"),
        ("date,value\n2020-01-01,1\n,2\n", {}, r"a\.csv: line 3 has no time in column date"),
        ("date,value\n,1\n20200101,2\n", {}, r"a\.csv: line 2 has no time in column date"),
        (
            "y,m,v\n2020,1,1\n2020,,1\n",
            {"time_columns": ("y", "m"), "time_format": "%Y %m"},
            r"a\.csv: line 3 has no time in column y, m",
        ),
        ("date,value\n2020,1\n2021,-inf\n", {}, r"a\.csv: column 'value', line 3: got '-inf'"),
        ("date,value\n2020,1\n2021,1e999\n", {}, r"a\.csv: column 'value', line 3: got '1e999'"),
        (
            "date,value\n2020,1\n2021," + "9" * 400,
            {},
            r"line 3: got '9{57}\.\.\.'; expected a finite",
        ),
        # lines as an editor counts them: some are empty, one value has two
        ('date,value\n\n"2020-\n01-01",1\n,2', {}, r"line 5 has no time in column date"),
        ("\r\ndate,value\r\n\r\n2020,1\r\n2021,x\r\n", {}, "line 5: got 'x'"),
        ("date,value\n2020,1\n2021,1,3\n", {}, "Expected 2 fields in line 3, saw 3"),
        ("date,value\n2020,1,3\n2021,1,3\n", {}, "Expected 2 fields in line 2, saw 3"),
        ("date,value\n", {}, r"a\.csv has a header and no rows"),
        (
            "2020-01-01,1\n2020-01-02,2\n",
            {},
            r"no header: its first line holds '2020-01-01, 1'; put",
        ),
        ("1949,112\n1950,118\n", {}, "has no header"),
        ("01/02/2015 10:00,,-1e3\n", {}, "has no header"),
        ("1-Mar-2015,NA,.5\n", {}, "has no header"),
        (
            "date,value\n2020-01-01,1\nNaT,2\n",
            {},
            "column.* date, line 3: got 'NaT'; expected a time",
        ),
        ("date,value\n2020-01-01,1e39\n", {}, r"line 2: got '1e39'; .* number of at most 1e\+18,"),
        ("date,value\n2020-01-01,-inf\n", {}, "line 2: got '-inf'; expected a finite number"),
        ("date,value\nNaT,1\n2020-01-01,2\n", {"time_format": "%Y-%m-%d"}, "line 2: got 'NaT'"),
        ("date,value\n2020-01-01,1\nnow,2\n", {}, "line 3: got 'now'"),
        ("date,value\nToday,1\n2020-01-01,2\n", {"time_format": "%Y"}, "line 2: got 'Today'"),
        ("date,value\n10:00,1\n11:00,2\n", {}, "times such as '10:00' need time_format"),
        (
            "date,value\n2020-01-01,1\n2020-02-30,2\n",
            {},
            "line 3: got '2020-02-30'; expected a time",
        ),
        ("date,value\n2020,1\n", {"time_format": "%Q"}, "time columns date: "),
        ("date,x,x \n2020,1,2\n", {}, "has 2 columns named 'x'"),
        ("date,value\n2020,\0\n", {}, "is not a CSV file: a text has no byte 0"),
        ("date" + "," * 10_000 + "\n", {}, "has 10001 columns; expected at most 10000"),
    ],
)
def test_wrong_csv_gets_one_line(tmp_path, text, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        timeseries.load(write(tmp_path, text), **options)
    assert "\n" not in str(refused.value)


def test_csv_takes_a_name_as_it_stands(tmp_path):
    series = timeseries.load(write(tmp_path, "date,2016,NA,\n2020-01-01,1,2,3\n"))
    assert series.columns == ("2016", "NA", "Unnamed: 3")
    series = timeseries.load(write(tmp_path, '\ufeff"date",v\n2020-01-01,1\n'))
    assert series.columns == ("v",)
    (tmp_path / "a.csv").write_bytes("date,é\n2020-01-01,1\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.csv is not a CSV file: .*; expected a text in UTF-8"):
        timeseries.load(tmp_path / "a.csv")


LINES = """
import json

import pandas as pd

from lstmx.data.timeseries import Table


def read(place, content, spec):
    rows = [json.loads(line) for line in content.decode().splitlines()]
    return Table(place, pd.DataFrame(rows, dtype=str), lambda row: 1 + row)
"""


def test_a_format_is_a_module_with_the_name_of_its_suffix(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(LINES)
    monkeypatch.setattr(timeseries, "__path__", [*timeseries.__path__, str(tmp_path)])
    days = [day for day in range(1, 20) if day != 3]
    rows = [{"date": f"2020-01-{day:02}", "value": f"{day}.5"} for day in days]
    content = "\n".join(map(json.dumps, rows)).encode()
    for name, packed in [("a.mine", content), ("a.csv.MINE.gz", gzip.compress(content))]:
        (tmp_path / name).write_bytes(packed)
        series = timeseries.load(tmp_path / name)
        assert series.columns == ("value",)
        np.testing.assert_array_equal(series.values[:, 0], np.array(days) + 0.5)
    read = forecast.windows(
        spec_of(split="test", file=str(tmp_path / "a.mine"), window=1, horizon=1, season=0)
    )
    assert np.isnan(read.series.values[:, 0]).tolist() == [day == 3 for day in range(1, 20)]
    (tmp_path / "a.mine").write_bytes(content.replace(b'"2.5', b'"two'))
    with pytest.raises(ValueError, match=r"a\.mine: column 'value', line 2: got 'two"):
        timeseries.load(tmp_path / "a.mine")


@pytest.mark.parametrize("name", ["a", "a.txt", "a._columns", "a.csv.zip", "a.gz", "csv", ".csv"])
def test_other_suffixes_are_read_as_csv(tmp_path, name):
    assert timeseries.format_of(tmp_path / name) == "csv"


def test_gaps_are_filled_within_bounds(tmp_path, monkeypatch):
    seconds = [f"2020-01-01 00:00:0{i},1\n" for i in range(4)]
    place = write(tmp_path, "date,value\n" + "".join(seconds) + "2120-01-01 00:00:00,1\n")
    message = (
        r"a\.csv would be 3155673601 rows, one every 1 s, and the file has 5; check the times: "
        "2020-01-01T00:00:03 is followed by 2120-01-01T00:00:00"
    )
    with pytest.raises(ValueError, match=message):
        timeseries.filled(timeseries.load(place), str(place))
    with pytest.raises(ValueError, match=message):
        forecast.windows(spec_of(split="test", file=str(place)))
    monkeypatch.setattr(_rows, "MOST_VALUES", 9)
    times = np.array([0, 1, 2, 9, 10, 199], "datetime64[s]")
    for last, rows in ((119, 120), (120, None)):  # 20 for each of 6
        times[-1] = np.datetime64(last, "s")
        series = timeseries.Series(times, np.ones((6, 1)), ("x",))
        if rows:
            assert len(timeseries.filled(series).times) == rows
        else:
            with pytest.raises(ValueError, match="the series would be 121 rows"):
                timeseries.filled(series)


def test_streams_of_the_docstring():
    layout = _streams.streams(_streams.cut([3, 2, 4], 0), rows=2, window=5)
    np.testing.assert_array_equal(layout.frames, [[5, 6, 7, 8, 0], [0, 1, 2, 3, 4]])
    np.testing.assert_array_equal(layout.exists, [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    np.testing.assert_array_equal(layout.starts, [[1, 0, 0, 0, 0], [1, 0, 0, 1, 0]])
    assert _streams.cut([5, 2], 2) == [(0, 2), (2, 2), (4, 1), (5, 2)]


@pytest.mark.parametrize("options", [{}, {"window": 3}, {"max_length": 2}])
def test_music_predicts_every_frame_but_the_first_once(options):
    rolls = [np.array([[1, 0, 0], [1, 1, 0], [0, 1, 1]], np.uint8), np.ones((6, 3), np.uint8)]
    task = from_pieces({"train": rolls, "test": rolls}, {}, 2, "test", **options)
    total, count, seen = 0.0, 0.0, []
    for step in range(task.spec.num_batches):
        batch = jax.device_get(jax.jit(task.batch)(jax.random.key(0), step))
        nll = task.loss(np.zeros_like(batch.targets), batch)["nll"]
        total, count = total + float(nll.total), count + float(nll.count)
        pairs = np.concatenate([batch.inputs, batch.targets], axis=-1)
        seen += pairs[batch.mask].tolist()
    assert count == 7
    assert total / count == pytest.approx(3 * np.log(2), rel=1e-6)  # the docstring's 2.08
    expected = [[1, 0, 0, 1, 1, 0], [1, 1, 0, 0, 1, 1]] + 5 * [6 * [1]]
    assert sorted(seen) == sorted(expected)


def test_music_in_epochs_has_every_piece_once_and_sums_over_its_frames():
    rolls = [np.ones((length, 3), np.uint8) for length in range(2, 9)]
    task = from_pieces({"train": rolls}, {}, 3, "train", epochs=True, loss_per="piece")
    batch = jax.jit(task.batch)
    orders = []
    for epoch in range(2):
        seen = []
        for step in range(3 * epoch, 3 * epoch + 3):
            found = jax.device_get(batch(jax.random.key(step), step))
            lengths = found.mask.sum(axis=1)
            metrics = task.loss(
                np.zeros_like(found.targets), found._replace(targets=0 * found.targets)
            )
            assert float(metrics["loss"].count) == (lengths > 0).sum()
            assert float(metrics["loss"].total) == float(metrics["nll"].total)
            assert float(metrics["nll"].count) == lengths.sum()
            seen += [int(n) + 1 for n in lengths if n]
        orders.append(seen)
    assert [sorted(seen) for seen in orders] == [list(range(2, 9))] * 2
    assert orders[0] != orders[1]
    assert task.spec.num_batches == 3


def spec_of(**options):
    """The spec of the forecast task with its own defaults."""
    known = {k: o.default for k, o in registry.options("tasks", "forecast").items()}
    fields = [field.name for field in dataclasses.fields(forecast.ForecastSpec)]
    return forecast.ForecastSpec(**{k: {**known, **options}[k] for k in fields})


def test_forecast_and_its_spec_have_and_check_the_same_options():
    known, own = registry.options("tasks", "forecast"), vars(spec_of())
    assert set(known) - set(own) == {"batch_size", "unit"}
    for make in (forecast.task, spec_of):
        with pytest.raises(ValueError, match="did you mean 'last'"):
            make(detrend="lats")
        with pytest.raises(ValueError, match="their sum below 1"):
            make(valid_fraction=0.5, test_fraction=0.5)


def test_forecast_example_of_the_docstring(tmp_path):
    rows = [2, "", 5, 4, 7] + 6 * [1]
    lines = "".join(f"{1900 + i},{x}\n" for i, x in enumerate(rows))
    place = write(tmp_path, "year,x\n" + lines)
    options = {"file": str(place), "window": 3, "horizon": 2, "season": 2}
    fractions = {"valid_fraction": 2 / 11, "test_fraction": 6 / 11}
    task = forecast.task(split="valid", batch_size=2, **options, **fractions)
    batch = jax.device_get(task.batch(jax.random.key(0), 0))
    windows = forecast.windows(spec_of(split="valid", **options, **fractions))
    scale = _windows.fit(np.array([[2], [np.nan], [5.0]]), 2, detrended=True).scale[0]
    np.testing.assert_allclose(batch.inputs[0] * [scale, 1], [[0, 1], [0, 0], [3, 1]], rtol=1e-6)
    np.testing.assert_allclose(batch.targets[0, -1] * scale, [-1, 2], rtol=1e-6)
    np.testing.assert_array_equal(batch.weights[0].sum(-1), [0, 0, 2])
    assert not batch.mask[1].any()
    assert task.spec.baseline == 1.5  # |4 - 5| and |7 - 5|
    # one season before 4 nothing was observed, two before lies outside: the last value, 5
    np.testing.assert_array_equal(windows.forecasts["seasonal_naive"][0, :, 0], [5, 5])
    np.testing.assert_allclose(windows.restore(batch.targets[:1, -1])[0, :, 0], [4, 7], rtol=1e-6)
    assert str(windows.times[0, 0])[:4] == "1903"


def test_seasonal_naive_looks_further_back_over_a_gap():
    values = np.array([10.0, 1, np.nan, 2, 30, 3])[:, None]
    forecasts = _windows.seasonal_naive(values, np.array([3]), horizon=3, season=2)
    np.testing.assert_array_equal(forecasts[0, :, 0], [10, 2, 10])


def test_forecast_zero_is_naive_and_training_never_sees_held_out_targets():
    test = tasks.make("forecast", split="test", batch_size=200)
    batch = jax.device_get(jax.jit(test.batch)(jax.random.key(0), 0))
    mae = test.loss(np.zeros_like(batch.targets), batch)["mae"]
    assert float(mae.total / mae.count) == pytest.approx(test.spec.baseline, rel=1e-5)
    values = _windows.generated().values
    rows, cuts = len(values), {}
    for split, part in _windows.bounds(_windows.cuts(rows, 0.15, 0.15), rows).items():
        places = _windows.between(values, *part, 48, 12)
        cuts[split] = (places.min() + 1, places.max() + 12)
    assert cuts["train"][1] < cuts["valid"][0] <= cuts["valid"][1] < cuts["test"][0]
    assert cuts["test"][1] == rows - 1


def test_jsb_statistics_and_baselines(data_folder):
    pieces = music.load("jsb", data_folder).pieces
    assert [len(pieces[s]) for s in ("train", "valid", "test")] == [229, 76, 77]
    assert [sum(map(len, pieces[s])) for s in pieces] == [13807, 4602, 4725]
    assert (21 + np.flatnonzero(pieces["train"][0][0])).tolist() == [60, 72, 79, 88]
    spec = tasks.make("music", split="test", batch_size=16).spec
    assert round(spec.baseline, 2) == 11.09
    assert round(spec.references["markov"], 2) == 10.49
    assert list(spec.files) == ["JSB_Chorales.mat"]


def test_mnist_statistics(data_folder):
    train, test = mnist.load("train", data_folder), mnist.load("test", data_folder)
    assert round(train.pixels.mean() / 255, 4) == 0.1307
    assert round(train.pixels.std() / 255, 4) == 0.3081
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    spec = tasks.make("images", source="mnist", split="test").spec
    assert (spec.baseline, spec.num_batches, spec.length) == (0.1135, 313, 784)


def test_co2_statistics_and_gaps(data_folder):
    series = timeseries.load(data_folder / "mauna_loa_co2" / "co2.csv")
    values = series.values[:, 0]
    assert len(values) == len(timeseries.filled(series).values) == 2284
    assert (str(series.times[0])[:10], values[0]) == ("1958-03-29", 316.1)
    assert (str(series.times[-1])[:10], values[-1]) == ("2001-12-29", 371.5)
    assert (np.nanmin(values), np.nanmax(values), np.isnan(values).sum()) == (313.0, 373.9, 59)
    spec = tasks.make("forecast", split="test", **CO2).spec
    assert spec.references["seasonal_naive"] < spec.baseline
    train = tasks.make("forecast", split="train", batch_size=512, **CO2)
    batch = jax.device_get(jax.jit(train.batch)(jax.random.key(0), 0))
    assert (batch.inputs[..., 1] == 0).any()  # the gaps lie in the training part
    assert (batch.weights[:, 52:] == 0).any()
    assert (batch.weights[:, :52] == 0).all()
