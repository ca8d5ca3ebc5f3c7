"""The benchmark: its contestants, its clock, its record and its tables."""

import json
import math
import re
import time
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import close

from experiments import benchmarks
from experiments.benchmarks import (
    draw,
    flagged,
    layers,
    peers,
    processes,
    store,
    text,
    timing,
    turns,
)
from experiments.benchmarks import tables as benchmark_tables
from experiments.benchmarks.contestant import Size
from experiments.benchmarks.tables import Part, Settings
from experiments.benchmarks.tables import fusion as fusion_table
from experiments.benchmarks.tables import help as help_table
from experiments.benchmarks.tables import layers as layers_table
from experiments.benchmarks.tables import replicas as replicas_table
from experiments.benchmarks.tables import scan as scan_table
from experiments.benchmarks.tables import search as search_table
from experiments.benchmarks.tables import tasks as tasks_table
from experiments.benchmarks.tables import tutorial as tutorial_table
from lstmx import cells, constants, sequence, tables, tasks, xla
from lstmx.types import Batch, Task

SIZE = Size(8, 5, 3, 2)
SETTINGS = Settings("cpu", quick=True, repeats=1)


@pytest.fixture(scope="module")
def ours():
    """Gradients of (parameters, inputs) by the reference engine on one device."""
    return layers.ours(cells.make("lstm", hidden_size=SIZE.H), SIZE, engine="scan").gradients()


@pytest.mark.parametrize(("engine", "sharded"), [("auto", False), ("auto", True), ("scan", True)])
def test_every_arrangement_of_ours_has_the_same_gradients(ours, engine, sharded):
    cell = cells.make("lstm", hidden_size=SIZE.H)
    layer = layers.ours(cell, SIZE, engine=engine, sharded=sharded)
    assert layer.devices == 1 + sharded
    # One loss, mean(h^2): a shard that averaged over its own rows would be off by a factor of 2.
    close(layer.gradients(), ours, 1e-4, 1e-7)


def test_what_is_fast_by_being_wrong_is_not_timed():
    right = layers.ours(cells.make("lstm", hidden_size=SIZE.H), SIZE, engine="scan")
    off = right._replace(gradients=lambda: jax.tree.map(lambda a: 1.01 * a, right.gradients()))
    nan = right._replace(gradients=lambda: jax.tree.map(lambda a: 0 * a / 0, right.gradients()))
    assert layers.checked(right, right) is right
    assert layers.checked(off, right) == "not measured: gradients are off the plain scan's by 0.01"
    assert layers.checked(nan, right).startswith("not measured")


@pytest.mark.parametrize("name", [name for name, (m, _) in peers.LAYERS.items() if m != "cudnn"])
def test_every_peer_gives_gradients_of_a_layer_of_this_size(name):
    module, function = peers.LAYERS[name]
    if peers.missing(module):
        pytest.skip(f"{peers.PACKAGES[module]} is not installed; lstmx[peers] brings it")
    layer = peers.make({name: (module, function)}, SIZE, layers.inputs(SIZE), "cpu")[name]
    assert not isinstance(layer, str), layer
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(layer.gradients())]
    *of_params, of_inputs = leaves
    assert sorted(of_inputs.shape) == sorted((SIZE.T, SIZE.B, SIZE.X))
    weights = 4 * SIZE.H * (SIZE.X + SIZE.H)
    biases = sum(g.size for g in of_params) - weights
    assert biases in (4 * SIZE.H, 8 * SIZE.H)  # torch has two biases for each gate
    assert all(np.isfinite(g).all() and g.any() for g in leaves)


@pytest.mark.parametrize("name", peers.STEPS)
def test_every_step_of_a_peer_is_of_this_size(name):
    made = peers.step(name, SIZE)
    if made == peers.MISSING:
        pytest.skip(f"{name} is not installed; lstmx[peers] brings it")
    state = made.state(SIZE.B)
    new, y = made.step(made.params, state, layers.inputs(SIZE)[0])
    assert y.shape == (SIZE.B, SIZE.H)
    assert not any(leaf.any() for leaf in jax.tree.leaves(state))
    close(jax.tree.map(jnp.shape, new), jax.tree.map(jnp.shape, state))
    assert len(jax.tree.leaves(state)) == (2 if "LSTM" in name else 1)


def test_a_peer_that_is_missing_is_a_row_that_says_so(monkeypatch):
    monkeypatch.setitem(peers.PACKAGES, "no_such_library", "no-such-library")
    made = peers.make({"a": ("no_such_library", "lstm"), "b": ("flax", "no_such_function")})
    assert made["a"] == "not installed"
    assert made["b"].startswith("not measured: ")
    assert text.times(made["a"]) == "not installed"
    row = Counted("a", made["a"])
    assert text.notes([row, row]) == "- a: not installed"


def test_contestants_take_turns_and_a_failure_stops_nobody(monkeypatch):
    monkeypatch.setattr(timing, "LONG", 0.02)
    monkeypatch.setattr(timing, "MEASURED", 0.0)
    order = []

    def fails():
        raise RuntimeError("no kernel\nlong story")

    def call(name, seconds):
        order.append(name)
        time.sleep(seconds)

    slow = timing.LONG * 1.1  # one call a turn, and none before it
    calls = {n: lambda n=n: call(n, slow) for n in "abc"} | {"x": fails, "y": "not installed"}
    times = timing.interleaved(calls, 3)
    assert times["x"] == "not measured: no kernel"
    assert times["y"] == "not installed"
    assert times["a"].calls == 3
    assert times["a"].minimum >= 1e3 * slow
    assert "".join(order) == "aabbcc" + "abc" + "bca" + "cab"


def test_times_and_ratios_are_of_medians_and_of_minima():
    slow, fast = timing.times([0.004, 0.002, 0.009]), timing.times([0.001, 0.002, 0.0005])
    assert slow == (4.0, 2.0, 3)
    ratio = timing.ratio(slow, fast)
    assert ratio == pytest.approx((4.0, 4.0))
    assert text.ratio(ratio) == "4.00 (4.00)"
    assert timing.ratio("not installed", fast) is None
    assert text.ratio(None) == "–"
    assert timing.rate(slow, 3, 60.0) == pytest.approx((45_000.0, 90_000.0))
    assert timing.rate("not installed", 3) is None


def test_floor_counts_the_products_of_a_layer():
    # 100 steps x 32 rows x (64 + 64) x 4 gates x 64 multiplications and as many additions
    assert Size(32, 100, 64, 64).gflop == pytest.approx(0.2097152)


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


@pytest.mark.parametrize("variant", flagged.VARIANTS)
def test_an_lstm_with_traced_flags_is_the_variant(variant):
    traced = flagged.cell(3, variant=variant)
    params = jax.tree.map(
        lambda leaf: np.random.default_rng(leaf.size).normal(size=leaf.shape).astype("f"),
        traced.init(jax.random.key(0), 2),
    )
    params[constants.CONSTANTS] = flagged.VARIANTS[variant]
    own = cells.make("lstm", hidden_size=3, variant=variant)
    learned = cells.lstm.describe(variant, hidden_size=3).blocks
    kept = ["ifzo".index(gate) for gate in learned]
    names = own.init(jax.random.key(0), 2)
    narrow = {n: params[n] if n.startswith("p_") else params[n][..., kept, :] for n in names}
    state = cells.lstm.LSTMState(*np.random.default_rng(0).normal(size=(2, 1, 3)).astype("f"))
    x = np.array([[0.3, -0.7]], "f")
    close(traced.step(params, state, x)[0], own.step(narrow, state, x)[0], 1e-5, 1e-6)


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
