"""Twelve quarterly series of the economy of the United States, a year ahead, of very mixed scales.

203 quarters, 1959 to 2009, of statsmodels: products in thousands of billions beside rates in per
cent. One network predicts all columns, correcting a ridge regression that they share; each has its
own scale, and the error that is reported and chooses the checkpoint is free of units ("mase":
relative to the error of the value one year before in training). The held-out end has the recession
of 2008.

Run:     python -m experiments.sweep --config=configs/macrodata.py --workdir=runs
         python -m experiments.forecast --run=runs/macrodata
Laptop:  --config=configs/macrodata.py:quick
Expect:  MASE on the held-out end, 2002 to 2009, mean over the twelve columns: ETS .80, ARIMA .82,
         model .85 (their mean over five seeds .84), drift .88, ridge .88, Theta .95, seasonal drift
         1.01, naive 1.10, seasonal naive 1.53. By column, against its best reference: no difference
         in nine, losses in three (population, inflation, real interest); 27 origins each. 12 s of
         one core for five seeds; 2026-11-30, jax 0.10.2.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task(
        "forecast",
        file="macrodata/macrodata.csv",
        window=12,
        horizon=4,
        season=4,
        detrend="linear",
        likelihood="huber",
        batch_size=16,
    )
    c.model.cell = cfg.cell("lstm", hidden_size=32)
    c.steps = 300
    c.log_every = 25
    c.eval_every = 25
    c.hparams.learning_rate = 1e-3
    c.optimizer.schedule = "cosine"
    c.evals = {"valid": {"split": "valid", "batch_size": 64}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """Five seeds: one compilation."""
    return sw.product({"seed": range(5)})
