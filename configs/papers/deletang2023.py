"""Neural networks and the Chomsky hierarchy: the rows of the LSTM. Deletang et al. 2023.

ICLR 2023, arXiv:2207.02098, section 4, Table 2: an LSTM of 256 units is trained on strings of 1 to
40 symbols and scored by its mean accuracy over lengths 41 to 500; a language is solved from 90 %
on. Adam, batches of 128, clip 1, 10**6 updates, a ReLU between LSTM and readout. The modes are
the languages (`lstmx/tasks/formal_language.py`):

regular             parity  even_pairs  cycle_navigation  modular_arithmetic
counters            bucket_sort
a stack or a tape   reverse_string  stack_manipulation  duplicate_string  odds_first

Mode "reduced" has all of them at a size for two cores, and the claims are of that: 64 units,
strings of 1 to 20 symbols, scored on 21 to 100, 10 000 updates at three larger rates. Whether a
language is solved is the same question there; the scores themselves are others.

The paper's number is the best of ten seeds and three rates; here it is the best of the three rates
with one seed (SEEDS). Deviations: the rows of a batch have different lengths, where the paper
samples one per batch; the score is that of 512 strings of random lengths; a run ends when its score
reaches 99.95 %, which is printed as 100.0. Haiku's LSTM, which the paper uses, adds 1 to the forget
gate (from memory, unverified): that is forget bias 1 here.

Trap: the authors' example script is a different experiment: 10 000 updates, rate 1e-3, up to 100
symbols, and a score that starts at 42.

"As quoted" means from later texts, not from the paper.

Run:     python -m experiments.reproduce --only="deletang2023" --workdir=runs
         python -m experiments.sweep --config=configs/papers/deletang2023.py:parity --workdir=runs
Laptop:  --config=configs/papers/deletang2023.py:quick
Expect:  published scores, as quoted: parity 100, modular arithmetic 100, stack manipulation 59.1,
         reverse string 60.9, duplicate string 57.6, odds first 55.6; the paper's text: all regular
         languages are solved, and bucket sort "almost perfectly". Unverified: even pairs 100, cycle
         navigation 100, bucket sort 99.3. Measured here, "reduced": parity, even pairs and
         modular arithmetic 100, bucket sort 86, cycle navigation 80 (both short of solved), reverse
         string 66, stack manipulation 65, duplicate string 58, odds first 57. 1 to 20 minutes a
         language on one busy core; 2026-11-30, jax 0.10.2. The full size would take about
         20 hours per run and language on 2 cores if no run ends early.
"""

import math
from collections.abc import Sequence
from typing import Any

from experiments.claims import Claim, at_end, at_least, at_most
from lstmx import config as cfg
from lstmx import sweep as sw

LANGUAGES = (
    "parity",
    "even_pairs",
    "cycle_navigation",
    "modular_arithmetic",
    "bucket_sort",
    "reverse_string",
    "stack_manipulation",
    "duplicate_string",
    "odds_first",
)
MODES = (*LANGUAGES, "reduced", "quick")
RATES = (1e-4, 3e-4, 5e-4)
REDUCED_RATES = (3e-4, 1e-3, 3e-3)  # for a hundredth of the updates
SMALLER = {
    "task.length": 20,
    "model.cell.hidden_size": 64,
    "hparams.learning_rate": REDUCED_RATES[0],
    "steps": 10_000,
    "log_every": 500,
    "eval_every": 1000,
    "checkpoint_every": 1000,
    "evals": {
        "valid": {"split": "valid"},
        "score": {"split": "test", "min_length": 21, "length": 100},
    },
}
"""What "reduced" has in place of the paper's."""
SEEDS = 1  # 10 in the paper
LONGEST, FARTHEST = 40, 500
SOLVED = 0.9
SOURCE = "Deletang et al. 2023, Table 2"
REDUCED = (
    "64 units instead of 256, strings of 1 to 20 symbols instead of 40, scored on 21 to 100 "
    "instead of 41 to 500, 10 000 updates instead of a million, at rates of 3e-4 to 3e-3"
)


def get_config(mode: str = "parity") -> Any:
    """A language of the paper; "quick" takes a few steps of parity."""
    c = cfg.base()
    language = mode if mode in LANGUAGES else "parity"
    c.task = cfg.task("formal_language", language=language, length=LONGEST, batch_size=128)
    c.model.cell = cfg.cell("lstm", hidden_size=256)
    c.model.readout.activation = "relu"
    c.hparams.learning_rate = RATES[0]
    c.hparams.clip_norm = 1.0
    c.steps = 1_000_000
    c.log_every = 1000
    c.eval_every = 20_000
    c.checkpoint_every = 5000
    c.eval_batches = 4
    c.evals = {
        "valid": {"split": "valid"},
        "score": {"split": "test", "min_length": LONGEST + 1, "length": FARTHEST},
    }
    c.stop = (("eval/score/accuracy", 0.9995),)
    if mode == "reduced":
        return cfg.resolve(c, SMALLER)
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Three rates, with SEEDS seeds each; "reduced" has all languages."""
    if mode == "reduced":
        rates = {"hparams.learning_rate": REDUCED_RATES, "seed": range(SEEDS)}
        return sw.product({"task.language": LANGUAGES, **rates})
    return sw.product({"hparams.learning_rate": RATES, "seed": range(SEEDS)})


def claims() -> list[Claim]:
    """Which languages the LSTM solves, of the column of the LSTM in Table 2, at reduced size."""
    quoted, text = f"{SOURCE}, as quoted", "Deletang et al. 2023, section 5 (that it is solved)"
    scores = {
        "parity": (1.0, quoted, True),
        "modular_arithmetic": (1.0, quoted, True),
        "even_pairs": (1.0, text, False),
        "cycle_navigation": (1.0, text, False),
        "bucket_sort": (0.993, text, False),
        "reverse_string": (0.609, quoted, True),
        "stack_manipulation": (0.591, quoted, True),
        "duplicate_string": (0.576, quoted, True),
        "odds_first": (0.556, quoted, True),
    }
    return [
        Claim(
            f"2023-{language.replace('_', '-')}-reduced",
            _statement(language, published),
            source,
            published,
            at_least(SOLVED) if published >= SOLVED else at_most(SOLVED),
            mode="reduced",
            of={"task.language": language},
            measure=best,
            unit="score",
            verified=verified,
            minutes=15,
            reduced=REDUCED,
        )
        for language, (published, source, verified) in scores.items()
    ]


def best(runs: Sequence[Any]) -> list[float]:
    """The score of the best run, one value for all of them."""
    scores = [s for s in at_end("eval/score/accuracy")(runs) if math.isfinite(s)]
    return [max(scores, default=math.nan)]


def _statement(language: str, published: float) -> str:
    name = language.replace("_", " ").capitalize()
    verdict = "solves it" if published >= SOLVED else "does not solve it"
    return (
        f"{name}: the LSTM {verdict} beyond the lengths of training, with a score of "
        f"{published:.1%} in the paper."
    )
