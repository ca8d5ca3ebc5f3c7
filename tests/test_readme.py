"""The examples of the README run, and the one that measures."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(text, language):
    """The blocks of a language in a text, in order."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def run(page):
    """The names that the first example of a page defines."""
    names = {}
    text = (ROOT / page).read_text("utf-8")
    exec(compile(blocks(text, "python")[0], page, "exec"), names)
    return names


@pytest.mark.slow
def test_a_step_function_of_flax_is_measured_under_both_scans(capsys):
    names = run("docs/scan.md")
    assert names["before"] > 0 < names["after"]
    (line,) = capsys.readouterr().out.splitlines()
    found = r"\(\d pre-activations?, of \d+ products with parameters\)"
    assert re.fullmatch(rf"\d+\.\d\d times as fast, by fused:\S+ {found}", line)


def test_the_pieces_fit_together():
    names = run("README.md")
    assert names["result"].outputs.shape == (2, 7, 64)
    assert names["layer"](names["xs"]).shape == (2, 7, 64)
