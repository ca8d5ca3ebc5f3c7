"""Two stacked LSTM(50) and Dense(1) on 10 steps of 1 feature, batches of one, 200 epochs.

    model = Sequential([Input((10, 1)), LSTM(50, return_sequences=True), LSTM(50), Dense(1)])
    model.compile(optimizer="adam", loss="mean_squared_error")
    model.fit(X, y, batch_size=1, epochs=200)

The data here: 100 series of a noisy oscillation of 10 steps (`lstmx/tasks/next_value.py`), whose
best error is known. "series" is the same program on the airline passengers, a month ahead from ten
months, about as many windows. Adam, start and deviations are those of `many_features.py`.
Batches of one are what makes it slow: 20 000 updates, each of little work.

100 series are few for 30 651 parameters, which come to know them by heart: watch the error of valid
rise while that of train falls. The step that is best on valid is kept and tested.

Run:     python -m experiments.sweep --config=configs/tutorials/stacked.py --workdir=runs
         python -m experiments.sweep --config=configs/tutorials/stacked.py:series --workdir=runs
         python -m experiments.forecast --run=runs/stacked-series
Laptop:  --config=configs/tutorials/stacked.py:quick
Expect:  squared error of test at the step that is best on valid, update 2000 (20 epochs) for all
         three seeds: .139, .135, .133; mean of train 1.03, naive .38, best .064. At the end of the
         200 epochs .197, .197, .188, with .0026 to .0037 in train.
         series, MAE of 22 months at the step that is best on valid: 29.3 (28.0 to 30.4); naive
         46.4, seasonal naive 49.9, seasonal drift 14.5, ridge 34.1, ARIMA 12.9: ten months do not
         show the season, and the best forecasts know it.
         2026-11-30, jax 0.10.2, on 2 CPU cores; not timed.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "series", "quick")


def get_config(mode: str = "full") -> Any:
    """The recipe; "series" reads a real series, "quick" takes a few steps."""
    c = cfg.base()
    c.model.cell = cfg.cell("lstm", hidden_size=50, initializer="orthogonal_fused")
    c.model.layers = 2
    c.optimizer.name = "keras_adam"
    c.hparams.clip_norm = 0.0
    c.task = cfg.task("next_value", series=100, length=11, batch_size=1)
    c.steps = 20_000
    c.log_every = 1000
    c.eval_every = 1000
    c.evals = {name: {"split": name, "batch_size": 250} for name in ("valid", "test")}
    if mode == "series":
        c.name = "stacked-series"
        c.task = cfg.task(
            "forecast",
            file="air_passengers/airline-passengers.csv",
            window=10,
            horizon=1,
            season=12,
            batch_size=1,
            unit="thousands",
        )
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Three seeds: one compilation."""
    return sw.product({"seed": range(3)})
