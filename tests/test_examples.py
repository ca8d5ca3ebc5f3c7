"""The examples in the docstrings of lstmx run and print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest
from test_layers import dotted, sources

WITH_EXAMPLES = [dotted(p) for p in sources("lstmx") if ">>> " in p.read_text("utf-8")]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_run(module):
    imported = importlib.import_module(module)
    result = doctest.testmod(imported, optionflags=doctest.ELLIPSIS)
    assert result.attempted == Path(imported.__file__).read_text("utf-8").count(">>> ")
    assert not result.failed
