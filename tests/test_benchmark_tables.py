"""Benchmarks: each table measures what its rows say."""

import json
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmarks import draw, layers, peers, processes, store, timing, turns
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Settings
from experiments.benchmarks.tables import eager as eager_table
from experiments.benchmarks.tables import fusion as fusion_table
from experiments.benchmarks.tables import help as help_table
from experiments.benchmarks.tables import layers as layers_table
from experiments.benchmarks.tables import replicas as replicas_table
from experiments.benchmarks.tables import scan as scan_table
from experiments.benchmarks.tables import search as search_table
from experiments.benchmarks.tables import tasks as tasks_table
from experiments.benchmarks.tables import tutorial as tutorial_table
from lstmx import sequence, tasks, xla
from lstmx.types import Batch, Task

SIZE = Size(8, 5, 3, 2)
SETTINGS = Settings("cpu", quick=True, repeats=1)


def test_figures_hold_every_row_and_every_level():
    rows = {"a": {"lstmx": 2.0, "torch": 1.0}, "b": {"lstmx": 0.5}}
    (axes,) = draw.dots(rows, "times as fast", line=("flax", 1.0)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["lstmx", "torch", "flax"]
    left, right = draw.lines({"us": {"lstmx": {1e3: 2.0}}, "MiB": {"lstmx": {1e3: 5.0}}}, "T").axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["us", "MiB"]


def test_every_task_and_the_other_options_are_asked_for(monkeypatch):
    requested = []
    monkeypatch.setattr(tasks_table, "measure", lambda cases, settings: requested.extend(cases))
    for part in tasks_table.parts(SETTINGS):
        part.measure()
    names = [case.name for case in requested]
    assert names[: len(tasks.names())] == tasks.names()
    assert len(set(names)) == len(names) > len(tasks.names())
    for case in requested:  # a misspelt option would be a row without a number
        tasks_table._config(case, 1, SETTINGS)


def test_a_task_without_its_file_is_a_row_that_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("LSTMX_DATA", str(tmp_path))
    lost = tasks_table.Case("lost", "forecast", {"file": "no_such/series.csv"})
    rows = tasks_table.measure([lost], SETTINGS)
    page = tasks_table.markdown(rows)
    assert "\n- lost: not measured: data file no_such/series.csv does not exist" in page
    assert str(tmp_path) not in page  # a folder of this machine alone
    assert tasks_table.figures(rows) == {}


def test_a_case_is_measured_by_the_step_and_shares_are_of_batch_in_step(monkeypatch):
    def interleaved(calls, repeats):
        return {
            (name, what): timing.Times(*((0.2, 0.1) if what == "batch" else (4.0, 1.0)), 5)
            for name, what in calls
        }

    monkeypatch.setattr(timing, "interleaved", interleaved)
    monkeypatch.setattr(tasks_table, "_training", lambda *made: None)
    cheap = tasks_table.Case("cheap", "adding", {"length": 10})
    (row,) = rows = tasks_table.measure([cheap], SETTINGS)
    assert (row.B, row.T, row.steps) == (tasks_table.QUICK_BATCH, 10, 2)
    assert (row.times[:2], row.batch.median) == ((2.0, 0.5), 0.1)
    assert row.share == pytest.approx((0.05, 0.1))
    dear = row._replace(name="dear", share=timing.Ratio(0.5, 0.25))
    *_, first, second = tasks_table.markdown([*rows, dear]).splitlines()
    assert [cell.strip() for cell in first.split("|")[1::4]] == ["dear", "50.0 (25.0)"]
    assert second.split("|")[2:5] == [" 2 x 10 ", " 0.100 (0.0500) ", "      2.00 (0.500) "]
    (axes,) = tasks_table.figures([*rows, dear])["tasks"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["dear", "cheap"]
    (dots,) = axes.lines
    assert dots.get_xdata() == pytest.approx([50.0, 5.0])


def test_all_batches_of_a_call_are_drawn_each_with_its_key_and_step():
    drawn = []

    def batch(key, step):
        jax.debug.callback(lambda s: drawn.append(int(s)), step, ordered=True)
        number = jax.random.uniform(key, (2, 3))
        return Batch(number, jnp.full((2, 3), step), number, number > 0.5, number > 0.5)

    key = jax.random.key(7)
    last = jax.jit(lambda key: tasks_table.batches(Task(None, batch, None), 3, key))(key)
    jax.effects_barrier()
    assert drawn == [0, 1, 2]
    assert (last.targets == 2).all()
    np.testing.assert_array_equal(
        last.inputs, jax.random.uniform(jax.random.fold_in(key, 2), (2, 3))
    )


class Waiting:
    """In place of a process: it takes 4 ms a call with the fusion, 5 ms without."""

    turns, open = [], 0

    def __init__(self, case, flags):
        self.seconds, self.groups = (0.004, 7) if flags == "plain" else (0.005, 0)
        Waiting.open += 1

    def turn(self, calls):
        Waiting.turns.append(self.groups)
        return [self.seconds, self.seconds, 2 * self.seconds][:calls]

    def close(self):
        Waiting.open -= 1


def test_a_case_is_trained_with_the_fusion_and_without_in_turns(monkeypatch):
    monkeypatch.setattr(turns, "Trainer", Waiting)
    monkeypatch.setattr(xla, "settings", lambda: {"off": "flag", "on": "plain"})
    monkeypatch.setattr(Waiting, "turns", [])
    (part, _) = fusion_table.parts(SETTINGS._replace(repeats=3))
    (row,) = rows = part.measure()
    assert Waiting.turns == [7, 0, 0, 7, 7, 0]  # each is first in turn
    assert Waiting.open == 0
    assert row.groups == {"off": 0, "on": 7}
    assert row.rate == pytest.approx((0.8, 0.8))
    assert row.pairs == pytest.approx((0.8,))
    line = fusion_table.markdown(rows).splitlines()[-1]
    # 2 runs of 2 steps in 5 ms, and in 4 ms
    assert "800 (800)" in line
    assert "1,000 (1,000)" in line
    assert "0.80 (0.80) | 0.80 to 0.80" in line
    assert set(fusion_table.figures(rows)) == {"fusion"}


@pytest.mark.parametrize(
    ("device", "flags", "message"),
    [
        ("cpu", {"on": ""}, "is right as it comes"),
        ("gpu", {"off": "flag", "on": ""}, "the fusion is one of the CPU's"),
    ],
)
def test_where_there_is_no_second_setting_the_row_says_so(monkeypatch, device, flags, message):
    monkeypatch.setattr(xla, "settings", lambda: flags)
    (row,) = rows = fusion_table.measure(fusion_table.CASES[0], SETTINGS._replace(device=device))
    assert message in row.note
    assert message in fusion_table.markdown(rows)
    assert fusion_table.figures(rows) == {}


def scan_row(name, devices, ours="not installed", plain="not installed"):
    ratio = timing.ratio(plain, ours)
    return scan_table.Row(name, SIZE.label, SIZE, devices, ours, plain, ratio)


def test_a_line_of_the_table_of_scans_has_every_number_of_devices():
    slow, fast = timing.Times(6.0, 4.0, 1), timing.Times(3.0, 1.0, 1)
    rows = [*(scan_row("a", devices, fast, slow) for devices in (1, 2)), scan_row("b", 1)]
    *_, a, b, _, note = scan_table.markdown(rows).splitlines()
    line = ["6.00 (4.00)", "3.00 (1.00)", "2.00 (4.00)"]
    assert [cell.strip() for cell in a.split("|")[1:-1]] == ["a", *line, *line]
    assert [cell.strip() for cell in b.split("|")[1:4]] == ["b", "not installed", "not installed"]
    assert note == "- b: not installed"
    (axes,) = scan_table.figures(rows)["scan"].axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a"]
    assert [t.get_text() for t in axes.get_legend().get_texts()][:2] == ["1 device", "2 devices"]


def test_a_step_of_a_library_that_is_missing_is_a_row_that_says_so(monkeypatch):
    monkeypatch.setattr(peers, "missing", lambda name: True)
    *_, part = scan_table.parts(SETTINGS)
    (row,) = rows = part.measure()
    assert row.name == part.name == list(peers.STEPS)[-1]
    assert row.times == row.plain == peers.MISSING
    assert scan_table.figures(rows) == {}


@pytest.mark.slow
def test_a_step_is_timed_on_one_device_and_on_all(monkeypatch):
    rows = scan_table.parts(SETTINGS)[0].measure()
    assert [row.devices for row in rows] == [1, 2]
    for row in rows:
        assert row.times.median >= row.times.minimum > 0
        assert row.over_plain == timing.ratio(row.plain, row.times)
    wrong = lambda *given: jax.tree.map(lambda a: 1.01 * a, sequence.scan(*given))
    monkeypatch.setattr(layers, "scan", wrong)
    for row in scan_table.parts(SETTINGS)[0].measure():
        assert row.times.startswith("not measured: gradients are off the plain scan's by")
        assert row.plain.median > 0
        assert row.over_plain is None


@pytest.mark.slow
def test_a_process_trains_when_it_is_told_to_and_says_why_it_ended():
    case = fusion_table._quick(fusion_table.CASES[0])._asdict()
    trainer = turns.Trainer(case, xla.settings()["on"])
    try:
        assert trainer.groups >= 0
        assert len(trainer.turn(3)) == 3
        assert min(trainer.turn(2)) > 0
    finally:
        trainer.close()
    with pytest.raises(ChildProcessError, match="unknown cell 'lstmm'"):
        turns.Trainer({**case, "cell": "lstmm"}, "")


@pytest.mark.slow
def test_a_task_is_timed():
    (row,) = tasks_table.measure([tasks_table.Case("a", "adding", {"length": 10})], SETTINGS)
    assert row.times.median >= row.times.minimum > 0
    assert row.batch.median >= row.batch.minimum > 0


@pytest.mark.slow
def test_ways_to_train_a_group_are_timed():
    (row,) = replicas_table.measure(4, 1, SETTINGS)
    assert row.blocks == {"one by one": 1, "chosen": 2, "all at once": 2}, "4 on two devices"
    assert all(times.median >= times.minimum > 0 for times in row.times.values())
    text = replicas_table.markdown([row])
    assert text.count("H=4, B=1") == 3


def test_help_is_measured_against_an_empty_process():
    show, wrong = help_table.measure(["show", "nothing"], SETTINGS._replace(repeats=1))[1:]
    assert show.times.median > 0
    assert show.over_empty.median > 0
    assert wrong.times.endswith("No module named experiments.nothing")
    empty = timing.Times(20.0, 18.0, 1)
    times = {help_table.EMPTY: empty, "a": timing.Times(80, 80, 1), "b": timing.Times(600, 600, 1)}
    printed = help_table.markdown(
        [help_table.Row(name, each, timing.ratio(each, empty)) for name, each in times.items()]
    )
    assert "Over 0.5 s: b." in printed
    assert re.search(r"\| a +\| +80\S* +\| +4.00 \(4.44\) +\|", printed)


@pytest.mark.slow
def test_layers_end_to_end(launch, tmp_path):
    ended = launch("benchmark --only=layers --quick --repeats=1 --out=bench", tmp_path)
    assert ended.code == 0, ended.err
    entry = store.load(tmp_path / "bench")["tables"]["cpu"]["layers"]
    rows = store.rows(layers_table, entry)
    assert {row.direction for row in rows} == set(layers_table.PASSES)
    for row in rows:
        assert isinstance(row.times, str) or row.times.median >= row.times.minimum > 0, row
    flax = next(row for row in rows if row.name == "flax")
    assert flax.over["flax"] == (1.0, 1.0)
    assert "### One LSTM layer" in ended.out
    wrong = launch("benchmark --only=layer --out=other", tmp_path)
    assert wrong.code == 2
    assert wrong.err.startswith("error: unknown table 'layer'")
    assert wrong.err.count("\n") == 1
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_measuring_processes_report_time_memory_and_failure(tmp_path):
    ended = processes.long(Size(2, 7, 2, 3), engine="scan", remat_every=3)
    assert min(ended.seconds) > 0
    assert 2**24 < ended.bytes < 2**31  # more than Python alone, less than a machine
    seconds = processes.start("flax", Size(2, 7, 2, 3), "cpu", tmp_path)
    assert 0.1 < seconds < math.inf
    assert list(tmp_path.iterdir())  # what the next start finds
    assert processes.long(Size(2, 7, 2, 3), engine="none", remat_every=None).startswith(
        "not measured: ValueError: unknown engine 'none'"
    )


@pytest.mark.no_jax
def test_every_way_of_a_search_trains_the_same_trials(monkeypatch, tmp_path):
    widths = [p["model.cell.hidden_size"] for p in search_table._points("full")]
    assert len(widths) == 24
    of = lambda name: search_table.commands(name, "full", "cpu", str(tmp_path))
    assert [len(of(name)) for name in search_table.WAYS] == [1, 1, 24]
    assert [f"--config.model.cell.hidden_size={w}" for w in widths] == [
        word for words in of("lstmx, a process a trial") for word in words if "hidden_size" in word
    ]
    for name in search_table.LOOPS:
        halves = [json.loads(words[-1]) for words in of(name)]
        assert sorted(w for half in halves for w in half["widths"]) == sorted(widths)
        assert {half["steps"] for half in halves} == {500}
    monkeypatch.setattr(search_table, "_seconds", lambda lines, folder: 36.0 * len(lines))
    monkeypatch.setattr(peers, "missing", lambda name: name == "torch")
    rows = {row.name: row for row in search_table.measure(SETTINGS)}
    assert rows["lstmx, masked widths"].rate.median == 3 * 100
    assert rows["lstmx, masked widths"].over_flax.median == 2
    assert "| torch, a loop a trial    |   not installed |" in search_table.markdown(
        [*rows.values()]
    )


@pytest.mark.no_jax
def test_the_table_of_the_tutorial_is_per_update_and_says_what_is_missing(monkeypatch):
    took = {"lstmx": [60.0, 40.0], "keras": [80.0, 120.0]}  # ms
    calls = {name: (lambda name=name: None) for name in took}
    monkeypatch.setattr(tutorial_table.training, "tutorial", lambda *_: calls["lstmx"])
    made = {"keras": calls["keras"], "torch": tutorial_table.peers.MISSING}
    monkeypatch.setattr(tutorial_table.peers, "make", lambda *_: made)
    measured = lambda calls, repeats: {
        name: timing.times([ms / 1e3 for ms in took[name]]) if callable(call) else call
        for name, call in calls.items()
    }
    monkeypatch.setattr(tutorial_table.timing, "interleaved", measured)
    rows = tutorial_table.measure("tanh", SETTINGS)
    assert [(row.name, row.times.median) for row in rows[:2]] == [
        ("lstmx, tanh", 25.0),  # of two updates
        ("keras, tanh", 50.0),
    ]
    page = tutorial_table.markdown(rows)
    assert "2.00 (2.00)" in page
    assert "torch, tanh" in page
    assert "not installed" in page


def test_the_table_of_calls_outside_of_jit_has_both_directions_of_each_way(monkeypatch):
    monkeypatch.setattr(eager_table.peers, "make", lambda *_: {"torch": peers.MISSING})
    before = jax.config.jax_enable_compilation_cache
    rows = eager_table.measure(SETTINGS)
    assert jax.config.jax_enable_compilation_cache == before
    ours = [eager_table.COMPILED, "lstmx.unroll", "lstmx.scan", "jax.lax.scan"]
    for direction in ("outputs", "gradients"):
        timed = [r for r in rows if r.direction == direction and not isinstance(r.times, str)]
        assert sorted(row.name for row in timed) == sorted(ours)
    page = eager_table.markdown(rows)
    assert re.search(r"\| lstmx.unroll in jax.jit +\|.*\| +1.00 \(1.00\) \|", page)
    assert "- torch: not installed" in page
    (axes,) = eager_table.figures(rows)["eager"].axes
    assert sorted(label.get_text() for label in axes.get_yticklabels()) == sorted(ours)
