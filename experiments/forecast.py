"""Compare forecasts of finished runs with simple ones, without changing the runs.

python -m experiments.forecast --run=runs/co2

Writes forecast.md, errors.csv (by step ahead), forecasts.csv and figures. Runs that differ only in
the seed are taken together: mean and range of their errors, and the mean of their forecasts.
"""

from absl import flags

from experiments import _app
from lstmx import machine

RUN = flags.DEFINE_multi_string(
    "run", [], "Run directory of the forecast task, or a folder of such; may be repeated."
)
OUT = flags.DEFINE_string("out", None, "Folder to write to; default: RUN/forecast.")
SPLIT = flags.DEFINE_string("split", "test", "What to forecast: test or valid.")
TRUST = flags.DEFINE_bool("trust", False, "Import a cell that the runs name and lstmx has not.")
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest or a step.")


def main() -> None:
    """Print the errors by method and step ahead, and write tables and figures."""
    if not RUN.value:
        raise ValueError("--run is missing; expected a run directory")
    folders = [machine.local_folder(place, "--run") for place in RUN.value]
    out = None if OUT.value is None else machine.local_folder(OUT.value, "--out")
    _app.start_jax()
    from lstmx.report import forecasting

    written = forecasting.write(folders, out, split=SPLIT.value, step=STEP.value, trust=TRUST.value)
    print(written.markdown)
    print("\n".join(f"wrote {file}" for file in written.files))


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
