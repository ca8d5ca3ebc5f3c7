"""Dropout of the update of any cell's state. Semeniuta et al. 2016."""

from typing import Any

import jax.numpy as jnp

from lstmx import checks, registry
from lstmx.types import Array, Cell, Gates, Key, Noise, Params, State
from lstmx.wrappers import _common, _substitute

BIBTEX = {
    "update_dropout": """
@inproceedings{semeniuta2016dropout,
  author = {Stanislau Semeniuta and Aliaksei Severyn and Erhardt Barth},
  title = {Recurrent Dropout without Memory Loss},
  booktitle = {International Conference on Computational Linguistics (COLING)},
  year = {2016},
}
""",
}
"""Wrapper -> its paper."""

CANDIDATES = ("n", "z")
"""Names of the candidate in cells. In cells with an n, z is the update gate: n comes first."""


def update_dropout(cell: Cell, rate: float, gate: str = "") -> Cell:
    """A cell with dropout of its updates and not of its memory. Semeniuta et al. 2016.

        c' = f c + i (d z)     d ~ Bernoulli(1 - rate), sampled for each unit and step

    In evaluation d is its mean, 1 - rate, as in the paper; nothing is scaled in training. The gate
    is returned after dropout.

    Args:
        rate: probability that a unit is not updated.
        gate: name of the gate with dropout; "" for the candidate, n or z.

    Raises:
        ValueError: a rate outside [0, 1); a gate that the cell does not have.
    """
    checks.rate("rate", rate)
    candidates = [name for name in CANDIDATES if name in cell.gates]
    if not gate and not candidates:
        raise ValueError(f"a cell with the gates {cell.gates} has no candidate n or z; name a gate")
    if gate and gate not in cell.gates:
        raise ValueError(checks.unknown("gate", gate, cell.gates))
    name = gate or candidates[0]
    return registry.cached(
        _update_dropout, "wrapper 'update_dropout'", cell=cell, rate=float(rate), gate=name
    )


def _update_dropout(cell: Cell, rate: float, gate: str) -> Cell:
    def prepare(
        params: Params, key: Key | None, batch_shape: tuple[int, ...], length: int
    ) -> tuple[Params, Noise]:
        key_noise, inner = _common.keys(key)
        params, noise = cell.prepare(params, inner, batch_shape, length)
        if key_noise is None:
            return params, ((), noise)
        # The size of a gate is not an argument of `prepare`: a seed for each example and step, as
        # noise, lets the step sample its mask.
        return params, (_common.seeds(key_noise, (batch_shape[0], length)), noise)

    def step(params: Params, state: State, x: Any, noise: Noise = ()) -> tuple[State, Array, Gates]:
        seeds, inner = _common.split(noise)

        def dropped(z: Array) -> Array:
            if isinstance(seeds, tuple):
                return (1 - rate) * z
            return jnp.where(_common.kept(seeds, rate, z.shape[1:]), z, 0)

        return _substitute.gate(cell.step, gate, dropped)(params, state, x, inner)

    return cell._replace(prepare=prepare, step=_common.reading(cell, step), linear=None)
