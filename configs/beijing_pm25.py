"""PM2.5 in Beijing, hourly 2010 to 2014, a day ahead: weather, wind direction, missing values.

Liang et al. 2015: 43 824 hours, 2067 values missing, which stay missing: the model sees value and
flag, and a missing target has no weight. Dew point, temperature, pressure, wind speed, hours of
snow and of rain are known up to the origin, and so is the wind direction, a category of four
levels. The target in logarithms of 1 + y, since its errors grow with it. The LSTM corrects a ridge
regression on the last week (`detrend="linear"`).

Run:     python -m experiments.train --config=configs/beijing_pm25.py --workdir=runs
         python -m experiments.forecast --run=runs/beijing_pm25 --references=simple
         python -m experiments.forecast --run=runs/beijing_pm25 --future
Laptop:  --config=configs/beijing_pm25.py:quick
Expect:  on the held-out end, April to December 2014, 6551 origins, MAE: model 40.8, ridge 42.5,
         naive 44.4, seasonal naive 59.5, phase mean 61.6, seasonal drift 66.1; against ridge by
         Diebold-Mariano p = .054, one seed. 2 minutes of a busy core; 2026-11-30, jax 0.10.2.
"""

from typing import Any

from lstmx import config as cfg


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task(
        "forecast",
        file="beijing_pm25/pollution.csv",
        time_columns=("year", "month", "day", "hour"),
        target_columns=("pm2.5",),
        past_columns=("DEWP", "TEMP", "PRES", "Iws", "Is", "Ir", "cbwd"),
        category_columns=("cbwd",),
        window=168,
        horizon=24,
        season=24,
        calendar=("hour", "yearday"),
        transform="log1p",
        detrend="linear",
        multi_step="continued",
        likelihood="absolute",
        unit="µg/m³",
    )
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.steps = 600
    c.log_every = 50
    c.eval_every = 100
    c.hparams.learning_rate = 3e-3
    c.optimizer.schedule = "cosine"
    c.evals = {"valid": {"split": "valid", "batch_size": 256}}
    return cfg.shrink(c) if mode == "quick" else c
