"""The traced constants of a model, which its params hold beside what is trained."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from lstmx import precision
from lstmx.constants import CONSTANTS
from lstmx.types import HParams, Key, Model, Params

if TYPE_CHECKING:
    from lstmx.models._backbone import Backbone


def with_constants(
    model: Model,
    build: Callable[..., Params],
    backbone: "Backbone",
    names: tuple[str, ...],
) -> Model:
    """The model whose `init` fills the reserved key with the default constants.

    Args:
        build: (backbone, *, ...) -> constants, a string-keyed dict of floats and arrays of floats.
        names: the options of `build`, each a key of hparams.
    """

    def constants(hparams: HParams) -> Params:
        found = build(backbone, **{name: hparams[name] for name in names if name in hparams})
        # Python floats too: hparams are such where a config is built without being compiled.
        dtype = precision.dtype(backbone.stack.precision)
        return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), found)

    def init(key: Key) -> Params:
        params = model.init(key)
        return {**params, CONSTANTS: {**params.get(CONSTANTS, {}), **constants({})}}

    return model._replace(init=init, constants=constants)
