"""Report on finished and running runs: python -m experiments.report --workdir=runs

Prints one ranked table per config and writes report.html, report.md, runs.csv, rows.csv and the
figures. No run is left out: those that diverged or are not finished are listed.
"""

from absl import flags

from lstmx import machine

from . import _app
from ._launch import Launch

OUT = flags.DEFINE_string("out", None, "Folder to write to; default: WORKDIR/report.")
BY = flags.DEFINE_list(
    "by",
    [],
    "Config keys that make the rows, such as model.cell, each with its best setting of the others "
    "by validation; default: whatever varies.",
)
METRIC = flags.DEFINE_string(
    "metric", None, "Log key to rank by, such as eval/T400/mse; default: the task's metric on test."
)
REFERENCE = flags.DEFINE_string(
    "reference",
    None,
    "Row that the others are tested against; default: V, the LSTM with peepholes, or "
    "else LSTM, or else the sweep's first.",
)


def main(launch: Launch) -> None:
    """Write the report and print its tables."""
    workdir = launch.workdir()
    out = None if OUT.value is None else machine.local_folder(OUT.value, "--out")
    from lstmx import report

    spec = report.ReportSpec(by=BY.value, metric=METRIC.value, reference=REFERENCE.value)
    written = report.write(workdir, out, spec)
    print(written.markdown)
    print("\n".join(f"wrote {file}" for file in written.files))


if __name__ == "__main__":
    _app.run(main, config=False)
