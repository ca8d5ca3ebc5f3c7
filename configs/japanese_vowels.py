"""JapaneseVowels: which of nine men says /ae/, from 7 to 29 frames of 12 cepstral coefficients.

Kudo, Toyama & Shimbo 1999, in the form of the UEA archive (Bagnall et al. 2018): 270 utterances of
training, 370 of test. A bidirectional LSTM whose outputs are averaged over the frames. Mean or
maximum was chosen on 30 % of train (three seeds: .984 and .979); then the whole of train is used,
and the numbers are those of the last update, so that the test data choose nothing.

Run:     python -m experiments.sweep --config=configs/japanese_vowels.py --workdir=runs
Laptop:  --config=configs/japanese_vowels.py:quick
Expect:  test accuracy at the last update, five seeds: .978, .976, .976, .981, .981, mean .978
         (40 585 parameters; the most frequent class in train .084). 70 s for all five on 2 cores,
         shared with other work; 2026-11-30, jax 0.10.2.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "choice", "quick")


def get_config(mode: str = "full") -> Any:
    """The recipe; "choice" holds 30 % of train out, "quick" takes a few steps."""
    c = cfg.base()
    c.task = cfg.task(
        "classification",
        file="ucr_uea/JapaneseVowels/JapaneseVowels_TRAIN.ts",
        test_file="ucr_uea/JapaneseVowels/JapaneseVowels_TEST.ts",
        valid_fraction=0.3 if mode == "choice" else 0.0,
        batch_size=30,
    )
    c.model.name = "pooled"  # its pooling is the mean by default
    c.model.bidirectional = True
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.steps = 600
    c.log_every = 100
    c.eval_every = 100
    c.checkpoint_every = 600
    c.hparams.learning_rate = 3e-3
    c.optimizer.schedule = "cosine"
    held_out = "valid" if mode == "choice" else "test"
    c.evals = {
        "train": {"split": "train"},
        held_out: {"split": held_out, "batch_size": 90},
    }
    return cfg.shrink(c) if mode == "quick" else c


def sweep() -> list[dict[str, Any]]:
    """Five seeds: one compilation."""
    return sw.product({"seed": range(5)})
