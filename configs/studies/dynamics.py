"""Lyapunov exponents and the reach of gradients, of every variant before and after learning.

V, its eight ablations (Greff et al. 2017), GRU and tanh RNN on the adding problem of 50 steps, as
in `configs/variants.py`. The runs with learning rate 0 keep their initial weights: with equal seeds
they are the networks before learning. `experiments.inspect` draws both side by side.

Run:     python -m experiments.sweep --config=configs/studies/dynamics.py --workdir=runs
         python -m experiments.inspect --workdir=runs/dynamics --out=page \\
             --by=model.cell,hparams.learning_rate --figures=lyapunov,gradient_reach
Laptop:  --config=configs/studies/dynamics.py:reduced has five of the cells, a few minutes on 2
         cores; --config=configs/studies/dynamics.py:quick takes a few steps
Expect:  the largest exponent in nats a step, mean of three seeds, before and after learning: V -.11
         and .003, NP -.10 and -.018, NIAF -.10 and .005, FGR -.07 and .008, NIG -.07 and -.008,
         NOG -.04 and -.004, NOAF -.06 and -.039, CIFG -.17 and -.040, GRU -.32 and -.043, NFG .064
         and .023: what learns ends near 0. The tanh RNN, which does not learn, goes from -.22 to
         -.41. experiments/measured/studies/dynamics; 2026-11-30, jax 0.10.2, 66 runs in 10 minutes
         on 2 cores shared with much other work; the page takes 2 more.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "reduced", "quick")
LENGTH, HIDDEN = 50, 16
VARIANTS = ("V", "NIG", "NFG", "NOG", "NIAF", "NOAF", "CIFG", "NP", "FGR")
FEWER = ("V", "NFG", "NOAF")
RATES = (0.0, 1e-2)


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps."""
    c = cfg.base()
    c.task = cfg.task("adding", length=LENGTH, batch_size=32)
    c.model.cell = cfg.cell("lstm", hidden_size=HIDDEN, variant="V")
    c.steps = 600
    c.log_every = 50
    c.eval_every = 100
    c.hparams.learning_rate = RATES[-1]
    c.evals = {
        "valid": {"split": "valid", "batch_size": 128},
        "test": {"split": "test", "batch_size": 256},
    }
    c.eval_batches = 2
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Every cell with three seeds, not trained and trained."""
    variants = FEWER if mode == "reduced" else VARIANTS
    lstms = [cfg.cell("lstm", hidden_size=HIDDEN, variant=variant) for variant in variants]
    others = [cfg.cell(name, hidden_size=HIDDEN) for name in ("gru", "rnn")]
    return sw.product(
        {
            "model.cell": [*lstms, *others],
            "hparams.learning_rate": RATES,
            "seed": range(3),
        }
    )
