"""Do the ablations of the LSTM rank alike with Adam? JSB chorales, beside Nesterov's momentum.

The protocol of `configs/papers/greff2017.py`: one layer, an update after every piece, the sum of
the loss over its frames, forget bias 0, weights from N(0, .1^2), test at the best epoch on valid.
Without a search: 64 units, no noise, momentum .9 at rate 1e-3 (the paper's factor 1 - momentum is
in it already: 1e-2 there), and Adam at 1e-3 and 3e-3, since its scale is another.

Run:     python -m experiments.sweep --config=configs/studies/odyssey_adam.py --workdir=runs
         python -m experiments.report --workdir=runs --by=model.cell.variant,optimizer.name,hparams
Laptop:  --config=configs/studies/odyssey_adam.py:reduced has 15 epochs, about a quarter of an hour
         on 2 cores; --config=configs/studies/odyssey_adam.py:quick takes a few steps
Expect:  reduced, mean of three seeds, nats a frame on test: momentum NP 8.59, CIFG 8.60, V 8.72,
         NIG 8.82, NIAF 8.89, NOG 8.90, NFG 8.94, FGR 9.27; NOAF, whose outputs have no bound, 5409.
         Adam at 3e-3 NP 8.73, V 8.78, NIG 8.79, CIFG 8.82, NIAF 8.83, NFG 8.86, NOAF 8.88, NOG
         9.23, FGR 9.41: the same order but for NOAF (Spearman's rank correlation of the nine means
         .87). At 1e-3 Adam has not arrived after 15 epochs (9.5 to 10.0) and ranks otherwise (.07).
         15 minutes on 2 busy cores; experiments/measured/studies/odyssey_adam; 2026-11-30, jax
         0.10.2. The full size was not run.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "reduced", "quick")
VARIANTS = ("V", "NFG", "NOAF", "NIG", "NOG", "NIAF", "CIFG", "NP", "FGR")
EPOCH = 229  # pieces of train
OPTIMIZERS = (
    {"optimizer.name": "sgd", "optimizer.nesterov": True, "hparams.learning_rate": 1e-3},
    {"optimizer.name": "adam", "hparams.learning_rate": 1e-3},
    {"optimizer.name": "adam", "hparams.learning_rate": 3e-3},
)


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps."""
    c = cfg.base()
    c.task = cfg.task("music", source="jsb", batch_size=1, epochs=True, loss_per="piece")
    c.model.cell = cfg.cell(
        "lstm", hidden_size=64, variant="V", forget_bias=0.0, initializer="normal"
    )
    c.model.readout.weight_range = 0.173  # sqrt(3) times the deviation .1
    c.hparams.momentum = 0.9
    c.hparams.clip_norm = 0.0
    c.log_every = c.eval_every = EPOCH
    c.steps = (15 if mode == "reduced" else 100) * EPOCH
    c.patience = 15
    whole = {"epochs": False, "batch_size": 39}
    c.evals = {"valid": {"split": "valid", **whole}, "test": {"split": "test", **whole}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Every variant with each optimizer, three seeds."""
    points = sw.product({"model.cell.variant": VARIANTS, "seed": range(3)})
    return [{**optimizer, **point} for optimizer in OPTIMIZERS for point in points]
