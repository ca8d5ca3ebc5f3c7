"""Fixed and slow points of a step, and what the dynamics are like around them.

A fixed point is s = F(s, x) at a constant input x, a slow point a local minimum of the speed
q(s) = |F(s, x) - s|^2 / 2 that is small (Sussillo & Barak 2013). Both are searched from
states that the network visits, and nothing is left out in silence: `search` says of every start
what became of it, `unique` how many were merged or dropped, and `histogram` how fast all are.

    starts = fixed_points.sample(states, 500, noise=0.1)         # states [B, T, D] of `trajectory`
    found = fixed_points.search(system, params, starts, inputs)  # inputs [M, X], a set
    points = fixed_points.unique(found)
    around = fixed_points.stability(system, params, points.points, points.inputs)
    parts = fixed_points.manifolds(points.points, around, scale=points.scale, group=points.input)
"""

from lstmx.analysis._neighbourhood import (
    Kind,
    Manifolds,
    Shape,
    Stability,
    linear_flow,
    manifolds,
    stability,
)
from lstmx.analysis._points import Unique, histogram, sample, unique
from lstmx.analysis._search import SLOW, TOLERANCE, Code, Search, search

__all__ = [
    "SLOW",
    "TOLERANCE",
    "Code",
    "Kind",
    "Manifolds",
    "Search",
    "Shape",
    "Stability",
    "Unique",
    "histogram",
    "linear_flow",
    "manifolds",
    "sample",
    "search",
    "stability",
    "unique",
]
