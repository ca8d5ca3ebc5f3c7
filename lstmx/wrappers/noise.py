"""Noise in training: zoneout, and dropout of inputs, states and weights.

`prepare` samples it from the key of the unroll. Without a key, in evaluation, zoneout uses the
expected value, and dropout, which scales the remaining values in training, does nothing.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from lstmx import checks, registry
from lstmx.types import Array, Cell, Gates, Key, Noise, Params, State
from lstmx.wrappers import _common, _substitute
from lstmx.wrappers._common import Inputs, Named

BIBTEX = {
    "zoneout": """
@inproceedings{krueger2017zoneout,
  author = {David Krueger and Tegan Maharaj and János Kramár and Mohammad Pezeshki and Nicolas
    Ballas and Nan Rosemary Ke and Anirudh Goyal and Yoshua Bengio and Aaron Courville and
    Christopher Pal},
  title = {Zoneout: Regularizing {RNNs} by Randomly Preserving Hidden Activations},
  booktitle = {International Conference on Learning Representations},
  year = {2017},
}
""",
    "variational_dropout": """
@inproceedings{gal2016dropout,
  author = {Yarin Gal and Zoubin Ghahramani},
  title = {A Theoretically Grounded Application of Dropout in Recurrent Neural Networks},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2016},
}
""",
    "weight_drop": """
@misc{merity2017awd,
  author = {Stephen Merity and Nitish Shirish Keskar and Richard Socher},
  title = {Regularizing and Optimizing {LSTM} Language Models},
  eprint = {1708.02182},
  archiveprefix = {arXiv},
  year = {2017},
}
""",
}
"""Wrapper -> its paper."""


def zoneout(cell: Cell, rates: Mapping[str, float]) -> Cell:
    """A cell whose units keep their previous values at random. Krueger et al. 2017.

        h' = d h + (1 - d) h~     d ~ Bernoulli(rate), sampled for each unit and step

    h~ is the cell's result, computed from c~ before zoneout (as in the paper). In evaluation d is
    its mean, the rate. An output that is one of the leaves changes with it.

    Args:
        rates: leaf of the state -> rate, such as {"c": 0.5, "h": 0.05}; other leaves are unchanged.

    Raises:
        ValueError: rates outside [0, 1); from `initial_state`, names of unknown leaves.
    """
    pairs = _common.named("rates", rates)
    for name, rate in pairs:
        checks.rate(name, rate)
    return registry.cached(_zoneout, "wrapper 'zoneout'", cell=cell, rates=pairs)


def _zoneout(cell: Cell, rates: Named) -> Cell:
    names = [name for name, _ in rates]

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        state = cell.initial_state(params, batch_shape)
        _common.check_leaves(state, names)
        return state

    def prepare(
        params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
    ) -> tuple[Params, Noise]:
        key_noise, inner = _common.keys(key)
        params, noise = cell.prepare(params, inner, batch_shape, length)
        if key_noise is None:
            return params, ((), noise)
        keep = {}
        for (name, rate), k in zip(rates, jax.random.split(key_noise, len(rates))):
            batch, *rest = _common.leaf_shape(cell, params, name, batch_shape).shape
            keep[name] = jax.random.bernoulli(k, rate, (batch, length, *rest))
        return params, (keep, noise)

    def step(params: Params, state: State, x: Any, noise: Noise = ()) -> tuple[State, Array, Gates]:
        keep, inner = _common.split(noise)
        new, y, gates = cell.step(params, state, x, inner)

        def zoned(name: str, leaf: Array) -> Array:
            before = _common.find(state, name)
            if keep:
                return jnp.where(keep[name], before, leaf)
            rate = dict(rates)[name]
            return rate * before + (1 - rate) * leaf

        new, y = _common.change(cell, new, y, names, zoned)
        return new, y, gates

    return cell._replace(
        initial_state=initial_state,
        prepare=prepare,
        step=_common.reading(cell, step),
        linear=None,
    )


def variational_dropout(
    cell: Cell, *, inputs: float = 0.0, states: float = 0.0, names: tuple[str, ...] = ("h",)
) -> Cell:
    """A cell with one dropout mask per sequence on input and state. Gal & Ghahramani 2016.

        a = W (d_x x) + R (d_h h) + b     d ~ Bernoulli(1 - rate) / (1 - rate)

    A mask is shared by all gates and steps and differs between examples. It acts on the products of
    the gates only: c is not dropped, nor is the h with which a GRU interpolates.

    Args:
        inputs: rate of d_x.
        states: rate of d_h.
        names: the leaves of the state that d_h masks.

    Raises:
        ValueError: a rate outside [0, 1); from `initial_state`, names of unknown leaves.
    """
    checks.rate("inputs", inputs)
    checks.rate("states", states)
    return registry.cached(
        _variational_dropout,
        "wrapper 'variational_dropout'",
        cell=cell,
        inputs=float(inputs),
        states=float(states),
        names=_common.several(names),
    )


def _variational_dropout(cell: Cell, inputs: float, states: float, names: tuple[str, ...]) -> Cell:
    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        state = cell.initial_state(params, batch_shape)
        _common.check_leaves(state, names)
        return state

    def prepare(
        params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
    ) -> tuple[Params, Noise]:
        key_noise, inner = _common.keys(key)
        params, noise = cell.prepare(params, inner, batch_shape, length)
        if key_noise is None:
            return params, ((), noise)
        masks: dict[str, Any] = {}
        # Not one key for both: in JAX `split(key, n)[i]` is `fold_in(key, i)`.
        key_inputs, key_states = jax.random.split(key_noise)
        if inputs:
            # The size of the inputs is not an argument of `prepare`: a seed for each example, as
            # noise, lets each step sample the same mask.
            each = _common.seeds(key_inputs, batch_shape[:1])
            masks["x"] = jnp.repeat(each[:, None], length, axis=1)
        for number, name in enumerate(names if states else ()):
            leaf = _common.leaf_shape(cell, params, name, batch_shape)
            k = jax.random.fold_in(key_states, number)
            mask = jax.random.bernoulli(k, 1 - states, leaf.shape).astype(leaf.dtype)
            masks[f"state {name}"] = jnp.repeat(mask[:, None] / (1 - states), length, axis=1)
        return params, (masks, noise)

    def step(params: Params, state: State, x: Any, noise: Noise = ()) -> tuple[State, Array, Gates]:
        masks, inner = _common.split(noise)
        if masks and inputs:
            x = drop(x, masks["x"], inputs)
        if not masks or not states:
            return cell.step(params, state, x, inner)
        dropped = state
        for name in names:
            leaf = _common.find(dropped, name) * masks[f"state {name}"]
            dropped = _common.replace(dropped, name, leaf)
        return _substitute.products_read(cell.step, params, state, dropped, x, inner)

    return cell._replace(
        initial_state=initial_state,
        step=_common.reading(cell, step),
        prepare=prepare,
        linear=None,
    )


def drop(x: Any, seeds: Array, rate: float) -> Any:
    """Returns values [B, ...] with dropout; each mask is sampled from an example's seed [B, 2]."""
    values = x.values if isinstance(x, Inputs) else x
    keep = _common.kept(seeds, rate, values.shape[1:])
    dropped = jnp.where(keep, values / (1 - rate), 0)
    return x._replace(values=dropped) if isinstance(x, Inputs) else dropped


