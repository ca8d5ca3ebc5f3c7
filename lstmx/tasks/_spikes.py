"""Functions of the timing tasks: spikes at random distances, streams, and time until an error.

Gers, Schraudolph & Schmidhuber 2002: spike n is at T(n) = T(n - 1) + F + I(n). A window consists of
consecutive delays, each from a spike to the step before the next one; a stream consists of
consecutive windows, between which the state is carried. Windows of one shape have different
lengths. The steps after their end are masked: they leave the state as it is, so that the next
window continues the stream.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Key, Mean, Metrics

DELAYS = ("all", "ends")
OUTPUTS = ("logistic", "linear")


class Window(NamedTuple):
    """Consecutive delays.

    Attributes:
        spikes: [B, S] step of each spike, the first one 0.
        lengths: [B] sum of all delays, in steps.
        steps: T, the largest possible length.
    """

    spikes: Array
    lengths: Array
    steps: int


def check(split: str, delays: str, tolerance: float, windows: int, **sizes: int) -> None:
    """Raises ValueError for invalid options of a timing task."""
    _common.check_split(split)
    checks.one_of("delays", delays, DELAYS)
    checks.sizes(1, **sizes)
    checks.sizes(0, windows=windows)
    check_tolerance(tolerance)


def check_tolerance(tolerance: float) -> None:
    """Raises ValueError for a tolerance that every output or none would satisfy."""
    if not 0 < tolerance < 0.5:
        raise ValueError(f"tolerance={tolerance}; expected above 0 and below 0.5")


def sample_delays(key: Key, shape: tuple[int, int], max_delay: int, delays: str) -> Array:
    """Random delays I [B, S] beyond the interval: of 0 ... max_delay ("all"), or 0 or max_delay."""
    if delays == "all":
        return jax.random.randint(key, shape, 0, max_delay + 1)
    return jax.random.randint(key, shape, 0, 2) * max_delay


def place_spikes(extras: Array, interval: int, max_delay: int) -> Window:
    """The window of delays of interval + extras [B, S] steps."""
    durations = interval + extras
    ends = jnp.cumsum(durations, axis=1)
    return Window(ends - durations, ends[:, -1], extras.shape[1] * (interval + max_delay))


def put(values: Array, places: Array, steps: int) -> Array:
    """Array [B, T] with values [B, S] at places [B, S], zero elsewhere."""
    rows = jnp.arange(places.shape[0])[:, None]
    blank = jnp.zeros((places.shape[0], steps))
    return blank.at[rows, places].set(jnp.asarray(values, blank.dtype))


def number(step: Array | int, windows: int) -> Array:
    """The number of a batch's window in its stream, []; with windows=0 streams are endless."""
    return jnp.asarray(step) % windows if windows else jnp.asarray(step)


def stream_resets(batch_size: int, steps: int, number: Array | int) -> Array:
    """Resets [B, T] of a window: True at the first step of window 0 of a stream."""
    first = jnp.asarray(number) == 0
    return jnp.zeros((batch_size, steps), bool).at[:, 0].set(first)


def metrics(
    outputs: Array,
    targets: Array,
    weights: Array,
    events: Array,
    *,
    output: str,
    tolerance: float,
) -> Metrics:
    """Half the squared error, as in `_common.logistic`, and the time until the first error.

    Args:
        outputs: [B, T, 1] of the readout.
        targets: [B, T, 1].
        weights: [B, T], 0 at steps without a target.
        events: [B, T] bool, True at the events that "until_error" counts: spikes, or steps.
        output: "logistic" applies the logistic function to the outputs, "linear" does not.
        tolerance: a step is correct if its absolute error is smaller.

    Returns:
        "loss"; "mse", the squared error of a step; "correct", the fraction of correct steps;
        "sequence_accuracy", the fraction of rows without an error; "until_error", the number of
        events of a row before its first error.
    """
    answers = jax.nn.sigmoid(outputs) if output == "logistic" else outputs
    error = jnp.abs(answers - targets)[..., 0]
    hits = jnp.asarray(error < tolerance, jnp.float32)
    faultless = jnp.cumprod(jnp.where(weights > 0, hits, 1.0), axis=1)  # 0 from the first error on
    squares = _common.weighted(jnp.square(error), weights)
    sequences = _common.sequence_accuracy(hits, weights)
    reached = jnp.sum(jnp.where(events & (weights > 0), faultless, 0.0))
    return {
        "loss": Mean(squares.total / 2, sequences.count),
        "mse": squares,
        "correct": _common.weighted(hits, weights),
        "sequence_accuracy": sequences,
        "until_error": Mean(reached, sequences.count),
    }
