"""The next value of generated series: the data of tutorials on recurrent layers, with a known best.

Each of the X features of a series is a damped oscillation that noise keeps going, an autoregressive
process of order 2 with variance 1:

    x_t = 2 r cos(2 pi / P) x_{t-1} - r^2 x_{t-2} + s e_t,   e_t ~ N(0, 1),   X_0 stationary

with damping r and period P. N series of `length` steps are drawn once; the inputs are all steps but
the last one, and targets are later values of the first feature. Worked example, length 4:

    series 0.3 1.1 0.8 -0.2     inputs 0.3 1.1 0.8
    target "next":   targets 0 0 -0.2         weights 0 0 1
    target "every":  targets 1.1 0.8 -0.2     weights 1 1 1
    target "broadcast": as "every", but the last output is compared with each of the three targets

"broadcast" is a slip of tutorials: targets [N, T, 1] given to a model with outputs [N, 1], which
Keras broadcasts without a word. What that learns is the mean of the T targets, most of which are
inputs. Its error is at least the mean spread of the targets around their mean.

Baseline: the mean of train, an error of 1. References: "naive", the last value seen; "best", the
smallest expected error of any predictor. With q = 2 r cos(2 pi / P) / (1 + r^2), the correlation of
neighbours, it is

    next       s^2, the variance of the noise; 1 for r = 0, white noise, where naive has 2
    every      ((1 - q^2) + (T - 1) s^2) / T, as the first forecast has seen a single value
    broadcast  for r = 0 that of the mean of the T targets with 0 for the unseen one,
               1 - (T - 1) / T^2; not given for other r

No error counts as solved.
"""

import math

import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.data.arrays import Labelled, Part
from lstmx.tasks import _common, _labelled
from lstmx.tasks._encoding import Options
from lstmx.types import Array, Batch, Metrics, Task

BIBTEX = ""
"""No paper posed it."""

TARGETS = ("next", "every", "broadcast")
SEEDS = {"train": 0, "valid": 1, "test": 2}
"""Series do not depend on the seed of a run: like a file, every run has the same ones."""
HELD_OUT = 1000
"""Series of valid and of test: an error is then known to about 4 %."""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    series: int = 1000,
    length: int = 10,
    features: int = 1,
    target: str = "next",
    damping: float = 0.95,
    period: float = 10.0,
) -> Task:
    """Series to continue by a value; inputs [B, length - 1, X], outputs [B, length - 1, 1].

    Args:
        batch_size: series of a batch.
        split: train goes through its series in epochs, in a new order each; valid and test by the
            step.
        series: number N of series in train; valid and test have 1000.
        length: steps of a series, with the last one, which is only a target.
        features: X independent processes; targets are values of the first one.
        target: "next", "every" or "broadcast".
        damping: r, at least 0 and below 1; 0 is white noise.
        period: P of the oscillation, in steps, at least 2.

    Raises:
        ValueError: an unknown choice or a number outside its bounds.
    """
    _common.check_split(split)
    checks.one_of("target", target, TARGETS)
    checks.sizes(1, batch_size=batch_size, series=series, features=features)
    checks.sizes(3, length=length)
    checks.number("damping", damping, least=0.0, below=1.0)
    checks.number("period", period, least=2.0)
    parts = {
        name: _part(drawn(name, count, length, features, damping, period), target)
        for name, count in (("train", series), (split, series if split == "train" else HELD_OUT))
    }
    made = _labelled.make(Labelled(parts), Options(batch_size, split))
    naive = parts[split].values[..., 0]
    wanted = parts[split].targets[..., 0]
    guess = naive if target == "every" else naive[:, -1:]
    if target == "next":
        guess = guess[:, 0]
    references = {"naive": float(np.mean((wanted - guess) ** 2))}
    if (least := best(target, length, damping, period)) is not None:
        references["best"] = least
    made = made._replace(spec=made.spec._replace(references=references))
    return made._replace(loss=_broadcast) if target == "broadcast" else made


def drawn(
    split: str, count: int, length: int, features: int, damping: float, period: float
) -> np.ndarray:
    """[count, length, features] float32, stationary from the first step on, with variance 1."""
    rng = np.random.default_rng(SEEDS[split])
    noise = rng.normal(size=(length, count, features))
    first, second = _coefficients(damping, period)
    correlation = first / (1 - second)  # of neighbours, by Yule and Walker
    scale = math.sqrt(noise_variance(damping, period))
    x = np.zeros_like(noise)
    x[0] = noise[0]
    x[1] = correlation * x[0] + math.sqrt(1 - correlation**2) * noise[1]
    for t in range(2, length):
        x[t] = first * x[t - 1] + second * x[t - 2] + scale * noise[t]
    return np.moveaxis(x, 0, 1).astype(np.float32)


def noise_variance(damping: float, period: float) -> float:
    """s^2 of the process with variance 1."""
    first, second = _coefficients(damping, period)
    return (1 + second) * ((1 - second) ** 2 - first**2) / (1 - second)


def best(target: str, length: int, damping: float, period: float) -> float | None:
    """The smallest expected squared error; None where the docstring gives none."""
    noise, steps = noise_variance(damping, period), length - 1
    if target == "next":
        return noise
    if target == "every":
        first, second = _coefficients(damping, period)
        return (1 - (first / (1 - second)) ** 2 + (steps - 1) * noise) / steps
    return 1 - (steps - 1) / steps**2 if damping == 0 else None


def _coefficients(damping: float, period: float) -> tuple[float, float]:
    return 2 * damping * math.cos(2 * math.pi / period), -(damping**2)


def _part(series: np.ndarray, target: str) -> Part:
    values = series[:, :-1]
    later = series[:, -1, :1] if target == "next" else series[:, 1:, :1]
    return Part(values, np.ones(values.shape[:2], bool), later)


def _broadcast(outputs: Array, batch: Batch) -> Metrics:
    """The last output [B, 1, 1] against every target [B, T, 1]."""
    error = outputs[:, -1:] - batch.targets
    over = lambda values: _common.weighted(values, batch.weights[..., None])
    mse = over(jnp.square(error))
    return {"loss": mse, "mse": mse, "mae": over(jnp.abs(error))}
