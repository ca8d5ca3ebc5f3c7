"""The tables of `experiments.coverage`."""

import math
from collections.abc import Sequence
from typing import Any

from lstmx import tables
from lstmx.stats import coverage

PAIRS = (
    ("normal", "normal"),
    ("log-normal 1", "log-normal 1"),
    ("log-normal 1", "log-normal 0.5"),
    ("one in five fails", "normal"),
)
"""What the two samples of a difference are drawn from."""

TITLE = """# Coverage of intervals

The share of samples whose 95 % interval contains the true mean, and in brackets the mean width over
that of Student's t (∞: some intervals are infinite). {samples:,} samples each: a standard error of
{error:.2g} at .95. Written by `python -m experiments.coverage --out=experiments/measured`.

`t corrected for skewness` (Hall 1992) is `lstmx.stats.mean_interval` from four values on, the
interval that the report shows; with three it is Student's t. `t on the log scale` is for positive
values, and its truth is the geometric mean: of an arithmetic mean it says nothing.
"""


def measure(sizes: Sequence[int], samples: int) -> dict[str, Any]:
    """Coverage of means and of differences, as JSON: kind -> distribution -> size -> method."""
    means = {
        name: {str(n): _plain(coverage.of_means(distribution, n, samples=samples)) for n in sizes}
        for name, distribution in coverage.DISTRIBUTIONS.items()
    }
    differences = {
        " - ".join(names): {
            str(n): _plain(
                coverage.of_differences(
                    [coverage.DISTRIBUTIONS[name] for name in names], (n, n), samples=samples
                )
            )
            for n in sizes
        }
        for names in PAIRS
    }
    return {"samples": samples, "means": means, "differences": differences}


def markdown(found: dict[str, Any]) -> str:
    """The measured coverage as two tables."""
    samples = found["samples"]
    parts = [TITLE.format(samples=samples, error=math.sqrt(0.95 * 0.05 / samples))]
    parts.append("".join(f"- {n}: {d.like}\n" for n, d in coverage.DISTRIBUTIONS.items()))
    for title, kind in (("Means", "means"), ("Differences of two means", "differences")):
        methods = list(
            dict.fromkeys(
                method for sizes in found[kind].values() for by in sizes.values() for method in by
            )
        )
        lines = [
            [name, n, *(_cell(by.get(method)) for method in methods)]
            for name, sizes in found[kind].items()
            for n, by in sizes.items()
        ]
        parts.append(f"## {title}\n\n{tables.markdown(['values', 'n', *methods], lines)}\n")
    return "\n".join(parts)


def _plain(covers: dict[str, coverage.Cover]) -> dict[str, list[float | None]]:
    """Rounded numbers; None for an infinite width."""
    return {
        name: [round(c.rate, 4), round(c.width, 3) if math.isfinite(c.width) else None]
        for name, c in covers.items()
    }


def _cell(cover: list[float | None] | None) -> str:
    if cover is None:
        return tables.NONE
    rate, width = cover
    return f"{rate:.3f} ({'∞' if width is None else f'{width:.2f}'})"
