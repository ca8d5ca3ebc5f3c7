"""A search: space, number of trials, sampler, pruning; its checks against a config."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from lstmx import checks
from lstmx import config as cfg
from lstmx.config import ConfigDict
from lstmx.search.space import Choice, Numbered, Range, Searched, grid_values, setting
from lstmx.sweep import Point, product, show

SAMPLERS = ("random", "quasi-random", "grid", "tpe")
"""How points are chosen. All but "tpe" give every trial a point that depends on the seed and the
trial's number only."""
WIDTH = "model.cell.hidden_size"
"""The key that a budget sets."""
PRUNING = ("none", "median", "halving")
"""What ends bad trials at an evaluation: the median rule, or asynchronous successive halving."""


@dataclasses.dataclass(frozen=True)
class Search:
    """A study to be made.

    Attributes:
        space: dotted key -> axis, or a value that all trials share.
        trials: their number; None only for a grid, where it is all points.
        sampler: one of `SAMPLERS`.
        pruning: one of `PRUNING`.
        seed: of the sampler.
        budget: ("params", N) or ("state", N): every trial has the largest hidden size with at most
            N parameters or floats of state; None is the hidden size of the config or the space.
        mean_over: dotted key -> values, such as {"task.fold": range(3)} for cross-validation over
            time: a trial is a run for each of them (of several keys, for each combination), and its
            value is the mean of the best values of its runs.

    Raises:
        ValueError: a value out of its bounds, an unknown name, a space in which nothing varies.
    """

    space: Mapping[str, Any]
    trials: int | None = None
    sampler: str = "random"
    pruning: str = "none"
    seed: int = 0
    budget: tuple[str, int] | None = None
    mean_over: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        checks.one_of("sampler", self.sampler, SAMPLERS)
        checks.one_of("pruning", self.pruning, PRUNING)
        checks.size("seed", self.seed, 0)
        if self.trials is not None:
            checks.size("trials", self.trials)
        elif self.sampler != "grid":
            raise ValueError(f"sampler {self.sampler!r} needs a number of trials; set trials=")
        for key, axis in self.space.items():
            if isinstance(axis, list | range):
                raise ValueError(f"{key}: got {checks.shown(axis)}; expected choice([...])")
        self._check_mean()
        axes = searched(self)
        if not axes:
            raise ValueError("the space has no range and no choice: nothing to search")
        continuous = [a for a in axes.values() if isinstance(a, Range) and not a.whole]
        if self.sampler == "tpe" and not continuous and "seed" not in self.space:
            raise ValueError(
                'sampler "tpe" repeats points of a space without real numbers; add '
                '"seed": numbered() to it'
            )
        balanced = [k for k, a in axes.items() if isinstance(a, Choice) and a.balanced]
        if self.sampler == "tpe" and balanced:
            raise ValueError(
                f'{balanced[0]}: sampler "tpe" chooses; expected choice(...) without balanced, or '
                "another sampler"
            )
        if self.sampler == "grid":
            for key, axis in axes.items():
                grid_values(key, axis)
            if self.trials is not None and self.trials > (size := grid_size(self)):
                raise ValueError(f"trials={self.trials}, but the grid has {size} points")

    def _check_mean(self) -> None:
        for key, values in self.mean_over.items():
            if key in self.space:
                raise ValueError(f"mean_over: {key} is in the space; expected it in one of them")
            if isinstance(values, str) or not isinstance(values, Sequence) or len(values) < 2:
                raise ValueError(
                    f"mean_over: {key}: got {checks.shown(values)}; expected a list of at least 2 "
                    "values, such as range(3)"
                )
        if self.mean_over and self.pruning != "none":
            raise ValueError(
                f"pruning={self.pruning!r} compares trials of one run while they train; with "
                'mean_over a trial is several runs: expected pruning="none"'
            )


def searched(search: Search) -> dict[str, Range | Choice]:
    """Dotted key -> range or choice, in the order of the space."""
    return {key: axis for key, axis in search.space.items() if isinstance(axis, Range | Choice)}


def point(search: Search, values: Mapping[str, Searched], number: int) -> Point:
    """The overrides of a trial.

    Args:
        search: whose space it is.
        values: key -> searched value.
        number: of the trial.
    """
    return {
        key: axis.first + number
        if isinstance(axis, Numbered)
        else setting(axis, values[key])
        if isinstance(axis, Range | Choice)
        else axis
        for key, axis in search.space.items()
    }


def repeats(search: Search) -> list[Point]:
    """The overrides of each run of a trial beside those of its point; [{}] for a single run."""
    return product(search.mean_over) if search.mean_over else [{}]


def widths(search: Search) -> str | None:
    """How hidden sizes are chosen, for meta.json; None where the config has them."""
    if search.budget is not None:
        return "budget_{}={}".format(*search.budget)
    return "searched" if WIDTH in searched(search) else None


def grid_size(search: Search) -> int:
    """The number of points of a grid."""
    return math.prod(len(grid_values(key, axis)) for key, axis in searched(search).items())


def usual(search: Search) -> int:
    """The number of trials where no flag names another."""
    return grid_size(search) if search.trials is None else search.trials


def check(search: Search, config: ConfigDict) -> None:
    """Resolve the corners of the space, one axis at a time.

    Raises:
        ValueError: an unknown key, or a value that the config refuses.
    """
    ends: dict[str, list[Searched]] = {
        key: list(axis.names) if isinstance(axis, Choice) else [_end(axis, 0), _end(axis, 1)]
        for key, axis in searched(search).items()
    }
    first = {key: values[0] for key, values in ends.items()}
    corners = [first]
    corners += [{**first, key: end} for key, values in ends.items() for end in values[1:]]
    begin, *others = repeats(search)
    points = [{**point(search, corner, 0), **begin} for corner in corners]
    points += [{**point(search, first, 0), **other} for other in others]
    for overrides in points:
        try:
            cfg.checked(config, overrides)
        except ValueError as error:
            raise ValueError(f"search space ({show(overrides)}): {error}") from None


def _end(axis: Range, side: int) -> Searched:
    value = (axis.low, axis.high)[side]
    return int(value) if axis.whole else value
