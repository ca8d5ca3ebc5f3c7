"""Cells as Flax NNX modules: `CellModule` for one step, `Recurrent` for layers over time.

Modules have parameters only. A key is an argument of the call, so that a module has no RNG state.
"""

from collections.abc import Sequence
from typing import Any

import jax
from flax import nnx

from lstmx import checks, sequence
from lstmx.models._backbone import as_layers
from lstmx.sequence import Layer, Stack
from lstmx.types import Array, Cell, Key, Params, State, Unrolled, no_noise


class CellModule(nnx.RNNCellBase):
    """One step of any cell, for `nnx.RNN` and `nnx.Bidirectional` (both with `rngs=False`).

        >>> import jax, lstmx
        >>> from flax import nnx
        >>> cell = lstmx.nn.CellModule(lstmx.cells.make("lstm", hidden_size=5), 3, rngs=nnx.Rngs(0))
        >>> nnx.RNN(cell, rngs=False)(jax.numpy.ones((2, 7, 3))).shape
        (2, 7, 5)

    The noise of a cell is sampled once per sequence, which a module of one step cannot do. As with
    Flax's dropout, a module is in training until `eval()` is called on it or on a parent; until
    then a cell with noise is refused. Cells without noise are the same in training and evaluation.

    Args:
        cell: the cell.
        in_features: size X of its input.
        deterministic: True is evaluation; set by `train()` and `eval()` of NNX.
        rngs: its stream "params" is the source of initial parameters.
    """

    def __init__(
        self, cell: Cell, in_features: int, *, deterministic: bool = False, rngs: nnx.Rngs
    ):
        self.cell = cell
        checks.size("in_features", in_features)
        self.in_features = in_features
        self.deterministic = deterministic
        self.params = as_variables(cell.init(rngs.params(), in_features))

    def __call__(self, carry: State, inputs: Array) -> tuple[State, Array]:
        """One step: (state, x [B, X]) -> (state, y [B, H]).

        Raises:
            ValueError: a cell with noise, in training; a state or inputs of another shape.
        """
        if self.cell.prepare is not no_noise and not self.deterministic:
            raise ValueError(
                "this cell samples its noise once per sequence, which nnx.RNN cannot pass to its "
                "steps; train it with lstmx.nn.Recurrent, or call eval() on the module to evaluate"
            )
        if inputs.shape[-1:] != (self.in_features,):
            raise ValueError(f"inputs are {inputs.shape}; expected [B, X={self.in_features}]")
        initial = jax.eval_shape(lambda: self.initialize_carry(inputs.shape))
        carry = sequence.check_state(carry, initial, inputs.shape[:-1])
        # As a sequence of one step: in evaluation, parameters and noise are equal at every step.
        params, noise = self.cell.prepare(as_arrays(self.params), None, inputs.shape[:-1], 1)
        noise = jax.tree.map(lambda a: a[:, 0], noise)
        state, y, _ = self.cell.step(params, carry, inputs, noise)
        return state, y

    def initialize_carry(
        self, input_shape: tuple[int, ...], rngs: Any = None, carry_init: Any = None
    ) -> State:
        """Returns the cell's initial state for inputs [B, X] or [B, spatial..., X]; `rngs` is
        unused.

        Raises:
            ValueError: a `carry_init`, as the cell defines its initial state.
        """
        del rngs
        if carry_init is not None:
            raise ValueError(
                "carry_init: the cell defines its initial state; expected another one as "
                "initial_carry of nnx.RNN, or lstmx.wrappers.learned_state around the cell"
            )
        return self.cell.initial_state(as_arrays(self.params), input_shape[:-1])

    @property
    def num_feature_axes(self) -> int:
        """Number of trailing axes of an input that are features; those of a map are among them."""
        return self.cell.feature_axes


class Recurrent(nnx.Module):
    """One layer or a stack of layers over time: `lstmx.sequence.stack` with its parameters.

        >>> import jax, lstmx
        >>> from flax import nnx
        >>> layer = lstmx.nn.Recurrent(lstmx.cells.make("gru", hidden_size=5), 3, rngs=nnx.Rngs(0))
        >>> layer(jax.numpy.ones((2, 7, 3))).outputs.shape
        (2, 7, 5)

    Parameters, state and trace are named by layer, `layer_0`, `layer_1`, ..., and in bidirectional
    layers by direction, `forward` and `backward`.

    Args:
        layers: a cell, or several: cells and (forward, backward) pairs of cells.
        in_features: size X of the input.
        bidirectional: unroll every layer that is a single cell in both directions.
        stack: skip connections, dropout between the layers (which needs a key at the call), and how
            the layers are computed. Highways have parameters `link_1`, ..., and with "graves" the
            outputs are those of all layers concatenated.
        rngs: its stream "params" is the source of initial parameters.

    Raises:
        ValueError: no layer, or skip connections between layers whose output sizes do not allow
            them.
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
        checks.size("in_features", in_features)
        sequence.check_widths(self.cells, stack.skip_connections)
        self.in_features, self.stack = in_features, stack
        self.out_features = sequence.stack_features(self.cells, stack.skip_connections)
        params = sequence.init_stack(self.cells, rngs.params(), in_features, stack.skip_connections)
        self.names = tuple(params)
        for name, part in params.items():
            setattr(self, name, as_variables(part))

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
        """Unrolls the layers over xs [B, T, X]; arguments as for `lstmx.unroll`.

        Raises:
            ValueError: as `lstmx.unroll`, and `reverse` with a bidirectional layer.
        """
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
            reverse=reverse,
        )

    def initial_state(self, batch_shape: tuple[int, ...]) -> dict[str, State]:
        """Returns the initial states of the layers: {"layer_0": ..., ...}."""
        return sequence.initial_states(self.cells, self._params(), batch_shape)

    def _params(self) -> dict[str, Params]:
        return {name: as_arrays(getattr(self, name)) for name in self.names}


def as_variables(params: Params) -> Any:
    """Returns parameters as `nnx.Param`s with the same keys, to set as attributes of a module."""
    return nnx.data(jax.tree.map(nnx.Param, params))


def as_arrays(variables: Any) -> Any:
    """Returns a tree of `nnx.Param`s as arrays."""
    is_variable = lambda leaf: isinstance(leaf, nnx.Variable)
    return jax.tree.map(lambda variable: variable[...], variables, is_leaf=is_variable)
