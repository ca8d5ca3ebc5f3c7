"""Electricity transformer temperature, ETTh1: seven columns, 24 to 720 hours ahead.

Zhou et al. 2021 (Informer, arXiv:2012.07436): the first 20 months of 30 days of the file, of which
12 are train, 4 valid and 4 test; every column by its mean and deviation in train; every hour of
test is an origin. The published measure is the error of these scaled values: "scaled_mse" and
"scaled_mae". The LSTM corrects the seasonal naive forecast of a day (`detrend="seasonal"`).

Mode "full" sweeps over five horizons, "24" has the shortest alone.

Run:     python -m experiments.sweep --config=configs/etth1.py --workdir=runs
         python -m experiments.report --workdir=runs
Laptop:  --config=configs/etth1.py:quick
Expect:  scaled MSE and MAE of the seasonal naive forecast in test: .4244 and .389 at 24 hours,
         .6554 and .514 at 720; MSE of the last value repeated: 1.222 and 1.335. The LSTM is not
         measured yet. 2026-11-30.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "24", "quick")
HORIZONS = (24, 48, 168, 336, 720)
MONTH = 30 * 24
ROWS = 20 * MONTH


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task(
        "forecast",
        file="ett/ETTh1.csv",
        rows=ROWS,
        valid_fraction=4 / 20,
        test_fraction=4 / 20,
        batch_size=64,
        window=96,
        horizon=HORIZONS[0],
        season=24,
        detrend="seasonal",
        calendar=("hour", "weekday"),
    )
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.model.dropout = 0.1
    c.steps = 1000
    c.log_every = 50
    c.eval_every = 100
    c.hparams.learning_rate = 1e-3
    c.optimizer.schedule = "cosine"
    c.evals = {
        "valid": {"split": "valid", "batch_size": 256},
        "test": {"split": "test", "batch_size": 256},
    }
    c.selection = "eval/valid/scaled_mse"
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Five horizons, three seeds each."""
    if mode != "full":
        return [{"seed": seed} for seed in range(3)]
    return sw.product({"task.horizon": HORIZONS, "seed": range(3)})
