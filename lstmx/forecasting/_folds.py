"""Cross-validation over time: the valid part moved back, training always on what lies before it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmx import checks, runs
from lstmx import config as cfg
from lstmx.forecasting._fit import config, own_options, stored
from lstmx.report import forecasting as report

if TYPE_CHECKING:
    import pandas as pd


def cross_validate(
    frame: "pd.DataFrame | Path | str",
    *,
    horizon: int,
    folds: int,
    target_columns: tuple[str, ...] = (),
    options: Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
    workdir: Path | str = "runs",
    quiet: bool = True,
) -> "pd.DataFrame":
    """Errors of a config and of simple forecasts on several valid parts; test stays untouched.

    Fold 0 is the valid part that `fit` has, fold 1 the one before it, and so on: a model is trained
    for each, on all rows before its valid part. The checkpoint of each is chosen on the part that
    judges it, for all configs alike: the errors compare configs, those of `fit` are to be quoted.

    Args:
        frame: as for `fit`; so are the other arguments.
        horizon: steps to predict.
        folds: number of valid parts, from 1 on.
        target_columns: columns to predict.
        options: of the task.
        overrides: keys of the config.
        workdir: folder of the runs.
        quiet: whether training prints nothing.

    Returns:
        A row for each fold, column and forecast: fold, the first and the last time of its targets
        "from" and "to", column, forecast, mae, mase.

    Raises:
        ValueError: as by `fit`; more folds than the rows allow.
    """
    import pandas as pd  # slow to import, and `import lstmx` must not wait for it

    checks.size("folds", folds)
    own = own_options(target_columns, options)
    file = stored(frame, Path(workdir), own.get("id_columns", ()))
    base = cfg.resolve(config(file, horizon, own), dict(overrides or {}))
    configs = [cfg.resolve(base, {"task.fold": fold}) for fold in range(folds)]
    labels = [f"fold={fold}" for fold in range(folds)]
    rows = []
    for fold, path in enumerate(runs.train(configs, Path(workdir), labels=labels, quiet=quiet)):
        made = report.write([path], split="valid", figures=False)
        windows = made.predicted.windows
        span = {"from": windows.times.min(), "to": windows.times.max()}
        for column, errors in zip(windows.series.columns, made.errors):
            rows += [
                {"fold": fold, **span, "column": column, "forecast": name}
                | {key: float(e.overall[key].mean()) for key in ("mae", "mase")}
                for name, e in errors.items()
            ]
    return pd.DataFrame(rows)
