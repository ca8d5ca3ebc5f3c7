"""Numbers and texts of tables: separators, encodings, decimal marks, missing values, categories."""

import numpy as np
import pytest
from tables import column, dates, read, table

from lstmx.data import timeseries as ts

pytestmark = [pytest.mark.no_jax, pytest.mark.files]

UCI = "Date;Time;CO(GT);T;;\n10/03/2004;18.00.00;2,6;13,6;;\n10/03/2004;19.00.00;2;13,3;;\n;;;;;\n"


def says(frame, words):
    return any(words in line for line in frame.report)


def test_files_of_other_places_are_read(tmp_path):
    when = {"time_columns": ("Date", "Time"), "time_format": "%d/%m/%Y %H.%M.%S"}
    found = read(tmp_path, UCI, **when)
    assert [c.name for c in found.columns] == ["CO(GT)", "T"]
    np.testing.assert_array_equal(ts.numbers(found, "target"), [[2.6, 13.6], [2, 13.3]])
    assert says(found, "2 columns without name and values left out")
    assert says(found, "1 row without any value left out")
    power = "Date;Time;P\n16/12/2006;17:24:00;4.216\n16/12/2006;17:25:00;?\n"
    found = read(tmp_path, power)  # Date and Time are found, and no day is the 16th month
    np.testing.assert_array_equal(column(found), [4.216, np.nan])
    assert str(found.times[1]) == "2006-12-16T17:25:00"
    assert says(found, "column 'P': 1 value '?' missing")


@pytest.mark.parametrize("mark", [",", ";", "\t", "|", "   "])
def test_separators_are_found(tmp_path, mark):
    found = read(tmp_path, table(dates(3), head=f"t{mark}v", mark=mark))
    assert column(found).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]
)
def test_encodings_are_found(tmp_path, encoding):
    found = read(tmp_path, table(dates(3), head="t,T (°C)").encode(encoding))
    assert [c.name for c in found.columns] == ["T (°C)"]


def test_letters_of_a_code_page_need_its_name(tmp_path):
    text = table(dates(3), head="t,débit").encode("cp1252")
    with pytest.raises(ValueError, match=r"option encoding: as cp1252 line 1 reads 't,débit'"):
        read(tmp_path, text)
    assert read(tmp_path, text, encoding="cp1252").columns[0].name == "débit"
    with pytest.raises(ValueError, match="expected a text in UTF-16"):
        read(tmp_path, text, encoding="utf-16")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1,5", "2", "-3,25"], [1.5, 2, -3.25]),
        (["1.234,5", "950", "12.000"], [1234.5, 950, 12000]),
        (["1,234.5", "950", "12,000"], [1234.5, 950, 12000]),
        (["1 234,5", "12 000", "7"], [1234.5, 12000, 7]),
        (["1'234.5", "12'000", "7"], [1234.5, 12000, 7]),
        (["1.234", "2.500", "3.000"], [1.234, 2.5, 3]),  # all have three decimals
        (["1,234,567", "1", "2"], [1234567, 1, 2]),
        (["0,125", "1,250", "2"], [0.125, 1.25, 2]),
        (["1.5e3", "−2", "3"], [1500, -2, 3]),
    ],
)
def test_decimal_marks_are_found(tmp_path, cells, expected):
    found = read(tmp_path, table(dates(3), cells, "t;v", ";"))
    assert column(found).tolist() == expected


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (table(dates(2), ["1.234", "950"], "t;v", ";"), {}, "'1.234' in column 'v' is read in two"),
        (table(dates(2), ['"1,234"', '"950"']), {}, r"read in two ways.*give decimal"),
        (table(dates(2), ["1,5", "1.25"], "t;v", ";"), {}, "'1,5' in column 'v' has a decimal"),
        (table(dates(2), ["1,5", "1.5"], "t;v", ";"), {"decimal": ","}, "line 3: got '1.5'"),
        (table(dates(3), [1, 2, "broken"]), {}, "column 'v', line 4: got 'broken'.*missing"),
        (table(dates(2), ["5%", "7%"]), {}, "line 2: got '5%'"),
        ("# by x\n# in m\n" + table(dates(2)), {}, "option skip_lines"),
        (table(dates(2))[4:], {}, r"has no header.*set header=False"),
        ("t,v\n", {}, "has a header and no rows"),
        ("PK\x03\x04\x14", {}, "a zip archive, as an Excel workbook is.*save the sheet as such"),
        (table(dates(2)), {"target_columns": ("v",), "past_columns": ("w",)}, "unknown column"),
    ],
)
def test_uncertain_texts_are_refused_with_the_remedy(tmp_path, text, options, message):
    with pytest.raises(ValueError, match=message) as refused:
        read(tmp_path, text, **options)
    assert str(refused.value).isprintable()


