"""Search a config's space: python -m experiments.search --config=F --workdir=runs

Runs the trials of the study that search() of the config file describes. The same command, started
again or several times at once, joins in: each trial is taken once, and those of a worker that was
killed are taken over and resume from their checkpoints. Prints the best trials, and writes all of
them to WORKDIR/NAME/trials.csv. With --report it trains nothing and writes a page about the trials
that have ended, with tables and figures, to WORKDIR/NAME/report.
"""

import dataclasses
import os
import sys
import time

from absl import flags

from lstmx import tables

from . import _app, _budget, _study
from ._launch import Launch

TRIALS = flags.DEFINE_integer("trials", None, "Number of trials; default: that of search().")
STORAGE = flags.DEFINE_string(
    "storage", "", "F.journal, sqlite:///F.db or postgresql://...; default: a journal in WORKDIR."
)
BLOCK = flags.DEFINE_integer("block", None, "Most trials to train together; default: chosen.")
MASK = flags.DEFINE_bool(
    "mask_widths", True, "Train trials of several hidden sizes in one program, masked."
)
_budget.define("trial")
KEEP = flags.DEFINE_bool("keep", False, "Go on although code of yours has changed since.")
WAIT = flags.DEFINE_bool("wait", True, "Wait for other workers, to take over if one is killed.")
LIST = flags.DEFINE_bool("list", False, "Print the space and the first points, and run nothing.")
REPORT = flags.DEFINE_bool("report", False, "Write the page of the study, and run nothing.")
BY = flags.DEFINE_string("by", None, "Choice whose values --report compares; default: the first.")
METRIC = flags.DEFINE_string("metric", None, "Log key that --report is about; default: on test.")
REFERENCE = flags.DEFINE_string("reference", None, "Variant to compare with; default: V.")
BEST = flags.DEFINE_float("best", 0.1, "Share of the trials that --report compares beside all.")
OUT = flags.DEFINE_string("out", None, "Folder of the report; default: WORKDIR/NAME/report.")
SLURM = flags.DEFINE_integer("slurm", None, "Print an sbatch script of so many workers; run none.")
STATUS = flags.DEFINE_bool("status", False, "Print how far the study is, and run nothing.")


def main(launch: Launch) -> None:
    """Work on the study of the config file, or print what it is."""
    from lstmx import checks
    from lstmx.search.spec import check

    space = launch.search()
    space = dataclasses.replace(space, budget=_budget.given(space.space))
    for name, value in (("--trials", TRIALS.value), ("--block", BLOCK.value)):
        if value is not None:
            checks.size(name, value)
    check(space, launch.config)
    if LIST.value:
        from lstmx.search.listing import listing

        print(listing(space, TRIALS.value))
        return
    from lstmx.search import results, storage, study

    place = storage.Place(
        launch.workdir().absolute(), launch.study(), os.path.expanduser(STORAGE.value)
    )
    if SLURM.value is not None:
        print(_study.script(place, SLURM.value), end="")
        return
    if STATUS.value or REPORT.value:
        found = study.load(place, space, launch.config)
        if STATUS.value:
            return print(results.progress(found), results.markdown(found), sep="\n\n")
        options = {"by": BY.value, "metric": METRIC.value, "reference": REFERENCE.value}
        return print(_study.report(found, OUT.value, best=BEST.value, **options))
    launch.start_jax()
    from lstmx.search.worker import work

    began = time.monotonic()
    done = work(
        space,
        launch.config,
        place,
        launch.label,
        trials=TRIALS.value,
        block=BLOCK.value,
        wait=WAIT.value,
        mask=MASK.value,
        keep=KEEP.value,
        command=launch.command(),
        interrupt=launch.interrupt,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(results.markdown(done))
    print(f"\n{results.progress(done)}; {tables.duration(time.monotonic() - began)}")
    print(f"wrote {results.write_csv(done)}")
    print(f"report: {launch.command()} --report")


if __name__ == "__main__":
    _app.run(main, workdir=False, resumes=True)
