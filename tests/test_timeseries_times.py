"""Times of tables: formats, epochs, quarters, offsets, changes of clocks; which column they are."""

import numpy as np
import pandas as pd
import pytest
from tables import column, dates, read, table

from lstmx.data import timeseries as ts

pytestmark = [pytest.mark.no_jax, pytest.mark.files]

MONTH = ts.Frequency("month", 1, (1,))
HOURS = [1577836800 + 3600 * hour for hour in range(5)]


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%d.%m.%Y"])
def test_day_and_month_that_can_be_swapped_everywhere_are_refused(tmp_path, form):
    text = table(dates(60, "2015-01-01", "MS", form))
    with pytest.raises(ValueError, match=r"read as '%d.%m.%Y' and as '%m.%d.%Y'.*give time_format"):
        read(tmp_path, text)
    found = read(tmp_path, text, time_format=form)
    assert (len(found.times), found.frequency) == (60, MONTH)


@pytest.mark.parametrize(
    "form",
    [
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%Y %H:%M",
        "%m-%d-%Y %I:%M:%S %p",
        "%d %b %Y",
        "%B %d, %Y",
        "%d-%b-%y",
        "%Y%m%d",
        "%Y%m%d%H%M",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S UTC",
    ],
)
def test_a_whole_column_shows_its_format(tmp_path, form):
    found = read(tmp_path, table([f'"{day}"' for day in dates(40, form=form)]))
    assert found.frequency == ts.Frequency("second", 86400)
    assert (str(found.times[0])[:10], str(found.times[-1])[:10]) == ("2020-01-01", "2020-02-09")


@pytest.mark.parametrize("form", ["%b-%y", "%B %Y", "%Y %b", "%Y-%m", "%m/%Y"])
def test_months_are_months(tmp_path, form):
    found = read(tmp_path, table(dates(60, "2015-01-01", "MS", form)))
    assert (len(found.times), found.frequency, str(found.times[59])[:7]) == (60, MONTH, "2019-12")


@pytest.mark.parametrize(
    ("times", "options", "frequency", "last"),
    [
        (["2020Q1", "2020Q2", "2020Q3"], {}, ts.Frequency("month", 3, (1,)), "2020-07-01"),
        (["Q3 2020", "Q4 2020", "Q1 2021"], {}, ts.Frequency("month", 3, (1,)), "2021-01-01"),
        (["2020-W52", "2020-W53", "2021-W01"], {}, ts.Frequency("second", 604800), "2021-01-04"),
        (["1949", "1950", "1951"], {}, ts.Frequency("month", 12, (1,)), "1951-01-01"),
        (["1949.0", "1949.083", "1949.167"], {}, MONTH, "1949-03-01"),
        (HOURS, {}, ts.Frequency("second", 3600), "2020-01-01T04"),
        ([1000 * t for t in HOURS], {}, ts.Frequency("second", 3600), "2020-01-01T04"),
        ([f"{t}.0" for t in HOURS], {}, ts.Frequency("second", 3600), "2020-01-01T04"),
        ([43831, 43832], {"time_format": "excel"}, ts.Frequency("second", 86400), "2020-01-02"),
        ([0, 1, 2], {}, ts.Frequency("step", 1), "2"),
        ([1000, 1001, 1002], {}, ts.Frequency("step", 1), "1002"),
    ],
)
def test_plain_numbers_and_quarters_are_times(tmp_path, times, options, frequency, last):
    found = read(tmp_path, table(times), **options)
    assert found.frequency == frequency
    assert str(ts.stamps(found)[-1]).startswith(last)
    assert found.zone == ("UTC" if len(times) == 5 else "")


