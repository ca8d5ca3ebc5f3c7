"""Steps of unequal time: states that decay, and units that update periodically.

Both read `Inputs.elapsed`, the time since the previous step, which is 1 for a plain array.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from lstmx import registry
from lstmx.types import Array, Cell, Gates, Key, Noise, Params, State
from lstmx.wrappers import _common
from lstmx.wrappers._common import Inputs, Reader

BIBTEX = {
    "elapsed_decay": """
@article{che2018missing,
  author = {Zhengping Che and Sanjay Purushotham and Kyunghyun Cho and David Sontag and Yan Liu},
  title = {Recurrent Neural Networks for Multivariate Time Series with Missing Values},
  journal = {Scientific Reports},
  volume = {8},
  year = {2018},
}
""",
    "time_gate": """
@inproceedings{neil2016phased,
  author = {Daniel Neil and Michael Pfeiffer and Shih-Chii Liu},
  title = {Phased {LSTM}: Accelerating Recurrent Network Training for Long or Event-based
    Sequences},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2016},
}
""",
}
"""Wrapper -> its paper."""

NEEDS = {"elapsed_decay": "elapsed"}
"""Wrapper -> the field of `Inputs` that it requires. (A time gate without elapsed times counts
steps.)"""


class TimedState(NamedTuple):
    """A state with the time.

    Attributes:
        cell: state of the inner cell.
        time: time since the start of the sequence, [B].
    """

    cell: State
    time: Array


def elapsed_decay(
    cell: Cell, names: tuple[str, ...] = ("h",), *, spatial: tuple[int, ...] = ()
) -> Cell:
    """A cell whose state decays with the time between steps. Che et al. 2018.

        h^ = h exp(-relu(w dt + b)), which the step reads in place of h

    Parameters are {"cell": the cell's, "decay": {leaf: {"w": [...], "b": [...]}}}. Deviation from
    GRU-D, where a matrix mixes the times of all inputs: one time for all, and a vector w.

    Args:
        names: the leaves of the state that decay.
        spatial: size of the map, for cells on grids.

    Raises:
        ValueError: from `init`, leaves that are unknown or that a stabiliser scales.
    """
    return registry.cached(
        _elapsed_decay,
        "wrapper 'elapsed_decay'",
        cell=cell,
        names=_common.several(names),
        spatial=tuple(spatial),
    )


def _elapsed_decay(cell: Cell, names: tuple[str, ...], spatial: tuple[int, ...]) -> Cell:
    def init(key: Key, in_features: int) -> Params:
        key_cell, key_decay = jax.random.split(key)
        params = cell.init(key_cell, in_features)
        state = cell.initial_state(params, (1, *spatial))
        _common.check_leaves(state, names)
        rates = {}
        for name, k in zip(names, jax.random.split(key_decay, len(names))):
            shape = _common.find(state, name).shape[1 + len(spatial) :]
            rates[name] = dict(zip("wb", _common.start_decay(k, shape)))
        return {"cell": params, "decay": rates}

    def decayed(params: Params, state: State, dt: Array) -> State:
        for name in names:
            leaf, rate = _common.find(state, name), params["decay"][name]
            factor = _common.decay(rate["w"], rate["b"], _common.leading(dt, leaf))
            state = _common.replace(state, name, leaf * factor)
        return state

    def step(params: Params, state: State, x: Inputs, noise: Noise) -> tuple[State, Array, Gates]:
        before = decayed(params, state, _common.elapsed(x))
        return _common.inner_step(cell, params["cell"], before, x, noise)

    return cell._replace(
        init=init,
        initial_state=lambda params, shape: cell.initial_state(params["cell"], shape),
        step=Reader(step),
        prepare=_common.prepare_inner(cell),
        linear=None,
    )


def time_gate(
    cell: Cell,
    names: tuple[str, ...] = ("c", "h"),
    *,
    period: tuple[float, float] = (1.0, 20.0),
    open_ratio: float = 0.05,
    leak: float = 0.001,
) -> Cell:
    """A cell whose units update periodically, each with a learned period. Neil et al. 2016.

        phi = ((t - shift) mod tau) / tau
        k = 2 phi / r  if phi < r / 2,   2 - 2 phi / r  if phi < r,   leak phi  otherwise
        c' = k c~ + (1 - k) c      h' = k h~ + (1 - k) h      h~ from c~, as in the paper

    Parameters are {"cell": the cell's, "time_gate": {"tau", "shift", "r": [H]}}. The leak is for
    gradients and exists in training only, that is, with a key; k is returned as the gate "k".

    Args:
        names: the leaves of the state that are gated; all of width H.
        period: the range of initial values of tau, log-uniform, in the unit of the elapsed time.
        open_ratio: initial value of r, the fraction of a period in which a unit is open.
        leak: slope of k in phi while a unit is closed, in training.

    Raises:
        ValueError: a period that is no positive range, a ratio outside (0, 1], a negative leak;
            from `initial_state`, leaves that are unknown, that a stabiliser scales, or of a size
            other than H.
    """
    if len(period) != 2 or not 0 < period[0] <= period[1]:
        raise ValueError(f"period={period}; expected the shortest and the longest, both positive")
    if not 0 < open_ratio <= 1:
        raise ValueError(f"open_ratio={open_ratio}; expected a part of the period, in (0, 1]")
    if leak < 0:
        raise ValueError(f"leak={leak}; expected 0 or a small positive number")
    return registry.cached(
        _time_gate,
        "wrapper 'time_gate'",
        cell=cell,
        names=_common.several(names),
        period=tuple(map(float, period)),
        open_ratio=float(open_ratio),
        leak=float(leak),
    )


def _time_gate(
    cell: Cell,
    names: tuple[str, ...],
    period: tuple[float, float],
    open_ratio: float,
    leak: float,
) -> Cell:
    def init(key: Key, in_features: int) -> Params:
        key_cell, key_period, key_shift = jax.random.split(key, 3)
        shape = (cell.out_features,)
        lowest, highest = map(math.log, period)
        tau = jnp.exp(jax.random.uniform(key_period, shape, float, lowest, highest))
        shift = tau * jax.random.uniform(key_shift, shape)
        gate = {"tau": tau, "shift": shift, "r": jnp.full(shape, open_ratio)}
        return {"cell": cell.init(key_cell, in_features), "time_gate": gate}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> TimedState:
        state = cell.initial_state(params["cell"], batch_shape)
        _common.check_leaves(state, names)
        for name in names:
            shape = _common.find(state, name).shape[len(batch_shape) :]
            if shape != (cell.out_features,):
                raise ValueError(
                    f"leaf {name!r} of the state is {shape}, the output "
                    f"{(cell.out_features,)}; a unit needs one gate for both"
                )
        dtype = params["time_gate"]["tau"].dtype
        return TimedState(state, jnp.zeros(batch_shape[:1], dtype))

    def prepare(
        params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
    ) -> tuple[Params, Noise]:
        params, noise = _common.prepare_inner(cell)(params, key, batch_shape, length)
        if key is None:
            return params, ((), noise)
        leaks = jnp.full((batch_shape[0], length), leak, params["time_gate"]["tau"].dtype)
        return params, (leaks, noise)

    def step(
        params: Params, state: TimedState, x: Inputs, noise: Noise
    ) -> tuple[TimedState, Array, Gates]:
        leaks, inner = _common.split(noise)
        new, y, gates = _common.inner_step(cell, params["cell"], state.cell, x, inner)
        time = state.time + _common.elapsed(x)
        closed = jnp.zeros_like(time) if isinstance(leaks, tuple) else leaks
        k = openness(params["time_gate"], _common.leading(time, y), _common.leading(closed, y))

        def gated(name: str, leaf: Array) -> Array:
            return k * leaf + (1 - k) * _common.find(state.cell, name)

        new, y = _common.change(cell, new, y, names, gated)
        return TimedState(new, time), y, {**gates, "k": k}

    return cell._replace(
        init=init,
        initial_state=initial_state,
        step=Reader(step),
        prepare=prepare,
        gates=(*cell.gates, "k"),
        linear=None,
    )


def openness(gate: Params, time: Array, leak: Array) -> Array:
    """Returns the openness k of units at a time. Neil et al. 2016."""
    tau, shift, r = (_common.rows(gate[name], time) for name in ("tau", "shift", "r"))
    phi = jnp.mod(time - shift, tau) / tau
    rising, falling = 2 * phi / r, 2 - 2 * phi / r
    return jnp.where(phi < r / 2, rising, jnp.where(phi < r, falling, leak * phi))
