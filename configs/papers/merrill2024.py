"""The illusion of state: word problems of groups by ten cells. Merrill, Petty & Sabharwal 2024.

arXiv:2404.08819. Name the running product of elements of a group (`lstmx/tasks/word_problem.py`).
A network whose step is linear and diagonal in its state is in TC0; the word problem of A5 or S5 is
complete for NC1. So a fixed number of layers of minGRU, minLSTM or mLSTM should fail beyond some
length, where one layer of the others can go on; S3 and A4xZ5 are solvable, Z60 is abelian.

Z60  A4xZ5  A5    the paper's groups, of 60 elements each; S5 its hardest
S3                the smallest that is not abelian
reduced           S3 and Z60, which two cores train within an hour

One layer, ten cells with the same width, three seeds, words of 1 to 20 elements ("curriculum":
2, 5, 10, 20) and scores at 20 and beyond, at 40, 80 and 160. Not the paper's setting: that trains
other architectures (S4, Mamba, transformers, an RNN) on stored sets, by length, and reports the
number of layers that reach 90 % of valid; AdamW, rates and widths are of this recipe.

"As quoted" means from later texts, not from the paper.

Run:     python -m experiments.sweep --config=configs/papers/merrill2024.py:reduced --workdir=runs
         python -m experiments.report --workdir=runs
Laptop:  --config=configs/papers/merrill2024.py:quick
Expect:  published, as quoted: of the paper's architectures the RNN learns A5 with one layer at any
         length, where S4, Mamba and transformers need more layers for longer words.
         Measured here, "reduced", mean of three seeds, in S3 at 20 and 160 steps: LSTM, GRU, MGU,
         LEM and sLSTM 1.000 and .992 to .999, JANET 1.000 and .964, the tanh RNN .67 and .56 (one
         seed of three solves it), mLSTM, minGRU and minLSTM .25 and .18: guesses (.167) but for the
         first steps. In Z60 nobody gets beyond .16 at 20 steps (sLSTM) in 3000 updates. A5, S5 and
         A4xZ5 are not tried. 41 minutes on two busy cores; 2026-11-30, jax 0.10.2.
"""

from typing import Any

from experiments.claims import Claim, at_best, at_least, difference
from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("S3", "Z60", "A4xZ5", "A5", "S5", "reduced", "quick")
NONLINEAR = ("rnn", "lstm", "gru", "mgu", "janet", "lem", "slstm")
LINEAR = ("mlstm", "mingru", "minlstm")
SOURCE = "Merrill, Petty & Sabharwal 2024, section 5, as quoted"
LONGEST = 20
REDUCED = (
    "the group S3 instead of A5, one layer of 32 units, words of 1 to 20 elements, 3000 updates; "
    "the paper trains other architectures"
)


def get_config(mode: str = "S3") -> Any:
    """A group; "quick" takes a few steps of S3."""
    small = mode in ("S3", "reduced", "quick")
    group = "S3" if small else mode
    c = cfg.base()
    c.task = cfg.task("word_problem", group=group, length=LONGEST, batch_size=128)
    c.model.cell = _cell("lstm", 32 if mode == "reduced" else 64 if small else 256)
    c.optimizer.name = "adamw"
    c.hparams.learning_rate = 3e-3 if small else 1e-3
    c.hparams.weight_decay = 0.01
    c.steps = 3000 if mode == "reduced" else 10_000 if small else 60_000
    c.log_every = 100
    c.eval_every = c.steps // 10
    c.checkpoint_every = c.eval_every
    quarter = c.steps // 12 // 100 * 100
    c.curriculum = tuple(
        (n * quarter, {"length": length}) for n, length in enumerate((2, 5, 10, LONGEST))
    )
    c.eval_batches = 4
    c.evals = {
        "valid": {"split": "valid"},
        **{f"T{n}": {"split": "test", "length": n} for n in (LONGEST, 40, 80, 160)},
    }
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Ten cells, three seeds; "reduced" has two groups."""
    size = get_config(mode).model.cell.hidden_size
    axes: dict[str, Any] = {
        "model.cell": [_cell(name, size) for name in (*NONLINEAR, *LINEAR)],
        "seed": range(3),
    }
    return sw.product({"task.group": ("S3", "Z60"), **axes} if mode == "reduced" else axes)


def _cell(name: str, size: int) -> Any:
    return cfg.cell(name, hidden_size=size)


def claims() -> list[Claim]:
    """What separates the cells, in the reduced form: nowhere published of these cells."""
    of = {"task.group": "S3"}
    common: dict[str, Any] = {
        **{"mode": "reduced", "unit": "accuracy", "published": None, "reduced": REDUCED},
        "minutes": 15,
    }
    score = at_best("eval/T80/accuracy")
    return [
        Claim(
            "2024-word-lstm",
            "Running products in S3: one layer of LSTM goes on beyond four times the length of "
            "training.",
            SOURCE,
            criterion=at_least(0.9),
            of={**of, "model.cell.name": "lstm"},
            measure=score,
            **common,
        ),
        Claim(
            "2024-word-mingru",
            "Running products in S3: one layer of minGRU is behind the LSTM there.",
            "nowhere published; Merrill, Petty & Sabharwal 2024 suggest it",
            criterion=at_least(0.1),
            measure=difference(
                score,
                {**of, "model.cell.name": "lstm"},
                {**of, "model.cell.name": "mingru"},
            ),
            **common,
        ),
    ]
