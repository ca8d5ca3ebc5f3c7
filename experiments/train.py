"""Train one run: python -m experiments.train --config=configs/adding.py --workdir=runs

Running the same command again resumes an interrupted run and skips a finished one.
"""

from absl import flags

from lstmx import machine

from . import _app
from ._launch import Launch

FORCE = flags.DEFINE_bool("force", False, "Start the run over, also a finished one.")
KEEP = flags.DEFINE_bool("keep", False, "Go on although code of yours has changed since.")
INIT_FROM = flags.DEFINE_string("init_from", None, "Run directory whose parameters to start from.")
PROFILE = flags.DEFINE_bool("profile", False, "Write a profiler trace of one chunk of steps.")
EXPLAIN = flags.DEFINE_bool("explain", False, "Only print the memory and speed of ways to train.")


def main(launch: Launch) -> None:
    """Train the run of --config, and print its summary."""
    config = launch.config
    if EXPLAIN.value:
        print(launch.explained())
        return
    workdir = launch.workdir()
    start = INIT_FROM.value and machine.local_folder(INIT_FROM.value, "--init_from")
    launch.start_jax()
    from lstmx import runs
    from lstmx.parallel import mesh

    (path,) = runs.train(
        [config],
        workdir,
        labels=[launch.label(config)],
        force=FORCE.value,
        keep=KEEP.value,
        init_from=start,
        profile=PROFILE.value,
        command=launch.command(),
        interrupt=launch.interrupt,
        about=launch.record(),
    )
    if mesh.is_main_process():
        print(runs.summary(runs.load(path)))


if __name__ == "__main__":
    _app.run(main, workdir=False, hosts=True, resumes=True)
