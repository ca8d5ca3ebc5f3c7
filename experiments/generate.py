"""Let a language model write: samples from a run of the task characters, words or bytepairs.

python -m experiments.generate --run=runs/shakespeare/... --prompt="ROMEO:" --temperature=0.8
"""

from absl import flags

from lstmx import machine

from . import _app
from ._launch import Launch

RUN = flags.DEFINE_string("run", None, "Run directory of a language model.")
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest or a step.")
PROMPT = flags.DEFINE_string("prompt", "", "Text to go on from; default: a new line.")
LENGTH = flags.DEFINE_integer("length", 500, "Characters, words or byte pairs to write.")
TEMPERATURE = flags.DEFINE_float("temperature", 1.0, "Below 1 safer, 0 the most probable symbol.")
TOP_P = flags.DEFINE_float("top_p", 1.0, "Sample from the most probable symbols of this share.")
SEED = flags.DEFINE_integer("seed", 0, "Seed of the samples.")
TRUST = flags.DEFINE_bool("trust", False, "Import modules that a run names and lstmx has not.")


def main(launch: Launch) -> None:
    """Print the prompt and what follows, as it is written."""
    if not RUN.value:
        raise ValueError("--run is missing; expected a run directory")
    folder = machine.local_folder(RUN.value, "--run")
    launch.start_jax()
    from lstmx import runs
    from lstmx.report import generation

    opened = runs.open(folder, TRUST.value, step=STEP.value)
    following = generation.generate(
        opened,
        PROMPT.value,
        length=LENGTH.value,
        temperature=TEMPERATURE.value,
        top_p=TOP_P.value,
        seed=SEED.value,
    )
    print(PROMPT.value, end=" " if opened.config.task.name == "words" and PROMPT.value else "")
    for part in following:
        print(part, end="", flush=True)
    print()


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
