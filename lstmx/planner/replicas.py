"""How many replicas a device computes side by side, where the config leaves it open."""

SMALL = 32
"""Floats of recurrent state in a batch up to which a CPU computes replicas side by side."""
WIDE = 256
"""Floats of state, of all replicas that are side by side, up to which a CPU gains."""


def side_by_side(floats: int, count: int, *, cpu: bool) -> int:
    """The number of replicas in one `vmap`; the others follow in a loop.

    On an accelerator all. A CPU gains nothing from wider products, but one operation on a few
    numbers costs about as much as one on a hundred: the time of an update per replica falls to
    0.20 with LSTMs of 4 units on one sequence, to 0.46 with 16, and is the same with 12 units and
    32 sequences; from 32 units on it rises (2 cores, jax 0.10.2: `experiments.benchmark
    --only=replicas`).

    Args:
        floats: of recurrent state in a batch: sequences times the size of the state of one.
        count: replicas of a device.
        cpu: whether that device is a CPU.

    Returns:
        A divisor of `count`: a remainder would be another program to compile.
    """
    if not cpu:
        return count
    most = max(1, WIDE // max(1, floats)) if floats <= SMALL else 1
    return next(size for size in range(min(most, count), 0, -1) if count % size == 0)
