"""A table to a trained run."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lstmx import config as cfg
from lstmx import runs, sweep
from lstmx.data import timeseries
from lstmx.data.timeseries import Frequency
from lstmx.data.timeseries.csv import ABSENT
from lstmx.report import forecasting as report

if TYPE_CHECKING:
    import pandas as pd

DAY = 86_400
SEASONS = {"weekday": 5, "month": 12}
"""Steps of the usual season of a frequency; of fixed steps, see `season_of`."""
MOST_WINDOW = 512
"""The longest window that is chosen by itself; a longer one is an option."""
SHARE = 8
"""The training part has at least this many windows and horizons end to end."""


class Fitted(NamedTuple):
    """A trained forecaster.

    Attributes:
        paths: its run directories, one for each seed.
        file: the table that it was trained on.
        verdict: the model against the best simple forecast of each target, losses first.
        errors: target -> name of a forecast -> MAE on the held-out end.
        report: what the reader of the table decided, a sentence each.
    """

    paths: tuple[Path, ...]
    file: Path
    verdict: tuple[str, ...]
    errors: dict[str, dict[str, float]]
    report: tuple[str, ...]


def fit(
    frame: "pd.DataFrame | Path | str",
    *,
    horizon: int,
    target_columns: tuple[str, ...] = (),
    options: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    seeds: int | Sequence[int] = 1,
    workdir: Path | str = "runs",
    quiet: bool = True,
) -> Fitted:
    """Train a forecaster on a table, and judge it on the held-out end.

    Args:
        frame: a DataFrame, times in its index or in a column; or the path of a file.
        horizon: steps to predict.
        target_columns: columns to predict; all numbers without another role where empty.
        options: options of the task `forecast`, in place of those that `config` chooses.
        overrides: keys of the config, such as {"steps": 2000, "model.cell.hidden_size": 128}.
        seeds: runs with different seeds, trained as one group: a number n for 0 to n - 1, or the
            seeds themselves. Errors are their mean ("model") and that of the mean of their
            forecasts ("ensemble"), which `predict` returns.
        workdir: folder of the runs; a DataFrame is written there as CSV, too.
        quiet: whether training prints nothing.

    Raises:
        ValueError: seeds that are none or occur twice; whatever the reader, the task or the config
            refuses.
    """
    chosen = sweep.seeds(seeds)
    if "seed" in (overrides or {}):
        raise ValueError("overrides has the key 'seed'; expected seeds=[...] for it")
    own = own_options(target_columns, options)
    file = stored(frame, Path(workdir), own.get("id_columns", ()))
    base = cfg.resolve(config(file, horizon, own), dict(overrides or {}))
    configs = [cfg.resolve(base, {"seed": seed}) for seed in chosen]
    labels = [f"seed={seed}" for seed in chosen]
    paths = runs.train(configs, Path(workdir), labels=labels, quiet=quiet)
    made = report.write(paths)
    errors = {
        column: {name: float(e.overall["mae"].mean()) for name, e in by_name.items()}
        for column, by_name in zip(made.predicted.windows.series.columns, made.errors)
    }
    verdict = tuple(v.text for v in sorted(made.verdicts, key=lambda v: v.rank))
    return Fitted(tuple(paths), file, verdict, errors, made.predicted.windows.report)


def own_options(
    target_columns: tuple[str, ...], options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The options of the task, with the columns to predict.

    Raises:
        ValueError: an option that is an argument.
    """
    given = dict(options or {})
    for name, argument in (("file", "frame"), ("horizon", "horizon")):
        if name in given:
            raise ValueError(f"options has the key {name!r}; expected {argument}=... for it")
    if target_columns and "target_columns" in given:
        raise ValueError("got target_columns and an option of this name; expected one of both")
    return {"target_columns": target_columns, **given}


