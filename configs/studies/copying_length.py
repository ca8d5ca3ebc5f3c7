"""Selective copying at growing length: GRU and LSTM beside minGRU and minLSTM.

Feng et al. 2024 have rows for their own cells only (99.5 and 96.0 % at 4096 steps with three
layers, as quoted). Gates that see the state are not needed where the symbol itself says whether to
store it, but the place of a symbol among those stored is part of the state. Four symbols of six,
one layer of 64 units, and of the min-cells also three layers; lengths 32 to 1024.

Run:     python -m experiments.sweep --config=configs/studies/copying_length.py --workdir=runs
         python -m experiments.report --workdir=runs --by=task.length,model.cell.name,model.layers
Laptop:  --config=configs/studies/copying_length.py:reduced has lengths up to 128 and 1500 updates,
         about a quarter of an hour on 2 cores; --config=configs/studies/copying_length.py:quick
         takes a few steps
Expect:  reduced, mean of three seeds at 32, 64 and 128 steps: GRU 1.00, 1.00, 1.00 and LSTM 1.00,
         1.00, .999 with one layer; minGRU .99, .99, .99 and minLSTM .99, 1.00, .99 with three; with
         one layer minGRU .71, .70, .67 and minLSTM .72, .71, .68. So one layer whose gates do not
         see the state cannot place what it selects, three can, and length changes little. Chance
         is 1 / 6 of the symbols, solved 99 %. 16 minutes on 2 busy cores;
         experiments/measured/studies/copying_length; 2026-11-30, jax 0.10.2. The full size, with
         lengths up to 1024, was not run.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "reduced", "quick")
LENGTHS = (32, 64, 128, 256, 512, 1024)
UNITS = 64
DEPTHS = (("gru", 1), ("lstm", 1), ("mingru", 1), ("minlstm", 1), ("mingru", 3), ("minlstm", 3))


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps."""
    c = cfg.base()
    c.task = cfg.task("selective_copying", length=LENGTHS[0], symbols=4, vocab_size=8)
    c.model.cell = cfg.cell("gru", hidden_size=UNITS)
    c.model.skip_connections = "residual"
    c.model.embed_features = UNITS
    c.optimizer.name = "adamw"
    c.hparams.learning_rate = 3e-3
    c.steps = 1500 if mode == "reduced" else 20_000
    c.log_every = 50
    c.eval_every = c.steps // 10
    c.evals = {"valid": {"split": "valid"}, "test": {"split": "test", "batch_size": 128}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Every network at every length, three seeds."""
    lengths = LENGTHS[:3] if mode == "reduced" else LENGTHS
    networks = [
        {"model.cell": cfg.cell(name, hidden_size=UNITS), "model.layers": layers}
        for name, layers in DEPTHS
    ]
    points = sw.product({"task.length": lengths, "seed": range(3)})
    return [{**network, **point} for network in networks for point in points]
