"""Frames: many series, roles of columns, the future, DataFrames, Parquet, wide tables, outliers."""

import decimal
import sys

import numpy as np
import pandas as pd
import pytest
from tables import column, dates, read, table

from lstmx.data import timeseries as ts

pytestmark = [pytest.mark.no_jax, pytest.mark.files]

MANY = "shop,date,sales,temp,kind,size\n" + "".join(
    f"{shop},{day},{at},{at / 2},{kind},{size}\n"
    for shop, size in (("B", 3), ("A", 5))
    for at, (day, kind) in enumerate(zip(dates(6), "xyxyxz"))
    if (shop, at) != ("A", 2)
)
ROLES = {
    "id_columns": ("shop",),
    "target_columns": ("sales",),
    "known_columns": ("temp", "kind"),
    "static_columns": ("size",),
}


def test_many_series_of_one_table(tmp_path):
    with pytest.raises(ValueError, match=r"id_columns=\('shop',\) if it names series"):
        read(tmp_path, MANY)
    found = read(tmp_path, MANY, **ROLES)
    assert found.ids == ("B", "A")
    assert found.bounds.tolist() == [0, 6, 12]
    np.testing.assert_array_equal(column(found), [0, 1, 2, 3, 4, 5, 0, 1, np.nan, 3, 4, 5])
    np.testing.assert_array_equal(ts.numbers(found, "static"), [[3], [5]])
    assert found.series.tolist() == [0] * 6 + [1] * 6
    assert [c.name for c in ts.named(found, "known", categories=True)] == ["kind"]
    assert ts.numbers(found, "past").shape == (12, 0)
    assert found.report[0] == "read 11 daily rows of 2 series, 2020-01-01 to 2020-01-06"
    with pytest.raises(ValueError, match="static column 'temp' changes within a series, line 3"):
        read(tmp_path, MANY, **{**ROLES, "known_columns": (), "static_columns": ("temp",)})


def test_rows_of_the_future_hold_known_columns(tmp_path):
    future = "A,2020-01-07,,9,q,5\nA,2020-01-08,,9,x,5\n"
    found = read(tmp_path, MANY + future, **ROLES)
    assert (found.bounds.tolist(), found.history.tolist()) == ([0, 6, 14], [6, 6])
    assert any("2 rows of the future" in line for line in found.report)
    assert not any("'sales': 2" in line for line in found.report)  # they are not missing


def test_ages_count_from_the_last_observation_of_a_series(tmp_path):
    text = "s,t,v\na,2020-01-01,1\na,2020-01-02,\na,2020-01-04,\nb,2020-01-01,\nb,2020-01-02,2\n"
    found = read(tmp_path, text, id_columns=("s",))
    days = ts.ages(found, ts.numbers(found, "target"))[:, 0] / 86400
    np.testing.assert_array_equal(days, [0, 1, 2, 3, np.nan, 0])


def test_data_frames_are_read_as_files_are(tmp_path):
    rows = pd.read_csv(pd.io.common.StringIO(MANY), parse_dates=["date"])
    typed = ts.read(rows.astype({"kind": "category"}), ts.TableSpec(**ROLES))
    text = read(tmp_path, MANY, **ROLES)
    for one, other in zip(typed.columns, text.columns, strict=True):
        assert one._replace(values=None) == other._replace(values=None)
        np.testing.assert_array_equal(one.values, other.values)
    np.testing.assert_array_equal(typed.times, text.times)


def test_a_series_may_have_a_name_that_elsewhere_means_missing(tmp_path):
    text = "s,t,v,kind\nNA,2020-01-01,1,x\nNA,2020-01-02,NA,NA\nnull,2020-01-01,2,x\n"
    found = read(tmp_path, text, id_columns=("s",), past_columns=("kind",))
    assert found.ids == ("NA", "null")
    np.testing.assert_array_equal(column(found), [1, np.nan, 2])
    assert ts.codes(ts.named(found, "past", categories=True)[0], ("x",)).tolist() == [2, 0, 2]
    wide = read(tmp_path, "country,a,b\nNA,1,2\nDE,NA,3\n", layout="rows")
    assert wide.ids == ("NA", "DE")
    with pytest.raises(ValueError, match="line 2 has no name in column s"):
        read(tmp_path, text.replace("\nNA,", "\n,"), id_columns=("s",))


@pytest.mark.parametrize(
    "index",
    [
        pd.date_range("2020-01-01", periods=4, freq="h"),
        pd.date_range("2020-01-01", periods=4, freq="h", tz="Asia/Tokyo"),
        pd.period_range("2020-01", periods=4, freq="M"),
        pd.Index([d.date() for d in pd.date_range("2020-01-01", periods=4)], name="day"),
    ],
)
def test_an_index_of_times_is_the_time(index):
    values = [decimal.Decimal("1.5"), None, decimal.Decimal(2), decimal.Decimal(3)]
    found = ts.read(pd.DataFrame({"v": values}, index=index))
    np.testing.assert_array_equal(column(found), [1.5, np.nan, 2, 3])
    assert found.frequency is not None
    assert found.zone == ("UTC" if getattr(index, "tz", None) else "")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (pd.DataFrame({"t": [], "v": []}), "the table has no rows"),
        (pd.DataFrame({("a", "b"): [1]}), "columns of several levels"),
        (pd.DataFrame({"t": ["2020-01-01", "2020-01-02"], "v": [1.0, np.inf]}), "row 1: got 'inf'"),
        (pd.DataFrame({"t": ["2020-01-01", "2020-01-02"], "v": ["1", "x"]}), "row 1: got 'x'"),
        (pd.DataFrame({"t": [pd.NaT, pd.NaT], "v": [1, 2]}), "row 0 has no time"),
    ],
)
def test_wrong_data_frames_get_one_line(rows, message):
    with pytest.raises(ValueError, match=message):
        ts.read(rows)


