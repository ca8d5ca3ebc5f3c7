"""Certify the cells: python -m experiments.certify [--out=FOLDER] [--only=lstm,gru]

Prints for each cell its source, its number of parameters, and its errors against oracle, finite
differences, other engines and conversions; then, from separate processes, whether its errors are
within the limits with XLA's YNN fusion and without it. With --out, writes CERTIFICATE.md too. Runs
only from a checkout, as the oracles are part of the tests.
"""

import importlib
import sys
import time
from pathlib import Path

from absl import flags

from experiments import _app
from experiments._launch import Launch
from lstmx import machine

OUT = flags.DEFINE_string("out", None, "Folder to write CERTIFICATE.md to.")
ONLY = flags.DEFINE_list("only", [], "Cells to certify; default: all.")
FUSIONS = flags.DEFINE_bool("fusions", True, "Certify with XLA's YNN fusion and without it too.")
TESTS = Path(__file__).resolve().parents[1] / "tests"


def main(_: Launch) -> None:
    """Certify the cells, and print a line for each when it is done."""
    import jax

    from experiments import _certificate as certificate
    from experiments import _fusions as fusions
    from lstmx import cells, checks, precision, xla

    out = machine.local_folder(OUT.value, "--out") if OUT.value else None
    for name in ONLY.value:
        checks.one_of("cell", name, cells.names())
    if not (TESTS / "reference").is_dir():
        raise ValueError(f"no oracles in {TESTS / 'reference'}; run this from a checkout of lstmx")
    sys.path.insert(0, str(TESTS))
    deviations = (TESTS / "test_deviations.py").read_text("utf-8")
    names, rows = ONLY.value or cells.names(), []
    xla.use_right_fusions()
    xla.use_small_loops()
    with precision.scope("float64"):
        for number, name in enumerate(names, 1):
            start = time.perf_counter()
            oracle = importlib.import_module(f"reference.{name}")
            row = certificate.certify(name, oracle, deviations)
            rows.append(row)
            errors = f"oracle {row.value:.0e}, gradient {row.slope:.0e}, {row.formula} parameters"
            seconds = time.perf_counter() - start
            print(f"{number}/{len(names)} {name}: {errors} ({seconds:.1f} s)", flush=True)
    text = certificate.markdown(rows, f"JAX {jax.__version__} on {jax.default_backend()}")
    if FUSIONS.value:
        for number, both in enumerate(fusions.both(names, TESTS), 1):
            name, by = list(both.cells.items())[-1]
            states = [f"{k} {'right' if row.right() else 'WRONG'}" for k, row in by.items()]
            print(f"{number}/{len(names)} {name}: fusion {', '.join(states)}", flush=True)
        text = f"{text}\n{fusions.markdown(both)}"
    print(f"\n{text}")
    if out:
        path = out / "CERTIFICATE.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
