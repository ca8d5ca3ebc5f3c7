"""Recurrent neural network regularization, without and with it. Zaremba, Sutskever & Vinyals 2014.

arXiv:1409.2329: Penn Treebank by words, two layers; gradient descent from rate 1, the state carried
from window to window.

small    200 units, windows of 20, 13 epochs, no dropout; the rate is halved from the 5th epoch on
medium   650 units, windows of 35, 39 epochs, dropout .5; the rate times .8 from the 7th epoch on

Batches of 20, forget bias 0, weights from U(-.1, .1) and U(-.05, .05). The numbers are those of the
published configuration classes, as is the rate's decay of .8 where the paper divides by 1.2.

Trap: the paper's loss is summed over a window, ours is a mean over words. Its rate 1 and its
largest norm 5 are therefore rate T and norm 5 / T here, where T is the window.

Deviations: the rate rises to its peak over the first 3 (5) epochs, where the paper's is constant,
and equals the paper's in every later epoch. Dropout is applied between the layers only, in the
paper also before the first and after the last, which "medium" needs. Recurrent and input weights
are from U(-1 / sqrt(H), 1 / sqrt(H)), embeddings standard normal, biases constant. Valid and test
are read as one stream.

Perplexity is exp(nll) at the step that is best on valid. "As quoted" means from later papers, not
from this one.

Run:     python -m experiments.reproduce --only="2014-ptb-*" --workdir=runs --minutes=0
Laptop:  --config=configs/papers/zaremba2014.py:quick
Expect:  published test perplexity, as quoted: small 114.5 (valid 120.7), medium 82.7 (valid 86.2).
         Measured here: nothing, as the data are not available; about 30 minutes on 2 cores for
         small and 10 hours for medium.
"""

import math
from collections.abc import Sequence
from typing import Any

from experiments.claims import Claim, at_best, within
from lstmx import config as cfg

MODES = ("small", "medium", "quick")
ROWS = 20
WORDS = 929_589  # of train, with an end for every line
SOURCE = "Zaremba, Sutskever & Vinyals 2014, Table 1, as quoted"


def get_config(mode: str = "small") -> Any:
    """A network of the paper; "quick" takes a few steps of the small one."""
    medium = mode == "medium"
    hidden, window, epochs, full = (650, 35, 39, 6) if medium else (200, 20, 13, 4)
    epoch = math.ceil(math.ceil((WORDS - 1) / ROWS) / window)
    c = cfg.base()
    c.task = cfg.task("words", source="ptb", batch_size=ROWS, window=window)
    c.model.cell = cfg.cell("lstm", hidden_size=hidden, forget_bias=0.0, initializer="uniform")
    c.model.layers = 2
    c.model.embed_features = hidden
    c.model.dropout = 0.5 if medium else 0.0
    c.model.readout.weight_range = 0.05 if medium else 0.1
    c.optimizer.name = "sgd"
    c.optimizer.schedule = "step"
    c.optimizer.warmup_steps = (full - 1) * epoch
    c.optimizer.decay_steps = epoch
    c.optimizer.decay_factor = 0.8 if medium else 0.5
    c.hparams.learning_rate = float(window)
    c.hparams.momentum = 0.0
    c.hparams.clip_norm = 5 / window
    c.steps = epochs * epoch
    c.log_every = epoch // 4
    c.eval_every = (3 if medium else 1) * epoch
    stream = {"batch_size": 1, "window": 100}
    c.evals = {"valid": {"split": "valid", **stream}, "test": {"split": "test", **stream}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """One seed."""
    return [{"seed": 0}]


def claims() -> list[Claim]:
    """Test perplexities."""
    return [
        Claim(
            f"2014-ptb-{mode}",
            f"Penn Treebank: the {mode} LSTM has a perplexity of {published} on test.",
            SOURCE,
            published,
            within(tolerance),
            mode=mode,
            measure=perplexity,
            unit="perplexity",
            minutes=minutes,
            lacks="the Penn Treebank, which needs a licence",
        )
        for mode, published, tolerance, minutes in (
            ("small", 114.5, 3, 30),
            ("medium", 82.7, 1.5, 600),
        )
    ]


def perplexity(runs: Sequence[Any]) -> list[float]:
    """exp of the nats per word on test, at the step that is best on valid."""
    return [math.exp(nats) for nats in at_best("eval/test/nll")(runs)]
