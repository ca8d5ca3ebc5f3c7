"""Benchmarks: what is measured is kept, joined and printed, and what cannot be is refused."""

import json
from typing import NamedTuple

import jax
import pytest

from experiments import benchmarks
from experiments.benchmarks import draw, store, text, timing
from experiments.benchmarks import tables as benchmark_tables
from experiments.benchmarks.tables import Part, Settings
from lstmx import tables

SETTINGS = Settings("cpu", quick=True, repeats=1)


class Counted(NamedTuple):
    name: str
    times: timing.Measured


class Counting:
    """A table that counts how often each of its parts is measured."""

    TITLE = "Counting"
    Row = Counted
    KEYS = {"times": "*"}  # noqa: RUF012

    def __init__(self):
        self.measured, self.fails = [], set()

    def parts(self, settings):
        return [Part(name, lambda n=name: self.measure(n), 1.0) for name in ("one", "two")]

    def measure(self, name):
        if name in self.fails:
            raise KeyboardInterrupt
        self.measured.append(name)
        return [Counted(name, timing.times([0.001]))]

    def markdown(self, rows):
        lines = [[row.name, text.times(row.times)] for row in rows]
        return tables.markdown(["part", "ms"], lines)

    def figures(self, rows):
        return {"counting": draw.dots({row.name: {"ms": row.times.median} for row in rows}, "ms")}


@pytest.fixture
def table(monkeypatch):
    """The only table is a `Counting` one, called layers."""
    counting = Counting()
    monkeypatch.setattr(benchmark_tables, "load", lambda name: counting)
    return counting


def measure(out, **options):
    options = {"settings": SETTINGS, "command": "the command", **options}
    return benchmarks.run(out, ["layers"], **options)


def test_what_is_finished_is_not_measured_again(table, tmp_path):
    table.fails = {"two"}
    with pytest.raises(KeyboardInterrupt):
        measure(tmp_path)
    assert "Not measured yet: two." in (tmp_path / "benchmark.md").read_text()
    table.fails = set()
    files = measure(tmp_path)
    assert table.measured == ["one", "two"]
    assert all(file.stat().st_size for file in files)
    assert {f.name for f in files} == {"benchmark.json", "benchmark.md", "cpu_counting.png"}
    measure(tmp_path)
    assert table.measured == ["one", "two"]
    measure(tmp_path, force=True)
    assert table.measured == ["one", "two"] * 2
    measure(tmp_path, settings=SETTINGS._replace(repeats=2))  # not the same measurement
    assert table.measured == ["one", "two"] * 3


def test_a_table_measured_later_joins_those_of_the_folder(table, tmp_path):
    measure(tmp_path)
    first = store.load(tmp_path)["tables"]["cpu"]["layers"]
    benchmarks.run(tmp_path, ["tasks"], settings=SETTINGS._replace(repeats=2), command="later")
    assert table.measured == ["one", "two"] * 2
    assert store.load(tmp_path)["tables"]["cpu"]["layers"] == first
    page = (tmp_path / "benchmark.md").read_text()
    assert all(
        f"`{command}`, {turns} turns." in page
        for command, turns in (("the command", 1), ("later", 2))
    )


def test_markdown_names_machine_command_and_what_is_not_measured(table, tmp_path):
    measure(tmp_path)
    page = (tmp_path / "benchmark.md").read_text()
    machine = json.loads((tmp_path / store.FILE).read_text())["tables"]["cpu"]["layers"]["machine"]
    for word in (machine["processor"], f"{machine['cores']} cores", "the command", "allocator: "):
        assert word in page
    assert f"jax {jax.__version__}" in page
    assert (
        "## On an accelerator\n\nnot measured: `python -m experiments.benchmark --device=gpu`"
        in page
    )
    assert "### Counting\n\nnot measured\n" in page  # the tables that were not requested


def test_a_foreign_record_is_refused_and_left_alone(table, tmp_path):
    (tmp_path / store.FILE).write_text("[1, 2]")
    with pytest.raises(ValueError, match="is no record of a benchmark"):
        measure(tmp_path)
    assert (tmp_path / store.FILE).read_text() == "[1, 2]"


@pytest.mark.parametrize(
    ("only", "change", "message"),
    [
        (["layer"], {}, "unknown table 'layer'; did you mean 'layers'"),
        ([], {"device": "tpu"}, "unknown device 'tpu'"),
        ([], {"repeats": 0}, "repeats=0; expected 1 or more"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(only, change, message):
    with pytest.raises(ValueError, match=message) as refused:
        benchmarks.check(only, SETTINGS._replace(**change))
    assert "\n" not in str(refused.value)


def test_gpu_tables_need_a_gpu(tmp_path):
    if jax.default_backend() == "gpu":
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device='gpu', but JAX sees cpu devices only"):
        benchmarks.run(tmp_path, settings=SETTINGS._replace(device="gpu"))
    assert not list(tmp_path.iterdir())
