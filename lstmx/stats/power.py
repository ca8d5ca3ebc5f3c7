"""How many seeds a comparison needs, and what one with few can show at all.

All is about Welch's t-test, two-sided, on normal values, but for `smallest_p`.
"""

import math

from scipy import optimize, special

from lstmx.stats import _noncentral

SEEN = 0.8
"""The usual power: four of five such comparisons find the difference. Cohen 1988, section 2.4."""
MOST_SEEDS = 1_000_000
MOST_DEVIATIONS = 1e6
CLEAR = 2.0
"""Standard deviations between two rows from which the dots of their runs look like two groups."""


def power_of(
    difference: float,
    n: int,
    m: int | None = None,
    *,
    deviations: tuple[float, float] = (1.0, 1.0),
    alpha: float = 0.05,
) -> float:
    """The probability that Welch's test of n against m seeds finds a difference of the means.

    From the noncentral t distribution with Welch's degrees of freedom at the true deviations,
    which is exact for equal ones and equal numbers of seeds.

    >>> round(power_of(1.0, 17), 3)
    0.807

    Args:
        difference: of the true means, in the unit of the deviations.
        n: seeds of the first, two or more.
        m: seeds of the second; n if None.
        deviations: true standard deviations over seeds.
        alpha: the p value below which a difference counts, after division by the number of
            comparisons in case of several (Bonferroni; Holm's is at most a little better).

    Raises:
        ValueError: fewer than two seeds, deviations that are not positive, alpha outside (0, 1).
    """
    m = n if m is None else m
    if min(n, m) < 2 or min(deviations) <= 0 or not 0 < alpha < 1:
        raise ValueError(
            f"got {n} and {m} seeds, deviations {deviations}, alpha {alpha}; expected two or more, "
            "positive ones, and a number between 0 and 1"
        )
    parts = deviations[0] ** 2 / n, deviations[1] ** 2 / m
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
    center = abs(difference) / math.sqrt(sum(parts))
    edge = float(special.stdtrit(degrees, 1 - alpha / 2))
    return 1 - _noncentral.cdf(edge, degrees, center) + _noncentral.cdf(-edge, degrees, center)


def seeds_needed(
    difference: float,
    *,
    deviations: tuple[float, float] = (1.0, 1.0),
    alpha: float = 0.05,
    power: float = SEEN,
) -> int:
    """The smallest number of seeds, for each of the two, that finds a difference of the means.

    >>> seeds_needed(0.5), seeds_needed(1.0), seeds_needed(1.0, alpha=0.05 / 9)
    (64, 17, 29)

    Args:
        difference: of the true means, in the unit of the deviations.
        deviations: true standard deviations over seeds.
        alpha: as in `power_of`.
        power: the probability to find it, between 0 and 1.

    Raises:
        ValueError: no difference, a power outside (0, 1), one that takes more than `MOST_SEEDS`; or
            as `power_of`.
    """
    if not 0 < power < 1 or difference == 0:
        raise ValueError(f"got difference {difference}, power {power}; expected one, and 0 < p < 1")

    def enough(n: int) -> bool:
        return power_of(difference, n, deviations=deviations, alpha=alpha) >= power

    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_SEEDS:
            raise ValueError(
                f"got difference {difference:g}; it takes more than {MOST_SEEDS} seeds"
            )
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def detectable(n: int, m: int | None = None, *, alpha: float = 0.05, power: float = SEEN) -> float:
    """The difference of the means, in standard deviations, that n against m seeds find.

    >>> round(detectable(3), 2), round(detectable(10), 2)
    (3.07, 1.32)

    Raises:
        ValueError: as `power_of`.
    """
    found = optimize.brentq(lambda d: power_of(d, n, m, alpha=alpha) - power, 0, MOST_DEVIATIONS)
    return float(found)


def smallest_p(n: int, m: int) -> float:
    """The smallest p value that a permutation test of the means of n against m seeds can give.

    Every split is as likely as the observed one. Of n against n, its mirror image counts, too.

    >>> smallest_p(3, 3), round(smallest_p(3, 10), 4)
    (0.1, 0.0035)

    Raises:
        ValueError: a sample without seeds.
    """
    if min(n, m) < 1:
        raise ValueError(f"got {n} and {m} seeds; expected one or more")
    return (2 if n == m else 1) / math.comb(n + m, n)


def warning(
    n: int, m: int, *, comparisons: int = 1, alpha: float = 0.05, power: float = SEEN
) -> str:
    """What a table of n against m seeds cannot show, as a sentence; "" where it has enough.

    Enough is what finds two standard deviations by Welch's test, from which a plot of the runs
    shows two groups. Where a permutation test cannot find anything, the sentence says so, too.

    >>> warning(10, 10)
    ''
    >>> print(warning(3, 3, comparisons=4))
    Too few seeds: with 3 against 3, only differences of 4.5 standard deviations are found (p < \
0.05 in 80 % of cases, 4 comparisons); 2 would take 8 seeds each. A permutation test cannot \
fall below p = 0.4.

    Args:
        n: seeds of a row.
        m: seeds of the reference.
        comparisons: number of rows that are compared with it.
        alpha: the p value below which a difference counts.
        power: the probability to find it.
    """
    if min(n, m) < 2:
        return "Too few seeds: with one there is neither interval nor test."
    share = alpha / max(comparisons, 1)
    lowest = min(1.0, smallest_p(n, m) * max(comparisons, 1))
    least = detectable(n, m, alpha=share, power=power)
    if least <= CLEAR:
        return ""
    several = f", {comparisons} comparisons" if comparisons > 1 else ""
    text = (
        f"Too few seeds: with {n} against {m}, only differences of {least:.1f} standard deviations "
        f"are found (p < {alpha:g} in {100 * power:.0f} % of cases{several}); {CLEAR:g} would take "
        f"{seeds_needed(CLEAR, alpha=share, power=power)} seeds each."
    )
    if lowest >= alpha:
        text += f" A permutation test cannot fall below p = {lowest:.2g}."
    return text
