"""What a run that classifies decides on a held-out split: confusion, F1 scores, calibration."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks, precision, stats, tables
from lstmx.runs import opened
from lstmx.types import Array, Batch, Key, State

MOST_CLASSES = 100
"""Classes of a confusion matrix that can be read."""


class Decisions(NamedTuple):
    """Every decision that counts on one evaluation.

    Attributes:
        name: of the evaluation.
        truth: [M] classes.
        probabilities: [M, C] of all classes, as the model gives them.
    """

    name: str
    truth: np.ndarray
    probabilities: np.ndarray


def decide(
    path: Path | str, name: str, *, step: str | int = "best", trust: bool = False
) -> Decisions:
    """The decisions of a checkpoint on one evaluation of its config, at every step with a weight.

    Args:
        path: the run directory.
        name: of the evaluation, such as "valid".
        step: "best", "latest", a step, or "initial".
        trust: import modules that the run names; see `lstmx.config.from_dict`.

    Raises:
        ValueError: no run, no such evaluation or checkpoint, a task that is generated without end,
            whose targets are no classes, or whose labels belong to no step (CTC).
    """
    run = opened.open(path, trust, step=step)
    evals = run.experiment.evals
    task = evals[checks.one_of("evaluation", name, evals)]
    count, model, params = task.spec.num_batches, run.model, run.params
    if task.spec.metric == "label_error_rate":
        raise ValueError(
            f"{path}: the labels of task {run.config.task.name!r} belong to no step; expected a "
            "task of classification"
        )
    if count is None:
        raise ValueError(f"{path}: evaluation {name!r} has no end; expected a stored split")

    def measure(key: Key, number: Array, state: State) -> tuple[Batch, Array, State]:
        batch = task.batch(key, number)
        marks = {"mask": batch.mask, "resets": batch.resets}
        outputs, state, _ = model.apply(params, batch.inputs, state, **marks)
        return batch, jax.nn.softmax(outputs, axis=-1), state

    compiled = jax.jit(measure)
    truth, probabilities = [], []
    with precision.scope(run.config.model.precision):
        key, state = jax.random.key(0), model.initial_state(params, (task.spec.batch_size,))
        for number in range(count):
            batch, found, state = compiled(key, jnp.asarray(number), state)
            targets, weights = np.asarray(batch.targets), np.asarray(batch.weights)
            if targets.dtype.kind not in "iu" or targets.ndim != 2:
                raise ValueError(
                    f"{path}: task {run.config.task.name!r} has no classes as targets; expected a "
                    "task of classification"
                )
            truth.append(targets[weights > 0])
            probabilities.append(np.asarray(found)[weights > 0])
    return Decisions(name, np.concatenate(truth), np.concatenate(probabilities))


def table(found: Decisions) -> str:
    """The confusion matrix (truth in rows) with recall and precision, macro-F1, calibration.

    The matrix is left out of more than `MOST_CLASSES` classes, such as the words of a language.
    """
    classes = found.probabilities.shape[1]
    guess = found.probabilities.argmax(1)
    matrix = f"confusion matrix: not shown of {classes} classes, more than {MOST_CLASSES}"
    if classes <= MOST_CLASSES:
        matrix = _matrix(stats.confusion(found.truth, guess, classes))
    calibrated = stats.calibration(found.truth, found.probabilities)
    accuracy = float(np.mean(guess == found.truth))
    macro = stats.macro_f1(found.truth, guess, classes)
    area = ""
    if classes == 2:
        area = f", AUROC {stats.auroc(found.truth, found.probabilities[:, 1]):.4f}"
    lines = [["confidence", "decisions", "right"]]
    for low, high, number, right in zip(
        calibrated.edges, calibrated.edges[1:], calibrated.counts, calibrated.accuracy
    ):
        if number:
            lines.append([f"{low:.1f} to {high:.1f}", str(number), tables.number(float(right))])
    return "\n".join(
        (
            f"{found.name}: {len(guess)} decisions, accuracy {tables.number(accuracy)}, macro-F1 "
            f"{tables.number(macro)}, calibration error {tables.number(calibrated.error)}{area}",
            matrix,
            tables.aligned(lines),
        )
    )


def _matrix(counts: np.ndarray) -> str:
    """Counts [C, C] with the truth in rows, recall beside and precision below."""
    classes = range(len(counts))
    share = lambda hits, whole: tables.number(hits / whole if whole else None)
    head = ["truth", *(f"as {n}" for n in classes), "recall"]
    rows = [[str(n), *map(str, counts[n]), share(counts[n, n], counts[n].sum())] for n in classes]
    last = ["precision", *(share(counts[n, n], counts[:, n].sum()) for n in classes), ""]
    return tables.aligned([head, *rows, last])
