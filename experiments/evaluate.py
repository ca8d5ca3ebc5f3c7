"""Evaluate a checkpoint on other lengths or splits, without touching its run.

python -m experiments.evaluate --run=runs/adding/seed=0~... --set length=200 --set length=400
"""

import json

from absl import flags

from experiments import _app

RUN = flags.DEFINE_string("run", None, "Run directory.")
STEP = flags.DEFINE_string("step", "best", "Checkpoint: best, latest or a step.")
SET = flags.DEFINE_multi_string(
    "set", [], "Task options of one evaluation, such as length=400,split=test; may be repeated."
)
BATCHES = flags.DEFINE_integer("batches", None, "Batches of an endless task; default: the run's.")
JSON = flags.DEFINE_bool("json", False, "Print one JSON object instead of a table.")


def main() -> None:
    """Print the metrics of a checkpoint on every evaluation asked for."""
    if not RUN.value:
        raise ValueError("--run is missing; expected a run directory")
    _app.start_jax()
    from lstmx import evaluation

    rows = evaluation.evaluate(RUN.value, SET.value, step=STEP.value, batches=BATCHES.value)
    print(json.dumps(rows) if JSON.value else evaluation.table(rows))


if __name__ == "__main__":
    _app.run(main, config=False, workdir=False)
