"""Criteria of reproduction: conditions on the values of all trials and the published number."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NamedTuple


class Criterion(NamedTuple):
    """The condition under which a claim counts as reproduced.

    Attributes:
        text: the tolerance, as the table shows it.
        holds: (values, published number or None) -> whether it is met; NaN is a failed trial.
        band: published number -> (lowest, highest) mean that meets it, for the figure; None where
            the criterion is not on the mean.
    """

    text: str
    holds: Callable[[Sequence[float], float | None], bool]
    band: Callable[[float], tuple[float, float]] | None = None


def exactly() -> Criterion:
    """Every value equals the published one."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and all(value == published for value in values)

    return Criterion("exact", holds, lambda published: (published, published))


def factor(k: float, solved: float = 1.0) -> Criterion:
    """The mean of the trials that succeeded is within a factor k of the published number.

    Args:
        k: above 1; for a published number above 0.
        solved: the share of trials that must succeed.
    """
    text = f"within a factor {k:g}{_share(solved)}"
    return _mean(text, lambda published: (published / k, published * k), solved)


def within(d: float, solved: float = 1.0) -> Criterion:
    """The mean of the trials that succeeded is within d of the published number.

    Args:
        d: in the unit of the claim.
        solved: the share of trials that must succeed.
    """
    return _mean(f"±{d:g}{_share(solved)}", lambda p: (p - d, p + d), solved)


def at_least(bound: float, solved: float = 1.0) -> Criterion:
    """The mean of the trials that succeeded is at least a bound, whatever was published."""
    return _mean(f"at least {bound:g}{_share(solved)}", lambda _: (bound, math.inf), solved)


def at_most(bound: float, solved: float = 1.0) -> Criterion:
    """The mean of the trials that succeeded is at most a bound, whatever was published."""
    return _mean(f"at most {bound:g}{_share(solved)}", lambda _: (-math.inf, bound), solved)


def between(low: float, high: float, solved: float = 1.0) -> Criterion:
    """The mean of the trials that succeeded is in a closed range, whatever was published."""
    return _mean(f"{low:g} to {high:g}{_share(solved)}", lambda _: (low, high), solved)


def every(bound: float) -> Criterion:
    """The value of every trial is at least a bound, whatever was published."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and all(value >= bound for value in values)

    return Criterion(f"every trial at least {bound:g}", holds)


def solves(share: float = 1.0) -> Criterion:
    """At least this share of the trials succeeds, after any number of updates."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and _succeeded(values) >= share

    return Criterion("every trial solved" if share == 1 else f"{share:.0%} of trials solved", holds)


def fails(share: float = 0.0) -> Criterion:
    """At most this share of the trials succeeds."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and _succeeded(values) <= share

    text = "no trial solved" if share == 0 else f"at most {share:.0%} of trials solved"
    return Criterion(text, holds)


def _mean(text: str, band: Callable[[float], tuple[float, float]], solved: float) -> Criterion:
    def holds(values: Sequence[float], published: float | None) -> bool:
        finite = [value for value in values if math.isfinite(value)]
        if not finite or _succeeded(values) < solved:
            return False
        # Without a published number, a band that depends on it is NaN: no mean is within.
        low, high = band(math.nan if published is None else published)
        return low <= fmean(finite) <= high

    return Criterion(text, holds, band)


def _succeeded(values: Sequence[float]) -> float:
    """The share of the trials that succeeded."""
    return sum(map(math.isfinite, values)) / len(values)


def _share(solved: float) -> str:
    """The share of trials that must succeed, as text; "" where it is all of them."""
    return "" if solved == 1 else f", {solved:.0%} of trials solved"
