"""Tiny Shakespeare by characters, with and without random resets of the state in training.

The text of Karpathy's char-rnn (2015), one LSTM of 128 units, truncated back-propagation over
windows of 64 characters, 32 parallel streams with carried state, four epochs. In one run the state
is reset at the start of every epoch only, in the other one also before every window with
probability 0.01, as in the code of Melis, Dyer & Blunsom 2018. First 90 % for train, 5 % valid, 5 %
test; the last 10 %, on which others evaluate, are the mean of valid and test. There is no published
protocol.

Run:     python -m experiments.sweep --config=configs/shakespeare.py --workdir=runs
Laptop:  --config=configs/shakespeare.py:quick
Expect:  bits per character at the last step, 107 713 parameters, one seed: valid 2.56 and test 2.64
         (1.80 nats on both together) with resets, 2.56 and 2.86 without; unigram 4.81 and 4.85,
         bigram 3.57 and 3.60. Without resets one of the 32 streams of test, which starts within a
         word, never recovers: 7 nats per character for all of its 1743 characters; as one stream,
         test is 2.63 in both runs. 2026-11-21, jax 0.10.2: 3.3 and 4.5 minutes, each on one
         core shared with other work.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

STATE_RESET_PROB = 0.01


def get_config(mode: str = "full") -> Any:
    """The recipe; "quick" takes a few steps of a small batch."""
    c = cfg.base()
    c.task = cfg.task(
        "characters",
        source="shakespeare",
        batch_size=32,
        window=64,
        state_reset_prob=STATE_RESET_PROB,
    )
    c.model.cell = cfg.cell("lstm", hidden_size=128)
    c.steps = 2000
    c.log_every = 50
    c.eval_every = 250
    c.hparams.learning_rate = 5e-3
    c.optimizer.schedule = "cosine"
    c.evals = {"valid": {"split": "valid"}, "test": {"split": "test"}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """With random resets and without."""
    return sw.product({"task.state_reset_prob": [STATE_RESET_PROB, 0.0]})
