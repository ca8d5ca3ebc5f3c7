"""How many replicas a device computes side by side, where the config leaves it open."""

SMALL = 32
"""Floats of recurrent state in a batch up to which a CPU computes replicas side by side."""
WIDE = 256
"""Floats of state, of all replicas that are side by side, up to which a CPU gains."""


def side_by_side(floats: int, count: int, *, cpu: bool) -> int:
    """The number of replicas in one `vmap`; the others follow in a loop.

    On an accelerator all. A CPU gains nothing from wider products, but one operation on a few
    numbers costs about as much as one on a hundred. Side by side, LSTMs on one sequence train 2.4
    times as fast with 4 units, 2.0 with 8, 1.3 with 16, and .6 with 64; with 64 units and 32
    sequences .7 (`experiments.benchmark --only=replicas`). Between 32 and 128 floats the gain is
    up to 2, but there a run is still equal to the last bit in every group, which is worth more.

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
