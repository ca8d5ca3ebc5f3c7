"""JSB chorales: predict the 88 notes of the next frame.

Boulanger-Lewandowski, Bengio & Vincent 2012, with the piano rolls and reference results of Bai,
Kolter & Koltun 2018 (table 1: LSTM 8.45, GRU 8.43, RNN 8.91 nats per frame on test, all networks of
about 300 000 parameters). One layer of 100 units each; nothing else is tuned per cell. A network
overfits within a minute: early stopping (patience) ends the run, and the result is the test value
of the checkpoint that is best on valid.

Deviations from Bai et al.: one layer instead of two, and a quarter of the parameters; Adam with
truncated back-propagation over 32 frames, 16 parallel streams with carried state, instead of one
complete piece per update; no dropout; forget bias 1 instead of 10. Evaluations read complete
pieces, and every frame but the first counts once, as in the paper.

Run:     python -m experiments.sweep --config=configs/jsb.py --workdir=runs
Laptop:  --config=configs/jsb.py:quick
Expect:  test nats per frame at the best valid step, two seeds: LSTM 8.54 and 8.57 (84 488
         parameters), GRU 8.60 and 8.57 (65 688), tanh RNN 8.69 and 8.70 (27 788); independent
         notes 11.09, Markov chains 10.49. Patience ended every run, after 2300 to 3600 steps.
         2026-11-21, jax 0.10.2: 2 minutes for all six on 2 cores, shared with other work.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task("music", source="jsb", batch_size=16, window=32)
    c.model.cell = cfg.cell("lstm", hidden_size=100)
    c.steps = 4000
    c.log_every = 100
    c.eval_every = 100
    c.patience = 5
    c.hparams.learning_rate = 1e-3
    c.evals = {
        "valid": {"split": "valid", "window": 0, "batch_size": 40},
        "test": {"split": "test", "window": 0, "batch_size": 40},
    }
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """The three cells of the published table, two seeds each."""
    return sw.product({"model.cell.name": ["lstm", "gru", "rnn"], "seed": range(2)})
