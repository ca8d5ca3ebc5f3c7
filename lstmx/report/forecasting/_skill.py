"""Methods compared over many sets of data: skill scores and win rates, with bootstrap intervals.

As Shchur et al. 2025 (fev-bench) define them, for the errors e of D sets:

    skill of m      1 - geometric mean over sets of clip(e_m / e_baseline, 1/100, 100)
    win rate of m   mean over sets and other methods k of [e_m < e_k] + [e_m = e_k] / 2

The intervals are of the sets: they are drawn anew with replacement, and say how far the numbers
depend on which sets were chosen. A method that a set lacks has no part in it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lstmx import tables

BASELINE = "seasonal_naive"
CLIP = 100.0
"""A single set counts as a ratio of at most this, or its inverse."""
DRAWS, LEVEL = 2000, 0.95


class Row(NamedTuple):
    """A method over all sets.

    Attributes:
        name: of the method.
        sets: the number that it has errors in.
        skill: the score, and its interval.
        wins: the win rate, and its interval.
    """

    name: str
    sets: int
    skill: tuple[float, float, float]
    wins: tuple[float, float, float]


def skill_scores(errors: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """The skill [M] of errors [M, D] against those of the baseline [D]; NaN where missing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(np.clip(errors / baseline, 1 / CLIP, CLIP))
    return 1 - np.exp(_mean(logs))


def win_rates(errors: np.ndarray) -> np.ndarray:
    """The share of wins [M] of errors [M, D] over every other method in every set that both have.

    NaN of a method that never meets another.
    """
    own, other = errors[:, None], errors[None]
    met = np.isfinite(own) & np.isfinite(other) & ~np.eye(len(errors), dtype=bool)[..., None]
    wins = np.where(own < other, 1.0, np.where(own == other, 0.5, 0.0))
    count = met.sum(axis=(1, 2))
    total = np.where(met, wins, 0.0).sum(axis=(1, 2))
    return np.where(count, total / np.maximum(count, 1), np.nan)


def leaderboard(errors: Mapping[str, Mapping[str, float]], seed: int = 0) -> list[Row]:
    """The methods by skill, the best first.

    Args:
        errors: set -> method -> error; NaN and an absent method are the same.
        seed: of the bootstrap.

    Raises:
        ValueError: a set without an error of the baseline.
    """
    sets = list(errors)
    for name in sets:
        if not np.isfinite(errors[name].get(BASELINE, np.nan)):
            raise ValueError(f"set {name!r} has no error of {BASELINE}, which the others relate to")
    methods = list(dict.fromkeys(method for found in errors.values() for method in found))
    table = np.array([[errors[s].get(m, np.nan) for s in sets] for m in methods], float)
    methods = [m for m, row in zip(methods, table) if np.isfinite(row).any()]
    table = table[np.isfinite(table).any(axis=1)]
    base = table[methods.index(BASELINE)]
    random, drawn = np.random.default_rng(seed), []
    for _ in range(DRAWS):
        at = random.integers(len(sets), size=len(sets))
        drawn.append((skill_scores(table[:, at], base[at]), win_rates(table[:, at])))
    ends = [50 * (1 - LEVEL), 50 * (1 + LEVEL)]
    low, high = np.nanpercentile(np.array(drawn), ends, axis=0)  # [2, M]
    skill, wins = skill_scores(table, base), win_rates(table)
    rows = [
        Row(
            method,
            int(np.isfinite(table[m]).sum()),
            (float(skill[m]), float(low[0, m]), float(high[0, m])),
            (float(wins[m]), float(low[1, m]), float(high[1, m])),
        )
        for m, method in enumerate(methods)
    ]
    return sorted(rows, key=lambda row: -row.skill[0])


def markdown(rows: Sequence[Row], errors: Mapping[str, Mapping[str, float]]) -> str:
    """Two tables: the methods over all sets, and their errors in each set, the least in bold."""
    share = lambda values: "{:.1%} ({:.1%} to {:.1%})".format(*values)
    overall = [
        [row.name.replace("_", " "), str(row.sets), share(row.skill), share(row.wins)]
        for row in rows
    ]
    lines = []
    for name, found in errors.items():
        least = min(value for value in found.values() if np.isfinite(value))
        cells = []
        for row in rows:
            value = found.get(row.name, np.nan)
            text = tables.brief(value) if np.isfinite(value) else tables.NONE
            cells.append(f"**{text}**" if value == least else text)
        lines.append([name, *cells])
    heads = ["set", *(row.name.replace("_", " ") for row in rows)]
    return "\n\n".join(
        [
            tables.markdown(["method", "sets", "skill", "win rate"], overall),
            tables.markdown(heads, lines),
        ]
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean of each row of values [M, D] over what it has; NaN of nothing."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count, total / np.maximum(count, 1), np.nan)
