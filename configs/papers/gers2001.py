"""Counting: a^n b^n and a^n b^n c^n. Gers & Schmidhuber 2001.

IEEE Transactions on Neural Networks 12, 1333-1340: peephole LSTMs are trained on short strings and
tested on longer ones. The target at every step is the set of legal next symbols; a string is
accepted if the outputs are correct at all of its steps.

anbn      a^n b^n, trained on n = 1 ... 10: one block of one cell
anbncn    a^n b^n c^n, trained on n = 1 ... 40: two blocks of one cell

Text and tables of the paper were not available. According to the abstract both languages are
learned, the second by a recurrent network for the first time. Everything else is from memory and
unverified: the training sets, the blocks, gradient descent with momentum .99 and rate 1e-5, and the
generalization to longer strings. Ours: one update per string; at most 10**6 of them; training ends
after 1000 accepted strings in a row; linear cells, which can count; inputs connected to the output
units too (the state of one cell does not determine the four sets of symbols); weights from
U(-.1, .1), forget biases 1, other biases like weights; 10 networks.

Generalization is measured on ranges of n, 256 strings each: the value is the last n of the last
range up to which every string is accepted, and 0 if the first range has a rejected string.

Run:     python -m experiments.reproduce --only="2001-*" --workdir=runs --minutes=0
Laptop:  --config=configs/papers/gers2001.py:quick
Expect:  published: both are learned. Unverified: strings up to n = 118 (a^n b^n) and n = 120
         (a^n b^n c^n) are accepted on average. Measured here: ten of ten networks
         learn a^n b^n, after 55 000 strings on average, and accept strings up to n = 13. One of
         ten learns a^n b^n c^n, after 560 000 strings, and accepts up to n = 120; two diverge and
         the others stay at .97 to .98 of the symbols. 17 minutes on one busy core. 2026-11-30, jax
         0.10.2.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from experiments.claims import Claim, at_end, factor, solves
from lstmx import config as cfg

MODES = ("anbn", "anbncn", "quick")
LONGEST = {"anbn": 10, "anbncn": 40}
RANGES = {"anbn": (20, 30, 50, 75, 120, 200, 400, 1000), "anbncn": (50, 60, 80, 120, 200, 500)}
SOURCE = "Gers & Schmidhuber 2001"


def get_config(mode: str = "anbn") -> Any:
    """A language of the paper; "quick" takes a few steps of the first."""
    language = "anbn" if mode == "quick" else mode
    two = language == "anbncn"
    c = cfg.base()
    c.task = cfg.task(
        "counting", language="abc" if two else "ab", length=LONGEST[language], batch_size=1
    )
    c.model.cell = cfg.cell(
        "lstm2002", hidden_size=2 if two else 1, forget_bias=(1.0,) * (2 if two else 1)
    )
    c.model.readout.weight_range = 0.1
    c.model.readout.shortcut = True
    c.optimizer.name = "sgd"
    c.hparams.learning_rate = 1e-5
    c.hparams.momentum = 0.99
    c.hparams.clip_norm = 0.0
    c.replicas_per_vmap = 10
    c.steps = 1_000_000
    c.log_every = 1000
    c.checkpoint_every = 50_000
    c.eval_every = c.steps
    c.eval_batches = 1
    c.stop = (("train/accepted", 1.0),)
    c.stop_window = 1000
    ranges = {
        f"n{last}": {"split": "test", "min_length": before + 1, "length": last, "batch_size": 256}
        for before, last in pairwise((LONGEST[language], *RANGES[language]))
    }
    seen = {"split": "valid", "batch_size": 256}
    c.evals = {"seen": seen} if mode == "quick" else {"seen": seen, **ranges}
    c.selection = "eval/seen/accepted"
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Ten networks."""
    return [{"seed": seed} for seed in range(10)]


def claims() -> list[Claim]:
    """Both languages are learned, and the length up to which strings are accepted."""
    letters = {"anbn": "a^n b^n", "anbncn": "a^n b^n c^n"}
    minutes = {"anbn": 10, "anbncn": 50}
    learned = [
        Claim(
            f"2001-{mode}",
            f"{said} is learned.",
            f"{SOURCE}, abstract",
            None,
            solves(0.5),
            mode=mode,
            unit="strings",
            minutes=minutes[mode],
        )
        for mode, said in letters.items()
    ]
    read = [
        Claim(
            f"2001-{mode}-reach",
            f"{letters[mode]}, trained up to n = {LONGEST[mode]}: accepted up to n = {published} "
            "on average.",
            SOURCE,
            float(published),
            factor(2),
            mode=mode,
            measure=reach(mode),
            unit="n",
            verified=False,
            minutes=minutes[mode],
        )
        for mode, published in (("anbn", 118), ("anbncn", 120))
    ]
    return [*learned, *read]


def reach(mode: str) -> Any:
    """A measure of generalization: the last n before the first range with a rejected string."""

    def measure(runs: Sequence[Any]) -> list[float]:
        accepted = [at_end(f"eval/n{last}/accepted")(runs) for last in RANGES[mode]]
        reached = [0.0] * len(runs)
        for number, fractions in enumerate(zip(*accepted)):
            for last, fraction in zip(RANGES[mode], fractions):
                if fraction != 1:  # NaN included
                    break
                reached[number] = float(last)
        return reached

    return measure
