"""Word problems of groups: name the running product. Merrill, Petty & Sabharwal 2024.

arXiv:2404.08819. A token is an element of a finite group, and the target at every step is the
product of all elements so far. Each element is equally likely at each step. Worked example in S3,
whose elements are the permutations 012 021 102 120 201 210 = 0 ... 5:

    input      021  102  210
    target     021  120  102       021 then 102 is 120: 0 stays 0, which becomes 1

`group` is a product of symmetric groups S<n>, alternating groups A<n> and cyclic groups Z<n>, with
an x in between. Those of the paper have 60 elements each, but for S5:

    Z60      abelian: count modulo 60; Z2 is parity
    A4xZ5    not abelian, but solvable, as S3 is
    A5  S5   not solvable: complete for NC1. A network whose step is linear in its state, with a
             diagonal matrix, would have to be in TC0, which is believed to be smaller

The permutations of S<n> and A<n> are in lexicographic order, the identity is token 0, and of a
product a b the left factor a acts first: i becomes b[a[i]]. Elements of a product of groups count
like digits, the first group the most significant one.

Metrics: "accuracy", the fraction of correct products over all steps; "last", that of the last step,
which is the word problem itself; "sequence_accuracy", the fraction of rows without an error.

Baseline: a constant answer, 1 / number of elements: the product of uniform elements is uniform. The
reference "copy" repeats the input, which is correct at the first step, and at any other where the
product before it is the identity. Solved is .9, the accuracy by which the paper tells depths that
are sufficient from others.

Deviations: the paper trains on a stored set, here every batch is new. Traps: the splits are
independent and not disjoint. Among 10 000 rows of train are all the 216 words of three elements of
S3, and one in 168 of those of eight, of which there are 6**8: only words that are longer than
those of train are certain to be unseen.
"""

import itertools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@inproceedings{merrill2024illusion,
  author = {William Merrill and Jackson Petty and Ashish Sabharwal},
  title = {The Illusion of State in State-Space Models},
  booktitle = {International Conference on Machine Learning},
  eprint = {2404.08819},
  archiveprefix = {arXiv},
  year = {2024},
}
"""

SOLVED = 0.9
MOST = 720  # elements, of S6: the table of products has their square


def task(
    *, batch_size: int = 32, split: str = "train", group: str = "S3", length: int = 20
) -> Task:
    """A word problem; inputs tokens [B, length], outputs [B, T, number of elements].

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        group: such as "S3", "A5", "S5", "Z60" or "A4xZ5".
        length: elements of a word.

    Raises:
        ValueError: an unknown choice, a size below 1, or a group of one element or more than 720.
    """
    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, length=length)
    products = table(group)
    order = len(products)

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key = _common.split_key(key, split)
        return encode(jax.random.randint(key, (batch_size, length), 0, order), products)

    def loss(outputs: Array, batch: Batch) -> Metrics:
        hits = _common.correct(outputs, batch.targets)
        return {
            **_common.classification(outputs, batch),
            "last": _common.weighted(hits[:, -1], batch.weights[:, -1]),
            "sequence_accuracy": _common.sequence_accuracy(hits, batch.weights),
        }

    spec = TaskSpec(
        in_features=order,
        out_features=order,
        length=length,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=1 / order,
        references={"copy": 1 / length + (1 - 1 / length) / order},
        solved=SOLVED,
        inputs="token",
        maximized=("accuracy", "last", "sequence_accuracy"),
    )
    return Task(spec, batch, loss)


def encode(words: Array, products: np.ndarray) -> Batch:
    """The batch of words [B, T] of a group with this table [n, n] of products."""

    def multiply(product: Array, factor: Array) -> tuple[Array, Array]:
        product = jnp.asarray(products)[product, factor]
        return product, product

    _, running = jax.lax.scan(multiply, jnp.zeros_like(words[:, 0]), words.T)
    return Batch(
        inputs=words,
        targets=running.T,
        weights=jnp.ones(words.shape, jnp.float32),
        mask=jnp.ones(words.shape, bool),
        resets=_common.initial_resets(*words.shape),
    )


def table(group: str) -> np.ndarray:
    """The products [n, n] of the elements of a group, int32: row times column.

    Raises:
        ValueError: a name that is no group, or one of a group that is too small or too large.
    """
    factors = [re.fullmatch(r"([SAZ])([1-9]\d{0,3})", name) for name in group.split("x")]
    if not all(factors):
        raise ValueError(
            f"group={group!r}; expected S<n>, A<n> or Z<n>, or several with an x between them, "
            "such as S3, A5, S5, Z60 or A4xZ5"
        )
    found = [(match[1], int(match[2])) for match in factors if match]
    order = math.prod(_order(kind, n) for kind, n in found)
    if not 1 < order <= MOST:
        raise ValueError(
            f"group={group!r} has {order if order < 10**6 else 'over a million'} "
            f"element{'s' * (order > 1)}; expected 2 to {MOST}"
        )
    result = np.zeros((1, 1), np.int32)
    for kind, n in found:
        one = _cyclic(n) if kind == "Z" else _permutations(n, even=kind == "A")
        size = len(result) * len(one)
        blocks = result[:, None, :, None] * len(one) + one[None, :, None, :]
        result = blocks.reshape(size, size)
    return result


def _order(kind: str, n: int) -> int:
    if kind == "Z":
        return n
    permutations = math.factorial(min(n, 12))  # more are too many anyway
    return permutations if kind == "S" else max(1, permutations // 2)


def _cyclic(n: int) -> np.ndarray:
    numbers = np.arange(n, dtype=np.int32)
    return (numbers[:, None] + numbers) % n


def _permutations(n: int, *, even: bool) -> np.ndarray:
    elements = [p for p in itertools.permutations(range(n)) if not (even and _is_odd(p))]
    index = {element: number for number, element in enumerate(elements)}
    return np.array([[index[tuple(b[i] for i in a)] for b in elements] for a in elements], np.int32)


def _is_odd(permutation: tuple[int, ...]) -> bool:
    return sum(a > b for a, b in itertools.combinations(permutation, 2)) % 2 == 1
