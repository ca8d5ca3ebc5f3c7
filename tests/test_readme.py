"""The examples of the README run."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")


def blocks(text, language):
    """The blocks of a language in a text, in order."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def example(heading):
    """The first block of Python below a heading."""
    section = README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return blocks(section, "python")[0]


def run(heading):
    """The names that an example defines."""
    names = {}
    exec(compile(example(heading), f"README.md, {heading}", "exec"), names)
    return names


@pytest.mark.slow
def test_a_step_function_of_flax_is_measured_under_both_scans(capsys):
    names = run("Make a step function of any library fast")
    assert names["before"] > 0 < names["after"]
    (line,) = capsys.readouterr().out.splitlines()
    found = r"\(\d pre-activations?, of \d+ products with parameters\)"
    assert re.fullmatch(rf"\d+\.\d\d times as fast, by fused:\S+ {found}", line)


def test_the_pieces_fit_together():
    names = run("Use the pieces")
    assert names["result"].outputs.shape == (2, 7, 64)
    assert names["layer"](names["xs"]).shape == (2, 7, 64)
