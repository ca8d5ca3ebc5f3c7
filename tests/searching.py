"""A small search that several test files share, as objects and as a recipe."""

import pytest

from lstmx import config as cfg
from lstmx import search

METRIC = ("eval/valid/mse", False)


def refused(message):
    return pytest.raises(ValueError, match=message)


def small():
    """A config that trains in no time."""
    c = cfg.base()
    c.name = "tiny"
    c.task = cfg.task("adding", length=7, batch_size=3)
    c.model.cell = cfg.cell("lstm", hidden_size=5)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 40, 2, 8, 1
    c.evals = {"valid": {"split": "valid", "batch_size": 3}}
    return c


SPACE = {
    "hparams.learning_rate": search.log_uniform(1e-4, 1e-1),
    "model.cell": search.choice({"V": cfg.cell("lstm", hidden_size=5), "GRU": "gru"}),
    "hparams.clip_norm": search.uniform(1.0, 2.0),
    "seed": search.numbered(),
}


def describe(**changes):
    return search.Search(**{"space": SPACE, "trials": 20, **changes})


CONFIG = """
from lstmx import config as cfg
from lstmx.search import Search, log_uniform, numbered

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=3)
    c.model.cell = cfg.cell("lstm", hidden_size=5)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 80, 2, 8, 1
    c.evals = {"valid": {"split": "valid", "batch_size": 3}}
    return c

def search():
    return Search({"hparams.learning_rate": log_uniform(1e-4, 1e-1), "seed": numbered()}, trials=4)
"""
WORDS = "search --config=tiny.py --workdir=runs --block=2"
