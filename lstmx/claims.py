"""Published claims: what a paper says, which runs measure it, and when it counts as reproduced.

A paper is a recipe, `configs/papers/<paper>.py`: its modes are its experiments, and `claims()`
says what is to come out of them. `lstmx.reproduce` measures and judges.

    Claim(
        "1997-4", "The adding problem with T = 100 takes 74 000 sequences.",
        "Hochreiter & Schmidhuber 1997, Table 7", 74_000.0, factor(3), mode="adding100",
    )

A trial is a run. Measures give one value a trial, NaN for a trial that failed; judges look at all
of them. Importing this module imports no jax, so recipes may.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from lstmx.runs import Run

Measure = Callable[[Sequence["Run"]], Sequence[float]]
"""(finished runs) -> one value a trial, NaN where a trial failed."""


class Judge(NamedTuple):
    """When a claim counts as reproduced.

    Attributes:
        text: the tolerance, for the table.
        holds: (values, published number or None) -> whether it is met; NaN is a failed trial.
        band: published number -> (lowest, highest) mean that is met, for the figure; None where
            the judge does not ask for a mean.
    """

    text: str
    holds: Callable[[Sequence[float], float | None], bool]
    band: Callable[[float], tuple[float, float]] | None = None


def updates_to_stop(runs: Sequence["Run"]) -> list[float]:
    """The number of updates after which a run met its `stop`; NaN where it never did."""
    ended = [run.done or {"reason": "unfinished"} for run in runs]
    return [float(d["step"]) if d["reason"] == "solved" else math.nan for d in ended]


def percent_solved(runs: Sequence["Run"]) -> list[float]:
    """100 for a run that met its `stop`, 0 for one that did not: the mean is the share of them."""
    return [0.0 if math.isnan(step) else 100.0 for step in updates_to_stop(runs)]


class Claim(NamedTuple):
    """One thing that a paper says.

    Attributes:
        name: unique among all papers, such as "1997-6a"; a file's name too.
        says: the claim in one sentence.
        source: authors, year and place, such as "Hochreiter & Schmidhuber 1997, Table 9".
        published: the number, in the measure's unit; None for a claim of words or order.
        judge: when it counts as reproduced.
        mode: mode of the recipe whose runs measure it; "" where nothing is trained.
        of: dotted config key -> value: which of the mode's runs count; {} is all of them.
        measure: (finished runs) -> one value a trial; gets [] where nothing is trained.
        unit: of the number, such as "sequences".
        verified: whether the number was read in the source; else the table says "unverified".
        minutes: estimated cost of the mode's runs on 2 CPU cores.
        lacks: what is not at hand, such as "the original files of CIFAR-10"; the claim stays open
            for it, unless the recipe finds its data.
        note: what a reader should know besides.
    """

    name: str
    says: str
    source: str
    published: float | None
    judge: Judge
    mode: str = ""
    of: Mapping[str, Any] = {}
    measure: Measure = updates_to_stop
    unit: str = ""
    verified: bool = True
    minutes: float = 0.0
    lacks: str = ""
    note: str = ""


def at_end(metric: str) -> Measure:
    """The value of a metric, such as "eval/test/accuracy", at its last log point."""

    def measure(runs: Sequence["Run"]) -> list[float]:
        return [_logged(run, metric)[-1][metric] for run in runs]

    return measure


def at_best(metric: str) -> Measure:
    """The value of a metric at the log point where the run's selection metric was best.

    NaN for a run whose selection metric never had a value.
    """

    def measure(runs: Sequence["Run"]) -> list[float]:
        from lstmx.runs import best_step  # late, as it imports jax

        best = [(_logged(run, metric), best_step(run)) for run in runs]
        return [
            next((point[metric] for point in points if point["step"] == step), math.nan)
            for points, step in best
        ]

    return measure


def difference(measure: Measure, over: Mapping[str, Any], under: Mapping[str, Any]) -> Measure:
    """What a measure gives for some runs less what it gives for others, paired by their seeds.

    Args:
        measure: gives one value a run.
        over: dotted config key -> value of the runs to subtract from.
        under: the same of the runs to be subtracted.
    """
    return _paired(measure, over, under, lambda a, b: a - b)


def ratio(measure: Measure, over: Mapping[str, Any], under: Mapping[str, Any]) -> Measure:
    """What a measure gives for some runs, divided by what it gives for others of the same seed.

    Args:
        measure: gives one value a run.
        over: dotted config key -> value of the runs above the line.
        under: the same of the runs below it.
    """
    return _paired(measure, over, under, lambda a, b: a / b if b else math.nan)


def weights(make: Callable[[], Any], *, more: int = 0) -> Measure:
    """The number of parameters of the model that a config describes; nothing is trained.

    Args:
        make: gives the config, such as `lambda: get_config("6a")`.
        more: what the paper counts besides.
    """

    def measure(runs: Sequence["Run"]) -> list[float]:
        del runs
        import jax

        from lstmx import experiment

        params = jax.eval_shape(experiment.build(make()).model.init, jax.random.key(0))
        return [float(more + sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params)))]

    return measure


def exactly() -> Judge:
    """Every value is the published one."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and all(value == published for value in values)

    return Judge("exact", holds, lambda published: (published, published))


