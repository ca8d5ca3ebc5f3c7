"""What the timing tasks share: spikes at drawn distances, streams, and the steps until an error.

Gers, Schraudolph & Schmidhuber 2002: spike n comes at T(n) = T(n - 1) + F + I(n). A window is a
number of delays end to end, each from a spike to the step before the next one; a stream is windows
end to end, with the state carried on. Windows of one shape have different lengths, and what is
left at their end is masked: it does not exist for the network, so that no stream is torn there.
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
    """Delays laid end to end.

    Attributes:
        spikes: [B, S] step of each spike, the first one 0.
        lengths: [B] steps of all delays together.
        steps: T, the longest that a window can be.
    """

    spikes: Array
    lengths: Array
    steps: int


def check(split: str, delays: str, tolerance: float, windows: int, **sizes: int) -> None:
    """Refuse what no timing task can be made of. Raises ValueError."""
    _common.check_split(split)
    checks.one_of("delays", delays, DELAYS)
    checks.sizes(1, **sizes)
    checks.sizes(0, windows=windows)
    check_tolerance(tolerance)


def check_tolerance(tolerance: float) -> None:
    """Refuse a tolerance that everything or nothing passes. Raises ValueError."""
    if not 0 < tolerance < 0.5:
        raise ValueError(f"tolerance={tolerance}; expected above 0 and below 0.5")


def draw(key: Key, shape: tuple[int, int], max_delay: int, delays: str) -> Array:
    """Delays I [B, S] beyond the interval: each of 0 ... max_delay ("all"), or its "ends"."""
    if delays == "all":
        return jax.random.randint(key, shape, 0, max_delay + 1)
    return jax.random.randint(key, shape, 0, 2) * max_delay


def lay(extras: Array, interval: int, max_delay: int) -> Window:
    """The window of delays of interval + extras [B, S] steps."""
    durations = interval + extras
    ends = jnp.cumsum(durations, axis=1)
    return Window(ends - durations, ends[:, -1], extras.shape[1] * (interval + max_delay))


def put(values: Array, places: Array, steps: int) -> Array:
    """Array [B, T] with the values [B, S] at these places [B, S], zero elsewhere."""
    rows = jnp.arange(places.shape[0])[:, None]
    blank = jnp.zeros((places.shape[0], steps))
    return blank.at[rows, places].set(jnp.asarray(values, blank.dtype))


def number(step: Array | int, windows: int) -> Array:
    """Which window of its stream a batch is, []; 0 windows make one endless stream."""
    return jnp.asarray(step) % windows if windows else jnp.asarray(step)


def stream_resets(batch_size: int, steps: int, number: Array | int) -> Array:
    """Resets [B, T] of a window: afresh before the first step of window 0 of a stream."""
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
    """Half the squared error, as `_common.logistic` has it, and how long a row goes without error.

    Args:
        outputs: [B, T, 1] of the readout.
        targets: [B, T, 1].
        weights: [B, T], 0 where nothing is asked.
        events: [B, T] bool, True at what "until_error" counts: spikes, or steps.
        output: "logistic" squashes the outputs first, "linear" takes them as they are.
        tolerance: the largest absolute error that is none.

    Returns:
        "loss"; "mse", the squared error of a step; "correct", the share of steps without error;
        "whole", the share of rows without error; "until_error", how many events of a row come
        before its first error.
    """
    answers = jax.nn.sigmoid(outputs) if output == "logistic" else outputs
    error = jnp.abs(answers - targets)[..., 0]
    right = jnp.asarray(error < tolerance, jnp.float32)
    faultless = jnp.cumprod(jnp.where(weights > 0, right, 1.0), axis=1)
    squares = _common.weighted(jnp.square(error), weights)
    whole = _common.whole(right, weights)
    reached = jnp.sum(jnp.where(events & (weights > 0), faultless, 0.0))
    return {
        "loss": Mean(squares.total / 2, whole.count),
        "mse": squares,
        "correct": _common.weighted(right, weights),
        "whole": whole,
        "until_error": Mean(reached, whole.count),
    }
