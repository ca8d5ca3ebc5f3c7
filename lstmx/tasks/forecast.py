"""Forecasting: from a window of a series, its next values. Any CSV with a time column.

Every step of a window predicts the next `horizon` values of every target column (a direct
multi-step forecast). Missing values stay missing: the inputs are, per column, the value (0 where
missing) and 1 or 0 for observed or not, and a missing target has no weight. Parts are cut in
order of time, the last rows are test, the rows before them valid; scaling is fit on the rest.

Worked example, one column, window 3, horizon 2, origin at the value 5, `detrend="last"`, scale 1:

    series     2  .  5 | 4  7        inputs (0, 1) (0, 0) (3, 1)        targets -1, 2

Inputs are relative to the last value known at the window's first step, targets to the last one
known at their own step, so that a trend beyond the training range can be predicted and 0 says "as
now". With `detrend="none"` both are relative to the mean of the training part; the other choices
make targets relative to a seasonal or a linear forecast, see `lstmx.tasks._forecasting.bases`.

In training a window counts at every step of its second half. In valid and test it counts at its
last step only: each of their origins once, with its whole window as context. With
`multi_step="continued"` the network reads on for `horizon` more steps, where targets are hidden and
columns known in advance are not, and predicts one step at each of them. With `"recursive"` it
predicts the next value only, learns that with all values given, and is fed its own forecasts after
the origin; lags and columns known in advance are those of the row that is predicted. Its intervals
are quantiles of sampled paths, each of which is fed its own samples, where `likelihood` is a
distribution: see `lstmx.tasks._forecasting.paths`.

Metrics are in the original units: "mae" and "mse", whose root is the rmse; "mase" divides each
error by that of the seasonal naive forecast on the training part, "scaled_mae" and "scaled_mse" by
the standard deviation of the column there, which makes them the standardised errors of the
literature; "loss" is the training loss, of scaled values.

Baseline: naive, the last observed value for ever. References on the same targets: "seasonal_naive",
the value one season before (two where that is missing, and so on), and "seasonal_drift", the same
plus the change over the last season: the bar on a series with a trend. No line counts as solved.
For train they are taken at the last steps of all windows. Of several columns or series, which may
have several units, the metric is "mase".

With `file=""` the series is generated: trend, season of 24 steps, noise, 3 % missing.
"""

from lstmx import checks
from lstmx.tasks import _common
from lstmx.tasks._forecasting.assembly import assemble, only_task, windows
from lstmx.tasks._forecasting.paths import PATHS
from lstmx.tasks._forecasting.references import more as more_references
from lstmx.tasks._forecasting.spec import FUTURE, ForecastSpec
from lstmx.tasks._forecasting.windows import Assembled, Windows
from lstmx.types import Task

__all__ = [
    "FUTURE",
    "PATHS",
    "Assembled",
    "ForecastSpec",
    "Windows",
    "assemble",
    "more_references",
    "task",
    "windows",
]

