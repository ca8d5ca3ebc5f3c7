"""Missing inputs: marked, predicted, or decayed towards their mean.

All wrappers read `Inputs.observed`; in a plain array all values are observed. The entries of
`values` that were not observed are never read and may be NaN.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import registry
from lstmx.types import Array, Cell, Gates, Key, Noise, Params, State
from lstmx.wrappers import _common
from lstmx.wrappers._common import Inputs, Reader

BIBTEX = {
    "mask_as_feature": """
@inproceedings{lipton2016missing,
  author = {Zachary C. Lipton and David C. Kale and Randall Wetzel},
  title = {Directly Modeling Missing Data in Sequences with {RNNs}: Improved Classification of
    Clinical Time Series},
  booktitle = {Machine Learning for Healthcare Conference},
  year = {2016},
}
""",
    "impute": """
@inproceedings{cao2018brits,
  author = {Wei Cao and Dong Wang and Jian Li and Hao Zhou and Lei Li and Yitan Li},
  title = {{BRITS}: Bidirectional Recurrent Imputation for Time Series},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2018},
}
""",
    "decay_to_mean": """
@article{che2018missing,
  author = {Zhengping Che and Sanjay Purushotham and Kyunghyun Cho and David Sontag and Yan Liu},
  title = {Recurrent Neural Networks for Multivariate Time Series with Missing Values},
  journal = {Scientific Reports},
  volume = {8},
  year = {2018},
}
""",
}
"""Wrapper -> its paper."""

NEEDS = {"decay_to_mean": "observed", "impute": "observed", "mask_as_feature": "observed"}
"""Wrapper -> the field of `Inputs` that it requires."""


class ImputedState(NamedTuple):
    """A state with the output from which the next input is predicted.

    Attributes:
        cell: state of the inner cell.
        y: its last output, [..., H].
    """

    cell: State
    y: Array


class MeanState(NamedTuple):
    """A state with the last observed value of each input.

    Attributes:
        cell: state of the inner cell.
        last: the last observed value, initially the mean, [..., X].
        since: the time since that observation, [..., X].
    """

    cell: State
    last: Array
    since: Array


def mask_as_feature(cell: Cell) -> Cell:
    """A cell whose missing inputs are zeros, with the observation mask as additional inputs.

    The inner cell has the inputs [values, observed], 2 X in all. Lipton et al. 2016.
    """
    return registry.cached(_mask_as_feature, "wrapper 'mask_as_feature'", cell=cell)


def _mask_as_feature(cell: Cell) -> Cell:
    def seen(x: Inputs) -> Inputs:
        observed = _observed(x)
        values = jnp.where(observed, x.values, 0)
        features = jnp.concatenate([values, observed.astype(values.dtype)], axis=-1)
        return x._replace(values=features, observed=None)

    def step(params: Params, state: State, x: Inputs, noise: Noise) -> tuple[State, Array, Gates]:
        return _common.inner_step(cell, params, state, seen(x), noise)

    def linear(params: Params, x: Any) -> tuple[Any, Any]:
        assert cell.linear is not None
        return cell.linear(params, _common.inner_input(cell, seen(_common.inputs(x))))

    init = lambda key, in_features: cell.init(key, 2 * in_features)
    return cell._replace(init=init, step=Reader(step), linear=cell.linear and linear)


def impute(cell: Cell) -> Cell:
    """A cell that reads its prediction where an input is missing.

        x^ = m x + (1 - m) (W_p y + b_p)      y: the cell's output of the previous step

    Parameters are {"cell": the cell's, "predict": {"W": [H, X], "b": [X]}}. The prediction is
    returned as the gate "prediction", [..., X], so that a loss can train it on the observed inputs.
    Cao et al. 2018, in one direction.
    """
    return registry.cached(_impute, "wrapper 'impute'", cell=cell)


def _impute(cell: Cell) -> Cell:
    def init(key: Key, in_features: int) -> Params:
        key_cell, key_predict = jax.random.split(key)
        shape = (cell.out_features, in_features)
        W = jax.nn.initializers.lecun_normal()(key_predict, shape, float)
        predict = {"W": W, "b": jnp.zeros(in_features)}
        return {"cell": cell.init(key_cell, in_features), "predict": predict}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> ImputedState:
        state = cell.initial_state(params["cell"], batch_shape)
        dtype = params["predict"]["W"].dtype
        return ImputedState(state, jnp.zeros((*batch_shape, cell.out_features), dtype))

    def step(
        params: Params, state: ImputedState, x: Inputs, noise: Noise
    ) -> tuple[ImputedState, Array, Gates]:
        _common.check_width(x, params["predict"]["b"].size)
        prediction = state.y @ params["predict"]["W"]
        prediction += _common.rows(params["predict"]["b"], prediction)
        values = jnp.where(_observed(x), x.values, prediction)
        x = x._replace(values=values, observed=None)
        new, y, gates = _common.inner_step(cell, params["cell"], state.cell, x, noise)
        return ImputedState(new, y), y, {**gates, "prediction": prediction}

    return Cell(
        init=init,
        initial_state=initial_state,
        step=Reader(step),
        out_features=cell.out_features,
        gates=(*cell.gates, "prediction"),
        output=cell.output or _common.OUTPUT_COPY,
        prepare=_common.prepare_inner(cell),
        feature_axes=cell.feature_axes,
    )


def decay_to_mean(cell: Cell, *, mean: float = 0.0, see_mask: bool = True) -> Cell:
    """A cell whose missing inputs decay from the last value towards the mean. Che et al. 2018.

        gamma = exp(-relu(w d + b))                             d: time since it was observed
        x^ = m x + (1 - m) (gamma last + (1 - gamma) mean)

    Parameters are {"cell": the cell's, "input": {"w", "b", "mean": [X]}}; in the paper the mean is
    that of the training set, here it is learned, from the initial value `mean`. The decay of h in
    GRU-D is the wrapper `elapsed_decay`.

    Args:
        mean: initial mean of each input; 0 for standardised inputs.
        see_mask: whether the inner cell also reads the observation mask, as in GRU-D; it then has
            2 X inputs.
    """
    return registry.cached(
        _decay_to_mean,
        "wrapper 'decay_to_mean'",
        cell=cell,
        mean=float(mean),
        see_mask=see_mask,
    )


def _decay_to_mean(cell: Cell, mean: float, see_mask: bool) -> Cell:
    def init(key: Key, in_features: int) -> Params:
        key_cell, key_decay = jax.random.split(key)
        w, b = _common.start_decay(key_decay, (in_features,))
        decay = {"w": w, "b": b, "mean": jnp.full_like(b, mean)}
        return {"cell": cell.init(key_cell, in_features * (1 + see_mask)), "input": decay}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MeanState:
        state = cell.initial_state(params["cell"], batch_shape)
        shape = (*batch_shape, params["input"]["mean"].size)
        last = jnp.broadcast_to(params["input"]["mean"], shape)
        return MeanState(state, last, jnp.zeros_like(last))

    def fill(params: Params, state: MeanState, x: Inputs) -> tuple[Array, Array, Array]:
        """Returns the filled inputs, the last observed values, and the time since then."""
        decay, observed = params["input"], _observed(x)
        _common.check_width(x, decay["mean"].size)
        since = state.since + _common.leading(_common.elapsed(x), state.since)
        gamma = _common.decay(decay["w"], decay["b"], since)
        filled = gamma * state.last + (1 - gamma) * _common.rows(decay["mean"], gamma)
        values = jnp.where(observed, x.values, filled)
        return values, jnp.where(observed, x.values, state.last), jnp.where(observed, 0, since)

    def step(
        params: Params, state: MeanState, x: Inputs, noise: Noise
    ) -> tuple[MeanState, Array, Gates]:
        values, last, since = fill(params, state, x)
        if see_mask:
            values = jnp.concatenate([values, _observed(x).astype(values.dtype)], axis=-1)
        x = x._replace(values=values, observed=None)
        new, y, gates = _common.inner_step(cell, params["cell"], state.cell, x, noise)
        return MeanState(new, last, since), y, gates

    return Cell(
        init=init,
        initial_state=initial_state,
        step=Reader(step),
        out_features=cell.out_features,
        gates=cell.gates,
        output=cell.output,
        prepare=_common.prepare_inner(cell),
        feature_axes=cell.feature_axes,
    )


def _observed(x: Inputs) -> Array:
    """Returns the observation mask, [B, X] bool."""
    return jnp.ones(x.values.shape, bool) if x.observed is None else x.observed.astype(bool)
