"""Measure what papers claim: python -m experiments.reproduce --only="1997-*" --workdir=runs

Trains the runs that the claims of configs/papers need, and writes a table of verdicts with a
figure. The same command resumes what was interrupted.
"""

from absl import flags

from lstmx import machine

from . import _app
from ._launch import Launch

ONLY = flags.DEFINE_list("only", [], "Claims or papers, such as 1997-*,bai2018; default: all.")
PAPERS = flags.DEFINE_string("papers", "configs/papers", "Folder of the recipes with claims.")
OUT = flags.DEFINE_string("out", "reproduced", "Folder to write to.")
MINUTES = flags.DEFINE_float(
    "minutes", 30.0, "Leave claims open that cost more on 2 CPU cores; 0 = none.", lower_bound=0.0
)
LIST = flags.DEFINE_bool("list", False, "Print the claims, their cost and state; run nothing.")
TABLE = flags.DEFINE_bool("table", False, "Measure what the workdir holds; train nothing.")
FORCE = flags.DEFINE_bool("force", False, "Start all runs over, also the finished ones.")


def main(launch: Launch) -> None:
    """Reproduce the requested claims, and print the names of the written files."""
    from . import _papers, _recipe
    from .claims import reproduce

    out = machine.local_folder(OUT.value, "--out")
    folder = machine.local_folder(PAPERS.value, "--papers")
    if flags.FLAGS["papers"].using_default_value and not folder.is_dir():
        folder = _recipe.SHIPPED / "papers"  # outside of a checkout
    papers, broken = _papers.papers(folder)
    for line in broken:
        reproduce.say(f"left out: {line}")
    only, minutes = ONLY.value or [], MINUTES.value or 0.0
    reproduce.select(papers, only)  # refuses a misspelt name before jax is imported
    if LIST.value:
        print(reproduce.listing(papers, launch.workdir(), out, only=only, minutes=minutes))
        return
    launch.start_jax()
    files = reproduce.run(
        papers,
        launch.workdir(),
        out,
        only=only,
        minutes=minutes,
        train=not TABLE.value,
        force=FORCE.value,
        command=launch.command(),
        interrupt=launch.interrupt,
    )
    print("\n".join(["", *(f"wrote {file}" for file in files)]))


if __name__ == "__main__":
    _app.run(main, config=False, workdir="runs", resumes=True)