def weight_drop(cell: Cell, rate: float, names: tuple[str, ...] = ("R",)) -> Cell:
    """A cell with dropout of recurrent weights, sampled once per unroll. Merity et al. 2017.

        R -> d R     d ~ Bernoulli(1 - rate) / (1 - rate), element by element, for the whole batch

    Gradients are those of the weights before dropout.

    Args:
        rate: the rate of d.
        names: names of the parameters, at any depth of the tree.

    Raises:
        ValueError: a rate outside [0, 1); from `prepare`, a cell without such parameters.
    """
    checks.rate("rate", rate)
    return registry.cached(
        _weight_drop,
        "wrapper 'weight_drop'",
        cell=cell,
        rate=float(rate),
        names=_common.several(names),
    )


def _weight_drop(cell: Cell, rate: float, names: tuple[str, ...]) -> Cell:
    def prepare(
        params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
    ) -> tuple[Params, Noise]:
        key_noise, inner = _common.keys(key)
        params, noise = cell.prepare(params, inner, batch_shape, length)
        leaves, tree = jax.tree.flatten_with_path(params)
        last = [getattr(path[-1], "key", None) for path, _ in leaves]
        for name in names:
            if name not in last:
                raise ValueError(checks.unknown("parameter", name, map(str, last)))
        if key_noise is None:
            return params, noise
        dropped = []
        for number, (_, weights) in enumerate(leaves):
            if last[number] in names:
                k = jax.random.fold_in(key_noise, number)
                keep = jax.random.bernoulli(k, 1 - rate, weights.shape)
                weights = jnp.where(keep, weights / (1 - rate), 0)
            dropped.append(weights)
        return jax.tree.unflatten(tree, dropped), noise

    return cell._replace(prepare=prepare)
