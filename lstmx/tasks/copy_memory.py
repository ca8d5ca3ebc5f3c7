"""Copy memory: repeat ten symbols after a long delay.

Introduced by Hochreiter & Schmidhuber 1997; the usual form is that of Arjovsky, Shah & Bengio 2016
(arXiv:1511.06464), section 5.1. The inputs are ten symbols out of eight, T - 1 blanks, a delimiter
and ten blanks, T + 20 steps in all; the targets are blanks up to and including the step of the
delimiter, then the ten symbols in order. Inputs are tokens: 0 is the blank, 1 ... 8
are the symbols, 9 is the delimiter; outputs are the nine classes without the delimiter.

Worked example with two symbols (num_symbols=2) and T = 3:

    input    5  2  0  0  9  0  0
    target   0  0  0  0  0  5  2

With `variable=True` the number of blanks before the delimiter is uniform on 1 ... T for each row
(Henaff, Szlam & LeCun 2016; Tallec & Ollivier 2018): counting steps does not help then.

The loss is the cross entropy averaged over ALL steps but padding, as in the paper, the easy blanks
included; "accuracy" is over the ten symbols only.

Baseline: blanks and the start of the answer are known, the symbols are not: ten times ln 8 in
T + 20 steps, 10 ln 8 / (T + 20) nats; .1733 for T = 100. With variable delays a row has
(T + 1) / 2 + 21 steps on average. Solved is a tenth of it (our threshold: no paper defines one).

Deviation: none from the paper's text; the code of Bai et al. 2018 ends the input in eleven
delimiters instead of one delimiter and ten blanks.
"""

import math

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@article{hochreiter1997lstm,
  author = {Sepp Hochreiter and Jürgen Schmidhuber},
  title = {Long Short-Term Memory},
  journal = {Neural Computation},
  volume = {9},
  number = {8},
  pages = {1735--1780},
  year = {1997},
}
@inproceedings{arjovsky2016unitary,
  author = {Martin Arjovsky and Amar Shah and Yoshua Bengio},
  title = {Unitary Evolution Recurrent Neural Networks},
  booktitle = {International Conference on Machine Learning},
  eprint = {1511.06464},
  archiveprefix = {arXiv},
  year = {2016},
}
"""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    num_symbols: int = 10,
    alphabet: int = 8,
    variable: bool = False,
) -> Task:
    """Copy memory; inputs tokens [B, T + 20], outputs [B, T + 20, 9], scored at every step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: T, steps from the last symbol to the delimiter; the batch has
            length + 2 num_symbols steps.
        num_symbols: symbols to remember.
        alphabet: distinct symbols.
        variable: 1 ... T blanks instead of T - 1, so that rows have up to one more step.

    Raises:
        ValueError: an unknown split or a size too small.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, length=length, num_symbols=num_symbols)
    checks.sizes(2, alphabet=alphabet)
    longest = length + 1 if variable else length
    average = (length + 1) / 2 + 1 if variable else length
    baseline = num_symbols * math.log(alphabet) / (average + 2 * num_symbols)

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key = _common.split_key(key, split)
        shape = (batch_size, num_symbols)
        symbols = jax.random.randint(key, shape, 1, alphabet + 1)
        delays: Array | int = length
        if variable:  # one more than the blanks: the delimiter ends them
            key_delay = jax.random.fold_in(key, 1)
            delays = jax.random.randint(key_delay, (batch_size,), 2, length + 2)
        return encode(symbols, delays, longest, alphabet)

    spec = TaskSpec(
        in_features=alphabet + 2,
        out_features=alphabet + 1,
        length=longest + 2 * num_symbols,
        batch_size=batch_size,
        metric="loss",
        maximize=False,
        maximized=("accuracy",),
        baseline=baseline,
        solved=baseline / 10,
        inputs="token",
        unit="nats",
    )
    return Task(spec, batch, loss)


def encode(symbols: Array, delays: Array | int, longest: int, alphabet: int = 8) -> Batch:
    """The batch with these symbols [B, S] (1 ... alphabet) and delays [B].

    A delay is the number of steps from the last symbol to the delimiter, at most `longest`.
    """
    batch_size, num_symbols = symbols.shape
    steps = longest + 2 * num_symbols
    rows = jnp.arange(batch_size)[:, None]
    delimiter = jnp.broadcast_to(num_symbols + jnp.asarray(delays) - 1, (batch_size,))[:, None]
    blanks = jnp.zeros((batch_size, steps), symbols.dtype)
    inputs = blanks.at[:, :num_symbols].set(symbols).at[rows, delimiter].set(alphabet + 1)
    answers = delimiter + 1 + jnp.arange(num_symbols)
    mask = jnp.arange(steps) <= answers[:, -1:]
    weights = jnp.asarray(mask, jnp.float32)
    targets = blanks.at[rows, answers].set(symbols)
    return Batch(inputs, targets, weights, mask, _common.initial_resets(batch_size, steps))


def loss(outputs: Array, batch: Batch) -> Metrics:
    """Cross entropy over all steps, and "accuracy", over the steps whose target is a symbol."""
    nll = _common.cross_entropy(outputs, batch.targets)
    hits = _common.correct(outputs, batch.targets)
    symbols = jnp.where(batch.targets > 0, batch.weights, 0.0)
    return {
        "loss": _common.weighted(nll, batch.weights),
        "accuracy": _common.weighted(hits, symbols),
    }
