"""Faults at random moments: a minute of what `python -m tests.faults.inject` does at length."""

import functools
import random

import pytest

from tests.faults import bench, inject, spoilt

# Moments that come on a machine of any speed; then one that may come too late.
KINDS = (
    "kill -9 at the start",
    "SIGTERM in a checkpoint",
    "kill -9 in a checkpoint",
    "Ctrl-C in a checkpoint",
    "file size limit",
    "kill -9",
)
TURNS = (
    functools.partial(inject.running, kinds=KINDS),
    inject.spoilt("half"),
    inject.spoilt("whole"),
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sweep(launch, tmp_path_factory):
    """Five runs, of which one diverges."""
    return bench.make(launch, "sweep", tmp_path_factory.mktemp("faults") / "sweep")


def test_after_faults_the_same_command_ends_with_the_same_numbers(sweep):
    asked = sweep._replace(random=random.Random(1))
    told = [outcome for turn in TURNS for _, outcome in turn(asked)]
    assert any(outcome == "named and mended" for outcome in told), told
    assert any(outcome == "stopped" for outcome in told), told


def test_the_harness_sees_what_is_not_as_it_was(sweep):
    folder = sweep.copy("whole")
    first, second, *_ = sweep.saved(folder)
    log = first / "metrics.jsonl"
    log.write_text(log.read_text().replace('"train/loss": ', '"train/loss": 1'))
    with pytest.raises(bench.Wrong, match=r"metrics\.jsonl is damaged"):
        bench.compare(sweep.whole, folder)
    (second / "checkpoints" / "48").rename(second / "checkpoints" / "47")
    log.write_bytes((sweep.whole / first.relative_to(folder) / "metrics.jsonl").read_bytes())
    with pytest.raises(bench.Wrong, match="expected that of its name"):
        bench.compare(sweep.whole, folder)
    with pytest.raises(bench.Wrong, match="is not named"):
        spoilt.check_said("cut", f"{second.name} went on", second / "checkpoints" / "48")
