"""Compare forecasts of finished runs with simple ones, without changing the runs.

python -m experiments.forecast --run=runs/co2              # judged on the held-out end
python -m experiments.forecast --run=runs/co2 --future     # what comes after the last row
python -m experiments.forecast --run=runs/co2 --future --file=newer.csv

Writes forecast.md with a verdict, errors.csv (by step ahead), forecasts.csv and figures; or
future.md and future.csv, with intervals; those of a recursive forecast of a distribution come from
--paths sampled paths. Runs that differ only in the seed are taken together: mean and range of their
errors, and the mean of their forecasts.
"""

from typing import Any

from absl import flags

from lstmx import machine

from . import _app
from ._launch import Launch

RUN = flags.DEFINE_multi_string(
    "run", [], "Run directory of the forecast task, or a folder of such; may be repeated."
)
OUT = flags.DEFINE_string("out", None, "Folder to write to; default: RUN/forecast.")
SPLIT = flags.DEFINE_string("split", "test", "What to forecast: test or valid.")
TRUST = flags.DEFINE_bool("trust", False, "Import a cell that the runs name and lstmx has not.")
FUTURE = flags.DEFINE_bool("future", False, "Forecast the values after the last row.")
FILE = flags.DEFINE_string("file", "", "Table to forecast from; default: that of training.")
TRUTH = flags.DEFINE_string("truth", "", "Table of values known later, to judge --future by.")
REFERENCES = flags.DEFINE_string(
    "references", "all", "Forecasts to compare with: none, simple, or all, with ETS, Theta, ARIMA."
)
PATHS = flags.DEFINE_integer(
    "paths", 200, "Sampled paths of recursive forecasts of a distribution, for their intervals."
)
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest or a step.")


def main(launch: Launch) -> None:
    """Print the errors by method and step ahead, and write tables and figures."""
    if not RUN.value:
        raise ValueError("--run is missing; expected a run directory")
    folders = [machine.local_folder(place, "--run") for place in RUN.value]
    out = None if OUT.value is None else machine.local_folder(OUT.value, "--out")
    launch.start_jax()
    from lstmx.report import forecasting

    options: dict[str, Any] = {"step": STEP.value, "trust": TRUST.value, "file": FILE.value}
    options["sampled"] = PATHS.value
    written: forecasting.Future | forecasting.Made
    if TRUTH.value and not FUTURE.value:
        raise ValueError("--truth judges the values after the last row; it needs --future")
    if FUTURE.value:
        written = forecasting.future(folders, out, truth=TRUTH.value, **options)
    else:
        split, kind = SPLIT.value, REFERENCES.value
        written = forecasting.write(folders, out, split=split, references=kind, **options)
    print(written.markdown)
    print("\n".join(f"wrote {file}" for file in written.files))


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
