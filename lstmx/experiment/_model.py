"""The model that a section of a config describes: cells, wrappers, layers, readout."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from lstmx import models, registry
from lstmx.embeddings import Coded
from lstmx.experiment._tables import with_tables
from lstmx.experiment._vectors import with_vectors
from lstmx.models import Backbone, Readout
from lstmx.sequence import Stack
from lstmx.types import Cell, Model, Task


def make_layers(section: Mapping[str, Any]) -> tuple[Cell | tuple[Cell, Cell], ...]:
    """The layers of a model: wrapped cells, in (forward, backward) pairs if bidirectional.

    Args:
        section: `config.model`.

    Raises:
        ValueError: whatever the cell or a wrapper refuses.
    """
    options = dict(section["cell"])
    name = options.pop("name")
    if not section["hidden_sizes"]:
        layers = [registry.make("cells", name, **options)] * section["layers"]
    elif "hidden_size" in options:
        layers = [
            registry.make("cells", name, **{**options, "hidden_size": size})
            for size in section["hidden_sizes"]
        ]
    else:
        raise ValueError(
            f"model.hidden_sizes needs a cell with a hidden_size, which {name!r} has not"
        )
    layers = [_wrapped(cell, section["wrappers"]) for cell in layers]
    return tuple((cell, cell) if section["bidirectional"] else cell for cell in layers)


def _wrapped(cell: Cell, wrappers: Sequence[tuple[str, Mapping[str, Any]]]) -> Cell:
    """The cell in its wrappers, the first of them the innermost."""
    for name, options in wrappers:
        try:
            cell = registry.wrap(cell, name, options)
        except TypeError as error:
            raise ValueError(f"model.wrappers: {name!r} with {dict(options)}: {error}") from None
    return cell


def _check_observed(section: Mapping[str, Any], task: Task) -> None:
    """Refuse a wrapper that reads a field of the inputs which the task's batches lack."""
    for name, _ in section["wrappers"]:
        needs = getattr(registry.load("wrappers", name), "NEEDS", {})
        field = needs.get(registry.factory("wrappers", name).__name__)
        if field is None:
            continue
        inputs = jax.eval_shape(task.batch, jax.random.key(0), 0).inputs
        inputs = inputs.values if isinstance(inputs, Coded) else inputs
        if getattr(inputs, field, None) is None:
            raise ValueError(
                f"model.wrappers: {name!r} reads {field!r} of the inputs, which this "
                "task does not give; expected a task whose batches hold lstmx.wrappers.Inputs"
            )


def make_stack(section: Mapping[str, Any]) -> Stack:
    """How the layers of `config.model` are connected and computed. Raises as `Stack`."""
    return Stack(
        section["skip_connections"],
        section["dropout"],
        section["remat_every"] or None,
        section["engine"],
        section["precision"],
    )


def make_model(section: Mapping[str, Any], task: Task) -> Model:
    """The model of `config.model`, with the inputs and outputs of a task.

    Raises:
        ValueError: whatever the model, its layers or their wrappers refuse; a whole config.
    """
    if "model" in section:
        raise ValueError("got a whole config; expected its section config.model")
    spec = task.spec
    _check_observed(section, task)
    backbone = Backbone(
        make_layers(section),
        spec.in_features,
        spec.out_features,
        inputs=spec.inputs,
        embed_features=section["embed_features"],
        readout=Readout(**section["readout"]),
        stack=make_stack(section),
    )
    options = registry.options("models", section["name"])
    model = models.build(section["name"], backbone, **{key: section[key] for key in options})
    return with_tables(with_vectors(model, section["embed_features"], task), task)


def check_resets(model: Model, task: Task) -> None:
    """Refuse a task whose batches the model cannot compute, by two of them."""
    if model.refusal is None:
        return
    for step in range(2):  # the first batch begins new sequences in any task
        reason = model.refusal(task.batch(jax.random.key(0), step).resets)
        if reason is not None:
            raise ValueError(reason)