def factor(k: float, solved: float = 1.0) -> Judge:
    """The mean of the trials that succeeded is within a factor k of the published number.

    Args:
        k: above 1; for a published number above 0.
        solved: the share of trials that must succeed.
    """
    said = f"within a factor {k:g}{_share(solved)}"
    return _mean(said, lambda published: (published / k, published * k), solved)


def within(d: float, solved: float = 1.0) -> Judge:
    """The mean of the trials that succeeded is within d of the published number.

    Args:
        d: in the unit of the claim.
        solved: the share of trials that must succeed.
    """
    return _mean(f"±{d:g}{_share(solved)}", lambda p: (p - d, p + d), solved)


def at_least(bound: float, solved: float = 1.0) -> Judge:
    """The mean of the trials that succeeded reaches a bound, whatever was published."""
    return _mean(f"at least {bound:g}{_share(solved)}", lambda _: (bound, math.inf), solved)


def at_most(bound: float, solved: float = 1.0) -> Judge:
    """The mean of the trials that succeeded does not exceed a bound, whatever was published."""
    return _mean(f"at most {bound:g}{_share(solved)}", lambda _: (-math.inf, bound), solved)


def between(low: float, high: float, solved: float = 1.0) -> Judge:
    """The mean of the trials that succeeded lies in a range, whatever was published."""
    return _mean(f"{low:g} to {high:g}{_share(solved)}", lambda _: (low, high), solved)


def every(bound: float) -> Judge:
    """Each trial reaches a bound, whatever was published."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and all(value >= bound for value in values)

    return Judge(f"every trial at least {bound:g}", holds)


def solves(share: float = 1.0) -> Judge:
    """At least this share of the trials succeeds, however long it takes."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and _succeeded(values) >= share

    return Judge("every trial solved" if share == 1 else f"{share:.0%} of trials solved", holds)


def fails(share: float = 0.0) -> Judge:
    """At most this share of the trials succeeds."""

    def holds(values: Sequence[float], published: float | None) -> bool:
        return bool(values) and _succeeded(values) <= share

    said = "no trial solved" if share == 0 else f"at most {share:.0%} of trials solved"
    return Judge(said, holds)


def selects(of: Mapping[str, Any], flat: Mapping[str, Any]) -> bool:
    """Whether a flat config has all of these values; tuples and lists are alike."""
    return all(key in flat and _plain(flat[key]) == _plain(value) for key, value in of.items())


def _mean(text: str, band: Callable[[float], tuple[float, float]], solved: float) -> Judge:
    def holds(values: Sequence[float], published: float | None) -> bool:
        finite = [value for value in values if math.isfinite(value)]
        if not finite or _succeeded(values) < solved:
            return False
        low, high = band(math.nan if published is None else published)
        return low <= float(np.mean(finite)) <= high

    return Judge(text, holds, band)


def _succeeded(values: Sequence[float]) -> float:
    return sum(map(math.isfinite, values)) / len(values)


def _share(solved: float) -> str:
    return "" if solved == 0 else ", all solved" if solved == 1 else f", {solved:.0%} solved"


def _logged(run: "Run", metric: str) -> list[dict[str, Any]]:
    """The log points that have a metric."""
    points = [point for point in run.metrics if metric in point]
    if not points:
        known = sorted({key for point in run.metrics for key in point if "/" in key})
        raise ValueError(f"{run.path} logs no {metric!r}; known: {', '.join(known)}")
    return points


def _paired(
    measure: Measure,
    over: Mapping[str, Any],
    under: Mapping[str, Any],
    join: Callable[[float, float], float],
) -> Measure:
    def measured(runs: Sequence["Run"]) -> list[float]:
        sides: list[dict[int, float]] = []
        for of in (over, under):
            chosen = [run for run in runs if selects(of, _flat(run.config))]
            seeds = [run.config["seed"] for run in chosen]
            if len(set(seeds)) < len(seeds):
                raise ValueError(f"{dict(of)} selects several runs of a seed; expected one")
            sides.append(dict(zip(seeds, measure(chosen))))
        return [join(value, sides[1][s]) for s, value in sides[0].items() if s in sides[1]]

    return measured


def _flat(config: Any) -> dict[str, Any]:
    from lstmx.config import flatten

    return flatten(config)


def _plain(value: Any) -> Any:
    """The value with tuples as lists, as JSON gives them back."""
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
