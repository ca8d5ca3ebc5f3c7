"""Errors without units, a number for each window: what tables over many sets are made of.

MASE as in `_errors`. The scaled quantile loss is the mean pinball loss at `LEVELS`, times 2, over
the same scale: the error of the value one season before on the training part, per series and
column (Shchur et al. 2025, fev-bench; their levels are .1 to .9). It equals the MASE for a forecast
whose quantiles all are its median.
"""

import csv
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lstmx import stats
from lstmx.report.forecasting import _intervals, _quality, _tables
from lstmx.report.forecasting._predict import LEVELS, Predicted


class Scaled(NamedTuple):
    """The errors of one method.

    Attributes:
        mase: [O, C], the mean over the known targets of a window; NaN without any.
        sql: [O, C] the scaled quantile loss; NaN of a method without quantiles.
    """

    mase: np.ndarray
    sql: np.ndarray


Given = tuple[np.ndarray, np.ndarray]


def by_window(
    predicted: Predicted,
    before: Mapping[str, np.ndarray],
    others: Mapping[str, Given] | None = None,
) -> dict[str, Scaled]:
    """Name -> errors of the model, of each reference, and of forecasts from elsewhere.

    Args:
        predicted: the forecasts, with those of the references.
        before: forecasts of the references on the valid part, for their quantiles.
        others: name -> forecasts and quantiles as `given` returns them.

    Raises:
        ValueError: others have the name of the model or of a reference.
    """
    windows, (name, model) = predicted.windows, predicted.model
    if taken := sorted({name, *windows.forecasts} & set(others or {})):
        raise ValueError(f"{taken[0]} is the name of a forecast here; expected another for others")
    forecasts = {name: model, **windows.forecasts, **{k: v[0] for k, v in (others or {}).items()}}
    scale = _intervals.scales(predicted)
    shape = windows.truth[:, 0].shape
    found = {
        key: Scaled(_over_window(np.abs(guess - windows.truth) / scale), np.full(shape, np.nan))
        for key, guess in forecasts.items()
    }
    for column in range(shape[1]):
        truth = windows.truth[..., column]
        spread = dict(_quality.quantiles(predicted, column, before))
        spread |= {key: values[1][:, :, column] for key, values in (others or {}).items()}
        for key, quantiles in spread.items():
            loss = stats.pinball(truth, quantiles, LEVELS).mean(axis=-1) / scale[..., column]
            found[key].sql[:, column] = _over_window(loss)
    return found


def given(predicted: Predicted, file: Path) -> Given:
    """Forecasts [O, H, C] of the same windows that somebody else made, and quantiles at `LEVELS`.

    The file is a CSV with the columns series (of several), origin, ahead, column (of several) and
    forecast, as in forecasts.csv; quantiles are columns such as "0.9", NaN where a level has none.

    Raises:
        ValueError: a column is missing, a number is none, or a window with a known target has no
            forecast.
        OSError: the file cannot be opened.
    """
    windows = predicted.windows
    shape = windows.truth.shape
    values = np.full((*shape, 1 + len(LEVELS)), np.nan)
    times = windows.series.times[windows.origins]
    numbered = times.dtype.kind != "M"
    place = {
        (windows.ids[own], str(time)): row
        for row, (own, time) in enumerate(zip(windows.of_series, times))
    }
    columns = {name: at for at, name in enumerate(windows.series.columns)}
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        needed = ["origin", "ahead", "forecast"]
        needed += ["series"] * (len(windows.ids) > 1) + ["column"] * (len(columns) > 1)
        if lacking := [name for name in needed if name not in (reader.fieldnames or ())]:
            raise ValueError(
                f"{file} has no column {lacking[0]!r}; expected {', '.join(needed)} and, of "
                f"quantiles, {', '.join(f'{level:g}' for level in LEVELS)}"
            )
        named = [f"{level:g}" for level in LEVELS]
        for number, line in enumerate(reader, 2):
            try:
                origin = line["origin"] if numbered else str(np.datetime64(line["origin"], "s"))
                ahead, cells = int(line["ahead"]), [line["forecast"], *map(line.get, named)]
                numbers = [float(cell) if cell else np.nan for cell in cells]
            except (TypeError, ValueError):
                raise ValueError(f"{file}: line {number} has a cell that cannot be read") from None
            row = place.get((line.get("series") or windows.ids[0], origin))
            at = columns.get(line.get("column") or windows.series.columns[0])
            if row is not None and at is not None and 1 <= ahead <= shape[1]:
                values[row, ahead - 1, at] = numbers
    lacking_at = np.argwhere(np.isfinite(windows.truth) & ~np.isfinite(values[..., 0]))
    if len(lacking_at):
        o, h, c = lacking_at[0]
        raise ValueError(
            f"{file} lacks {len(lacking_at):,} forecasts, first of {windows.series.columns[c]!r} "
            f"from {times[o]}, {h + 1} ahead; expected all of {np.isfinite(windows.truth).sum():,}"
        )
    return values[..., 0], values[..., 1:]


def write_windows(file: Path, predicted: Predicted, errors: Mapping[str, Scaled]) -> None:
    """A gzipped CSV with one line per window, column and method: origin, first target, errors."""
    windows = predicted.windows
    times = windows.series.times[windows.origins]
    with (
        file.open("wb") as raw,
        # Without a name and a time of writing, equal content is an equal file.
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
    ):
        lines = [["series", "column", "origin", "first", "last", "method", "mase", "sql"]]
        for o, own in enumerate(windows.of_series):
            span = [str(time) for time in (times[o], windows.times[o, 0], windows.times[o, -1])]
            for c, column in enumerate(windows.series.columns):
                for name, found in errors.items():
                    cells = [_tables.cell(v[o, c]) for v in found]
                    lines.append([windows.ids[own], column, *span, name, *cells])
        text = "\n".join(",".join(_quoted(cell) for cell in line) for line in lines)
        packed.write((text + "\n").encode())


def _over_window(values: np.ndarray) -> np.ndarray:
    """The mean over the steps [O, H, ...] of those that are known; NaN of none."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def _quoted(cell: str) -> str:
    """A cell of a CSV file."""
    plain = not set(cell) & set(',"\n')
    return cell if plain else '"' + cell.replace('"', '""') + '"'
