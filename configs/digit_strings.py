"""Strings of 2 to 6 digit images, column by column, labelled by CTC.

Graves, Fernandez, Gomez & Schmidhuber 2006 on the 8x8 digits of scikit-learn: up to 66 frames of 8
pixels, a bidirectional LSTM of 64 units in each direction, 11 outputs with the blank. There is no
published protocol for these strings.

Run:     python -m experiments.train --config=configs/digit_strings.py --workdir=runs
Laptop:  --config=configs/digit_strings.py:quick
Expect:  label error rate of test .031 (88 strings, 359 digits) at the step that is best on valid,
         1000 (.017), and .036 at the last one; one seed, 38 795 parameters. A prefix beam of 10
         gets .031, too: its frames are labelled with certainty. 2026-11-30, jax 0.10.2: 3 minutes
         on 2 cores shared with much other work.
"""

from typing import Any

from lstmx import config as cfg


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task("digit_strings", batch_size=32)
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.model.bidirectional = True
    c.steps = 2000
    c.log_every = 100
    c.eval_every = 500
    c.hparams.learning_rate = 5e-3
    c.optimizer.schedule = "cosine"
    c.evals = {"valid": {"split": "valid"}, "test": {"split": "test"}}
    return cfg.shrink(c) if mode == "quick" else c
