"""Flax: cells as NNX modules, and models as pure functions over plain dicts.

>>> import jax, lstmx
>>> model = lstmx.nn.sequence_model(lstmx.cells.make("lstm", hidden_size=5), 3, 4)
>>> params = model.init(jax.random.key(0))
>>> outputs, state, trace = model.apply(params, jax.numpy.ones((2, 7, 3)))
>>> outputs.shape
(2, 7, 4)
"""

from lstmx.nn.functional import Stream, as_model, sequence_model, stream
from lstmx.nn.model import SequenceModel
from lstmx.nn.recurrent import CellModule, Recurrent

__all__ = [
    "CellModule",
    "Recurrent",
    "SequenceModel",
    "Stream",
    "as_model",
    "sequence_model",
    "stream",
]
