"""The study of table "search": random trials on the adding problem, a width each.

Run:     python -m experiments.search --config=experiments/benchmarks/study.py --workdir=runs
"""

from typing import Any

from lstmx import config as cfg
from lstmx import search as sr

MODES = ("full", "quick")


def get_config(mode: str = "full") -> Any:
    """Training without an evaluation but the last one, which chooses the best trial."""
    c = cfg.base()
    c.task = cfg.task("adding", length=100, batch_size=32)
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.steps = c.log_every = c.eval_every = 500
    c.eval_batches = 4
    c.evals = {"valid": {"split": "valid"}}
    if mode == "quick":
        c.steps = c.log_every = c.eval_every = 4
        c.task.length, c.task.batch_size = 5, 8
    return c


def search(mode: str = "full") -> sr.Search:
    """Widths and learning rates as an Odyssey searches them."""
    space = {
        "model.cell.hidden_size": sr.log_integer(20, 100),
        "hparams.learning_rate": sr.log_uniform(1e-4, 1e-2),
        "seed": sr.numbered(),
    }
    return sr.Search(space, trials=24 if mode == "full" else 3)
