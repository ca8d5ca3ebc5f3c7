"""Cells as Flax NNX modules: `CellModule` for one step, `Recurrent` for layers over time.

Modules hold parameters and nothing else. Randomness comes as a key with the call, so that a module
has no RNG state that a split would have to carry.
"""

from collections.abc import Sequence
from typing import Any

import jax
from flax import nnx

from lstmx import sequence
from lstmx.models._backbone import as_layers, check_size
from lstmx.sequence import Layer, Stack
from lstmx.types import Array, Cell, Key, Params, State, Unrolled, no_noise, step


class CellModule(nnx.RNNCellBase):
    """One step of any cell, for `nnx.RNN` and `nnx.Bidirectional` (both with `rngs=False`).

        >>> import jax, lstmx
        >>> from flax import nnx
        >>> cell = lstmx.nn.CellModule(lstmx.cells.make("lstm", hidden_size=5), 3, rngs=nnx.Rngs(0))
        >>> nnx.RNN(cell, rngs=False)(jax.numpy.ones((2, 7, 3))).shape
        (2, 7, 5)

    Noise of a cell is drawn once per sequence, which a module that sees one step cannot do. As
    with Flax's own dropout, a module is in training until `eval()` is called on it or around it;
    a cell that draws noise is refused until then. Cells without noise are the same in both.

    Args:
        cell: the cell.
        in_features: width X of its input.
        deterministic: True is evaluation; what `train()` and `eval()` of NNX switch.
        rngs: the stream "params" initialises.
    """

    def __init__(
        self, cell: Cell, in_features: int, *, deterministic: bool = False, rngs: nnx.Rngs
    ):
        self.cell = cell
        check_size("in_features", in_features)
        self.in_features = in_features
        self.deterministic = deterministic
        self.params = as_variables(cell.init(rngs.params(), in_features))

    def __call__(self, carry: State, inputs: Array) -> tuple[State, Array]:
        """One step: (state, x [B, X]) -> (state, y [B, H]).

        Raises:
            ValueError: a cell that draws noise, in training.
        """
        if self.cell.prepare is not no_noise and not self.deterministic:
            raise ValueError(
                "this cell draws its noise once per sequence, which nnx.RNN cannot hand it step by "
                "step; train it with lstmx.nn.Recurrent, or call eval() on the module to evaluate"
            )
        # One sequence of length one: evaluation, so what comes back is the same at every step.
        params, noise = self.cell.prepare(as_arrays(self.params), None, inputs.shape[:-1], 1)
        now = jax.tree.map(lambda a: a[:, 0], noise)
        state, y, _ = step(self.cell, params, carry, inputs, now)
        return state, y

    def initialize_carry(
        self, input_shape: tuple[int, ...], rngs: Any = None, carry_init: Any = None
    ) -> State:
        """The cell's initial state for inputs of this shape, [B, X] or [B, spatial..., X].

        Nothing is drawn.

        Raises:
            ValueError: a `carry_init`, as the state with which a cell starts is its own.
        """
        del rngs
        if carry_init is not None:
            raise ValueError(
                "carry_init: a cell starts from its own state; expected another one as "
                "initial_carry of nnx.RNN, or lstmx.wrappers.learned_state around the cell"
            )
        return self.cell.initial_state(as_arrays(self.params), input_shape[:-1])

    @property
    def num_feature_axes(self) -> int:
        """Number of trailing axes of an input that are features: of a map, its axes too."""
        return self.cell.feature_axes


class Recurrent(nnx.Module):
    """One layer or a stack of them over time: `lstmx.sequence.stack` with its parameters.

        >>> import jax, lstmx
        >>> from flax import nnx
        >>> layer = lstmx.nn.Recurrent(lstmx.cells.make("gru", hidden_size=5), 3, rngs=nnx.Rngs(0))
        >>> layer(jax.numpy.ones((2, 7, 3))).outputs.shape
        (2, 7, 5)

    Parameters, state and trace are named by layer: `layer_0`, `layer_1`, ...; those of a layer
    with two directions then by side: `forward`, `backward`.

    Args:
        layers: a cell, or several: cells and (forward, backward) pairs of cells.
        in_features: width X of the input.
        bidirectional: give every layer that is a single cell a second one from the right.
        stack: skip connections, dropout between the layers (which needs a key at the call), and how
            the layers are computed. Highways have parameters `link_1`, ..., and with "graves" the
            outputs are those of all layers concatenated.
        rngs: the stream "params" initialises.

    Raises:
        ValueError: no layer, or skip connections between layers whose widths do not allow them.
    """

    def __init__(
        self,
        layers: Cell | Sequence[Layer],
        in_features: int,
        *,
        bidirectional: bool = False,
        stack: Stack = Stack(),
        rngs: nnx.Rngs,
    ):
        self.cells = as_layers(layers, bidirectional=bidirectional)
        check_size("in_features", in_features)
        sequence.check_widths(self.cells, stack.skip_connections)
        self.in_features, self.stack = in_features, stack
        self.out_features = sequence.stack_features(self.cells, stack.skip_connections)
        params = sequence.init_stack(self.cells, rngs.params(), in_features, stack.skip_connections)
        self.names = tuple(params)
        for name, own in params.items():
            setattr(self, name, as_variables(own))

    def __call__(
        self,
        xs: Any,
        state: State | None = None,
        *,
        mask: Array | None = None,
        lengths: Array | None = None,
        resets: Array | None = None,
        key: Key | None = None,
        reverse: bool = False,
        time_major: bool = False,
        return_trace: bool = False,
    ) -> Unrolled:
        """The layers over xs [B, T, X]; arguments as for `lstmx.unroll`.

        Raises:
            ValueError: as `lstmx.unroll`, and `reverse` where a layer has both directions.
        """
        direction = {"reverse": True} if reverse else {}
        if reverse and not all(isinstance(layer, Cell) for layer in self.cells):
            raise ValueError(
                "reverse=True with a bidirectional layer, which runs both ways already"
            )
        return sequence.stack(
            self.cells,
            self._params(),
            xs,
            state,
            stack=self.stack,
            key=key,
            mask=mask,
            lengths=lengths,
            resets=resets,
            time_major=time_major,
            return_trace=return_trace,
            **direction,
        )

    def initial_state(self, batch_shape: tuple[int, ...]) -> dict[str, State]:
        """The states from which the layers start: {"layer_0": ..., ...}."""
        return sequence.initial_states(self.cells, self._params(), batch_shape)

    def _params(self) -> dict[str, Params]:
        return {name: as_arrays(getattr(self, name)) for name in self.names}


def as_variables(params: Params) -> Any:
    """Parameters as `nnx.Param`s under the same string keys, to be set on a module."""
    return nnx.data(jax.tree.map(nnx.Param, params))


def as_arrays(variables: Any) -> Any:
    """The arrays that a tree of `nnx.Param`s holds."""
    is_variable = lambda leaf: isinstance(leaf, nnx.Variable)
    return jax.tree.map(lambda variable: variable[...], variables, is_leaf=is_variable)
