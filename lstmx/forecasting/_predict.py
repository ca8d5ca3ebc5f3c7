"""What comes after the last row of a table, as a DataFrame."""

from pathlib import Path
from typing import TYPE_CHECKING

from lstmx import runs
from lstmx.forecasting._fit import Fitted, stored
from lstmx.report import forecasting as report

if TYPE_CHECKING:
    import pandas as pd


def predict(
    fitted: "Fitted | Path | str",
    frame: "pd.DataFrame | Path | str | None" = None,
    *,
    horizon: int | None = None,
) -> "pd.DataFrame":
    """The values after the last row: a row for each series, target and step.

    The columns are series (of several), time, ahead, column, forecast, and the ends of conformal
    intervals such as low_80 and high_80. Figures and files are written to `future` in the run.

    Args:
        fitted: what `fit` returned, or a run directory.
        frame: a longer table to forecast from; that of training if None.
        horizon: steps to return, at most those that were trained; all of them if None.

    Raises:
        ValueError: a longer horizon than was trained, or a table that does not fit the run.
    """
    import pandas as pd  # slow to import, and `import lstmx` must not wait for it

    paths = list(fitted.paths) if isinstance(fitted, Fitted) else [Path(fitted)]
    file = "" if frame is None else str(stored(frame, paths[0].parent, _ids(paths[0])))
    made = report.future(paths, file=file)
    steps = made.predicted.windows.times.shape[1]
    if horizon is not None and not 1 <= horizon <= steps:
        raise ValueError(
            f"horizon={horizon}; expected 1 to {steps}, the horizon of training; fit anew for more"
        )
    table = pd.DataFrame(made.rows, columns=list(made.columns))
    if len(made.predicted.windows.ids) == 1:
        table = table.drop(columns="series")
    return table if horizon is None else table[table["ahead"] <= horizon].reset_index(drop=True)


def _ids(path: Path) -> tuple[str, ...]:
    """The columns that name the series of a run."""
    return tuple(runs.load(path).config["task"].get("id_columns", ()))
