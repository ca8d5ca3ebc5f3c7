"""Were RNNs all we needed? Selective copying with gates of the input alone. Feng et al. 2024.

arXiv:2410.01201, section 4: 16 symbols among 4096 steps, a vocabulary of 16, batches of 64, rate
1e-4, 400 000 updates, three layers of 64 units. What to store depends on the symbol, and the gates
of one layer of minGRU or minLSTM depend on its input only, which is the symbol in the first layer.

copying   minGRU and minLSTM
reduced   256 steps and 10 000 updates at a rate of 1e-3: the claims are of this form

The paper has no row for LSTM or GRU; `--config.model.cell=lstm` runs it.

Where the paper leaves a choice, or is not available: AdamW without decay, clip 1, one seed of
three. Deviations: the authors' layers are blocks with normalization before the cell, and in their
code with a convolution of four steps, a feed-forward network and cells wider than the block; here a
layer is the cell with a residual connection. Every batch is new.

"As quoted" means from later texts, not from the paper.

Run:     python -m experiments.reproduce --only="2024-copying-*" --workdir=runs
         python -m experiments.sweep --config=configs/papers/feng2024.py --workdir=runs
Laptop:  --config=configs/papers/feng2024.py:quick
Expect:  published accuracy of symbols, as quoted: minGRU 99.5 % (standard deviation .2), minLSTM
         96.0 % (2.8). Measured here, reduced, one seed: minGRU 55.5 %, minLSTM 60.2 %, both still
         rising after 10 000 updates (minGRU on valid: .29 after 2000, .45 after 6000), a fortieth
         of the paper's. With 4 symbols of 8, configs/studies/copying_length.py has both at .99
         over 128 steps. 2026-11-30, jax 0.10.2: 60 and 80 minutes on one busy core; about 5 days
         each on 2 cores at full size.
"""

from typing import Any

from experiments.claims import Claim, at_best, at_least
from lstmx import config as cfg

MODES = ("copying", "reduced", "quick")
WIDTH = 64
REDUCED = (
    "16 symbols among 256 steps instead of 4096, 10 000 updates at a rate of 1e-3 instead of "
    "400 000 at 1e-4"
)


def get_config(mode: str = "copying") -> Any:
    """Selective copying; "quick" takes a few steps of 100."""
    small = mode == "reduced"
    c = cfg.base()
    length = 256 if small else 4096
    c.task = cfg.task("selective_copying", length=length, symbols=16, vocab_size=16, batch_size=64)
    c.model.cell = _cell("mingru")
    c.model.layers = 3
    c.model.skip_connections = "residual"
    c.model.embed_features = WIDTH
    c.optimizer.name = "adamw"
    c.hparams.learning_rate = 1e-3 if small else 1e-4
    c.hparams.clip_norm = 1.0
    c.steps = 10_000 if small else 400_000
    c.log_every = 100
    c.eval_every = 1000 if small else 10_000
    c.checkpoint_every = 1000
    c.evals = {"valid": {"split": "valid"}, "test": {"split": "test"}}
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """Both cells, one seed."""
    return [{"model.cell": _cell(name), "seed": 0} for name in ("mingru", "minlstm")]


def claims() -> list[Claim]:
    """The paper's rows for its own cells."""
    return [
        Claim(
            f"2024-copying-{name}-reduced",
            f"Selective copying: {said} names nearly all symbols, {published:.1%} in the paper.",
            "Feng et al. 2024, selective copying, as quoted",
            published,
            at_least(0.95),
            mode="reduced",
            of={"model.cell.name": name},
            measure=at_best("eval/test/accuracy"),
            unit="accuracy",
            minutes=45,
            note="no row for LSTM or GRU",
            reduced=REDUCED,
        )
        for name, said, published in (("mingru", "minGRU", 0.995), ("minlstm", "minLSTM", 0.960))
    ]


def _cell(name: str) -> Any:
    return cfg.cell(name, hidden_size=WIDTH, candidate="positive")
