"""How fast a curve gets somewhere."""

from collections.abc import Iterable

from lstmx.types import reaches


def steps_to(
    curve: Iterable[tuple[int, float | None]], threshold: float, *, maximize: bool
) -> int | None:
    """The first step of a curve at which it reaches the threshold; None if it never does.

    Args:
        curve: (step, value) in ascending order of the steps; None and nan never reach it.
        threshold: the value to reach, inclusive.
        maximize: True for values of at least the threshold, False for at most.
    """
    for step, value in curve:
        if value is not None and reaches(value, threshold, maximize=maximize):
            return step
    return None
