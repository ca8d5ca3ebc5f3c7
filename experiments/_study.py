"""What experiments.search does with a study besides working on it: its page, a script for Slurm."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lstmx import machine

from . import _flags

if TYPE_CHECKING:
    from lstmx.search.storage import Place
    from lstmx.search.study import Study


def report(
    found: "Study",
    out: str | None,
    *,
    by: str | None,
    metric: str | None,
    reference: str | None,
    best: float,
) -> str:
    """Write the page of a study; returns its text and the names of the files.

    Args:
        found: the study.
        out: folder to write to; beside the study's trials.csv if None.
        by: key of the choice whose values are compared.
        metric: log key to report.
        reference: the variant that others are compared with.
        best: the share of the trials that is compared beside all.
    """
    from lstmx.report import study
    from lstmx.search import reporting

    trials = reporting.trials(found, by=by, metric=metric)
    folder = machine.local_folder(out, "--out") if out else reporting.folder(found)
    written = study.write(trials, folder, reference=reference, best=best)
    return "\n".join([written.markdown, *(f"wrote {file}" for file in written.files)])


def script(place: "Place", workers: int) -> str:
    """The sbatch script of an array of workers that this command line starts, without --slurm."""
    from lstmx.search.cluster import slurm_script

    own = [word for word in sys.argv[1:] if not word.lstrip("-").startswith("slurm")]
    # A worker starts in another process, where nothing but the installed package may be at hand.
    program = ["lstmx._command", "search"] if _flags.installed() else ["experiments.search"]
    words = [sys.executable, "-m", *program, *own]
    return slurm_script(words, place, workers, Path.cwd())
