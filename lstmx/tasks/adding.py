"""The adding problem: remember two marked numbers and output their sum at the end.

The input at every step is a pair (value, marker). Two steps are marked; the target, at the last
step, is a function of their values. Two conventions are in use; their losses are not comparable.

`convention="modern"`, Arjovsky, Shah & Bengio 2016 (arXiv:1511.06464), section 5.2: values
U[0, 1], markers 0 or 1, target the sum. One mark falls in each half of the sequence
(`marks="halves"`, the paper's own code), or anywhere without replacement (`marks="anywhere"`, the
code of Bai, Kolter & Koltun 2018). Worked example, length 4:

    value   .5  .1  .7  .2
    marker   0   1   1   0      target at the last step: .1 + .7 = .8

Baseline: the constant output 1, the mean. Its mean squared error is the variance of a sum of two
independent U[0, 1]: 2 / 12 = 1/6. No paper defines when the task is solved; 0.01 is our threshold.

`convention="1997"`, Hochreiter & Schmidhuber 1997, experiment 4: values U[-1, 1]; the length is
uniform on {T, ..., T + T // 10}; the markers of the first and the last step are -1; one mark
falls in the first ten steps, the other in the first T/2; target .5 + (X1 + X2) / 4. Example:

    value   .5  .2  .4 -.6  .1 -.3
    marker  -1   1   0   1   0  -1      target at the last step: .5 + (.2 - .6) / 4 = .4

The output is logistic in this convention, and the loss half its squared error, so that the paper's
learning rate applies; "mse" and "error" refer to the output after the logistic function, which is
"correct" within .04. Baseline: the constant output .5; (1/3 + 1/3) / 16 = 1/24. It is correct where
|X1 + X2| is below .16, with probability .16 - .16**2 / 4 = 15.4 %. Solved is the error whose root
is the tolerance, .0016 (our threshold: the paper stops at an average error below .01 and 2000
correct outputs in a row).

Deviation: in the paper a mark may be at the first step, whose marker is already -1, and the value
is then set to zero; here marks are never at the first step, so that the baseline is exact. Below
T = 20 the "first ten" steps are the first T/2.
"""

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
"""

BIBTEX_OPTIONS = {
    "convention=modern": """
