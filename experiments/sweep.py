"""Run every point of a config's sweep: python -m experiments.sweep --config=F --workdir=runs

Points that differ only in `hparams` and `seed` share one compilation and run side by side.
Running the same command again resumes what was interrupted and skips what is finished.
"""

import sys

from absl import flags

from . import _app, _budget, _flags
from ._launch import Launch

FORCE = flags.DEFINE_bool("force", False, "Start all runs over, also the finished ones.")
KEEP = flags.DEFINE_bool("keep", False, "Go on although code of yours has changed since.")
MASK = flags.DEFINE_bool(
    "mask_widths", False, "Train points of several hidden sizes in one program, masked."
)
_budget.define("point")
LIST = flags.DEFINE_bool("list", False, "Print the points by group, and run nothing.")


def main(launch: Launch) -> None:
    """Run the sweep of the config file."""
    from lstmx import sweep

    points = launch.points()
    budget = _budget.given({key for point in points for key in point})
    configs = sweep.resolve(launch.config, points)
    if not LIST.value:
        workdir = launch.workdir()
        launch.start_jax()
    if budget is not None:
        from lstmx import experiment

        configs = experiment.fit(configs, budget)
    labels = [launch.label(config) for config in configs]
    if LIST.value:
        for number, members in enumerate(sweep.groups(configs)):
            for m in members:
                print(f"group {number}: {labels[m]}")
        return
    from lstmx import experiment, runs
    from lstmx.parallel import mesh

    about = launch.record()
    if budget is not None:
        about["width"] = "budget_{}={}".format(*budget)
    programs = None
    if MASK.value:
        programs, reasons = experiment.programs(configs)
        for reason in reasons:
            print(f"a program for each hidden size: {reason}", file=sys.stderr)
    paths = runs.train(
        configs,
        workdir,
        labels=labels,
        force=FORCE.value,
        keep=KEEP.value,
        command=launch.command(),
        interrupt=launch.interrupt,
        programs=programs,
        about=about,
    )
    if mesh.is_main_process():
        print(f"{len(paths)} runs in {paths[0].parent}")
        print(_flags.named(f"report: python -m experiments.report --workdir={launch.workdir()}"))


if __name__ == "__main__":
    _app.run(main, workdir=False, hosts=True, resumes=True)
