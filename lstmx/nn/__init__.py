"""Flax: cells, layers and models as NNX modules, and your own modules as models.

Adapters of `lstmx.sequence` and `lstmx.models`, which compute everything and do not import Flax.

>>> import jax, lstmx
>>> from flax import nnx
>>> cell = lstmx.cells.make("lstm", hidden_size=5)
>>> model = lstmx.nn.SequenceModel(lstmx.models.Backbone(cell, 3, 4), rngs=nnx.Rngs(0))
>>> model(jax.numpy.ones((2, 7, 3))).outputs.shape
(2, 7, 4)
"""

from lstmx.nn.functional import as_model
from lstmx.nn.model import SequenceModel
from lstmx.nn.recurrent import CellModule, Recurrent

__all__ = ["CellModule", "Recurrent", "SequenceModel", "as_model"]
