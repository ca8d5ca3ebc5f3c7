"""The soak judges growth; the soak itself is `python -m tests.faults.soak`."""

import json

import pytest
from faults import soak


def samples(count=300, **growth):
    """Samples of a process that holds the same all the time, but for what grows by a round."""
    still = soak.Sample(0.0, 0, 500 * 2**20, 20, 30, 40, 10**6)
    steps = {"seconds": 2.0, "points": 50, **growth}
    return [
        soak.Sample(*(v + k * steps.get(name, 0) for name, v in still._asdict().items()))
        for k in range(count)
    ]


def test_what_stays_the_same_is_held():
    assert all(verdict.held for verdict in soak.verdicts(samples()))
    kept = samples(memory=50 * 13 * 1024)  # log points that are kept
    assert all(verdict.held for verdict in soak.verdicts(kept))


@pytest.mark.parametrize(
    ("what", "growth"),
    [
        ("memory, bytes a log point", {"memory": 50 * 30 * 1024}),
        ("descriptors", {"descriptors": 1}),
        ("threads", {"threads": 1}),
        ("files", {"files": 1}),
        ("bytes of files", {"bytes": 10**4}),
    ],
)
def test_what_grows_is_told(what, growth):
    assert [v.name for v in soak.verdicts(samples(**growth)) if not v.held] == [what]


def test_growth_of_the_warm_up_is_forgiven():
    early = samples()  # of which 100 are the warm-up
    early[:90] = [s._replace(memory=s.memory // 2, threads=10) for s in early[:90]]
    assert all(verdict.held for verdict in soak.verdicts(early))


def test_the_record_is_json_with_few_samples():
    many = samples(1000)
    written = json.loads(json.dumps(soak._record(many, soak.verdicts(many))))
    assert written["held"]
    assert (written["rounds"], written["log_points"]) == (1000, 999 * 50)
    assert len(written["samples"]) <= soak.SHOWN
