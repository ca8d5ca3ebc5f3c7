"""Translate a part of a run's corpus with its model, and measure BLEU and chrF.

python -m experiments.translate --run=runs/enja/... --split=test --beam=4
"""

import sys

from absl import flags

from lstmx import checks, machine

from . import _app
from ._launch import Launch

RUN = flags.DEFINE_string("run", None, "Run directory of the task translation.")
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest or a step.")
SPLIT = flags.DEFINE_enum("split", "test", ["train", "valid", "test"], "Part to translate.")
BEAM = flags.DEFINE_integer("beam", 1, "Hypotheses of the beam search; 1 is greedy.")
ALPHA = flags.DEFINE_float("alpha", 0.6, "Length normalisation (Wu et al. 2016); 0 is none.")
TOKENIZE = flags.DEFINE_string("tokenize", "none", "Tokeniser of sacrebleu for BLEU.")
OUT = flags.DEFINE_string("out", None, "Folder to write to; default: RUN/translate/SPLIT.")
TRUST = flags.DEFINE_bool("trust", False, "Import modules that a run names and lstmx has not.")


def main(launch: Launch) -> None:
    """Write the translations, print the scores and the first sentences."""
    if not RUN.value:
        raise ValueError("--run is missing; expected a run directory")
    checks.size("--beam", BEAM.value)
    checks.number("--alpha", ALPHA.value, least=0)
    folder = machine.local_folder(RUN.value, "--run")
    default = folder / "translate" / SPLIT.value
    out = machine.local_folder(OUT.value, "--out") if OUT.value else default
    launch.start_jax()
    from lstmx import runs
    from lstmx.report import translation

    opened = runs.open(folder, TRUST.value, step=STEP.value)
    made = translation.translate(
        opened,
        split=SPLIT.value,
        width=BEAM.value,
        alpha=ALPHA.value,
        tokenize=TOKENIZE.value,
        tell=lambda line: print(line, file=sys.stderr),
    )
    for lines in zip(made.source[:3], made.hypotheses, made.references):
        print("\n".join(lines), end="\n\n")
    scores = made.scores
    print(f"BLEU {scores.bleu:.2f}  {scores.signatures['bleu']}")
    print(f"chrF {scores.chrf:.2f}  {scores.signatures['chrf']}")
    print("\n".join(f"wrote {path}" for path in translation.save(opened, made, out)))


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