def test_precision_may_vary_within_a_column(tmp_path):
    times = ["2020-01-01", "2020-01-01 01:00:00", "2020-01-01 02:00", "2020-01-01T03:00:00"]
    assert read(tmp_path, table(times)).frequency == ts.Frequency("second", 3600)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (table(["01.02.20", "02.02.20"]), {}, "'%d.%m.%y' and as '%m.%d.%y'"),
        (table([43831, 43832], head="date,v"), {}, "times such as '43831' need time_format"),
        (table(["2020-01-01 00:00 CET"]), {}, "name of a zone.*offsets such as [+]01:00"),
        (table(["soon", "later"], head="date,v"), {}, "such as 'soon' need time_format"),
        (table(["-", *dates(3)]), {}, r"line 2: got '-'; expected a time as '%Y-%m-%d'"),
        (table(["2020-01-01 24:00", "2020-01-02 01:00"]), {}, "line 2: got '2020-01-01 24:00'"),
        (
            table(["2020-01-01T00:00:00+01:00", "2020-01-01T01:00:00"]),
            {},
            "line 2 has a time with an offset from UTC, and line 3 has one without",
        ),
        (
            table([f"2020-01-01 00:00:00.{part}" for part in (1, 2)]),
            {},
            "whole seconds do not tell these times apart",
        ),
        ("store,sales\nA,1\nB,2\n", {}, r"column 'store' holds 'A'; give time_columns"),
        ("kind,sales\n3,1\n3,2\n1,7\n", {}, "column kind holds numbers that do not grow"),
        ("sales,price\n3,1.5\n2,1.2\n", {}, "column sales holds numbers that do not grow"),
        ("a,b,v\n2020-01-01,2020-01-02,1\n", {}, "columns a, b hold times; give time_columns"),
    ],
)
def test_uncertain_times_are_refused_with_the_remedy(tmp_path, text, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        read(tmp_path, text, **options)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("head", "row", "last"),
    [
        ("No,year,month,day,hour,v", "{n},2020,1,{d},{h},{n}", "2020-01-02T05:00:00"),
        ("Date,Time,v", "{d:02}/01/2020,{h:02}:00,{n}", "2020-01-02T05:00:00"),
        ("Date,Time,v", "2020-01-{d:02},{h:02}.00.00,{n}", "2020-01-02T05:00:00"),
        ("n,dteday,hr,v", "{n},2020-01-{d:02},{h},{n}", "2020-01-02T05:00:00"),
        ("date,sunrise,v", "{m}-01,06:1{d},{n}", "2022-06-01T00:00:00"),
        ("v,when,day", "{n},2020-01-{d:02} {h:02}:00,2020-01-{d:02}", "2020-01-02T05:00:00"),
        ("year,quarter,v", "{y},{q},{n}", "2027-04-01T00:00:00"),
    ],
)
def test_time_columns_are_found(tmp_path, head, row, last):
    rows = [
        row.format(
            n=1 + n,
            d=1 + n // 24,
            h=n % 24,
            y=2020 + n // 4,
            q=1 + n % 4,
            m=f"{2020 + n // 12}-{1 + n % 12:02}",
        )
        for n in range(30)
    ]
    options = {"time_format": "%d/%m/%Y %H:%M"} if "/" in row else {}
    found = read(tmp_path, "\n".join([head, *rows]), **options, target_columns=("v",))
    assert str(found.times[-1]) == last


def test_the_number_of_a_row_is_no_target(tmp_path):
    days = pd.DataFrame({"date": pd.date_range("2020-01-01", periods=9), "sales": range(9)})
    text = days.to_csv()  # with the row number as a column without a name
    for options in ({}, {"time_columns": ("date",)}):
        found = read(tmp_path, text, **options)
        assert [c.name for c in found.columns] == ["sales"]
        assert any("numbers the rows" in line for line in found.report)
    alone = read(tmp_path, days[["sales"]].to_csv())
    assert alone.frequency == ts.Frequency("step", 1)


def test_offsets_become_utc_over_a_change_of_clocks(tmp_path):
    hours = pd.date_range("2020-10-24", periods=60, freq="h", tz="UTC").tz_convert("Europe/Berlin")
    found = read(tmp_path, table([t.isoformat() for t in hours]))
    assert (len(found.times), found.zone) == (60, "UTC")
    assert found.frequency == ts.Frequency("second", 3600)
    days = pd.date_range("2020-03-27", periods=6, tz="Europe/Berlin")
    found = read(tmp_path, table([t.isoformat() for t in days]))
    assert str(found.times[0]) == "2020-03-27T00:00:00"  # a day of 23 hours is a day
    assert found.frequency == ts.Frequency("second", 86400)


def test_local_times_need_the_zone_where_clocks_change(tmp_path):
    utc = pd.date_range("2020-10-24", periods=60, freq="h", tz="UTC")
    local = utc.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M")
    with pytest.raises(ValueError, match=r"2020-10-25 02:00:00.*time_zone \('Europe/Berlin'\)"):
        read(tmp_path, table(local))
    found = read(tmp_path, table(local), time_zone="Europe/Berlin")
    np.testing.assert_array_equal(found.times, utc.tz_localize(None).to_numpy())
    hours = ts.local_times(found)[23:27].astype("datetime64[h]").astype(str).tolist()
    assert hours == [f"2020-10-25T{hour:02}" for hour in (1, 2, 2, 3)]
    spring = pd.date_range("2020-03-28", periods=60, freq="h", tz="UTC")
    local = spring.tz_convert("Europe/Berlin").strftime("%Y-%m-%d %H:%M")
    found = read(tmp_path, table(local))
    assert len(found.times) == 61
    assert any("Sundays of spring" in line for line in found.report)
    assert len(read(tmp_path, table(local), time_zone="Europe/Berlin").times) == 60
    with pytest.raises(ValueError, match="do not fit the clocks of Europe/Berlin"):
        read(tmp_path, table(["2020-03-29 02:30", "2020-03-29 03:30"]), time_zone="Europe/Berlin")


def test_rows_without_times_can_be_numbered(tmp_path):
    found = read(tmp_path, "sales,price\n3,1.5\n2,1.2\n", time_format="row")
    assert column(found, "price").tolist() == [1.5, 1.2]
    assert found.times.astype(int).tolist() == [0, 1]
