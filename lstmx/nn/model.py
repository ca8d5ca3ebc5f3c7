"""`SequenceModel`: the model "sequence" of `lstmx.models` as an NNX module."""

import itertools
from typing import Any

from flax import nnx

from lstmx import models
from lstmx.models import Backbone
from lstmx.models.sequence import init_params
from lstmx.nn.recurrent import as_arrays, as_variables
from lstmx.types import Array, Key, Model, Params, State, Unrolled


class SequenceModel(nnx.Module):
    """The model "sequence" with its parameters, under the same paths.

        >>> import jax, lstmx
        >>> from flax import nnx
        >>> cell = lstmx.cells.make("lstm", hidden_size=5)
        >>> backbone = lstmx.models.Backbone((cell, cell), 3, 4)
        >>> model = lstmx.nn.SequenceModel(backbone, rngs=nnx.Rngs(0))
        >>> model(jax.numpy.ones((2, 7, 3))).outputs.shape
        (2, 7, 4)

    Args:
        backbone: layers, inputs, readout, and how they are computed.
        rngs: the stream "params" initialises.
    """

    def __init__(self, backbone: Backbone, *, rngs: nnx.Rngs):
        self.backbone = backbone
        params = init_params(backbone, (rngs.params() for _ in itertools.count()))
        self.names = tuple(params)
        for name, part in params.items():
            setattr(self, name, as_variables(part))

    def __call__(
        self,
        inputs: Any,
        state: State | None = None,
        *,
        mask: Array | None = None,
        resets: Array | None = None,
        key: Key | None = None,
        return_trace: bool = False,
    ) -> Unrolled:
        """Inputs [B, T, X], or tokens [B, T] -> outputs [B, T, Y], state and trace of the layers.

        Raises:
            ValueError: inputs of another shape or kind than the model was built for; outside of
                jit, a token that the vocabulary does not have, on a step that exists.
        """
        options = {"mask": mask, "resets": resets, "key": key, "return_trace": return_trace}
        return Unrolled(*self._model().apply(self._params(), inputs, state, **options))

    def hidden(
        self, inputs: Any, state: State | None = None, **options: Any
    ) -> tuple[Array, State, Array]:
        """As `Model.hidden`: outputs, state, and what the readout sees, [B, T, H]."""
        return self._model().hidden(self._params(), inputs, state, **options)  # type: ignore[misc]

    def initial_state(self, batch_shape: tuple[int, ...]) -> State:
        """The states from which the layers start: {"layer_0": ..., ...}."""
        return self._model().initial_state(self._params(), batch_shape)

    def _model(self) -> Model:
        # Made anew from its backbone, which makes the same object: its functions do not pickle.
        return models.build("sequence", self.backbone)

    def _params(self) -> Params:
        return {name: as_arrays(getattr(self, name)) for name in self.names}
