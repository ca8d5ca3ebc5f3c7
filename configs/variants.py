"""Ablations of the LSTM on a long dependency: the adding problem.

The vanilla LSTM with peepholes, its eight ablations (Greff et al. 2017), the GRU (reset after) and
the tanh RNN, three seeds each, on the modern adding problem of 100 steps (Arjovsky et al. 2016).
Every cell has the same hidden size, budget, optimizer and batches; parameter counts differ and are
in the report. With this budget V and the GRU solve the task with every seed; the tanh RNN does not
at any learning rate tried (1e-4, 3e-4, 1e-3, 3e-3, 5e-3).

Run:     python -m experiments.sweep --config=configs/variants.py --workdir=runs
         python -m experiments.report --workdir=runs
Laptop:  --config=configs/variants.py:quick
Expect:  mse on test sequences, mean of three seeds (trivial .1667, solved below .01):
         solved by all seeds: CIFG .0009, GRU .0009, NIAF .0018, V .0023, NP .0032, NOG .0035; by
         two of three: FGR .055, NFG .058; by none: NIG .16, NOAF .16, tanh RNN .17.
         2026-11-29, jax 0.10.2: 2.9 minutes for all 33 runs on 2 cores, compilation included. With
         sums in another order (the engine of 2026-11-27) NFG was solved by all seeds, NP and NOG by
         two of three, NOAF by one.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

VARIANTS = ("V", "NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR")


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps."""
    c = cfg.base()
    c.task = cfg.task("adding", length=100, batch_size=32)
    c.model.cell = cfg.cell("lstm", hidden_size=48, variant="V")
    c.steps = 800
    c.log_every = 50
    c.eval_every = 100
    c.hparams.learning_rate = 5e-3
    c.evals = {
        "valid": {"split": "valid", "batch_size": 128},
        "test": {"split": "test", "batch_size": 256},
        "T200": {"split": "test", "length": 200, "batch_size": 128},
    }
    c.eval_batches = 2
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """Eleven cells with three seeds each; the seeds of a cell share one compilation."""
    lstms = [cfg.cell("lstm", hidden_size=48, variant=variant) for variant in VARIANTS]
    others = [cfg.cell("gru", hidden_size=48), cfg.cell("rnn", hidden_size=48)]
    return sw.product({"model.cell": [*lstms, *others], "seed": range(3)})