BIBTEX = ""
"""No paper posed it."""


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
    known_columns: tuple[str, ...] = (),
    past_columns: tuple[str, ...] = (),
    coarse_columns: tuple[str, ...] = (),
    category_columns: tuple[str, ...] = (),
    id_columns: tuple[str, ...] = (),
    static_columns: tuple[str, ...] = (),
    layout: str = "columns",
    separator: str = "",
    decimal: str = "",
    thousands: str = "",
    encoding: str = "",
    header: bool = True,
    skip_lines: int = 0,
    missing: tuple[str, ...] = (),
    time_zone: str = "",
    duplicates: str = "refuse",
    gaps: str = "missing",
    odd_times: str = "refuse",
    irregular: str = "keep",
    least_window: int = 0,
    fold: int = 0,
    transform: str = "none",
    scaling: str = "standard",
    normalize: str = "train",
    calendar: tuple[str, ...] = (),
    harmonics: int = 2,
    lags: tuple[int, ...] = (),
    inputs: str = "flags",
    multi_step: str = "direct",
    likelihood: str = "squared",
    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9),
    rows: int = 0,
    embed_above: int = 32,
    embed_series: bool = False,
    embed_features: int = 0,
) -> Task:
    """Forecasting C columns; inputs [B, window, X], outputs [B, window, horizon * C * P].

    Output (h * C + c) * P + p is parameter p of column c, h + 1 steps ahead. P = 1 and X = 2 C by
    default. A continued forecast has outputs [B, window + horizon, C * P], a recursive one
    [B, window - 1 + horizon, C * P].

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
        season: steps of a season, for references and seasonal bases; 0 for none.
        valid_fraction: part of the rows, before the test rows, that chooses between models.
        test_fraction: part of the rows, at the end, that judges them.
        detrend: what targets are relative to: "last", "none", "seasonal", "seasonal_drift",
            "linear".
        unit: of the values, for tables and figures ("ppm").
        known_columns: columns known in advance, such as holidays.
        past_columns: columns known up to the origin, such as the weather.
        coarse_columns: past columns of a lower frequency, such as quarters beside months: the last
            value is read until the next one, with log(1 + its age in rows) and a flag of new ones.
        category_columns: columns that hold categories although they look like numbers; each level
            of the training part is an input, whose weights in the first layer are its embedding,
            and other levels count as missing. See `embed_above`.
        id_columns: columns that together name the series of a row; empty for one series.
        static_columns: columns that describe a series, the same in all its rows.
        layout: "columns", a row for each time; or "rows", a row for each series.
        separator: between fields, found by looking where empty; "tab", "space".
        decimal: "." or ",", found by looking where empty; so are the next two.
        thousands: between groups of three digits.
        encoding: of the text.
        header: whether the first line names the columns.
        skip_lines: lines above the header.
        missing: further marks of a missing value, such as "-9999".
        time_zone: of times without an offset, and whose calendar counts.
        duplicates: of rows of one time: "refuse", "first", "last" or "mean".
        gaps: "missing" adds rows of missing values for absent times, "refuse" refuses.
        odd_times: of rows beside the grid: "refuse", "drop", "round" or "keep".
        irregular: rows without a grid: "keep", with the elapsed time as an input, or "refuse".
        least_window: steps of history that a window needs; fewer than `window` are padded at the
            start. 0 for all of them.
        fold: how many valid parts earlier training ends, for cross-validation over time: the
            valid part is the one after it, and test stays where it is.
        transform: of the targets: "none", "log", "log1p" or "box-cox".
        scaling: "standard", or "robust" by medians, which outliers do not move.
        normalize: "train", or "window": by mean and deviation of each window too (reversible
            instance normalisation, Kim et al. 2022, without their affine map).
        calendar: "hour", "weekday", "monthday", "yearday": positions in a day, week, month, year.
        harmonics: Fourier pairs for each of these.
        lags: rows back whose values are further inputs, where they are known at the origin.
        inputs: "flags", or "masked": `lstmx.wrappers.Inputs`, which wrappers for missing data read.
        multi_step: "direct", "continued" or "recursive".
        likelihood: "squared", "absolute", "huber", "quantiles", "gaussian", "student_t", "mixture"
            of three normal distributions, or "negative_binomial" of counts.
        quantiles: levels of the likelihood "quantiles", ascending.
        rows: first rows of each series to use, for protocols that leave out the end of a file; 0
            for all of them.
        embed_above: a category of more levels in the training part than this is read as a learned
            vector for each level; missing and unseen levels share one, which is learned too.
        embed_series: each series has a learned vector, and one is for those from which no window
            of training comes; a newer file may then have new series, scaled by their own rows.
        embed_features: size of these vectors; 0 for 1.6 n^0.56 of n levels, at most 64.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or unreadable.
    """
    checks.sizes(1, batch_size=batch_size)
    _common.check_split(split)
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
        known_columns=known_columns,
        past_columns=past_columns,
        coarse_columns=coarse_columns,
        category_columns=category_columns,
        id_columns=id_columns,
        static_columns=static_columns,
        layout=layout,
        separator=separator,
        decimal=decimal,
        thousands=thousands,
        encoding=encoding,
        header=header,
        skip_lines=skip_lines,
        missing=missing,
        time_zone=time_zone,
        duplicates=duplicates,
        gaps=gaps,
        odd_times=odd_times,
        irregular=irregular,
        least_window=least_window,
        fold=fold,
        transform=transform,
        scaling=scaling,
        normalize=normalize,
        calendar=calendar,
        harmonics=harmonics,
        lags=lags,
        inputs=inputs,
        multi_step=multi_step,
        likelihood=likelihood,
        quantiles=quantiles,
        rows=rows,
        embed_above=embed_above,
        embed_series=embed_series,
        embed_features=embed_features,
    )
    return only_task(spec, batch_size, unit)
