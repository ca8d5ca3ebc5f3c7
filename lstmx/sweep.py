"""Sweeps: lists of points, each a dict of dotted overrides of a config.

    product({"model.cell": ["lstm", "gru"], "seed": range(3)})      every combination, 6 points
    zipped({"task.length": [100, 200], "steps": [1000, 2000]})      value by value, 2 points
    cross(zipped(...), product(...))                                every pair of points
    product(...) + product(...)                                     one after the other

Points of equal static part share one compilation; `groups` finds them.
"""

import itertools
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lstmx import checks
from lstmx import config as cfg
from lstmx.config import ConfigDict

Point = dict[str, Any]


def product(axes: Mapping[str, Iterable[Any]]) -> list[Point]:
    """Every combination of the values of dotted keys; the last key varies fastest."""
    values = _values(axes)
    return [dict(zip(values, chosen)) for chosen in itertools.product(*values.values())]


def zipped(axes: Mapping[str, Iterable[Any]]) -> list[Point]:
    """The first values of all keys, then the second ones, and so on.

    Raises:
        ValueError: keys with different numbers of values.
    """
    values = _values(axes)
    lengths = {key: len(v) for key, v in values.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{key} has {n}" for key, n in lengths.items())
        raise ValueError(f"zipped keys differ in their number of values: {counts}")
    return [dict(zip(values, chosen)) for chosen in zip(*values.values())]


def cross(first: Sequence[Point], second: Sequence[Point]) -> list[Point]:
    """Every point of the first list joined with every point of the second.

    Raises:
        ValueError: a key that both lists override.
    """
    shared = {k for p in first for k in p} & {k for p in second for k in p}
    if shared:
        raise ValueError(f"both sides of a cross override {', '.join(sorted(shared))}")
    return [{**a, **b} for a in first for b in second]


def log_uniform(low: float, high: float, n: int, seed: int = 0) -> list[float]:
    """n values in [low, high], one sampled in each of n strata of equal width in the logarithm.

    Latin hypercube sampling (McKay, Beckman & Conover 1979) in one dimension: few values cover the
    range, without the alignment of a grid. Equal arguments return equal values, ascending.

    Raises:
        ValueError: n below 1, or not 0 < low < high.
    """
    if not 0 < low < high < math.inf:
        raise ValueError(f"got low={low}, high={high}; expected 0 < low < high")
    if n < 1:
        raise ValueError(f"got n={n}; expected at least 1")
    uniform = random.Random(seed)
    ratio = math.log(high / low)
    values = (low * math.exp(ratio * (i + uniform.random()) / n) for i in range(n))
    return [min(max(value, low), high) for value in values]  # exp and log may round beyond a bound


def seeds(given: int | Iterable[int]) -> list[int]:
    """The seeds 0 to n - 1 of a number n, or the seeds that are given.

    >>> seeds(3), seeds([7, 5])
    ([0, 1, 2], [7, 5])

    Raises:
        ValueError: no seed, one that occurs twice, or something else than whole numbers from 0 on.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        return list(range(checks.size("seeds", given)))
    listed = [checks.size("a seed", seed, 0) for seed in given]
    if not listed:
        raise ValueError("seeds has no seed; expected at least one")
    if twice := [seed for n, seed in enumerate(listed) if seed in listed[:n]]:
        raise ValueError(f"seeds has {twice[0]} twice; expected each seed once")
    return listed


def resolve(config: ConfigDict, points: Sequence[Point]) -> list[ConfigDict]:
    """The config of each point, checked, in order.

    Raises:
        ValueError: no points, an override that does not fit, a config that could not run, or two
            points that are the same run.
    """
    if not points:
        raise ValueError("the sweep has no points")
    configs: list[ConfigDict] = []
    seen: dict[str, int] = {}  # canonical text -> number of the first point that has it
    for number, point in enumerate(points):
        try:
            resolved = cfg.checked(config, point)
        except ValueError as error:
            raise ValueError(f"sweep point {number} ({show(point)}): {error}") from None
        text = cfg.canonical(resolved)
        if text in seen:
            raise ValueError(
                f"sweep points {seen[text]} ({show(points[seen[text]])}) and {number} "
                f"({show(point)}) are the same run; leave one out"
            )
        seen[text] = number
        configs.append(resolved)
    return configs


def groups(configs: Sequence[ConfigDict]) -> list[list[int]]:
    """The indices of the configs that share one compilation, in order of first appearance."""
    members: dict[str, list[int]] = {}
    for number, config in enumerate(configs):
        members.setdefault(cfg.static_part(config), []).append(number)
    return list(members.values())


def label(reference: ConfigDict, config: ConfigDict) -> str:
    """The differences of a config from a reference as text, its seed last: `hidden_size=8,seed=0`.

    The seed is always included. Omitted are options of another member that the config selects,
    where they are at their defaults. A key is cut to its last part, and a section's `name` to the
    part before it.
    """
    changed = cfg.flatten(cfg.changes(config))
    parts = []
    # With stored names, so that a run with a renamed option keeps its old directory.
    pair = tuple(cfg.stored(cfg.to_dict(c), whole=True) for c in (reference, config))
    for key, (before, after) in cfg.difference(*pair).items():
        default = before == cfg.ABSENT and key not in changed
        if key in ("seed", "name") or after == cfg.ABSENT or default:
            continue
        words = key.split(".")
        word = words[-2] if words[-1] == "name" else words[-1]
        parts.append(f"{word}={f'{after:.4g}' if isinstance(after, float) else after}")
    return ",".join([*parts, f"seed={config.seed}"])


def show(point: Point) -> str:
    """The point as one line of text; a section is shown as its member's name."""
    values = {k: v["name"] if isinstance(v, ConfigDict) else v for k, v in point.items()}
    return ", ".join(f"{key}={value}" for key, value in values.items()) or "no overrides"


def _values(axes: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    for key, values in axes.items():
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise ValueError(f"{key}: got {values!r}; expected a list of values")
    listed = {key: list(values) for key, values in axes.items()}
    for key, values in listed.items():
        if not values:
            raise ValueError(f"{key} has no values to sweep over")
    return listed
