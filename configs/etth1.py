"""Electricity transformer temperature, ETTh1: seven columns, 24 to 720 hours ahead.

Zhou et al. 2021 (Informer, arXiv:2012.07436): the first 20 months of 30 days of the file, of which
12 are train, 4 valid and 4 test; every column by its mean and deviation in train; every hour of
test is an origin. The published measure is the error of these scaled values: "scaled_mse" and
"scaled_mae". The LSTM corrects a ridge regression on the window that all columns share
(`detrend="linear"`): of the last 4 days with all hours ahead as outputs, or, from 168 hours on, of
the last week, reading on hour by hour (`multi_step="continued"`), which has fewer outputs. Both
were chosen on the valid part.

Mode "full" sweeps over five horizons, "24" has the shortest alone.

Run:     python -m experiments.sweep --config=configs/etth1.py --workdir=runs
         python -m experiments.report --workdir=runs
Laptop:  --config=configs/etth1.py:quick
Expect:  scaled MSE and MAE in test, mean of three seeds, by horizon; the seasonal naive (a day)
         beside it:

           24  .316 .361   .424 .389
           48  .352 .381   .465 .407
          168  .423 .425   .571 .462
          336  .463 .445   .650 .501
          720  .483 .483   .655 .514

         The ridge alone has .322 and .361 at 24, .415 and .413 at 168: there it is better. The last
         value repeated has 1.222 and 1.325. 30 minutes on two busy cores; 2026-11-30, jax 0.10.2.
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
        detrend="linear",
        calendar=("hour", "weekday"),
    )
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.model.dropout = 0.1
    c.steps = 400
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
    seeds = sw.product({"seed": range(3)})
    if mode != "full":
        return seeds
    long = {"task.window": 168, "task.multi_step": "continued"}
    points = [{"task.horizon": h, **(long if h >= 168 else {})} for h in HORIZONS]
    return [{**point, **seed} for point in points for seed in seeds]
