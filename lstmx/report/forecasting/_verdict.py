"""What the comparison says, in words: where the model loses comes first."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lstmx import stats, tables
from lstmx.report.forecasting._errors import Errors
from lstmx.report.forecasting._predict import Predicted
from lstmx.report.forecasting._references import best

SIGNIFICANT = 0.05
OWN = ("model", "ensemble")
"""Rows that are no references."""


class Verdict(NamedTuple):
    """The model against the best reference of one column.

    Attributes:
        text: a sentence.
        rank: where it stands: 0 a loss, 1 no difference shown, 2 a win; 0 or 2 by the errors alone
            where there are too few origins for a test.
        reference: the best reference by MAE.
    """

    text: str
    rank: int
    reference: str


def verdict(predicted: Predicted, column: int, errors: Mapping[str, Errors]) -> Verdict:
    """The model (of several runs their mean) against the reference with the least MAE.

    By the test of Diebold & Mariano on absolute errors, averaged over the steps of each origin.
    """
    mae = {name: float(e.overall["mae"].mean()) for name, e in errors.items()}
    name, model = predicted.model
    reference = best({key: value for key, value in mae.items() if key not in OWN})
    compared = compare(predicted, column, model, predicted.windows.forecasts[reference])
    change = mae[name] / mae[reference] - 1 if mae[reference] else np.nan
    label = predicted.windows.series.columns[column]
    numbers = f"MAE {tables.brief(mae[name])} against {tables.brief(mae[reference])}"
    if np.isfinite(change):
        numbers += f", {abs(change):.0%} {'more' if change > 0 else 'less'}"
    p = f"p = {tables.p_value(compared.p)}".replace("= <", "< ")
    tested = f"; Diebold-Mariano, {compared.size} origins: {p}"
    words = reference.replace("_", " ")
    loses = mae[name] > mae[reference]
    if not np.isfinite(compared.p):
        tested = "; too few origins, or too long a horizon, for a test"
    elif compared.p > SIGNIFICANT:
        side = "behind" if loses else "ahead of"
        text = f"{label}: no difference from {words} is shown ({side} it; {numbers}{tested})."
        return Verdict(text, 1, reference)
    verb = "loses to" if loses else "is better than every reference; the best of them is"
    text = f"{label}: the {name} {verb} {words} ({numbers}{tested})."
    return Verdict(text, 0 if loses else 2, reference)


def compare(
    predicted: Predicted, column: int, first: np.ndarray, second: np.ndarray
) -> stats.Compared:
    """The test of two forecasts [O, H, C] of a column; losses of one time are averaged.

    Where every series has one origin, series are taken as independent of each other.
    """
    windows = predicted.windows
    truth = windows.truth[..., column]
    losses = [_by_origin(np.abs(guess[..., column] - truth)) for guess in (first, second)]
    if len(windows.origins) == len(windows.ids) > 1:
        scale = windows.naive[windows.of_series, column]
        return stats.diebold_mariano(losses[0] / scale, losses[1] / scale)
    times = windows.series.times[windows.origins]
    order, place = np.unique(times, return_inverse=True)
    own, other = (_mean_by(loss, place, len(order)) for loss in losses)
    return stats.diebold_mariano(own, other, horizon=truth.shape[1])


def _by_origin(misses: np.ndarray) -> np.ndarray:
    """The mean over the steps of each origin, [O]; NaN without any truth."""
    known = np.isfinite(misses)
    count = known.sum(axis=1)
    return np.where(count, np.where(known, misses, 0).sum(axis=1) / np.maximum(count, 1), np.nan)


def _mean_by(losses: np.ndarray, place: np.ndarray, groups: int) -> np.ndarray:
    known = np.isfinite(losses)
    count = np.bincount(place[known], minlength=groups)
    total = np.bincount(place[known], losses[known], minlength=groups)
    return np.where(count, total / np.maximum(count, 1), np.nan)
