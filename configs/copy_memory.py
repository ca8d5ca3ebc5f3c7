"""Copy memory with T = 50: an LSTM with forget bias 1 against chrono biases.

The task is that of Arjovsky, Shah & Bengio 2016, section 5.1; chrono biases (Tallec & Ollivier
2018) initialize forget and input biases for memories of up to 3 T / 2 steps, their value for
copying. The budget is too short for a solution, but the two initializations differ within 1000
steps.

Deviations from Tallec & Ollivier: T = 50 instead of 500 and 2000, 64 units instead of 128, Adam
at 0.01 with the norm clipped at 1 instead of RMSprop at 0.001 without clipping.

Run:     python -m experiments.sweep --config=configs/copy_memory.py --workdir=runs
Laptop:  --config=configs/copy_memory.py:quick
Expect:  cross entropy in nats per step (trivial .297, solved .030) and accuracy on the ten symbols
         (chance .125) after 3000 steps, two seeds: forget bias 1 .255 and .260, accuracy .24 and
         .20; chrono .092 and .108, accuracy .73 and .67, and still falling. 2026-11-21, jax
         0.10.2: 1.3 minutes for all four on 2 cores, shared with other work.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

LENGTH = 50


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps with small batches."""
    c = cfg.base()
    c.task = cfg.task("copy_memory", length=LENGTH, batch_size=32)
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.steps = 3000
    c.log_every = 50
    c.eval_every = 250
    c.eval_batches = 2
    c.hparams.learning_rate = 1e-2
    c.evals = {"valid": {"split": "valid", "batch_size": 128}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """Forget bias 1, and chrono up to 3 T / 2; two seeds each."""
    return sw.product({"model.cell.chrono": [0, 3 * LENGTH // 2], "seed": range(2)})
