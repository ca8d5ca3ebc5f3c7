"""Rows of benchmarks: records in memory, JSON objects in a file, and back."""

import json
from pathlib import Path

import pytest

from experiments.benchmarks import store, tables, timing
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import fusion, layers

pytestmark = pytest.mark.no_jax

MEASURED = Path(__file__).parents[1] / "experiments" / "measured"
SIZE = Size(8, 5, 3, 2, "tiny")
TIMES = timing.Times(2.0, 1.0, 3)
RATIO = timing.Ratio(2.0, 1.5)


def read(table, written):
    """The rows of a file that holds what was written."""
    return store.rows(table, {"parts": {"one": json.loads(json.dumps(written))}})


def layer(times, over, gflops=None):
    floor = RATIO if gflops else None
    return layers.Row("cpu", SIZE.label, SIZE, "forward", "a", 1, times, over, floor, gflops)


def test_a_row_is_read_as_it_was_written():
    rows = [layer(TIMES, {"flax": RATIO, "plain scan": None}, 5.0), layer("not installed", {})]
    first, second = written = store.written(layers, rows)
    assert (first["size"], first["B"], first["title"]) == ("8,5,3,2 tiny", 8, "tiny")
    assert (first["ms"], first["ms_min"], first["calls"], first["note"]) == (2.0, 1.0, 3, "")
    assert (first["over flax"], first["over plain scan"]) == ({"median": 2.0, "minimum": 1.5}, {})
    assert (second["ms"], second["note"], second["of floor"]) == (None, "not installed", {})
    assert (first["gflops"], "gflops" in second) == (5.0, False)
    assert read(layers, written) == rows


def test_a_record_within_a_row_may_be_missing():
    (case, *_) = fusion.CASES
    rows = [
        fusion.Row(case, {"off": 0}, TIMES, TIMES, RATIO, (0.9, 1.1), ""),
        fusion.Row(case, {}, None, None, None, (), "not measured: why"),
    ]
    written = store.written(fusion, rows)
    assert written[0]["off"] == {"ms": 2.0, "ms_min": 1.0, "calls": 3, "note": ""}
    assert (written[1]["off"], written[1]["rate"], written[1]["pairs"]) == ({}, {}, [])
    assert read(fusion, written) == rows


def test_a_row_without_a_column_is_refused_in_one_line():
    (row,) = store.written(layers, [layer(TIMES, {})])
    del row["pass"]
    with pytest.raises(ValueError, match=r"^benchmark.json: a row of table 'One LSTM layer' has"):
        read(layers, [row])


@pytest.mark.parametrize("name", tables.NAMES)
def test_a_table_names_keys_of_its_fields_and_the_committed_rows_stay_as_they_are(name):
    table = tables.load(name)
    assert set(table.KEYS) <= set(table.Row._fields)
    for device in store.load(MEASURED)["tables"].values():
        for part in device.get(name, {"parts": {}})["parts"].values():
            assert store.written(table, read(table, part)) == part
