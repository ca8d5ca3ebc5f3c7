"""Measure the speed of lstmx and its peers: python -m experiments.benchmark --out=benchmark

Tables: layers, cells, tasks, sweep, dispatch, long, start, fusion, scan, analysis, replicas,
search, flags, buckets, help, tutorial, small. Prints each and writes benchmark.md, benchmark.json
and figures. Leave the machine alone meanwhile. The same command resumes what was interrupted. Peers
that are not installed are listed (pip install -e .[peers]).
"""

from absl import flags

from experiments import _app
from experiments._launch import Launch
from lstmx import machine

OUT = flags.DEFINE_string("out", "benchmark", "Folder to write to.")
ONLY = flags.DEFINE_list("only", [], "Tables to measure, such as layers,sweep; default: all.")
DEVICE = flags.DEFINE_string("device", "cpu", "The device to measure: cpu or gpu.")
REPEATS = flags.DEFINE_integer("repeats", 10, "Turns of every contestant.")
QUICK = flags.DEFINE_bool("quick", False, "Tiny sizes, which show that everything works.")
FORCE = flags.DEFINE_bool("force", False, "Measure again what is finished, too.")


def main(launch: Launch) -> None:
    """Measure the requested tables, and print the names of the written files."""
    out = machine.local_folder(OUT.value, "--out")
    from experiments import benchmarks

    settings = benchmarks.Settings(DEVICE.value, QUICK.value, REPEATS.value)
    benchmarks.check(ONLY.value, settings)
    benchmarks.prepare(DEVICE.value)
    launch.start_jax()
    files = benchmarks.run(
        out, ONLY.value, settings=settings, force=FORCE.value, command=launch.command()
    )
    print("\n".join(f"wrote {file}" for file in files))


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False, resumes=True)
