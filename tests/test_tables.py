"""Grids, numbers, durations and sizes as all reports write them."""

import math
from pathlib import Path

import pytest

from experiments.benchmarks import report, store
from lstmx import tables

MEASURED = Path(__file__).resolve().parents[1] / "experiments" / "measured"


def test_markdown_aligns_text_to_the_left_and_numbers_to_the_right():
    grid = tables.markdown(["size", "ms"], [["a", "1.00"], ["b|long", "10.0"]])
    assert grid.split("\n") == [
        "| size    |   ms |",
        "| :------ | ---: |",
        "| a       | 1.00 |",
        "| b\\|long | 10.0 |",
    ]
    left = tables.markdown(["#", "model"], [["1", "V"]], left=("model",))
    assert left.split("\n") == ["|  # | model |", "| -: | :---- |", "|  1 | V     |"]


def test_aligned_text_has_no_spaces_at_its_ends():
    lines = [["way", "speed", ""], ["plain", "3", "x"]]
    assert tables.aligned(lines) == "way    speed\nplain      3  x"


@pytest.mark.parametrize(
    ("value", "number", "score", "brief"),
    [
        (0.01234, "0.0123", "0.0123", "0.01234"),
        (1.0, "1.00", "1.00", "1"),
        (0.90234, "0.902", "0.9023", "0.9023"),
        (8.4512, "8.45", "8.45", "8.451"),
        (99.96, "100", "100", "99.96"),
        (373.2, "373", "373", "373.2"),
        (31390.4, "31,390", "31,390", "31,390"),
        (0.0, "0", "0", "0"),
        (math.nan, "–", "–", "–"),
        (None, "–", "–", "–"),
    ],
)
def test_numbers(value, number, score, brief):
    assert (tables.number(value), tables.score(value), tables.brief(value)) == (
        number,
        score,
        brief,
    )


def test_a_published_number_has_six_digits_or_is_whole():
    shown = [tables.brief(value, 6) for value in (5_711_001.0, 2557 / 2558, 5.3e-5, 12345.678)]
    assert shown == ["5,711,001", "0.999609", "5.3e-05", "12345.7"]


def test_durations_clocks_sizes_and_p_values():
    seconds = (8.24, 99.0, 209.0, 7560.0, 345_600.0, math.nan)
    assert [*map(tables.duration, seconds)] == ["8.2 s", "99 s", "3.5 min", "2.1 h", "4.0 d", "–"]
    assert [*map(tables.clock, (59.6, 3723.0, math.inf))] == ["1:00", "1:02:03", "?"]
    bytes_ = (999, 1001, 1536 * 1024, 3 * 2**40)
    assert [*map(tables.size, bytes_)] == ["999 B", "1001 B", "1.5 MiB", "3072 GiB"]
    assert [*map(tables.p_value, (1e-5, 0.0123, 0.5))] == ["<0.001", "0.012", "0.50"]


def test_the_committed_tables_are_what_is_written_today():
    written = report.markdown(store.load(MEASURED))
    assert written == (MEASURED / report.FILE).read_text("utf-8")