@inproceedings{arjovsky2016unitary,
  author = {Martin Arjovsky and Amar Shah and Yoshua Bengio},
  title = {Unitary Evolution Recurrent Neural Networks},
  booktitle = {International Conference on Machine Learning},
  eprint = {1511.06464},
  archiveprefix = {arXiv},
  year = {2016},
}
""",
}
"""Option, or option=value -> what to cite besides where it is set."""

TOLERANCE = 0.04  # HS97: "correctly processed" means an absolute error below this


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    convention: str = "modern",
    marks: str = "halves",
) -> Task:
    """The adding problem; inputs [B, T, 2], outputs [B, T, 1], scored at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: steps T; in the convention of 1997 the shortest length.
        convention: "modern" or "1997".
        marks: "halves" or "anywhere", in the modern convention.

    Raises:
        ValueError: an unknown choice or a size too small.
    """
    _common.check_split(split)
    checks.one_of("convention", convention, ("modern", "1997"))
    checks.one_of("marks", marks, ("halves", "anywhere"))
    old = convention == "1997"
    checks.sizes(1, batch_size=batch_size)
    checks.sizes(8 if old else 2, length=length)
    if old and marks != "halves":
        raise ValueError(f"marks={marks!r} belongs to convention='modern'; 1997 has its own places")
    steps = length + length // 10 if old else length

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_value, key_mark, key_length = jax.random.split(_common.split_key(key, split), 3)
        if old:
            values = jax.random.uniform(key_value, (batch_size, steps), minval=-1.0)
            lengths = jax.random.randint(key_length, (batch_size,), length, steps + 1)
            return encode_1997(values, *places_1997(key_mark, batch_size, length), lengths)
        values = jax.random.uniform(key_value, (batch_size, steps))
        return encode(values, *_places(key_mark, batch_size, length, marks))

    def loss(outputs: Array, batch: Batch) -> Metrics:
        if old:
            return loss_1997(outputs, batch)
        error = outputs - batch.targets
        mse = _common.weighted(jnp.square(error), batch.weights[..., None])
        return {"loss": mse, "mse": mse}

    spec = TaskSpec(
        in_features=2,
        out_features=1,
        length=steps,
        batch_size=batch_size,
        metric="mse",
        maximize=False,
        maximized=("correct",),
        baseline=1 / 24 if old else 1 / 6,
        solved=TOLERANCE**2 if old else 0.01,
    )
    return Task(spec, batch, loss)


def encode(values: Array, first: Array, second: Array) -> Batch:
    """The modern batch of values [B, T] with marks at steps `first` [B] and `second` [B]."""
    batch_size, steps = values.shape
    marker = _one_hot(first, steps) + _one_hot(second, steps)
    target = jnp.sum(values * marker, axis=1)
    return _pack(values, marker, target, jnp.full(batch_size, steps))


def encode_1997(values: Array, first: Array, second: Array, lengths: Array) -> Batch:
    """The batch of 1997 of values [B, T] with two marks [B] each and lengths [B]."""
    marked = _one_hot(first, values.shape[1]) + _one_hot(second, values.shape[1])
    target = 0.5 + jnp.sum(values * marked, axis=1) / 4
    return pack_1997(values, first, second, target, lengths)


def pack_1997(values: Array, first: Array, second: Array, target: Array, lengths: Array) -> Batch:
    """The batch of 1997 with these targets [B] at the last steps."""
    steps = values.shape[1]
    ends = _common.last_step(lengths, steps).at[:, 0].set(1.0)
    marker = _one_hot(first, steps) + _one_hot(second, steps) - ends
    return _pack(values, marker, target, lengths)


def places_1997(key: Key, batch_size: int, length: int) -> tuple[Array, Array]:
    """Random places [B] of the two marks of 1997: in the first ten steps, and in the first half."""
    key_first, key_second = jax.random.split(key)
    half = length // 2
    first = jax.random.randint(key_first, (batch_size,), 1, min(10, half))
    return first, _skip(first, jax.random.randint(key_second, (batch_size,), 1, half - 1))


def loss_1997(outputs: Array, batch: Batch) -> Metrics:
    """Half the squared error of a logistic output, with "mse", "error" and "correct"."""
    metrics = _common.logistic(outputs, batch.targets, batch.weights, TOLERANCE)
    squares = jnp.square(jax.nn.sigmoid(outputs) - batch.targets)
    mse = _common.weighted(squares, batch.weights[..., None])
    return {"mse": mse} | {name: metrics[name] for name in ("loss", "error", "correct")}


def _pack(values: Array, marker: Array, target: Array, lengths: Array) -> Batch:
    batch_size, steps = values.shape
    weights = _common.last_step(lengths, steps)
    mask = _common.real(lengths, steps)
    inputs = jnp.where(mask[..., None], jnp.stack([values, marker], axis=-1), 0.0)
    targets = (target[:, None] * weights)[..., None]
    return Batch(inputs, targets, weights, mask, _common.initial_resets(batch_size, steps))


def _one_hot(places: Array, steps: int) -> Array:
    return jnp.asarray(jnp.arange(steps) == places[:, None], jnp.float32)


def _places(key: Key, batch_size: int, length: int, marks: str) -> tuple[Array, Array]:
    key_first, key_second = jax.random.split(key)
    if marks == "halves":
        first = jax.random.randint(key_first, (batch_size,), 0, length // 2)
        return first, jax.random.randint(key_second, (batch_size,), length // 2, length)
    first = jax.random.randint(key_first, (batch_size,), 0, length)
    return first, _skip(first, jax.random.randint(key_second, (batch_size,), 0, length - 1))


def _skip(taken: Array, place: Array) -> Array:
    """Map a uniform place among n - 1 to a uniform place among n other than `taken`."""
    return place + jnp.asarray(place >= taken, place.dtype)
