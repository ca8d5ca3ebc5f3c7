"""ListOps: the value of a nested expression over digits, at the last step.

Nangia & Bowman 2018 (arXiv:1804.06028); with up to 2000 symbols it is a task of the Long Range
Arena (Tay et al. 2021, arXiv:2011.04006). Operators are MAX, MIN, MED (the median, rounded down)
and SM (the sum modulo 10); a node is an operator with probability 1/4 down to `max_depth`, and has
2 ... max_args arguments. Tokens: the digits 0 ... 9, the four operators with their opening
brackets 10 ... 13, and the closing bracket 14. Worked example, 9 steps:

    input   [MAX  2  9  [MIN  4  7  ]  0  ]
    class                                 9, with weight 1

Expressions are generated once, by `seed`, with the distribution of the Arena's generator: all are
different, and those that do not have min_length ... length symbols are discarded, so that neither
lengths nor depths are uniform. valid and test have `held_out` each, train has `examples`; the
held-out ones are generated first and do not depend on the number of training examples. The Arena
has

    min_length=501, length=1999, examples=96000, held_out=2000

and `source="arena"` reads its files basic_train.tsv, basic_val.tsv and basic_test.tsv from the
folder `listops` of the data folder. Training samples examples with replacement, by the key.

Baseline: the most frequent class of the split. Values are not uniform, because MAX and MIN produce
extreme ones: 9 and 0 have a frequency of about .16 each. A better reference, "first operator", is
the most frequent value given the first symbol (9 for MAX, 0 for MIN): about .34, .36 at the
Arena's lengths. Beck et al. 2024 (xLSTM, arXiv:2405.04517) report .275 for an LSTM and .495 for an
LSTM in a residual block. There is no threshold from which the task is solved.

Traps: an early release of the Arena lacks the brackets, without which depth and arguments are
ambiguous; such files are refused. An accuracy below .36 needs only the first symbol.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.data import fetch, listops
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

BIBTEX = """
@inproceedings{nangia2018listops,
  author = {Nikita Nangia and Samuel R. Bowman},
  title = {{ListOps}: A Diagnostic Dataset for Latent Tree Learning},
  booktitle = {NAACL Student Research Workshop},
  eprint = {1804.06028},
  archiveprefix = {arXiv},
  year = {2018},
}
"""

CLASSES = 10


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "generated",
    min_length: int = 20,
    length: int = 100,
    max_depth: int = 10,
    max_args: int = 10,
    examples: int = 20_000,
    held_out: int = 2000,
    seed: int = 0,
) -> Task:
    """ListOps; inputs tokens [B, length], outputs [B, length, 10], scored at the last symbol.

    Args:
        batch_size: expressions of a batch.
        split: train samples expressions by the key; valid and test contain theirs in order, by the
            step.
        source: "generated", or "arena" for the files of the Long Range Arena.
        min_length: fewest symbols of an expression; shorter ones of the Arena are left out.
        length: most symbols of an expression, and T; longer ones of the Arena are left out.
        max_depth: largest nesting depth, digits included; generated only.
        max_args: most arguments of an operator; generated only.
        examples: expressions to train on; generated only.
        held_out: expressions of valid, and of test; generated only.
        seed: which expressions; generated only.

    Raises:
        ValueError: an unknown choice, a size too small, fewer expressions than requested, or a
            file missing or wrong.
    """
    _common.check_split(split)
    checks.one_of("source", source, ("generated", "arena"))
    checks.sizes(
        1, batch_size=batch_size, min_length=min_length, examples=examples, held_out=held_out
    )
    checks.sizes(2, max_depth=max_depth, max_args=max_args)
    checks.sizes(max(min_length, listops.SHORTEST), length=length)
    files: dict[str, str] = {}
    if source == "arena":
        loaded, place = listops.read(split)
        selected = _of_length(loaded, min_length, length)
        files = {place.name: fetch.sha256(place)}
    else:
        start = {"valid": 0, "test": held_out, "train": 2 * held_out}[split]
        stop = start + (examples if split == "train" else held_out)
        generated = listops.generate(stop, min_length, length, max_depth, max_args, seed)
        selected = listops.Expressions(*(values[start:] for values in generated))
    count = len(selected.values)
    tokens, lengths, classes = (jnp.asarray(values) for values in selected)

    def batch(key: Key, step: Array | int) -> Batch:
        if split == "train":
            index = jax.random.randint(_common.split_key(key, split), (batch_size,), 0, count)
            exists = jnp.ones(batch_size, bool)
        else:
            index, exists = _common.rows(step, batch_size, count)
        sizes = jnp.where(exists, lengths[index], 0)
        return encode(tokens[index], sizes, classes[index])

    spec = TaskSpec(
        in_features=len(listops.SYMBOLS),
        out_features=CLASSES,
        length=length,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=_most_frequent(selected.values) / count,
        references={"first operator": first_operator(selected)},
        inputs="token",
        num_batches=None if split == "train" else -(-count // batch_size),
        files=files,
        maximized=("accuracy",),
    )
    return Task(spec, batch, _common.classification)


def encode(tokens: Array, lengths: Array, values: Array) -> Batch:
    """The batch of expressions [B, T] of these lengths [B], 0 for none, with values [B]."""
    batch_size, steps = tokens.shape
    mask = _common.real(lengths, steps)
    weights = _common.last_step(lengths, steps)
    return Batch(
        inputs=jnp.where(mask, jnp.asarray(tokens, jnp.int32), 0),
        targets=jnp.where(weights > 0, values[:, None], 0),
        weights=weights,
        mask=mask,
        resets=_common.initial_resets(batch_size, steps),
    )


def first_operator(expressions: listops.Expressions) -> float:
    """The accuracy of the most frequent value given the first symbol."""
    firsts = expressions.tokens[:, 0]
    hits = sum(_most_frequent(expressions.values[firsts == first]) for first in np.unique(firsts))
    return hits / len(firsts)


def _most_frequent(values: np.ndarray) -> int:
    return int(np.bincount(values).max())


def _of_length(expressions: listops.Expressions, least: int, most: int) -> listops.Expressions:
    """The expressions of least ... most symbols, padded to `most`."""
    fits = (expressions.lengths >= least) & (expressions.lengths <= most)
    if not fits.any():
        low, high = (int(np.sort(expressions.lengths)[place]) for place in (0, -1))
        raise ValueError(
            f"listops: no expression of {least} to {most} symbols in the file, but of {low} to "
            f"{high}; set min_length and length"
        )
    tokens = expressions.tokens[fits][:, :most]
    padded = np.pad(tokens, ((0, 0), (0, most - tokens.shape[1])))
    return listops.Expressions(padded, expressions.lengths[fits], expressions.values[fits])
