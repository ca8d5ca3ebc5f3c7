"""An LSTM whose gates and candidate see the cell through full matrices, as some tutorials have it.

    i, f = sigma(W x + R h + P c + b)     z = tanh(W x + R h + P c + b)     P [H, H] each
    o = sigma(W x + R h + P c' + b)

Peepholes of Gers & Schmidhuber 2000 are diagonal, and the cell input has none. Options of `lstm`:
peepholes="full" and input_peephole=True; "old" for output_peephole where o reads c instead of c'.
Beside it the LSTM with diagonal peepholes of its gates, of the same 50 units: the matrices add
4 H^2 weights, as many as R has.

The task is the next value of a noisy oscillation of 10 steps (`lstmx/tasks/next_value.py`);
"series" is the weekly CO2 at Mauna Loa, one week ahead from a year. Adam as in `many_features.py`.

Run:     python -m experiments.sweep --config=configs/tutorials/full_peepholes.py --workdir=runs
         python -m experiments.sweep --config=configs/tutorials/full_peepholes.py:series \
--workdir=runs
Laptop:  --config=configs/tutorials/full_peepholes.py:quick
Expect:  squared error of test at the step that is best on valid, three seeds; mean of train 1.06,
         naive .41, best .064:
         full, 20 451 parameters      .078, .074, .075
         diagonal, 10 601 parameters  .088, .080, .082
         series, MAE in ppm (naive .398): full .299, .302, .304; diagonal .321, .328, .322; without
         peepholes, no point of the sweep, .329, .330, .330.
         The full matrices learn faster in these 10 epochs; with twice the weights, and at one
         learning rate, that is no comparison of cells. 2026-11-30, jax 0.10.2; not timed.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "series", "quick")


def get_config(mode: str = "full") -> Any:
    """The recipe; "series" reads a real series, "quick" takes a few steps."""
    c = cfg.base()
    c.model.cell = cfg.cell("lstm", hidden_size=50, peepholes="full", input_peephole=True)
    c.optimizer.name = "keras_adam"
    c.hparams.clip_norm = 0.0
    c.task = cfg.task("next_value", series=1000, length=51, batch_size=32)
    c.steps = 310  # 10 epochs of 31 batches
    c.log_every = 31
    c.eval_every = 31
    c.evals = {name: {"split": name, "batch_size": 250} for name in ("valid", "test")}
    if mode == "series":
        c.name = "full_peepholes-series"
        c.task = cfg.task(
            "forecast",
            file="mauna_loa_co2/co2.csv",
            target_columns=("co2",),
            window=52,
            horizon=1,
            season=52,
            batch_size=32,
            unit="ppm",
        )
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Two cells with three seeds each: two compilations."""
    cells = [
        cfg.cell("lstm", hidden_size=50, peepholes="full", input_peephole=True),
        cfg.cell("lstm", hidden_size=50, peepholes="diagonal"),
    ]
    return sw.product({"model.cell": cells, "seed": range(3)})
