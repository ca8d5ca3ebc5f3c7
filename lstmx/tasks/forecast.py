"""Forecasting: from a window of a series, its next values. Any CSV with a time column.

Every step of a window predicts the next `horizon` values of every target column (a direct
multi-step forecast). Missing values stay missing: the inputs are, per column, the value (0 where
missing) and 1 or 0 for observed or not, and a missing target has no weight. Parts are cut in
order of time, the last rows are test, the rows before them valid; scaling is fit on the rest.

Worked example, one column, window 3, horizon 2, origin at the value 5, `detrend="last"`, scale 1:

    series     2  .  5 | 4  7        inputs (0, 1) (0, 0) (3, 1)        targets -1, 2

Inputs are relative to the last value known at the window's first step, targets to the last one
known at their own step, so that a trend beyond the training range can be predicted and 0 says "as
now". With `detrend="none"` both are relative to the mean of the training part.

In training a window counts at every step of its second half. In valid and test it counts at its
last step only: each of their origins once, with its whole window as context. Metrics are in the
original units: "mae" and "mse", whose root is the rmse; "loss" is the squared error after scaling.

Baseline: naive, the last observed value for ever. References on the same targets: "seasonal_naive",
the value one season before (two where that is missing, and so on), and "seasonal_drift", the same
plus the change over the last season: the bar on a series with a trend. No line counts as solved.
For train they are taken at the last steps of all windows.

With `file=""` the series is generated: trend, season of 24 steps, noise, 3 % missing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.data.timeseries import Series, TableSpec
from lstmx.tasks import _common, _series, _windows
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = ""
"""No paper posed it."""


@dataclass(frozen=True)
class ForecastSpec:
    """Which windows of which series, as the options of `task` say it; checks itself when made.

    Attributes:
        split, file: what is read, and which part of it.
        time_columns, time_format, target_columns: what of the file.
        window, horizon, season: steps of a window, of a forecast, of a season.
        valid_fraction, test_fraction: parts of the rows that are held out.
        detrend: what inputs and targets are relative to.
    """

    split: str
    file: str
    time_columns: tuple[str, ...]
    time_format: str
    target_columns: tuple[str, ...]
    window: int
    horizon: int
    season: int
    valid_fraction: float
    test_fraction: float
    detrend: str

    def __post_init__(self) -> None:
        """Refuse what makes no windows.

        Raises:
            ValueError: an unknown choice, or a size that does not fit.
        """
        _common.check_split(self.split)
        checks.one_of("detrend", self.detrend, ("last", "none"))
        checks.sizes(1, window=self.window, horizon=self.horizon)
        checks.sizes(0, season=self.season)
        parts = self.held_out
        if min(parts) <= 0 or sum(parts) >= 1:
            raise ValueError(
                f"valid_fraction={parts[0]} and test_fraction={parts[1]}: expected both "
                "above 0 and their sum below 1"
            )

    @property
    def held_out(self) -> tuple[float, float]:
        """The parts of the rows that are valid and test."""
        return self.valid_fraction, self.test_fraction


class Windows(NamedTuple):
    """All windows of a split in the original units, for tables and figures.

    Row r belongs to row r % batch_size of batch r // batch_size of a held-out split.

    Attributes:
        series: the whole series, times [N] and values [N, C].
        training: number of rows of the training part, the first ones.
        origins: [O] row of the series that is the last one known to each window.
        times: [O, H] of the targets.
        truth: [O, H, C]; NaN where missing.
        forecasts: name -> [O, H, C]: naive, seasonal_naive, seasonal_drift.
        restore: outputs at the last steps of all windows [O, Y] -> forecasts [O, H, C].
    """

    series: Series
    training: int
    origins: np.ndarray
    times: np.ndarray
    truth: np.ndarray
    forecasts: dict[str, np.ndarray]
    restore: Callable[[np.ndarray], np.ndarray]


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    file: str = "",
    time_columns: tuple[str, ...] = (),
    time_format: str = "",
    target_columns: tuple[str, ...] = (),
    window: int = 48,
    horizon: int = 12,
    season: int = 24,
    valid_fraction: float = 0.15,
    test_fraction: float = 0.15,
    detrend: str = "last",
    unit: str = "",
) -> Task:
    """Forecasting C columns; inputs [B, window, 2 C], outputs [B, window, horizon * C].

    Output h * C + c is column c, h + 1 steps ahead.

    Args:
        batch_size: windows of a batch.
        split: train draws windows by the key; valid and test go through theirs by the step.
        file: a CSV file, or of another format in `lstmx/data/timeseries`, as a path or as
            `<set>/<file>` of the data folder; generated where empty.
        time_columns: columns that together give the time; the first one where empty.
        time_format: of the time columns joined by spaces, as in `strptime`; guessed where empty.
        target_columns: columns to read and to predict; all others where empty.
        window: steps that a forecast sees.
        horizon: steps that it predicts.
        season: steps of a season, for the references only; 0 for none.
        valid_fraction: part of the rows, before the test rows, that chooses between models.
        test_fraction: part of the rows, at the end, that judges them.
        detrend: "last" or "none".
        unit: of the values, for tables and figures ("ppm").

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or unreadable.
    """
    checks.sizes(1, batch_size=batch_size)
    spec = ForecastSpec(
        split=split,
        file=file,
        time_columns=time_columns,
        time_format=time_format,
        target_columns=target_columns,
        window=window,
        horizon=horizon,
        season=season,
        valid_fraction=valid_fraction,
        test_fraction=test_fraction,
        detrend=detrend,
    )
    series, files, remarks, places, _, shift, scale = _prepared(spec)
    values = series.values
    count, columns = len(places), values.shape[1]

    observed = jnp.asarray(np.isfinite(values))
    # Centred in float64 before float32 rounds: a large level must not eat small differences.
    stored = jnp.asarray(np.nan_to_num((values - shift) / scale), jnp.float32)
    last = _windows.filled_forward((values - shift) / scale) * (detrend == "last")
    level, first = jnp.asarray(np.nan_to_num(last), jnp.float32), int(places[0])
    judged = window // 2 if split == "train" else window - 1

    def batch(key: Key, step: Array | int) -> Batch:
        if split == "train":
            key = _common.split_key(key, split)
            row = jax.random.randint(key, (batch_size,), 0, count)
            exists = jnp.ones(batch_size, bool)
        else:
            row, exists = _common.rows(step, batch_size, count)
        at = first + row[:, None] - window + 1 + jnp.arange(window)
        ahead = at[..., None] + 1 + jnp.arange(horizon)
        seen = observed[at] & exists[:, None, None]
        now = jnp.where(seen, stored[at] - level[at[:, :1]], 0.0)
        counts = (jnp.arange(window) >= judged) & exists[:, None]
        wanted = observed[ahead] & counts[..., None, None]
        targets = jnp.where(wanted, stored[ahead] - level[at][:, :, None], 0.0)
        shape = (batch_size, window, horizon * columns)
        flags = jnp.asarray(seen, jnp.float32)
        return Batch(
            inputs=jnp.stack([now, flags], axis=-1).reshape(batch_size, window, 2 * columns),
            targets=targets.reshape(shape),
            weights=jnp.asarray(wanted, jnp.float32).reshape(shape),
            mask=jnp.broadcast_to(exists[:, None], (batch_size, window)),
            resets=_common.initial_resets(batch_size, window),
        )

    units = jnp.tile(jnp.asarray(scale, jnp.float32), horizon)

    def loss(outputs: Array, batch: Batch) -> Metrics:
        error = outputs - batch.targets
        return {
            "loss": _common.weighted(jnp.square(error), batch.weights),
            "mae": _common.weighted(jnp.abs(error * units), batch.weights),
            "mse": _common.weighted(jnp.square(error * units), batch.weights),
        }

    truth = _windows.targets(values, places, horizon)
    if not np.isfinite(truth).any():
        raise ValueError(f"{split} part of {spec.file} has no observation: nothing to judge by")
    errors = {
        name: float(np.nanmean(np.abs(guess - truth)))
        for name, guess in _simple(spec, values, places).items()
    }
    about = TaskSpec(
        in_features=2 * columns,
        out_features=horizon * columns,
        length=window,
        batch_size=batch_size,
        metric="mae",
        maximize=False,
        baseline=errors.pop("naive"),
        references=errors,
        num_batches=None if split == "train" else -(-count // batch_size),
        unit=unit,
        files=files,
        remarks=remarks,
    )
    return Task(about, batch, loss)


def windows(spec: ForecastSpec) -> Windows:
    """What the windows of `task` with the same options show, for a table or a figure.

    Raises:
        ValueError: a file that is missing or unreadable, or too short.
    """
    series, _, _, places, train, shift, scale = _prepared(spec)
    detrended, horizon = spec.detrend == "last", spec.horizon
    values = series.values
    level = _windows.filled_forward(values)[places] if detrended else shift[None]
    columns = values.shape[1]

    def restore(outputs: np.ndarray) -> np.ndarray:
        steps = np.asarray(outputs, np.float64).reshape(len(places), horizon, columns)
        return steps * scale + level[:, None]

    return Windows(
        series=series,
        training=len(train),
        origins=places,
        times=series.times[places[:, None] + 1 + np.arange(horizon)],
        truth=_windows.targets(values, places, horizon),
        forecasts=_simple(spec, values, places),
        restore=restore,
    )


class _Prepared(NamedTuple):
    """What `task` and `windows` start from; `train` holds the rows that shift and scale fit."""

    series: Series
    files: dict[str, str]
    remarks: tuple[str, ...]
    places: np.ndarray
    train: np.ndarray
    shift: np.ndarray
    scale: np.ndarray


def _prepared(spec: ForecastSpec) -> _Prepared:
    """Read the series, cut it and fit its scale."""
    table = TableSpec(
        time_columns=spec.time_columns,
        time_format=spec.time_format,
        target_columns=spec.target_columns,
    )
    series, files, remarks = _series.read(spec.file, table, spec.held_out)
    places = _windows.origins(series.values, spec.split, spec.window, spec.horizon, *spec.held_out)
    train = _windows.training_rows(series.values, *spec.held_out)
    shift, scale = _windows.fit(train, spec.horizon, spec.detrend == "last")
    return _Prepared(series, files, remarks, places, train, shift, scale)


def _simple(spec: ForecastSpec, values: np.ndarray, places: np.ndarray) -> dict[str, np.ndarray]:
    horizon, season = spec.horizon, spec.season
    found = {"naive": _windows.naive(values, places, horizon)}
    if season:
        found["seasonal_naive"] = _windows.seasonal_naive(values, places, horizon, season)
        found["seasonal_drift"] = _windows.seasonal_drift(values, places, horizon, season)
    return found
