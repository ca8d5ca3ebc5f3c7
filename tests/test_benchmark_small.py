"""The table of small networks: every way is a process of its own, which takes turns."""

import pytest

from experiments.benchmarks import tables, timing, turns
from experiments.benchmarks.tables import small
from lstmx import xla

SETTINGS = tables.Settings("cpu", True, 3)
OTHER = "--xla_cpu_multi_thread_eigen=false"


class Waiting:
    """In place of a process: it takes 8 ms a call as jaxlib compiles loops, else 4 or 2."""

    asked, open, groups = [], 0, 0

    def __init__(self, case, flags):
        one, small_loops = case["settings"].get("replicas_per_vmap"), xla.SMALL_LOOPS in flags
        self.seconds = 0.008 if not small_loops else 0.004 if one else 0.002
        Waiting.open += 1

    def turn(self, calls):
        Waiting.asked.append(self.seconds)
        return [self.seconds] * calls

    def close(self):
        Waiting.open -= 1


@pytest.mark.no_jax
def test_ways_add_one_thing_after_the_other(monkeypatch):
    monkeypatch.setattr(turns, "Trainer", Waiting)
    monkeypatch.setattr(Waiting, "asked", [])
    rows = small.measure(small.CASES[1], SETTINGS._replace(quick=False, repeats=2))
    assert Waiting.asked == [0.002, 0.004, 0.008, 0.008, 0.004, 0.002]  # each is first in turn
    assert Waiting.open == 0
    assert [row.way for row in rows] == list(small.WAYS[:3])
    assert [row.speed for row in rows] == [timing.Ratio(n, n) for n in (1, 2, 4)]
    assert "loops, replicas | 2.00 | 4.00 (4.00) |" in small.markdown(rows).replace("  ", "")
    assert set(small.figures(rows)) == {"small"}
    assert set(small.ways(small.CASES[0], "")) == set(small.WAYS)


@pytest.mark.no_jax
def test_ways_differ_in_the_option_for_small_loops_alone():
    given = f"{OTHER} {xla.EXTRA}={xla.SMALL_LOOPS}"
    flags = [flag for _, flag in small.ways(small.CASES[1], given).values()]
    assert all(OTHER in flag for flag in flags)
    assert [xla.SMALL_LOOPS in flag for flag in flags] == [False, True, True]


@pytest.mark.no_jax
def test_what_was_not_measured_says_why(monkeypatch):
    (row,) = rows = small.measure(small.CASES[0], SETTINGS._replace(device="gpu"))
    assert row.times in small.markdown(rows)
    assert small.figures(rows) == {}

    def ends(*_):
        raise ChildProcessError("killed")

    monkeypatch.setattr(turns, "Trainer", ends)
    (row,) = small.measure(small.CASES[0], SETTINGS)
    assert row.times == "not measured: killed"


def test_a_call_trains_and_evaluates_the_first_runs_of_a_recipe():
    case = small.CASES[0]._replace(runs=2)._asdict()
    settings = {"log_every": 5, "eval_every": 5, "checkpoint_every": 5, "steps": 10}
    run, _ = turns.program({**case, "settings": settings, "steps": 10})
    metrics, evaluated = run()
    assert metrics["loss"].count.shape == (2, 5)
    assert set(evaluated) == {"train", "test"}
