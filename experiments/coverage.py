"""Measure how often intervals cover: python -m experiments.coverage --out=experiments/measured

Draws samples from distributions with a known mean, and counts how often the interval of each method
contains it; then the same for differences of two means. Writes coverage.json and coverage.md.
"""

import json

from absl import flags

from experiments import _app
from experiments._launch import Launch
from lstmx import machine

OUT = flags.DEFINE_string("out", "reproduced", "Folder to write to.")
SAMPLES = flags.DEFINE_integer("samples", 4000, "Samples per distribution and size.", lower_bound=1)
SIZES = flags.DEFINE_list("sizes", ["3", "4", "5", "10", "20"], "Numbers of values in a sample.")


def main(_: Launch) -> None:
    """Simulate, print the tables, and write them."""
    from experiments import _coverage

    out = machine.local_folder(OUT.value, "--out")
    if not all(size.isdigit() and int(size) > 1 for size in SIZES.value or []):
        raise ValueError(f"got --sizes={','.join(SIZES.value or [])}; expected numbers from 2 on")
    found = _coverage.measure([int(size) for size in SIZES.value or []], SAMPLES.value or 1)
    text = _coverage.markdown(found)
    print(text)
    out.mkdir(parents=True, exist_ok=True)
    (out / "coverage.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (out / "coverage.md").write_text(text, "utf-8")
    print(f"wrote {out / 'coverage.json'}\nwrote {out / 'coverage.md'}")


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
