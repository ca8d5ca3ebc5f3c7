"""Which step is best, and from when on a run has no patience left."""

import math

import pytest

from lstmx.runs.selection import Selection, of

NAN = math.nan


class Stub:
    """A run as far as its selection is read."""

    path = None

    def __init__(self, meta):
        self.config, self.meta = {}, meta


def points(*values):
    """Log points at 10, 20, ...; None for one that is not evaluated."""
    return [{"step": 10 * (k + 1), **({} if v is None else {"m": v})} for k, v in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "least", "most", "stale_least", "stale_most"),
    [
        ((3.0, 1.0, 2.0), 20, 10, 1, 2),
        ((1.0, 2.0, 1.0, 2.0), 30, 40, 3, 2),  # the later of equals is best, and no improvement
        ((NAN, 2.0, NAN), 20, 20, 1, 1),
        ((None, 2.0, None, 1.0), 40, 20, 0, 1),
        ((NAN, NAN), None, None, 0, 0),
        ((), None, None, 0, 0),
    ],
)
def test_best_and_patience(values, least, most, stale_least, stale_most):
    for maximize, best, stale in ((False, least, stale_least), (True, most, stale_most)):
        by = Selection("m", maximize)
        point = by.best(points(*values))
        assert (None if point is None else point["step"]) == best
        assert by.without_improvement(points(*values)) == stale


def test_a_checkpoint_is_judged_by_the_last_evaluation_up_to_it():
    by, curve = Selection("m", False), points(3.0, None, 1.0)
    assert [by.up_to(curve, step) for step in (10, 20, 25, 30)] == [3.0, 3.0, 3.0, 1.0]
    assert math.isnan(by.up_to(curve, 5))
    assert sorted([10, 20, 30], key=lambda s: by.rank({10: NAN, 20: 2.0, 30: 2.0}[s], s)) == [
        10,
        20,
        30,
    ]


def test_direction_is_that_of_the_task_where_a_run_does_not_say_it():
    task = {"metric": "mse", "maximize": False, "maximized": ["accuracy"]}
    of_metric = lambda name, **more: of(
        Stub({"selection": f"eval/valid/{name}", "task": task, **more})
    )
    assert not of_metric("mse").maximize
    assert of_metric("accuracy").maximize
    assert of_metric("mse", maximize=True).maximize