def test_parquet_is_read_with_its_types(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    rows = pd.DataFrame({"t": pd.date_range("2020-01-01", periods=4), "v": [1.5, None, 3, 4]})
    rows.to_parquet(tmp_path / "a.parquet")
    found = ts.read(tmp_path / "a.parquet")
    np.testing.assert_array_equal(column(found), [1.5, np.nan, 3, 4])
    (tmp_path / "a.parquet").write_bytes(b"PAR1, but no more")
    with pytest.raises(ValueError, match=r"a\.parquet is not a Parquet file"):
        ts.read(tmp_path / "a.parquet")
    monkeypatch.setattr("lstmx.data.timeseries.parquet.MOST_VALUES", 7)
    rows.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet has 8 values; expected at most 7"):
        ts.read(tmp_path / "a.parquet")


def test_parquet_without_its_library_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"need pyarrow: pip install 'lstmx\[forecast\]'"):
        ts.read(tmp_path / "a.parquet")


def test_a_series_in_each_row(tmp_path):
    text = "V1,V2,V3,V4,V5\nH1,605,,586,\nH2,7,8,9,10\n"
    with pytest.raises(ValueError, match="layout='rows' if each row is a series"):
        read(tmp_path, text)
    found = read(tmp_path, text, layout="rows")
    assert (found.ids, found.bounds.tolist()) == (("H1", "H2"), [0, 3, 7])
    np.testing.assert_array_equal(column(found), [605, np.nan, 586, 7, 8, 9, 10])
    assert found.times.astype(int).tolist() == [0, 1, 2, 0, 1, 2, 3]
    found = read(tmp_path, text, layout="rows", static_columns=("V2",))
    np.testing.assert_array_equal(ts.numbers(found, "static"), [[605], [7]])
    both = "region,store,v1,v2\nN,1,5,6\nN,2,7,8\n"
    found = read(tmp_path, both, layout="rows", id_columns=("region", "store"))
    assert (found.ids, column(found).tolist()) == (("N/1", "N/2"), [5, 6, 7, 8])
    for wrong, message in (
        (text + "H1,1\n", "line 4 has a name that occurs before"),
        (text + "H3,,\n", "line 4 has no values"),
        (text + ",1,\n", "line 4 has no name"),
        (text + "H3,1,x\n", "line 4: got 'x'"),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, wrong, layout="rows")


def test_outliers_of_the_training_part_are_reported(tmp_path):
    values = np.sin(np.arange(50.0))
    values[[7, 40]] = 999, -999
    found = read(tmp_path, table(dates(50), values))
    said = ts.outliers(found, np.arange(50) < 30)
    assert len(said) == 1  # the future is not looked at
    assert "1 value of 30 in training" in said[0]
    assert said[0].endswith("the farthest 999 at 2020-01-08")
    assert ts.outliers(found, np.arange(50) < 7) == ()
    rain = read(tmp_path, table(dates(50), [0] * 49 + [5]))  # most values are the same
    assert ts.outliers(rain, np.ones(50, bool))[0].endswith("the farthest 5 at 2020-02-19")
    flat = read(tmp_path, table(dates(9), [3] * 9))
    assert ts.outliers(flat, np.ones(9, bool)) == ()


def test_public_sets_are_read_without_options(data_folder):
    def frame(name, **options):
        return ts.read(data_folder / name, ts.TableSpec(**options))

    co2 = frame("mauna_loa_co2/co2.csv")
    assert (len(co2.times), np.isnan(column(co2)).sum()) == (2284, 59)
    assert ts.described(co2.frequency) == "weekly"
    air = frame("beijing_pm25/pollution.csv", target_columns=("pm2.5",), past_columns=("cbwd",))
    assert ts.named(air, "past", categories=True)[0].levels == ("NE", "NW", "SE", "cv")
    assert (len(air.times), ts.described(air.frequency)) == (43824, "hourly")
    macro = frame("macrodata/macrodata.csv")
    assert (len(macro.columns), ts.described(macro.frequency)) == (12, "quarterly")
    assert (column(macro, "realgdp")[0], str(macro.times[-1])[:7]) == (2710.349, "2009-07")
    load = frame("vic_electricity/vic_electricity.csv", time_zone="Australia/Melbourne")
    assert (load.zone, ts.described(load.frequency)) == ("Australia/Melbourne", "half-hourly")
    assert str(ts.local_times(load)[0]) == "2012-01-01T00:00:00"
    many = frame("m4/Hourly-train.csv", layout="rows")
    assert (len(many.ids), column(many)[:3].tolist()) == (414, [605, 586, 586])
