"""How good intervals and quantiles are: coverage on the held-out end, and their losses."""

from collections.abc import Iterator, Mapping

import numpy as np

from lstmx import stats, tables
from lstmx.report.forecasting import _intervals
from lstmx.report.forecasting._intervals import Interval
from lstmx.report.forecasting._predict import LEVELS, Predicted

MOST_CASES = 4_000_000
"""Quantiles of one method at most; of more, evenly spaced origins are taken for all methods."""


def markdown(
    predicted: Predicted,
    column: int,
    intervals: Mapping[float, Interval],
    before: Mapping[str, np.ndarray],
) -> str:
    """A line on the intervals of the model, and a table of quantile losses; "" without intervals.

    Args:
        predicted: the forecasts, with those of the references.
        column: which.
        intervals: of the model.
        before: forecasts of the references on the valid part.
    """
    if not intervals:
        return ""
    windows, calibration = predicted.windows, predicted.calibration
    assert calibration is not None
    truth = windows.truth[..., column]
    known = np.isfinite(truth)
    parts = []
    for coverage, interval in intervals.items():
        low, high = interval.low[..., column], interval.high[..., column]
        inside = ((truth >= low) & (truth <= high))[known].mean() if known.any() else np.nan
        wide = tables.brief(float((high - low)[known].mean())) if known.any() else tables.NONE
        parts.append(f"{coverage:.0%} intervals cover {inside:.1%}, mean width {wide}")
    rows = [
        [name, tables.number(loss)] for name, loss in _losses(predicted, column, before).items()
    ]
    note = (
        "Intervals are conformal, calibrated on the valid part. WQL: weighted quantile loss, the "
        f"mean over the levels {', '.join(f'{level:g}' for level in LEVELS)} over the mean size of "
        "a value; levels elsewhere give other numbers, and so does the CRPS, an integral over all "
        "levels. Quantiles of a point forecast are those of its errors on the valid part."
    )
    return "\n\n".join(["; ".join(parts) + ".", tables.markdown(["forecast", "WQL"], rows), note])


def _losses(
    predicted: Predicted, column: int, before: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Name -> WQL of the model and of each reference, on the same targets."""
    every = -(-predicted.windows.truth[..., column].size * len(LEVELS) // MOST_CASES)
    truth = predicted.windows.truth[::every, :, column]
    return {
        name: stats.weighted_quantile_loss(truth, found, LEVELS)
        for name, found in quantiles(predicted, column, before, every)
    }


def quantiles(
    predicted: Predicted, column: int, before: Mapping[str, np.ndarray], every: int = 1
) -> Iterator[tuple[str, np.ndarray]]:
    """Name and quantiles [O, H, K] at `LEVELS` of the model and of each reference.

    Those of the model are its own where it says all; others are of the errors on the valid part.

    Args:
        predicted: the forecasts, with those of the references.
        column: which.
        before: forecasts of the references on the valid part; a method without any is left out.
        every: the distance of the origins that are taken.
    """
    calibration = predicted.calibration
    assert calibration is not None
    part = slice(column, column + 1)
    name, model = predicted.model
    then = {name: calibration.model[1], **before}
    now = {name: model, **predicted.windows.forecasts}
    scale = tuple(_intervals.scales(p)[..., part] for p in (calibration, predicted))
    past = calibration.windows.truth[..., part] / scale[0]
    unit = scale[1][::every]
    for key, guess in now.items():
        if key == name and predicted.quantiles is not None:
            own = predicted.quantiles[::every, :, part]
            if np.isfinite(own).any(axis=(0, 1, 2)).all():
                yield key, own[:, :, 0]
                continue
        if key in then:
            found = _intervals.quantiles(
                guess[::every, :, part] / unit, then[key][..., part] / scale[0], past, LEVELS
            )
            yield key, (found * unit[..., None])[:, :, 0]
