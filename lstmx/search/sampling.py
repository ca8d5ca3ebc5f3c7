"""The points of random, quasi-random and grid searches, each a function of seed and number.

No worker and no trial influences another one's point: any number of workers runs the same list, and
a longer list begins with the shorter one.
"""

import itertools
import warnings
from collections.abc import Mapping

import numpy as np
from scipy.stats import qmc

from lstmx.search.space import Choice, Range, Searched, at, grid_values
from lstmx.search.spec import Search, searched


def points(search: Search, start: int, stop: int) -> list[dict[str, Searched]]:
    """Key -> searched value, for the trials from `start` up to `stop`.

    Quasi-random points are those of a scrambled Sobol sequence (Owen 1998).

    Raises:
        ValueError: more points than a grid has, or a sampler that needs results.
    """
    axes = searched(search)
    if search.sampler == "grid":
        columns = [grid_values(key, axis) for key, axis in axes.items()]
        chosen = itertools.islice(itertools.product(*columns), start, stop)
        rows = [dict(zip(axes, values)) for values in chosen]
        if len(rows) < stop - start:
            raise ValueError(f"trials={stop}, but the grid has {start + len(rows)} points")
        return rows
    if search.sampler == "tpe":
        raise ValueError("the points of sampler 'tpe' depend on the results of earlier trials")
    # Sorted, so that the order of the space does not matter.
    keys = sorted(axes)
    shares = _shares(search, len(keys), start, stop)
    rows = [{key: at(axes[key], row[keys.index(key)]) for key in axes} for row in shares]
    return [{**row, **_in_turn(axes, start + n)} for n, row in enumerate(rows)]


def _in_turn(axes: Mapping[str, Range | Choice], number: int) -> dict[str, Searched]:
    """The values of the balanced choices, of which every combination has its turn."""
    found = {}
    for key, axis in axes.items():
        if isinstance(axis, Choice) and axis.balanced:
            number, place = divmod(number, len(axis.names))
            found[key] = axis.names[place]
    return found


def _shares(search: Search, num_axes: int, start: int, stop: int) -> list[list[float]]:
    """[stop - start, num_axes] numbers in [0, 1)."""
    if search.sampler == "random":
        seeds = ([search.seed, number] for number in range(start, stop))
        return [np.random.default_rng(seed).random(num_axes).tolist() for seed in seeds]
    sequence = qmc.Sobol(num_axes, scramble=True, rng=search.seed)
    if start:
        sequence.fast_forward(start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on numbers of points that are no power of 2
        drawn: list[list[float]] = sequence.random(stop - start).tolist()
    return drawn
