"""A run, opened: its network, the sequences that it is shown, and what it does on them."""

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from lstmx import analysis, experiment, precision, runs
from lstmx.analysis import System
from lstmx.runs.opened import Opened
from lstmx.sequence._unroll import SIDES
from lstmx.types import Array, Batch, Cell, Params, Task, Trace

MOST_SEQUENCES = 64
MOST_VALUES = 40_000
"""Largest number of sequences, and of their steps together, that the analyses look at."""


class NotForThis(ValueError):
    """A figure that a run cannot have; the message says why."""


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A run with a batch of held-out sequences; what several figures need is computed once.

    Attributes:
        label: of the run on the page.
        opened: the run, its model and parameters.
        evaluation: name of the evaluation whose task the batch is of.
        task: that task.
        batch: at most MOST_SEQUENCES of its sequences.
    """

    label: str
    opened: Opened
    evaluation: str
    task: Task
    batch: Batch

    @property
    def params(self) -> Params:
        """The trained parameters."""
        return self.opened.params

    @functools.cached_property
    def untrained(self) -> Params:
        """The parameters before the first update.

        Raises:
            NotForThis: a run that began with the parameters of another one, which is not there.
        """
        try:
            return self.opened.at("initial").params
        except ValueError as error:
            raise NotForThis(str(error)) from error

    @functools.cached_property
    def outputs(self) -> Any:
        """The outputs on the batch, [B, T, Y] or a pytree of such."""
        return self._applied[0]

    @functools.cached_property
    def layers(self) -> dict[str, tuple[Cell, Params, Trace]]:
        """Name of a layer -> its cell, parameters and trace on the batch.

        The two directions of a bidirectional layer are "layer_0 forward" and "layer_0 backward".
        """
        trace = self._applied[1]
        names = []
        for name in sorted(trace, key=lambda name: int(name.rpartition("_")[2])):
            if not isinstance(trace[name], dict):
                names.append((name, trace[name]))
                continue
            # Not in the order of the dict, which jit has sorted: that of `Opened.layers`.
            names += [(f"{name} {side}", trace[name][side]) for side in SIDES]
        return {n: (*layer, one) for (n, one), layer in zip(names, self.opened.layers)}

    @functools.cached_property
    def system(self) -> System:
        """The step as a map of the joint state of all layers.

        Raises:
            NotForThis: a bidirectional model.
        """
        try:
            return analysis.system(self.opened.model, self.params)
        except ValueError as error:
            raise NotForThis(str(error)) from error

    @functools.cached_property
    def states(self) -> Array:
        """The joint states after every step of the batch, [B, T, D].

        Raises:
            NotForThis: a bidirectional model, or one that has a state besides that of its layers.
        """
        states = {name: layer[2].states for name, layer in self.layers.items()}
        vector, size = self.system.vector(states), self.system.size
        if vector.shape[-1] != size:
            raise NotForThis(
                f"its state has {size} numbers, and the traces of its layers {vector.shape[-1]}: "
                f"model {self.opened.config.model.name!r} keeps a state of its own"
            )
        return vector

    def check_unbroken(self) -> None:
        """Refuse what follows a whole sequence where the state is reset in the middle of some.

        Raises:
            NotForThis: a reset after the first step.
        """
        if np.asarray(self.batch.resets)[:, 1:].any():
            raise NotForThis("its state is reset within the sequences")

    def score(self, params: Params) -> Array:
        """The task's main metric of other parameters on the batch, []."""
        apply = self.opened.model.apply
        outputs = apply(params, self.batch.inputs, mask=self.batch.mask, resets=self.batch.resets)[
            0
        ]
        mean = self.task.loss(outputs, self.batch)[self.task.spec.metric]
        return mean.total / mean.count

    @functools.cached_property
    def _applied(self) -> tuple[Any, Any]:
        apply = functools.partial(self.opened.model.apply, return_trace=True)
        batch = self.batch
        outputs, _, trace = jax.jit(apply)(
            self.params, batch.inputs, mask=batch.mask, resets=batch.resets
        )
        return outputs, trace


def open_subject(
    path: Path | str, label: str, *, step: str | int = "best", trust: bool = False
) -> Subject:
    """Open a run and draw its batch.

    Args:
        path: the run directory.
        label: of the run on the page.
        step: "best", "latest" or a step of a checkpoint.
        trust: import modules that the run names; see `lstmx.config.from_dict`.

    Raises:
        ValueError: no run, no such checkpoint, data that is missing, an encoder with a decoder.
    """
    opened = runs.open(path, trust, step=step)
    if opened.model.decoder is not None:
        raise ValueError(
            f"{path}: model {opened.config.model.name!r} reads one sequence and writes another; "
            "expected a run with one sequence of states. What its decoder attends to is shown by "
            "experiments.translate"
        )
    with precision.scope(opened.config.model.precision):
        built = opened.experiment
        named = next((n for n in ("test", *built.evals) if n in built.evals), "")
        task = built.evals.get(named, built.task)
        key = experiment.eval_key(experiment.keys(opened.config.seed)[2], named)
        batch = jax.jit(task.batch)(key, 0)
    rows, length = batch.mask.shape
    rows = max(1, min(MOST_SEQUENCES, MOST_VALUES // max(1, length)))
    batch = jax.tree.map(lambda a: a[:rows], batch)
    if not np.asarray(batch.mask).any():
        raise ValueError(f"{path}: the first batch of its evaluation {named!r} has no steps")
    return Subject(label, opened, named or "training", task, batch)


def scope(subjects: Sequence[Subject]) -> contextlib.AbstractContextManager[None]:
    """The precision that runs share, as a context.

    Raises:
        ValueError: runs of different precisions.
    """
    modes = sorted({subject.opened.config.model.precision for subject in subjects})
    if len(modes) > 1:
        raise ValueError(f"runs in {' and '.join(modes)}; expected runs of one precision")
    return precision.scope(modes[0])