def config(file: Path | str, horizon: int, options: Mapping[str, Any]) -> cfg.ConfigDict:
    """The config that `fit` trains: a linear forecast of the window, corrected by an LSTM.

    Season, window and features of the calendar are those of the table's frequency. Every option
    that is given wins.

    Args:
        file: the table.
        horizon: steps to predict.
        options: of the task.

    Raises:
        ValueError: an unknown option, or a table that cannot be read.
    """
    c = cfg.base()
    c.name = "forecast"
    known = {"file": str(file), "horizon": horizon, **options}
    c.task = cfg.task("forecast", **known)
    frame = timeseries.read(file, _table(c.task))
    season = known.get("season", season_of(frame.frequency))
    held = sum(c.task[key] for key in ("valid_fraction", "test_fraction"))
    # The middle series decides: shorter ones have fewer windows, or none.
    rows = np.minimum(frame.history, c.task.rows or max(frame.history))
    training = int(np.median(rows) * (1 - held))
    # Two seasons or horizons are seen, as far as the training part has several such windows.
    window = max(2 * season, 2 * horizon, 8)
    window = max(1, min(window, MOST_WINDOW, training // SHARE))
    chosen = {
        "season": season,
        "window": window,
        "calendar": calendar_of(frame.frequency),
        "detrend": "linear",
        "multi_step": "continued",
        "likelihood": "huber",
    }
    c.task = cfg.task("forecast", **{**chosen, **known})
    c.model.cell = cfg.cell("lstm", hidden_size=64)
    c.steps = 600
    c.log_every = 50
    c.eval_every = 50
    c.hparams.learning_rate = 3e-3
    c.optimizer.schedule = "cosine"
    c.evals = {"valid": {"split": "valid", "batch_size": 256}}
    return c


def season_of(frequency: Frequency | None) -> int:
    """Steps of the usual season: a day of hours, a week of days, a year of weeks or months.

    0 where no whole number of steps makes it.
    """
    if frequency is None or frequency.unit == "step":
        return 0
    if frequency.unit == "second":
        step = frequency.every
        if step >= 7 * DAY:
            return round(365.25 * DAY / step)
        span = 7 * DAY if step >= DAY else DAY
        return span // step if span % step == 0 else 0
    whole = SEASONS[frequency.unit]
    every = 1 if frequency.unit == "weekday" else frequency.every
    return whole // every if whole % every == 0 else 0


def calendar_of(frequency: Frequency | None) -> tuple[str, ...]:
    """Features of the calendar that differ from row to row."""
    if frequency is not None and frequency.unit == "step":
        return ()
    if frequency is None or (frequency.unit == "second" and frequency.every < DAY):
        return ("hour", "weekday", "yearday")
    if frequency.unit == "weekday" or (frequency.unit == "second" and frequency.every < 7 * DAY):
        return ("weekday", "yearday")
    return ("yearday",) if frequency.unit == "second" or frequency.every < 12 else ()


def stored(
    frame: "pd.DataFrame | Path | str", folder: Path, id_columns: Sequence[str] = ()
) -> Path:
    """The file of a table: a path as it is, a DataFrame as CSV, named by its content.

    Raises:
        ValueError: no table, or a text outside of `id_columns` that is read as a missing value.
    """
    if isinstance(frame, str | Path):
        return Path(frame)
    rows = timeseries.plain("the table", frame)
    for name in rows.columns.difference([*id_columns]):
        _check_words(name, rows[name])
    text = rows.to_csv(index=False)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"table-{name}.csv"
    place.write_text(text, encoding="utf-8")
    return place.absolute()


def _check_words(name: str, column: "pd.Series[Any]") -> None:
    """Refuse categories whose names are read as missing values; among numbers they are those."""
    import pandas as pd  # slow to import, and `import lstmx` must not wait for it

    absent = column.isin(ABSENT[1:])
    if column.dtype.kind in "biufM" or not absent.any():
        return
    if pd.to_numeric(column[~absent], errors="coerce").notna().sum() < (~absent).sum():
        raise ValueError(
            f"column {name!r} has the text {column[absent].iloc[0]!r}, which is read as a missing "
            "value; expected another word for a category, or None for what is missing"
        )


def _table(section: Mapping[str, Any]) -> timeseries.TableSpec:
    fields = timeseries.TableSpec.__dataclass_fields__
    return timeseries.TableSpec(**{name: section[name] for name in fields})
