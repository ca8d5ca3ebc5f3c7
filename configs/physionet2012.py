"""Mortality in intensive care from irregular, mostly missing measurements: GRU-D.

PhysioNet/CinC Challenge 2012, set A: 4000 stays of 48 hours, 554 deaths, 37 variables at their own
times (`lstmx/tasks/mortality.py`). GRU-D of Che et al. 2018 is the cell "gru" in two wrappers: a
missing input decays from its last value to the mean, and the state decays with the time between
steps. Five random divisions into 64, 16 and 20 % of the stays; the checkpoint is that of the least
cross entropy on the second part.

Run:     python -m experiments.sweep --config=configs/physionet2012.py --workdir=runs
         for run in runs/physionet2012/*; do
           python -m experiments.evaluate --run=$run --decisions=test; done
Laptop:  --config=configs/physionet2012.py:quick
Expect:  AUROC in test, five divisions: .792, .819, .847, .834, .859, mean .830; a logistic
         regression on summaries (mean, least, greatest, last value and number of each variable)
         .803, .819, .848, .825, .882, mean .835. Cross entropy on valid .29 (base rate .40). 110 s
         of one core for all five; 2026-11-30, jax 0.10.2.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task("mortality", inputs="masked", batch_size=64)
    c.model.cell = cfg.cell("gru", hidden_size=64)
    c.model.wrappers = (("decay_to_mean", {}), ("elapsed_decay", {}))
    c.steps = 400
    c.log_every = 20
    c.eval_every = 20
    c.hparams.learning_rate = 1e-3
    c.optimizer.schedule = "cosine"
    c.evals = {
        "valid": {"split": "valid", "batch_size": 640},
        "test": {"split": "test", "batch_size": 800},
    }
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """Five random divisions of the stays."""
    return sw.product({"task.division": range(5)})
