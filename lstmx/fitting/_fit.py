"""Training on arrays: they become a file, the options a config, and both a run like any other."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from lstmx import checks, machine, runs, sweep
from lstmx import config as cfg
from lstmx.config import ConfigDict
from lstmx.data import arrays
from lstmx.fitting import _fitted, _parts
from lstmx.fitting._fitted import Fitted
from lstmx.fitting._seeds import Seeds

CHECKPOINTS = 20
"""Checkpoints of a run: one at every evaluation would take most of the time of a small model."""


@overload
def fit(
    X: Any,
    y: Any,
    *,
    kind: str = "auto",
    at: str = "auto",
    cell: str | ConfigDict = "lstm",
    hidden_size: int | None = None,
    layers: int = 1,
    epochs: int = 50,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    lengths: Any = None,
    mask: Any = None,
    tokens: int = 0,
    scaling: str = "standard",
    missing: str = "refuse",
    class_weight: str | Mapping[Any, float] | None = None,
    validation_split: float = 0.0,
    validation_data: Sequence[Any] | None = None,
    patience: int = 0,
    seed: int = 0,
    seeds: None = None,
    workdir: Path | str | None = None,
    name: str = "fit",
    overrides: Mapping[str, Any] = {},
    verbose: bool = False,
) -> Fitted: ...


@overload
def fit(X: Any, y: Any, *, seeds: int | Sequence[int], **options: Any) -> Seeds: ...


# The options of the second signature are those of the first, which mypy cannot know.
def fit(  # type: ignore[misc]
    X: Any,
    y: Any,
    *,
    kind: str = "auto",
    at: str = "auto",
    cell: str | ConfigDict = "lstm",
    hidden_size: int | None = None,
    layers: int = 1,
    epochs: int = 50,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    lengths: Any = None,
    mask: Any = None,
    tokens: int = 0,
    scaling: str = "standard",
    missing: str = "refuse",
    class_weight: str | Mapping[Any, float] | None = None,
    validation_split: float = 0.0,
    validation_data: Sequence[Any] | None = None,
    patience: int = 0,
    seed: int = 0,
    seeds: int | Sequence[int] | None = None,
    workdir: Path | str | None = None,
    name: str = "fit",
    overrides: Mapping[str, Any] = {},
    verbose: bool = False,
) -> Fitted | Seeds:
    """Train a recurrent network with a linear readout on arrays, and return it with its run.

    The call makes what a config file makes: a run directory with config, log, checkpoints and a
    record of versions, which reports and launchers read. Called again with the same arguments and
    workdir, it resumes an interrupted run and skips a finished one.

    Args:
        X: sequences: [N, T, X]; [N, T] of one feature, or of tokens; or a list of N arrays [T_n, X]
            or [T_n] of any lengths.
        y: labels (whole numbers, texts, bools) or numbers (floats): one a sequence, [N] or [N, Y];
            or one a step, [N, T], [N, T, Y], or a list of arrays of these lengths.
        kind: "classification" or "regression"; "auto" by the type of y.
        at: where targets are: "last" step or "every" step; "auto" by the shape of y.
        cell: name of a cell, or `lstmx.config.cell(name, **options)`.
        hidden_size: of each layer; None for the cell's.
        layers: recurrent layers on top of each other.
        epochs: passes over the training data, each in another order; a log point each.
        batch_size: sequences an update, at most all. An epoch leaves out the rest that fills no
            batch, another one each time.
        learning_rate: of Adam.
        lengths: [N] number of steps of each sequence of X, the rest is padding.
        mask: [N, T] True at the steps of X that exist; instead of lengths.
        tokens: size of the vocabulary where X has tokens.
        scaling: "standard" for mean 0 and deviation 1 over the training data, of inputs and numeric
            targets; "none" as Keras. Predictions and errors have the units of y in both cases.
        missing: "refuse" NaN in X, or "flags": a value and a flag for each feature.
        class_weight: label -> weight in the training loss, or "balanced".
        validation_split: part of the sequences, the last ones, that only measures and chooses the
            best step.
        validation_data: (X, y) instead, or (X, y, lengths) or (X, y, mask).
        patience: epochs without improvement on validation data before the run stops; 0 is never.
        seed: of initial values, batches and noise.
        seeds: several instead: a number n for 0 to n - 1, or the seeds themselves. They train as
            one group, as a sweep trains them, each with a run of its own. Seeds that workdir has
            already are not trained again; docs/determinism.md says where a seed is equal bit for
            bit in every group.
        workdir: folder of runs; None for a temporary one that lasts as long as the result.
        name: folder of these runs in workdir.
        overrides: further keys of the config, as {"model.dropout": 0.2}.
        verbose: show progress.

    Returns:
        the model of one seed; with `seeds` a `Seeds` of their models, whose metrics are means over
        seeds with intervals, and whose `predict` is the mean of what they say.

    Raises:
        ValueError: arrays that do not fit each other, an unknown option, seeds that are none or
            occur twice, what the config refuses.
        KeyboardInterrupt: interrupted; the same call with a workdir resumes.
    """
    checks.sizes(1, epochs=epochs, batch_size=batch_size)
    checks.number("learning_rate", learning_rate, above=0)
    checks.size("seed", seed, least=0)
    for key, argument in (("task.batch_size", "batch_size"), ("task.file", "X and y")):
        if key in overrides:
            raise ValueError(f"overrides has the key {key!r}; expected {argument} for it")
    chosen_seeds = _seeds_of(seed, seeds, overrides)
    labelled = _parts.parts(
        X, y, kind, at, (lengths, mask, tokens), validation_split, validation_data
    )
    count = len(labelled.parts["train"].mask)
    if patience and "valid" not in labelled.parts:
        raise ValueError(f"patience={patience} needs validation_split or validation_data")
    c = cfg.base()
    c.name, c.seed = name, chosen_seeds[0]
    options = {} if hidden_size is None else {"hidden_size": hidden_size}
    c.model.cell = _cell(cell, options)
    per_epoch = max(1, count // batch_size)
    task = {
        "file": "",
        "batch_size": min(batch_size, count),
        "scaling": scaling,
        "missing": missing,
        "tokens": tokens,
        **_weights(class_weight, labelled.classes),
    }
    c.task = cfg.task(_fitted.TASK, **task)
    judged = "valid" if "valid" in labelled.parts else "train"
    c.evals = {judged: {"split": judged}}
    chosen = {
        "model.layers": layers,
        "hparams.learning_rate": float(learning_rate),
        "steps": epochs * per_epoch,
        "log_every": per_epoch,
        "eval_every": per_epoch,
        "checkpoint_every": per_epoch * -(-epochs // CHECKPOINTS),
        "patience": patience,
    }
    # Without seeds the seed may be one of the overrides.
    own = [{} if seeds is None else {"seed": one} for one in chosen_seeds]
    configs = [cfg.checked(c, {**chosen, **overrides, **one}) for one in own]
    held = tempfile.TemporaryDirectory(prefix="lstmx-fit-") if workdir is None else None
    folder = machine.local_folder(held.name if held else str(workdir), "workdir").absolute()
    file = arrays.save(folder / configs[0].name, labelled)
    configs = [cfg.checked(config, {"task.file": file}) for config in configs]
    paths = runs.train(configs, folder, command="lstmx.fit", quiet=not verbose)
    members = tuple(map(_fitted.open, paths))
    if held:
        _fitted.hold(members, held)
    return members[0] if seeds is None else Seeds(members)


def _seeds_of(
    seed: int, seeds: int | Sequence[int] | None, overrides: Mapping[str, Any]
) -> list[int]:
    if seeds is None:
        return [seed]
    if seed or "seed" in overrides:
        raise ValueError("got seed and seeds; expected one of both")
    return sweep.seeds(seeds)


def _cell(cell: str | ConfigDict, options: Mapping[str, Any]) -> ConfigDict:
    if isinstance(cell, str):
        return cfg.cell(cell, **options)
    if not isinstance(cell, ConfigDict):
        raise ValueError(
            f"cell={checks.shown(cell)}; expected a name, or lstmx.config.cell(name, **options)"
        )
    given = dict(cell)
    return cfg.cell(given.pop("name"), **{**given, **options})


def _weights(
    weight: str | Mapping[Any, float] | None, classes: np.ndarray | None
) -> dict[str, Any]:
    """The task's options for a weight of each class."""
    if weight is None:
        return {}
    if classes is None:
        raise ValueError("class_weight is for classes, and y has numbers")
    if isinstance(weight, str):
        checks.one_of("class_weight", weight, ("balanced",))
        return {"balanced": True}
    known = classes.tolist()
    if not isinstance(weight, Mapping):
        raise ValueError(
            f"class_weight={checks.shown(weight)}; expected 'balanced', or a weight for each label "
            f"of {checks.shown(known)}"
        )
    if set(weight) != set(known):
        raise ValueError(
            f"class_weight has the labels {checks.shown(list(weight))}; expected "
            f"{checks.shown(known)}"
        )
    return {"class_weights": tuple(float(weight[label]) for label in known)}
