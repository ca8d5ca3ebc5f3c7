"""Look inside trained networks: a page of pictures of one run, or of several side by side.

python -m experiments.inspect --run=runs/adding/seed=0~...
python -m experiments.inspect --run=runs/adding/seed=0~... --run=runs/adding/seed=1~... --out=page
"""

import sys
import time
from pathlib import Path

from absl import flags

from lstmx import machine
from lstmx.tables import clock

from . import _app
from ._launch import Launch

RUN = flags.DEFINE_multi_string("run", [], "Run directory; repeat it to compare several.")
OUT = flags.DEFINE_string("out", None, "Folder to write to; default: RUN/inspect.")
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest or a step.")
FIGURES = flags.DEFINE_list("figures", [], "Names of the figures, after commas; default: all.")
TRUST = flags.DEFINE_bool("trust", False, "Import modules that a run names and lstmx has not.")


def main(launch: Launch) -> None:
    """Write the page and print its text."""
    if not RUN.value:
        raise ValueError("--run is missing; expected a run directory, such as runs/adding/seed=0~")
    folders = [machine.local_folder(name, "--run") for name in RUN.value]
    if OUT.value is None and len(folders) > 1:
        raise ValueError("--out is missing; expected a folder for the page of several runs")
    out = machine.local_folder(OUT.value, "--out") if OUT.value else folders[0] / "inspect"
    launch.start_jax()
    from lstmx.report import inspection

    began = time.monotonic()

    def tell(line: str) -> None:
        print(f"{clock(time.monotonic() - began)}  {line}", file=sys.stderr, flush=True)

    found = inspection.write(
        folders, Path(out), step=STEP.value, figures=FIGURES.value, trust=TRUST.value, tell=tell
    )
    print(found.markdown)
    print(f"wrote {found.files[0]}")


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
