"""Constants of a model that are traced but not trained: ablation flags, masks of hidden units.

They are float leaves of params below the key `CONSTANTS`, at any depth of the nested dicts:

    {"layers": {"layer_0": {"W": ..., "constants": {"mask": ...}}}, "constants": {"gate": ...}}

In params they reach evaluation, checkpoints and analysis like weights. Gradients, optimizer,
clipping norm, weight decay and parameter counts are those of the trained part alone.
"""

from collections.abc import Mapping
from typing import Any

CONSTANTS = "constants"
"""The reserved key of params; whatever is below it is not trained."""


def split_constants(params: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """(trained, constants), two trees that have the paths of params; `joined` is the inverse.

    Without constants, the first is `params` itself and the second is empty. A dict that holds
    nothing but constants is not in the first tree.
    """
    trained: dict[str, Any] = {}
    constants: dict[str, Any] = {}
    for name, part in params.items():
        if name == CONSTANTS:
            constants[name] = part
        elif isinstance(part, Mapping):
            rest, found = split_constants(part)
            if found:
                constants[name] = found
            if rest or not found:
                trained[name] = rest
        else:
            trained[name] = part
    return (trained, constants) if constants else (params, {})


def joined(trained: Mapping[str, Any], constants: Mapping[str, Any]) -> Mapping[str, Any]:
    """The params of which `split_constants` returned these two parts."""
    if not constants:
        return trained
    whole = dict(trained)
    for name, part in constants.items():
        whole[name] = part if name == CONSTANTS else joined(trained.get(name, {}), part)
    return whole
