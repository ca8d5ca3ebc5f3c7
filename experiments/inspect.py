"""Look inside trained networks: a page of pictures of one run, or of several side by side.

python -m experiments.inspect --run=runs/adding/seed=0~...
python -m experiments.inspect --run=runs/adding/seed=0~... --run=runs/adding/seed=1~... --out=page
python -m experiments.inspect --workdir=runs/variants --by=model.cell --figures=lyapunov --out=page

The last form compares the numbers of all runs below a folder: means over seeds, with intervals.
"""

import sys
import time
from typing import Any

from absl import flags

from lstmx import machine
from lstmx.tables import clock

from . import _app
from ._launch import Launch

RUN = flags.DEFINE_multi_string("run", [], "Run directory; repeat it to compare several.")
OUT = flags.DEFINE_string("out", None, "Folder to write to; default: RUN/inspect.")
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest or a step.")
FIGURES = flags.DEFINE_list("figures", [], "Names of the figures, after commas; default: all.")
BY = flags.DEFINE_list("by", [], "Config keys to group the runs of --workdir by; default: all.")
TRUST = flags.DEFINE_bool("trust", False, "Import modules that a run names and lstmx has not.")


def main(launch: Launch) -> None:
    """Write the page and print its text."""
    given = flags.FLAGS.workdir
    if not RUN.value and not given:
        raise ValueError("--run is missing; expected a run directory, such as runs/adding/seed=0~")
    if RUN.value and (given or BY.value):
        raise ValueError("--run excludes --workdir and --by; expected runs, or a folder of runs")
    folders = [machine.local_folder(name, "--run") for name in RUN.value]
    if OUT.value is None and len(folders) != 1:
        raise ValueError("--out is missing; expected a folder for the page of several runs")
    out = machine.local_folder(OUT.value, "--out") if OUT.value else folders[0] / "inspect"
    launch.start_jax()
    from lstmx import runs
    from lstmx.report import inspection

    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{clock(time.monotonic() - began)}  {line}", file=sys.stderr, flush=True)

    options: Any = {
        "step": STEP.value,
        "figures": FIGURES.value,
        "trust": TRUST.value,
        "tell": tell,
    }
    if folders:
        found = inspection.write(folders, out, **options)
    else:
        found = inspection.write_groups(runs.find(given), out, by=BY.value, **options)
    print(found.markdown)
    print(f"wrote {found.files[0]}")


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
