"""Evaluate a checkpoint on other lengths or splits, without touching its run.

python -m experiments.evaluate --run=runs/adding/seed=0~... --set length=200 --set length=400
python -m experiments.evaluate --run=runs/adding --lengths=50:400:50     # all runs below, as curves
python -m experiments.evaluate --run=runs/digits/seed=0~... --decisions=test   # confusion matrix
"""

import json
import sys
from pathlib import Path

from absl import flags

from lstmx import machine

from . import _app
from ._launch import Launch

RUN = flags.DEFINE_string("run", None, "Run directory.")
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest, a step, or initial.")
SET = flags.DEFINE_multi_string(
    "set", [], "Task options of one evaluation, such as length=400,split=test; may be repeated."
)
LENGTHS = flags.DEFINE_string(
    "lengths",
    None,
    "Evaluate every run below --run on these lengths: 20,40,80 or first:last:step.",
)
DECISIONS = flags.DEFINE_string(
    "decisions",
    None,
    "Evaluation of a run that classifies: print its confusion matrix and calibration.",
)
OUT = flags.DEFINE_string("out", None, "Folder for the curves' files; default: that of --run.")
BATCHES = flags.DEFINE_integer("batches", None, "Batches of an endless task; default: the run's.")
TRUST = flags.DEFINE_bool("trust", False, "Import modules that a run names and lstmx has not.")
JSON = flags.DEFINE_bool("json", False, "Print one JSON object instead of a table.")


def main(launch: Launch) -> None:
    """Print the metrics of a checkpoint on every requested evaluation."""
    if not RUN.value:
        raise ValueError("--run is missing; expected a run directory")
    folder = machine.local_folder(RUN.value, "--run")
    if LENGTHS.value:
        return _curves(launch, folder, LENGTHS.value)
    if OUT.value:
        raise ValueError("--out belongs to --lengths; without it nothing is written")
    launch.start_jax()
    from lstmx import runs
    from lstmx.runs import decisions, evaluation

    if DECISIONS.value:
        if SET.value or JSON.value:
            raise ValueError("--decisions prints one evaluation of the run; leave --set and --json")
        found = decisions.decide(folder, DECISIONS.value, step=STEP.value, trust=TRUST.value)
        return print(decisions.table(found))
    rows = runs.evaluate(
        folder, SET.value, step=STEP.value, batches=BATCHES.value, trust=TRUST.value
    )
    print(json.dumps([row._asdict() for row in rows]) if JSON.value else evaluation.table(rows))


def _curves(launch: Launch, folder: Path, text: str) -> None:
    """Evaluate every run below a folder on all lengths, and write the curves."""
    if SET.value:
        raise ValueError("--set and --lengths exclude each other; expected one of them")
    from lstmx import runs
    from lstmx.report import lengths

    requested = lengths.parse(text)
    paths = runs.find(folder)
    if not paths:
        raise ValueError(f"--run={folder}: there is no run below")
    out = machine.local_folder(OUT.value, "--out") if OUT.value else folder
    out.mkdir(parents=True, exist_ok=True)  # fails now, and not after an hour
    launch.start_jax()
    report = lambda line: print(line, file=sys.stderr)
    options = {"step": STEP.value, "batches": BATCHES.value, "trust": TRUST.value}
    curves = lengths.curves(paths, requested, report, **options)
    written = lengths.write(curves, out)
    print(json.dumps([one._asdict() for one in curves]) if JSON.value else lengths.table(curves))
    if not JSON.value:
        print("\n".join(f"wrote {path}" for path in written))


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
