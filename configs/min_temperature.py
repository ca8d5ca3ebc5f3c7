"""Daily minimum temperatures in Melbourne, a week ahead: what a forecast can say of its spread.

3650 days, 1981 to 1990; the last days of both leap years are missing and stay so. The same network
with five kinds of output: quantiles, which do not cross, the parameters of a normal distribution,
of Student's t and of a mixture of three normal ones, all for seven days at once; and the normal
distribution of the next day alone (`multi_step="recursive"`), whose intervals are quantiles of 200
sampled paths, each fed its own samples. All intervals are conformalised on the valid part.

Run:     python -m experiments.sweep --config=configs/min_temperature.py --workdir=runs
         python -m experiments.report --workdir=runs
         python -m experiments.forecast --references=simple --run=<one of the five>
Laptop:  --config=configs/min_temperature.py:quick
Expect:  on the held-out end, July 1989 to December 1990, 542 origins, one seed each: MAE in °C,
         weighted quantile loss, days in intervals of 80 % with their mean width:
         quantiles        2.00   .0997   82.6 %   6.87
         normal           1.97   .0985   83.5 %   7.04
         Student's t      1.98   .0995   82.7 %   6.96
         mixture          1.97   .0994   83.3 %   7.06
         normal, by days  1.95   .0979   82.6 %   6.83
         ridge            2.00   .102
         naive 2.58, phase mean 2.07, seasonal naive 2.92. No difference from ridge is shown
         (Diebold-Mariano, p = .26 or more). 50 s of one core for the five; 2026-11-30, jax 0.10.2.
"""

from typing import Any

from lstmx import config as cfg

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task(
        "forecast",
        file="melbourne_temperatures/daily-min-temperatures.csv",
        window=28,
        horizon=7,
        season=365,
        detrend="none",
        scaling="robust",
        calendar=("yearday",),
        multi_step="continued",
        likelihood="gaussian",
        quantiles=LEVELS,
        unit="°C",
    )
    c.model.cell = cfg.cell("lstm", hidden_size=32)
    c.steps = 400
    c.log_every = 50
    c.eval_every = 50
    c.hparams.learning_rate = 3e-3
    c.optimizer.schedule = "cosine"
    c.evals = {"valid": {"split": "valid", "batch_size": 256}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """Four kinds of output for a week at once, and one for a day at a time."""
    kinds = ("quantiles", "gaussian", "student_t", "mixture")
    points: list[dict[str, Any]] = [{"task.likelihood": kind} for kind in kinds]
    return [*points, {"task.multi_step": "recursive"}]
