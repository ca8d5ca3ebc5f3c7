"""The examples in the docstrings of lstmx run and print what they say."""

import doctest
import importlib

import pytest
from test_layers import dotted, sources

WITH_EXAMPLES = [dotted(p) for p in sources("lstmx") if ">>> " in p.read_text("utf-8")]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_run(module):
    result = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert result.attempted
    assert not result.failed
