"""LSTM(50, relu) that continues 1000 series of 10 steps: as tutorials print it, and as was meant.

    X, y = series[:, :-1], series[:, 1:]          # both [1000, 9, 1]
    model = Sequential([Input((9, 1)), LSTM(50, activation="relu"), Dense(1)])   # outputs [N, 1]
    model.compile(optimizer="adam", loss="mse")
    model.fit(X, y, epochs=50)

The targets have nine values for each series, the model one. Keras broadcasts without a word: the
one output is compared with all nine targets, and learns their mean, eight of whose terms are
inputs. On white noise, of which nobody can forecast anything, the loss falls below the variance of
1 that the best forecast has, to 1 - 8 / 81 = .901, and looks like a success. "printed" is that
program, equal to Keras for 100 updates (`tests/test_keras_training.py`).

What was meant is one of two: y = series[:, -1], the value after the series ("full"; on white noise
"noise"), or `return_sequences=True`, the next value at every step ("every"). "series" is the first
of them on the yearly sunspots. `lstmx.fit(X, y)` has no such trap: targets of every step make a
model with an output at every step.

"full" and "every" have a noisy oscillation of 10 steps (`lstmx/tasks/next_value.py`). Adam, start
and deviations are those of `many_features.py`.

Run:     python -m experiments.sweep --config=configs/tutorials/next_value.py --workdir=runs
         and with :printed, :noise, :every, :series behind the file
         python -m experiments.forecast --run=runs/next_value-series
Laptop:  --config=configs/tutorials/next_value.py:quick
Expect:  squared error of test at the step that is best on valid, three seeds; errors of the mean of
         train, of the last value seen, and the smallest possible:
         full     .074, .074, .075    mean  .97   naive  .41    best  .064
         every    .097, .098, .099    mean  .99   naive  .38    best  .096
         printed  .917, .916, .918    mean 1.01   naive 1.83    best  .901
         noise   1.12, 1.11, 1.11     mean 1.10   naive 2.11    best 1
         "printed" looks better than chance, and "noise", which asks what was meant of the same
         numbers, is worse than the mean: its loss in train falls to .68 as it learns them by heart.
         series, MAE of 46 years: 14.9 (13.6 to 15.7); naive 22.5, seasonal naive 25.8, ridge 14.2,
         ARIMA 15.0. 15 to 21 s of CPU time a mode; 2026-11-30, jax 0.10.2.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "printed", "noise", "every", "series", "quick")


def get_config(mode: str = "full") -> Any:
    """The recipe; see above for the modes."""
    c = cfg.base()
    relu = {"input_activation": "relu", "output_activation": "relu"}
    c.model.cell = cfg.cell("lstm", hidden_size=50, initializer="orthogonal_fused", **relu)
    c.optimizer.name = "keras_adam"
    c.hparams.clip_norm = 0.0
    options = {
        "printed": {"target": "broadcast", "damping": 0.0},
        "noise": {"damping": 0.0},
        "every": {"target": "every"},
    }.get(mode, {})
    c.task = cfg.task("next_value", series=1000, length=10, batch_size=32, **options)
    c.steps = 1550  # 50 epochs of 31 batches
    c.log_every = 31
    c.eval_every = 155
    c.evals = {name: {"split": name, "batch_size": 250} for name in ("valid", "test")}
    if mode not in ("full", "quick"):
        c.name = f"next_value-{mode}"
    if mode == "series":
        c.task = cfg.task(
            "forecast",
            file="sunspots/yearly-sunspots.csv",
            window=9,
            horizon=1,
            season=11,
            batch_size=32,
        )
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Three seeds: one compilation."""
    return sw.product({"seed": range(3)})
