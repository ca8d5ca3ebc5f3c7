"""Which cells track a state: running products in four groups, for ten cells of equal width.

Beyond the length of training a cell has to have learned the group, not its words. S3 and A4xZ5 are
solvable, Z60 is abelian, A5 is neither (`lstmx/tasks/word_problem.py`, Merrill et al. 2024). Three
seeds; words of 2, then 5, 10 and 20 elements; scores on words of 20 (valid), 40 and 160.

Run:     python -m experiments.sweep --config=configs/studies/word_problems.py --workdir=runs
         python -m experiments.report --workdir=runs --by=model.cell --metric=eval/T160/accuracy
Laptop:  --config=configs/studies/word_problems.py:reduced has S3 alone, about half an hour on 2
         cores; --config=configs/studies/word_problems.py:quick takes a few steps
Expect:  reduced, with 32 units and 1600 updates, accuracy on words of 160 elements, eight times the
         length of training, mean of three seeds (chance .167): LSTM 1.000, LEM .9997, GRU .998,
         sLSTM .997, MGU .997, JANET .973; tanh RNN .43 (one seed of three has .94); mLSTM .176,
         minLSTM .174, minGRU .173. So what separates them is whether a gate or a candidate sees
         the state. experiments/measured/studies/word_problems; 2026-11-30, jax 0.10.2. The full
         size, with A5 and the two larger groups, was not run.
"""

from typing import Any

from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("full", "reduced", "quick")
CELLS = ("rnn", "lstm", "gru", "mgu", "janet", "lem", "slstm", "mlstm", "mingru", "minlstm")
GROUPS = ("S3", "Z60", "A4xZ5", "A5")
LONGEST = 20


def get_config(mode: str = "full") -> Any:
    """The recipe; "reduced" is smaller, "quick" takes a few steps."""
    c = cfg.base()
    c.task = cfg.task("word_problem", group="S3", length=LONGEST, batch_size=128)
    c.model.cell = cfg.cell("lstm", hidden_size=_units(mode))
    c.optimizer.name = "adamw"
    c.hparams.learning_rate = 3e-3
    c.hparams.weight_decay = 0.01
    c.steps = 12_000 if mode == "full" else 1600
    c.log_every = 100
    c.eval_every = c.steps // 8
    c.curriculum = tuple(
        (n * c.eval_every, {"length": length}) for n, length in enumerate((2, 5, 10, LONGEST))
    )
    c.eval_batches = 4
    c.evals = {
        "valid": {"split": "valid"},
        "T40": {"split": "test", "length": 2 * LONGEST},
        "T160": {"split": "test", "length": 8 * LONGEST},
    }
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Ten cells in four groups, three seeds each."""
    cells = [cfg.cell(name, hidden_size=_units(mode)) for name in CELLS]
    groups = GROUPS if mode == "full" else GROUPS[:1]
    return sw.product({"task.group": groups, "model.cell": cells, "seed": range(3)})


def _units(mode: str) -> int:
    return 128 if mode == "full" else 32
