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
        backbone: layers, inputs and readout; see `lstmx.models.Backbone`.
        rngs: its stream "params" is the source of initial parameters.
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
        """Returns outputs [B, T, Y], state and trace of inputs [B, T, X] or tokens [B, T].

        Raises:
            ValueError: inputs of another shape or type than those of the model; outside of jit, a
                token that is not in the vocabulary, on a step that is not masked.
        """
        options = {"mask": mask, "resets": resets, "key": key, "return_trace": return_trace}
        return Unrolled(*self._model().apply(self._params(), inputs, state, **options))

    def hidden(
        self, inputs: Any, state: State | None = None, **options: Any
    ) -> tuple[Array, State, Array]:
        """Returns outputs [B, T, Y], state, and the inputs of the readout [B, T, H]."""
        return self._model().hidden(self._params(), inputs, state, **options)  # type: ignore[misc]

    def initial_state(self, batch_shape: tuple[int, ...]) -> State:
        """Returns the initial states of the layers: {"layer_0": ..., ...}."""
        return self._model().initial_state(self._params(), batch_shape)

    def _model(self) -> Model:
        # Not stored, as functions do not pickle. `build` caches: an equal backbone returns the same
        # object.
        return models.build("sequence", self.backbone)

    def _params(self) -> Params:
        return {name: as_arrays(getattr(self, name)) for name in self.names}
