"""The certificate of the cells: it measures what the tests measure, and prints it."""

import importlib
import math
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

from experiments import _certificate as certificate
from experiments import _fusions as fusions
from lstmx import cells, xla
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
        result = oracle("rnn").run(params, xs, **options)
        return result | {"outputs": result["outputs"] * (1 + 1e-4)}

    result = oracles.oracle_errors(cell, SimpleNamespace(run=run), options)
    assert result.values["outputs"] == pytest.approx(1e-4, rel=0.1)
    assert result.values["states: h"] <= oracles.VALUES
    assert max(result.slopes.values()) > 1e-5


def test_page_in_the_tree_has_source_and_formula_of_every_cell():
    page = (HERE.parent / "CERTIFICATE.md").read_text("utf-8")
    for name in cells.names():
        sources = certificate.sources(importlib.import_module(f"lstmx.cells.{name}").__doc__)
        assert sources, name
        formula = certificate.written(certificate.parameters(name))
        assert f"| `{name}` | {'; '.join(sources)} | {formula} |" in page


def test_page_in_the_tree_names_every_cell_with_the_fusion_and_without_it():
    page = (HERE.parent / "CERTIFICATE.md").read_text("utf-8")
    assert [name for name in cells.names() if f"| `{name}` | off |" not in page] == []
    assert [name for name in cells.names() if f"| `{name}` | on |" not in page] == []
    assert {line.split("|")[-2] for line in page.splitlines() if "` | o" in line} == {" yes "}


@pytest.mark.parametrize(
    ("change", "right"),
    [
        ({}, True),
        ({"value": 1e-9}, False),
        ({"slope": 1e-5}, False),
        ({"value": math.nan}, False),
        ({"engines": {"scan": (0.0, 1e-6), "fused": (1e-6, 0.96)}}, False),
        ({"engines": {"scan": (math.nan, 1e-6)}}, False),
    ],
)
def test_page_says_of_each_setting_whether_oracle_and_engines_are_met(change, right):
    good = fusions.Measurement(0, 1e-14, 1e-8, {"scan": (1e-6, 1e-6), "fused": (1e-6, 1e-6)})
    other = good._replace(groups=3, **change)
    result = fusions.Both({"off": 1e-7, "on": 1e9}, {"lstm": {"off": good, "on": other}})
    off, on = (line for line in fusions.markdown(result).splitlines() if "`lstm`" in line)
    assert off.startswith("| `lstm` | off | 0 | 1e-14 | 1e-08 | 1e-06 / 1e-06 |")
    assert off.endswith("| yes |")
    assert on.startswith("| `lstm` | on | 3 |")
    assert on.endswith("| yes |" if right else "| **no** |")


def test_where_no_fusion_is_wrong_the_page_has_one_setting_and_says_so():
    good = fusions.Measurement(0, 1e-14, 1e-8, {"scan": (1e-6, 1e-6)})
    page = fusions.markdown(fusions.Both({"on": 1e-7}, {"lstm": {"on": good}}))
    assert "no fusion that is known to be wrong" in page
    assert page.count("| `lstm` |") == 1


@pytest.mark.slow
def test_a_cell_is_certified_with_the_fusion_and_without_it():
    (result,) = fusions.both(["mingru"], HERE)
    row = result.cells["mingru"]
    assert list(row) == list(result.known) == list(xla.settings())
    for one in row.values():
        assert one.right(), one
        assert set(one.engines) == {"associative", "fused", "scan"}
    if "off" in row:  # the flags arrive: what is wrong shows, and more than products is handed over
        assert result.known["off"] < 1e-5 < 1e-2 < result.known["on"]
        assert row["off"].groups == 0 < row["on"].groups
    with pytest.raises(ChildProcessError, match="with the fusion on ended with code 1"):
        list(fusions.both(["no_such_cell"], HERE, settings={"on": ""}))
