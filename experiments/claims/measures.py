"""Measures of finished runs: one value per trial, NaN for a trial that failed."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lstmx import config as cfg

if TYPE_CHECKING:
    from lstmx.runs import Run

Measure = Callable[[Sequence["Run"]], Sequence[float]]
"""(finished runs) -> one value per trial, NaN where a trial failed."""


def updates_to_stop(runs: Sequence["Run"]) -> list[float]:
    """The number of updates after which a run met its `stop`; NaN where it never did."""
    endings = [run.done or {"reason": "unfinished"} for run in runs]
    return [float(d["step"]) if d["reason"] == "solved" else math.nan for d in endings]


def percent_solved(runs: Sequence["Run"]) -> list[float]:
    """100 for a run that met its `stop`, 0 for one that did not: the mean is the share of them."""
    return [0.0 if math.isnan(step) else 100.0 for step in updates_to_stop(runs)]


def at_end(metric: str) -> Measure:
    """The value of a metric, such as "eval/test/accuracy", at its last log point.

    NaN for a run that diverged.
    """

    def measure(runs: Sequence["Run"]) -> list[float]:
        _check_logged(runs, metric)
        last = [[p[metric] for p in run.metrics if metric in p][-1:] for run in runs]
        diverged = [(run.done or {}).get("reason") == "diverged" for run in runs]
        return [v[0] if v and not failed else math.nan for v, failed in zip(last, diverged)]

    return measure


def at_best(metric: str) -> Measure:
    """The value of a metric at the log point where the run's selection metric was best.

    NaN for a run whose selection metric never had a value.
    """

    def measure(runs: Sequence["Run"]) -> list[float]:
        from lstmx.runs import best_step  # here, because it imports jax

        _check_logged(runs, metric)
        values = [{p["step"]: p[metric] for p in run.metrics if metric in p} for run in runs]
        return [at.get(best_step(run), math.nan) for run, at in zip(runs, values)]

    return measure


def difference(measure: Measure, over: Mapping[str, Any], under: Mapping[str, Any]) -> Measure:
    """A measure of some runs minus the same measure of others, paired by their seeds.

    Args:
        measure: gives one value a run.
        over: dotted config key -> value, selects the runs to subtract from.
        under: the same for the runs to be subtracted.
    """
    return _paired(measure, over, under, lambda a, b: a - b)


def ratio(measure: Measure, over: Mapping[str, Any], under: Mapping[str, Any]) -> Measure:
    """A measure of some runs divided by the same measure of others, paired by their seeds.

    Args:
        measure: gives one value a run.
        over: dotted config key -> value, selects the runs of the numerator.
        under: the same for the denominator; a value of 0 makes the ratio NaN.
    """
    return _paired(measure, over, under, lambda a, b: a / b if b else math.nan)


def weights(make: Callable[[], Any], *, more: int = 0) -> Measure:
    """The number of parameters of the model that a config describes; nothing is trained.

    Args:
        make: returns the config, such as `lambda: get_config("6a")`.
        more: parameters that the paper counts and the model does not have.
    """

    def measure(runs: Sequence["Run"]) -> list[float]:
        del runs
        import jax

        from lstmx import experiment
        from lstmx.constants import split_constants

        params = jax.eval_shape(experiment.build(make()).model.init, jax.random.key(0))
        trained, _ = split_constants(params)
        return [float(more + sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(trained)))]

    return measure


def selects(of: Mapping[str, Any], flat: Mapping[str, Any]) -> bool:
    """Whether a flat config has all of these values; a tuple equals a list of the same items."""
    return all(key in flat and _plain(flat[key]) == _plain(value) for key, value in of.items())


def _check_logged(runs: Sequence["Run"], metric: str) -> None:
    """Refuse a metric that no run has logged.

    One run may end before its first evaluation; if all lack the metric, its name is misspelt.
    """
    names = {key for run in runs for point in run.metrics for key in point if "/" in key}
    if runs and metric not in names:
        raise ValueError(f"no run logs {metric!r}; known: {', '.join(sorted(names))}")


def _paired(
    measure: Measure,
    over: Mapping[str, Any],
    under: Mapping[str, Any],
    join: Callable[[float, float], float],
) -> Measure:
    def measured(runs: Sequence["Run"]) -> list[float]:
        sides: list[dict[int, float]] = []
        for of in (over, under):
            chosen = [run for run in runs if selects(of, cfg.flatten(run.config))]
            seeds = [run.config["seed"] for run in chosen]
            if len(set(seeds)) < len(seeds):
                raise ValueError(f"{dict(of)} selects several runs of a seed; expected one")
            sides.append(dict(zip(seeds, measure(chosen))))
        return [join(value, sides[1][s]) for s, value in sides[0].items() if s in sides[1]]

    return measured


def _plain(value: Any) -> Any:
    """The value with tuples as lists, as JSON reads them."""
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value
