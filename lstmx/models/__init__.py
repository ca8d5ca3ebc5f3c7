"""Models: layers with embedding and readout, as pure functions over plain dict parameters.

A model is a module with one factory `model(backbone, *, ...) -> Model`; the module's name is its
registration. The backbone has the options that all models share; the options of one model are its
keyword-only parameters. A second function of the module, `constants(backbone, *, ...)`, names
floats of `hparams` that reach params without being trained, see `lstmx.constants`. Importing this
package imports no jax; making a model does.

>>> import jax, lstmx
>>> from lstmx import models
>>> backbone = models.Backbone(lstmx.cells.make("lstm", hidden_size=5), 3, 4)
>>> model = models.make("sequence", backbone)
>>> params = model.init(jax.random.key(0))
>>> outputs, state, trace = model.apply(params, jax.numpy.ones((2, 7, 3)))
>>> outputs.shape
(2, 7, 4)
"""

import importlib
from typing import TYPE_CHECKING, Any

from lstmx import registry

if TYPE_CHECKING:
    from lstmx.models._backbone import Backbone as Backbone
    from lstmx.models._backbone import Readout as Readout
    from lstmx.models._stream import Stream as Stream
    from lstmx.models._stream import stream as stream
    from lstmx.models.sequence import sequence_model as sequence_model
    from lstmx.sequence import Stack as Stack
    from lstmx.types import Model

__all__ = ["Backbone", "Readout", "Stack", "Stream", "make", "names", "sequence_model", "stream"]

_HOME = {
    "Backbone": "lstmx.models._backbone",
    "Readout": "lstmx.models._backbone",
    "Stack": "lstmx.sequence",
    "Stream": "lstmx.models._stream",
    "stream": "lstmx.models._stream",
    "sequence_model": "lstmx.models.sequence",
}


def make(name: str, backbone: "Backbone", **options: Any) -> "Model":
    """Returns the model `name`, or that of a dotted module; equal arguments return equal functions.

    In float64, call `init` and `apply` inside `lstmx.precision.scope("float64")`; initial
    parameters are those of float32, cast.

    Raises:
        ValueError: an unknown name or option, an option of the wrong type, or options that the
            model refuses.
    """
    registry.trust(name)
    return build(name, backbone, **options)


def build(name: str, backbone: "Backbone", **options: Any) -> "Model":
    """Returns the model as `make` does, but imports the module of a dotted name only if trusted."""
    from lstmx import precision
    from lstmx.models._constants import with_constants

    model = registry.make("models", name, backbone, **options)
    model = model._replace(init=precision.drawn(backbone.stack.precision, model.init))
    traced = registry.options("constants", name)
    if not traced:
        return model
    return with_constants(model, registry.factory("constants", name), backbone, tuple(traced))


def names() -> list[str]:
    """Returns the names of all models in lstmx, sorted."""
    return registry.names("models")


def __getattr__(name: str) -> Any:
    """The public name, imported on first use (PEP 562)."""
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'lstmx.models' has no attribute {name!r}")
