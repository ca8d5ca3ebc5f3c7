"""Adding problem in its modern form, vanilla LSTM without peepholes, T = 100.

Arjovsky, Shah & Bengio 2016, section 5.2; also evaluated on sequences two and four times as long.

Run:     python -m experiments.train --config=configs/adding.py --workdir=runs
Laptop:  --config=configs/adding.py:quick
Expect:  mse .0003 at the trained length (trivial .1667; below .01 before step 750), .16 on twice
         and above 1 on four times the length. 2026-11-21, jax 0.10.2: 43 s on 2 cores, shared
         with other work.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small model."""
    c = cfg.base()
    c.task = cfg.task("adding", length=100, batch_size=32)
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.steps = 2000
    c.log_every = 50
    c.eval_every = 250
    c.hparams.learning_rate = 3e-3
    c.evals = {
        "valid": {"split": "valid", "batch_size": 256},
        "T200": {"length": 200, "batch_size": 256},
        "T400": {"length": 400, "batch_size": 256},
    }
    c.eval_batches = 2
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """Learning rates, three seeds each: one compilation."""
    return sw.product({"hparams.learning_rate": sw.log_uniform(1e-4, 1e-2, 5), "seed": range(3)})
