"""Structure: what a network does without a unit or a weight, and where in a sequence it errs.

ablation      a score without each unit in turn, see `lstmx.analysis.lesion`
pruning       a score against the share of weights, the smallest, that are set to zero
by_position   a task's metrics at each step;  by_length: for sequences of each length
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.analysis.lesion import Lesion
from lstmx.constants import joined, split_constants
from lstmx.types import Array, Batch, Metrics, Params

GROUPS = ("global", "matrix", "gate")


class Ablation(NamedTuple):
    """A score without each unit.

    Attributes:
        whole: the score with all units, [] or a pytree of such.
        without: the score without each unit, [H].
    """

    whole: Any
    without: Any


class Pruning(NamedTuple):
    """A score against sparsity.

    Attributes:
        sparsity: share of the weights in question that are zero, [K].
        scores: [K], or a pytree of such.
    """

    sparsity: np.ndarray
    scores: Any


class Breakdown(NamedTuple):
    """Metrics by group of steps.

    Attributes:
        groups: the positions 0 ... T - 1, or the smallest length of each group, [G].
        values: metric -> mean over a group, [G]; NaN for a group without weights.
        counts: metric -> weights of a group, [G].
    """

    groups: Array
    values: Mapping[str, Array]
    counts: Mapping[str, Array]


def ablation(score: Callable[[Lesion], Any], size: int, *, value: Array | float = 0.0) -> Ablation:
    """Returns a score with all units and without each of them in turn.

    Args:
        score: (lesion) -> scalar or pytree of scalars: what a network is worth with a lesion, that
            is, with a cell of `lesion.wrapper` and parameters of `lesion.with_lesion`.
        size: number of units H.
        value: what replaces a unit, or one number each, [H], such as `mean_activity`.

    Raises:
        ValueError: a size below 1, values that are not [H].
    """
    checks.size("size", size)
    values = jnp.asarray(value, float)
    if values.shape not in ((), (size,)):
        raise ValueError(f"value is {values.shape}; expected a number or [H={size}]")
    values = jnp.broadcast_to(values, (size,))
    keeps = jnp.concatenate([jnp.ones((1, size)), 1 - jnp.eye(size)])
    found = jax.jit(lambda keeps: jax.lax.map(lambda keep: score(Lesion(keep, values)), keeps))
    scores = found(keeps)
    return Ablation(jax.tree.map(lambda a: a[0], scores), jax.tree.map(lambda a: a[1:], scores))


def mean_activity(states: Array, mask: Array | None = None) -> Array:
    """Returns the mean of each unit over examples and steps that exist: [B, T, H] -> [H]."""
    weights = jnp.ones(states.shape[:2]) if mask is None else jnp.asarray(mask).astype(float)
    return jnp.einsum("bt,bt...->...", weights, states) / weights.sum()


def pruned(
    params: Params,
    sparsity: float,
    *,
    by: str = "global",
    gate: int | None = None,
    select: Callable[[str], bool] | None = None,
) -> Params:
    """Returns parameters with the weights of smallest magnitude set to zero.

    Han et al. 2015, without retraining; the groups are "class-blind" and "class-uniform" of See,
    Luong & Manning 2016. Of n weights of a group, round(sparsity n) are zero; at 0 the weights are
    those that were given, bit for bit.

    Args:
        params: nested dicts. What is below the key "constants" is no weight.
        sparsity: share of the weights of a group, from 0 to 1.
        by: "global" ranks all weights together, "matrix" those of each matrix, "gate" those of each
            gate of a matrix, the next to last axis of weights [X, G, H] or [H, G, H]. A matrix
            without such an axis is one group.
        gate: prune only the weights of the gate with this number, of matrices with such an axis.
        select: (path such as "layers/layer_0/W") -> whether the leaf is pruned; those whose own
            name begins with a capital letter if None: in lstmx these are the matrices.

    Raises:
        ValueError: a sparsity outside of [0, 1], an unknown group, nothing to prune.
    """
    return _pruned(params, sparsity, by, gate, select)[0]


def pruning(
    score: Callable[[Params], Any],
    params: Params,
    sparsities: Sequence[float],
    *,
    by: str = "global",
    gate: int | None = None,
    select: Callable[[str], bool] | None = None,
) -> Pruning:
    """Returns a score of the pruned parameters at several sparsities, see `pruned`.

    Args:
        score: (params) -> scalar or pytree of scalars; compiled once.
        params: of a cell or model.
        sparsities: from 0 to 1.
        by: as for `pruned`; so are gate and select.

    Raises:
        ValueError: as `pruned`; no sparsities.
    """
    if not len(sparsities):
        raise ValueError("got no sparsities; expected numbers from 0 to 1, such as 0, 0.5, 0.9")
    compiled = jax.jit(score)
    shares, scores = [], []
    for sparsity in sparsities:
        sparse, share = _pruned(params, sparsity, by, gate, select)
        shares.append(share)
        scores.append(jax.device_get(compiled(sparse)))
    return Pruning(np.array(shares), jax.tree.map(lambda *a: np.stack(a), *scores))


def by_position(loss: Callable[[Any, Batch], Metrics], outputs: Any, batch: Batch) -> Breakdown:
    """Returns the metrics of a task at each step of the sequences.

    The loss is computed with the weights of one step alone, T times, so that any task's metrics are
    divided as that task divides them. A metric of whole sequences has no value, NaN, at a step.

    Args:
        loss: `task.loss`.
        outputs: of the model, [B, T, Y] or a pytree of such.
        batch: with weights [B, T] or [B, T, Y].
    """
    length = jax.tree.leaves(batch.weights)[0].shape[1]
    members = jnp.eye(length, dtype=bool)[:, None]  # [T, 1, T]
    return _breakdown(loss, outputs, batch, jnp.arange(length), members)


def by_length(
    loss: Callable[[Any, Batch], Metrics],
    outputs: Any,
    batch: Batch,
    *,
    edges: Sequence[int] | None = None,
) -> Breakdown:
    """Returns the metrics of a task for the sequences of each length, the steps in the mask.

    Args:
        loss: `task.loss`.
        outputs: of the model, [B, T, Y] or a pytree of such.
        batch: with weights [B, T] or [B, T, Y].
        edges: ascending smallest lengths of the groups; every length that occurs if None.

    Raises:
        ValueError: edges that do not ascend.
    """
    lengths = np.asarray(batch.mask).sum(1)
    starts = np.unique(lengths) if edges is None else np.asarray(edges)
    if not starts.size or (np.diff(starts) <= 0).any():
        raise ValueError(f"edges are {starts.tolist()}; expected ascending lengths")
    group = np.searchsorted(starts, lengths, side="right") - 1
    members = jnp.asarray(group == np.arange(starts.size)[:, None])[..., None]  # [G, B, 1]
    return _breakdown(loss, outputs, batch, jnp.asarray(starts), members)


@functools.partial(jax.jit, static_argnums=0)
def _breakdown(
    loss: Callable[[Any, Batch], Metrics], outputs: Any, batch: Batch, groups: Array, members: Array
) -> Breakdown:
    def of_group(here: Array) -> Metrics:
        chosen = lambda w: jnp.where(here.reshape(here.shape + (1,) * (w.ndim - 2)), w, 0)
        return loss(outputs, batch._replace(weights=jax.tree.map(chosen, batch.weights)))

    found = jax.lax.map(of_group, members)
    values = {name: mean.total / mean.count for name, mean in found.items()}
    return Breakdown(groups, values, {name: mean.count for name, mean in found.items()})


def _pruned(
    params: Params,
    sparsity: float,
    by: str,
    gate: int | None,
    select: Callable[[str], bool] | None,
) -> tuple[Params, float]:
    """The pruned parameters, and the share of the weights in question that are zero."""
    checks.number("sparsity", sparsity, least=0, most=1)
    checks.one_of("by", by, GROUPS)
    select = select or (lambda path: path.rpartition("/")[2][:1].isupper())
    trained, constants = split_constants(params)
    paths, tree = jax.tree_util.tree_flatten_with_path(trained)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
    arrays = [np.array(leaf) for _, leaf in paths]
    pieces: list[list[np.ndarray]] = []
    for name, array in zip(names, arrays):
        if not select(name):
            continue
        views = [array]
        if array.ndim > 2 and (by == "gate" or gate is not None):
            views = [array[..., n, :] for n in range(array.shape[-2])]
            views = views if gate is None else views[gate : gate + 1]
        elif gate is not None:
            views = []
        pieces += [[view] for view in views]
    if not pieces:
        raise ValueError(
            f"nothing to prune among {', '.join(names)}; expected select= to name some"
        )
    groups = [[view for piece in pieces for view in piece]] if by == "global" else pieces
    zeros = total = 0
    for views in groups:
        sizes = np.cumsum([view.size for view in views])
        magnitudes = np.concatenate([np.abs(view).ravel() for view in views])
        smallest = np.argsort(magnitudes, kind="stable")[: round(sparsity * magnitudes.size)]
        kept = np.ones(magnitudes.size, bool)
        kept[smallest] = False
        for view, keep in zip(views, np.split(kept, sizes[:-1])):
            view[~keep.reshape(view.shape)] = 0  # a view: this writes to the copy of the leaf
            zeros, total = zeros + int((view == 0).sum()), total + view.size
    leaves = [jnp.asarray(array) for array in arrays]
    return joined(jax.tree.unflatten(tree, leaves), constants), zeros / total
