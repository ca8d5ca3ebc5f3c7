"""The certificate of the cells: it measures what the tests measure, and says what it found."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

from experiments import _certificate as certificate
from lstmx import cells
from lstmx.testing import oracles

HERE = Path(__file__).parent


def oracle(name):
    return importlib.import_module(f"reference.{name}")


@pytest.mark.parametrize("name", cells.names())
def test_formula_gives_the_number_of_parameters(name):
    formula = certificate.parameters(name)
    for X, H in ((7, 24), (31, 60)):
        cell = cells.make(name, hidden_size=H)
        shapes = jax.eval_shape(lambda key, X=X, cell=cell: cell.init(key, X), jax.random.key(0))
        count = sum(leaf.size for leaf in jax.tree.leaves(shapes))
        assert certificate.evaluated(formula, X, H) == count


def test_formula_is_written_as_one_would_by_hand():
    written = certificate.written(certificate.parameters("lstm"))
    assert written == "4 X H + 4 H^2 + 4 H"
    assert certificate.written(certificate.parameters("rnn")) == "X H + H^2 + H"


def test_sources_are_found_in_a_docstring():
    text = "Le, Jaitly & Hinton 2015, eq. 3, as in\nCho et al. 2014 (Elman 1990; Cho et al. 2014)"
    expected = ("Le, Jaitly & Hinton 2015", "Cho et al. 2014", "Elman 1990")
    assert certificate.sources(text) == expected
    assert certificate.sources("It was new in 2014.") == ()


def test_a_cell_is_certified_with_all_that_is_asked(x64):
    deviations = (HERE / "test_deviations.py").read_text("utf-8")
    row = certificate.certify("cornn", oracle("cornn"), deviations)
    assert 0 < row.value <= oracles.VALUES
    assert 0 < row.slope <= oracles.SLOPES
    assert max(row.engines["fused"]) < 1e-12
    assert "linear" in row.engines["associative"]
    assert any("old velocity" in line for line in row.guarded)
    page = certificate.markdown([row], "one machine")
    (line,) = [line for line in page.splitlines() if line.startswith("| `cornn` |")]
    assert "Rusch & Mishra 2021 | X H + 2 H^2 + H | 8896 |" in line
    assert len({row.count("|") for row in page.splitlines() if row.startswith("|")}) == 1


def test_what_departs_from_its_oracle_is_seen_in_values_and_slopes(x64):
    cell, options = cells.make("rnn", hidden_size=5), {"hidden_size": 5}

    def run(params, xs, **options):
        found = oracle("rnn").run(params, xs, **options)
        return found | {"outputs": found["outputs"] * (1 + 1e-4)}

    found = oracles.oracle_errors(cell, SimpleNamespace(run=run), options)
    assert found.values["outputs"] == pytest.approx(1e-4, rel=0.1)
    assert found.values["states: h"] <= oracles.VALUES
    assert max(found.slopes.values()) > 1e-5


def test_page_in_the_tree_has_source_and_formula_of_every_cell():
    page = (HERE.parent / "CERTIFICATE.md").read_text("utf-8")
    for name in cells.names():
        sources = certificate.sources(importlib.import_module(f"lstmx.cells.{name}").__doc__)
        assert sources, name
        formula = certificate.written(certificate.parameters(name))
        assert f"| `{name}` | {'; '.join(sources)} | {formula} |" in page
