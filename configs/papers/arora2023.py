"""Zoology: multi-query associative recall. Arora et al. 2023; LSTMs from Beck et al. 2024.

arXiv:2312.04927 and the authors' configs; arXiv:2405.04517, figure 14. Pairs of keys and values are
followed by keys as queries; 8192 tokens, two layers, as many updates as 64 epochs of 100 000
sequences, and the best of four rates from 1e-4 to 1e-2.

64 128 256   steps of a sequence, with 4, 8 and 16 pairs: LSTM and mLSTM, 128 units
reduced      64 steps with 8 pairs, 64 tokens and 32 units, 6000 batches of 64, two rates

Neither paper has a number for an LSTM. According to the text and a figure of the second one LSTMs
are worse than matrix memories; the claim is of the reduced form, which two cores train in minutes.

Where the papers leave a choice: one seed, and AdamW (decay .1), cosine and warmup over 10 % of the
second paper. Deviations: every batch is new; the layers are cells, without the blocks of
convolutions and feed-forward networks of the papers.

Trap: logits are batch x steps x 8192 numbers, 1 GB and more, and gradients have the same size.

Run:     python -m experiments.reproduce --only="2023-mqar-reduced" --workdir=runs
         python -m experiments.sweep --config=configs/papers/arora2023.py:256 --workdir=runs
Laptop:  --config=configs/papers/arora2023.py:quick
Expect:  published: a matrix memory recalls more than an LSTM; no numbers. Measured here,
         "reduced", one seed: mLSTM 29.9 %, LSTM 14.6 %; 42 minutes on one busy core. 2026-11-30,
         jax 0.10.2. About 40 hours on 2 cores for 256 steps at full size, half as many for 64.
"""

import math
from collections.abc import Sequence
from typing import Any

from experiments.claims import Claim, at_best, at_least
from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("64", "128", "256", "reduced", "quick")
PAIRS = {"64": 4, "128": 8, "256": 16}
SEQUENCES = 64 * 100_000
CELLS = ("lstm", "mlstm")
WIDTH = 128
REDUCED = (
    "32 units instead of 128, 8 pairs in 64 steps instead of 16 in 256, 64 tokens instead of 8192, "
    "384 000 sequences instead of 6.4 million, two rates instead of four"
)


def get_config(mode: str = "64") -> Any:
    """A length of the paper; "quick" takes a few steps of the first with few tokens."""
    small = mode == "reduced"
    length = mode if mode in PAIRS else "64"
    batch_size = 64 if small else 256 if length == "256" else 512
    width = 32 if small else WIDTH
    c = cfg.base()
    c.task = cfg.task(
        "associative_recall",
        length=int(length),
        pairs=8 if small else PAIRS[length],
        vocab_size=64 if small else 128 if mode == "quick" else 8192,
        batch_size=batch_size,
    )
    c.model.cell = cfg.cell("lstm", hidden_size=width)
    c.model.layers = 2
    c.model.embed_features = width
    c.optimizer.name = "adamw"
    c.optimizer.schedule = "cosine"
    c.steps = 6000 if small else SEQUENCES // batch_size
    c.optimizer.warmup_steps = c.steps // 10
    c.hparams.learning_rate = 1e-3
    c.hparams.weight_decay = 0.1
    c.hparams.clip_norm = 1.0
    c.log_every = 100
    c.eval_every = 500 if small else 2500
    c.checkpoint_every = 500
    c.evals = {
        "valid": {"split": "valid", "batch_size": 300},
        "test": {"split": "test", "batch_size": 300},
    }
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Both cells at four rates; "reduced" has two."""
    width = get_config(mode).model.cell.hidden_size
    cells = [cfg.cell(name, hidden_size=width) for name in CELLS]
    powers = (-9, -7.5) if mode == "reduced" else (-12, -10, -8, -6)
    rates = [10 ** (power / 3) for power in powers]
    return sw.product({"model.cell": cells, "hparams.learning_rate": rates, "seed": (0,)})


def claims() -> list[Claim]:
    """A matrix memory is better than an LSTM at the largest number of pairs."""
    return [
        Claim(
            "2023-mqar-reduced",
            "Recall of many pairs: the mLSTM is ahead of the LSTM.",
            "Beck et al. 2024, figure 14 and text, on the task of Arora et al. 2023",
            None,
            at_least(0.05),
            mode="reduced",
            measure=lead,
            unit="accuracy, difference",
            minutes=25,
            reduced=REDUCED,
        )
    ]


def lead(runs: Sequence[Any]) -> list[float]:
    """The accuracy of the best mLSTM minus that of the best LSTM, one value."""
    best = {}
    for name in CELLS:
        chosen = [run for run in runs if run.config["model"]["cell"]["name"] == name]
        finite = [v for v in at_best("eval/test/accuracy")(chosen) if math.isfinite(v)]
        best[name] = max(finite, default=math.nan)
    return [best["mlstm"] - best["lstm"]]
