"""What docs/determinism.md promises to be equal bit for bit, where no other file asks it.

Resuming, chunks, a diverging neighbour and `--init_from` are asked in test_training; a kill of the
process in test_interruption; several processes, equal to rounding, in test_hosts.
"""

import functools
import re

import determinism
import pytest
from test_layers import ROOT

PAGE = ROOT / "docs" / "determinism.md"
ASKED = (
    "compiled anew",
    "from the cache of programs",
    "first half of a longer run",
    "in a group, another order",
    "in a group of five",
    "in a group over two devices",
)


@functools.cache
def reference(compute):
    """The run that others are held against, computed once."""
    return compute("rnn")


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKED)
def test_a_run_is_the_same_bit_for_bit(name):
    way = determinism.WAYS[name]
    assert way.promised
    assert determinism.difference(reference(way.reference), way.compute("rnn")) == 0


def test_the_page_names_every_way_and_keeps_to_the_promises():
    rows = dict(re.findall(r"(?m)^\| ([^|]+?) +\| (\w+)", PAGE.read_text("utf-8")))
    for name, way in determinism.WAYS.items():
        assert rows[f"`{name}`"] == ("equal" if way.promised else "rounding"), name
