"""The model that a config's section describes: cells, their wrappers, layers and the readout."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax

from lstmx import models, registry
from lstmx.models import Backbone, Readout
from lstmx.sequence import Stack
from lstmx.types import Cell, Model, Task


def make_layers(section: Mapping[str, Any]) -> tuple[Cell | tuple[Cell, Cell], ...]:
    """The layers of a model's section: wrapped cells, in pairs where they are bidirectional.

    Raises:
        ValueError: whatever the cell or a wrapper refuses.
    """
    options = dict(section["cell"])
    name = options.pop("name")
    if not section["hidden_sizes"]:
        made = [registry.make("cells", name, **options)] * section["layers"]
    elif "hidden_size" in options:
        made = [
            registry.make("cells", name, **{**options, "hidden_size": size})
            for size in section["hidden_sizes"]
        ]
    else:
        raise ValueError(
            f"model.hidden_sizes needs a cell with a hidden_size, which {name!r} has not"
        )
    made = [_wrapped(cell, section["wrappers"]) for cell in made]
    return tuple((cell, cell) if section["bidirectional"] else cell for cell in made)


def _wrapped(cell: Cell, named: Sequence[tuple[str, Mapping[str, Any]]]) -> Cell:
    """The cell in its wrappers, the first of them the innermost."""
    for name, options in named:
        try:
            cell = registry.wrap(cell, name, options)
        except TypeError as error:
            raise ValueError(f"model.wrappers: {name!r} with {dict(options)}: {error}") from None
    return cell


def _check_observed(section: Mapping[str, Any], task: Task) -> None:
    """Refuse a wrapper that would find nothing to do, as the task says nothing of it."""
    for name, _ in section["wrappers"]:
        needs = getattr(registry.load("wrappers", name), "NEEDS", {})
        field = needs.get(registry.factory("wrappers", name).__name__)
        if field is None:
            continue
        inputs = jax.eval_shape(task.batch, jax.random.key(0), 0).inputs
        if getattr(inputs, field, None) is None:
            raise ValueError(
                f"model.wrappers: {name!r} reads {field!r} of the inputs, which this "
                "task does not give; expected a task whose batches hold lstmx.wrappers.Inputs"
            )


def make_stack(section: Mapping[str, Any]) -> Stack:
    """How the layers of a model's section are connected and computed. Raises as `Stack`."""
    return Stack(
        section["skip_connections"],
        section["dropout"],
        section["remat_every"] or None,
        section["engine"],
        section["precision"],
    )


def make_model(section: Mapping[str, Any], task: Task) -> Model:
    """The model of a config's section, for a task's inputs and outputs.

    Raises:
        ValueError: whatever the model, its layers or their wrappers refuse.
    """
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
    own = registry.options("models", section["name"])
    return models.build(section["name"], backbone, **{key: section[key] for key in own})