def test_options_decide_what_is_not_certain(tmp_path):
    found = read(
        tmp_path, table(dates(2), ["1.234", "950"], "t;v", ";"), decimal=",", thousands="."
    )
    assert column(found).tolist() == [1234, 950]
    found = read(tmp_path, table(dates(2))[4:], header=False)
    assert [c.name for c in found.columns] == ["column_2"]
    found = read(tmp_path, "# by x\n# in m\n" + table(dates(2)), skip_lines=2)
    assert column(found).tolist() == [0, 1]
    with pytest.raises(ValueError, match="column 'v', line 5: got 'x'"):
        read(tmp_path, "# by x\n# in m\n" + table(dates(2), [1, "x"]), skip_lines=2)


def test_missing_values_are_counted_and_suspected(tmp_path):
    cells = [3, "-", 4, "#N/A", "off", 5]
    found = read(tmp_path, table(dates(6), cells), missing=("off",))
    np.testing.assert_array_equal(column(found), [3, np.nan, 4, np.nan, np.nan, 5])
    assert says(found, "column 'v': 3 values missing")
    assert says(found, "column 'v': 1 value 'off' missing")
    cells = [3, 4, -9999, 5, -9999, 4]
    found = read(tmp_path, table(dates(6), cells))
    assert column(found).tolist() == cells  # nothing is changed
    assert says(found, "2 values of -9999, all others from 3 to 5; missing=('-9999',)")
    found = read(tmp_path, table(dates(6), cells), missing=("-9999",))
    assert np.isnan(column(found)).sum() == 2
    assert not says(read(tmp_path, table(dates(3), [-99, 0, 150])), "-99")  # not far


def test_constant_columns_and_columns_of_words_are_reported(tmp_path):
    text = "t,v,w,kind,on\n" + "".join(f"{day},1,,a,TRUE\n" for day in dates(3))
    found = read(tmp_path, text)
    assert [c.name for c in found.columns] == ["v"]
    assert says(found, "column 'v' is constant")
    assert says(found, "columns of words left out: kind, on")
    assert says(found, "columns without a value left out: w")
    found = read(tmp_path, text, target_columns=("v",), known_columns=("on", "kind"))
    assert column(found, "on").tolist() == [1, 1, 1]
    assert ts.named(found, "known", categories=True)[0].levels == ("a",)


def test_levels_are_those_of_the_training_part(tmp_path):
    text = "t,v,kind\n" + "".join(
        f"{day},1,{kind}\n" for day, kind in zip(dates(5), ["b", "", "a", "c", "b"])
    )
    kind = ts.named(read(tmp_path, text, past_columns=("kind",)), "past", categories=True)[0]
    known = ts.levels(kind, np.arange(5) < 3)
    assert known == ("a", "b")
    assert ts.codes(kind, known).tolist() == [3, 0, 2, 1, 3]  # missing is 0, unseen 1


def test_numbers_can_be_categories(tmp_path):
    text = "t,v,k\n" + "".join(f"{day},1,{k}\n" for day, k in zip(dates(3), [7, 3, 7]))
    options = {"target_columns": ("v",), "past_columns": ("k",), "category_columns": ("k",)}
    found = read(tmp_path, text, **options)
    assert ts.named(found, "past", categories=True)[0].levels == ("3", "7")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_columns": "v"}, "expected a tuple of names"),
        ({"gaps": "fill"}, "unknown gaps 'fill'"),
        ({"encoding": "zip"}, "unknown encoding 'zip'"),
        ({"encoding": "klingon"}, "unknown encoding"),
        ({"time_zone": "Mars/Olympus"}, "unknown time_zone"),
        ({"time_zone": "../etc/passwd"}, "unknown time_zone"),
        ({"skip_lines": -1}, "skip_lines=-1"),
        ({"separator": ",;"}, "expected one character"),
        ({"decimal": ",", "thousands": ","}, "both ','"),
        ({"past_columns": ("a",), "known_columns": ("a",)}, "in past_columns and in known_columns"),
        ({"category_columns": ("a",)}, "category column"),
    ],
)
def test_contradictory_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ts.TableSpec(**options)
