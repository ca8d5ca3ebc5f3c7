"""Pruning while training: the smallest weights become zero and stay so, the others go on learning.

Zhu & Gupta 2017, section 3. From update t_0 = `start` to t_1 = `end`, every few updates, the share
of the weights that are zero rises to

    s_t = s - s (1 - (t - t_0) / (t_1 - t_0))^3        s_t = s from t_1 on

Which weights these are is fixed after t_1: the rest of the run is the fine-tuning. Pruned are the
weights in matrices, embeddings and the readout among them: leaves whose own name begins with a
capital letter, as in `lstmx.analysis.structure.pruned`. Biases, peepholes and gains are not.

A pruned weight has no gradient, so that clipping looks at the others alone, and whatever momentum
or weight decay would do to it is replaced by what makes it zero. It is never grown again. In the
paper every matrix has the sparsity s_t; one threshold for all matrices is the "class-blind" pruning
of See, Luong & Manning 2016.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from lstmx.types import Array, Params

BIBTEX = """
@misc{zhu2017prune,
  author = {Michael Zhu and Suyog Gupta},
  title = {To prune, or not to prune: exploring the efficacy of pruning for model compression},
  eprint = {1710.01878},
  archiveprefix = {arXiv},
  year = {2017},
}
"""


class Plan(NamedTuple):
    """When weights are pruned.

    Attributes:
        start: the update from which sparsity rises.
        end: the update after which it is the final one; start < end.
        every: updates between two prunings; there is one at `end` in any case.
    """

    start: int
    end: int
    every: int

    def due(self, step: Array | int) -> Array | bool:
        """Whether weights are pruned after `step` updates."""
        inside = (step >= self.start) & (step <= self.end)
        return inside & (((step - self.start) % self.every == 0) | (step == self.end))

    def share(self, step: Array | int) -> Array:
        """The share of the final sparsity that is reached after `step` updates, in [0, 1]."""
        left = 1 - (jnp.asarray(step, float) - self.start) / (self.end - self.start)
        return 1 - jnp.clip(left, 0, 1) ** 3


class Pruned(NamedTuple):
    """The state of an optimizer that prunes.

    Attributes:
        step: number of updates, [].
        kept: the matrices of params, as bool: whether a weight is there.
        sparsity: share of the weights in matrices that are not, [].
        inner: the state of the optimizer within.
    """

    step: Array
    kept: Params
    sparsity: Array
    inner: Any


def pruned(
    inner: optax.GradientTransformation, plan: Plan, sparsity: Array | float, *, by: str
) -> optax.GradientTransformation:
    """Returns an optimizer that also prunes.

    Where replicas are side by side in one `vmap`, the ranks of the weights are computed at every
    update, and not only where they are needed.

    Args:
        inner: the optimizer, learning rate included.
        plan: when weights are pruned.
        sparsity: the final share of zeros, in [0, 1); may be traced.
        by: "matrix" ranks the weights of each matrix, "global" those of all together.

    Raises:
        ValueError: in `init`, of params without a matrix.
    """

    def init(params: Params) -> Pruned:
        kept = jax.tree.map(lambda w: jnp.ones(w.shape, bool), matrices(params))
        if not jax.tree.leaves(kept):
            raise ValueError(
                "optimizer.pruning has nothing to prune: no parameter of the model has a name that "
                "begins with a capital letter, as matrices have"
            )
        return Pruned(jnp.int32(0), kept, jnp.zeros(()), inner.init(params))

    def update(
        gradients: Params, state: Pruned, params: Params | None = None
    ) -> tuple[Params, Pruned]:
        if params is None:
            raise ValueError("pruning needs the parameters; expected update(gradients, state, p)")
        zeros = jax.tree.map(jnp.zeros_like, gradients)
        updates, after = inner.update(_where(state.kept, gradients, zeros), state.inner, params)
        step = state.step + 1
        weights = matrices(optax.apply_updates(params, updates))
        chosen = lambda: keep(weights, state.kept, sparsity * plan.share(step), by)
        kept = jax.lax.cond(plan.due(step), chosen, lambda: state.kept)
        # The sum of a number and its negative is zero, whatever is rounded.
        updates = _where(kept, updates, jax.tree.map(jnp.negative, params))
        gone = sum(jnp.sum(~mask) for mask in jax.tree.leaves(kept))
        whole = sum(mask.size for mask in jax.tree.leaves(kept))
        return updates, Pruned(step, kept, (gone / whole).astype(state.sparsity.dtype), after)

    return optax.GradientTransformation(init, update)


def matrices(params: Params) -> dict[str, Any]:
    """Returns the nested dicts of params with the matrices alone."""
    found: dict[str, Any] = {}
    for name, part in params.items():
        if isinstance(part, Mapping):
            if below := matrices(part):
                found[name] = below
        elif name[:1].isupper():
            found[name] = part
    return found


def keep(weights: Params, kept: Params, sparsity: Array, by: str) -> Params:
    """Returns which weights stay, as `kept` has it: all but the smallest of each group.

    Of n weights of a group, round(sparsity n) are not kept. Those that were not kept before are the
    first of them; of equal weights, the first is pruned first.
    """
    leaves, tree = jax.tree.flatten(weights)
    # Below every magnitude: what is pruned stays pruned.
    sizes = [
        jnp.where(mask, jnp.abs(w), -1).ravel() for w, mask in zip(leaves, jax.tree.leaves(kept))
    ]
    if by == "global":
        ends = np.cumsum([size.size for size in sizes])[:-1]
        chosen = jnp.split(_largest(jnp.concatenate(sizes), sparsity), ends)
    else:
        chosen = [_largest(size, sparsity) for size in sizes]
    return jax.tree.unflatten(tree, [c.reshape(w.shape) for c, w in zip(chosen, leaves)])


def _largest(sizes: Array, sparsity: Array) -> Array:
    """Whether each of [n] numbers is none of the round(sparsity n) smallest, [n]."""
    order = jnp.argsort(sizes, stable=True)
    stays = jnp.arange(sizes.size) >= jnp.round(sparsity * sizes.size)
    return jnp.zeros(sizes.size, bool).at[order].set(stays)


def _where(kept: Params, tree: Params, other: Params) -> Params:
    """The tree with the entries of another one where a weight is not kept."""
    return {
        name: part
        if name not in kept
        else _where(kept[name], part, other[name])
        if isinstance(part, Mapping)
        else jnp.where(kept[name], part, other[name])
        for name, part in tree.items()
    }
