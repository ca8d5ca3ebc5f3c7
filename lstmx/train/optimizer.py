"""The optimizer that a config describes, with hyperparameters that may be traced.

All optimizers share clipping and the learning rate; the transformations in between come from a
module of `lstmx/train/optimizers`. An optimizer is built inside the traced function, so that
learning rate, momentum, clipping and weight decay are swept within one compilation.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lstmx import registry
from lstmx.train.pruning import Plan, pruned
from lstmx.types import Array, HParams, Params


def make(options: Mapping[str, Any], hparams: HParams, steps: int) -> optax.GradientTransformation:
    """The optax transformation of a config: clip by value, by norm, optimizer, learning rate.

    Args:
        options: `config.optimizer`: name, schedule, warmup_steps, decay_steps, and the further keys
            of the optimizer and the schedule; and those of pruning.
        hparams: learning_rate, clip_norm, clip_value, and the keys of the optimizer; floats or
            traced scalars. A clip of 0 is no clip. With pruning also sparsity.
        steps: number of updates of the whole run, for the schedule.

    Raises:
        ValueError: unknown optimizer or schedule, or a key that one of them lacks.
    """
    parts = _call("optimizers", options["name"], {**options, **hparams})
    shape = schedule(options, steps)
    whole = optax.chain(
        _clip_value(hparams["clip_value"]),
        _clip_norm(hparams["clip_norm"]),
        *parts,
        optax.scale_by_schedule(lambda step: -hparams["learning_rate"] * shape(step)),
    )
    if options["pruning"] == "none":
        return whole
    end = options["pruning_end"] or steps // 2
    plan = Plan(options["pruning_start"], end, options["pruning_every"])
    return pruned(whole, plan, hparams["sparsity"], by=options["pruning"])


def schedule(options: Mapping[str, Any], steps: int) -> optax.Schedule:
    """A function from the number of updates done to a factor of the learning rate in [0, 1].

    It rises linearly for `warmup_steps`, then follows the schedule. A `decay_steps` of 0 is the
    rest of the run.

    Raises:
        ValueError: unknown schedule, or a key that it lacks.
    """
    warmup = options["warmup_steps"]
    length = options["decay_steps"] or max(1, steps - warmup)
    after = _call("schedules", options["schedule"], {**options, "decay_steps": length})
    if not warmup:
        return after
    return optax.join_schedules(
        [optax.linear_schedule(1 / (warmup + 1), 1.0, warmup), after], [warmup]
    )


def _call(kind: str, name: str, values: Mapping[str, Any]) -> Any:
    """The result of a member's factory, called with those of the values that it reads."""
    build, options = registry.factory(kind, name), registry.options(kind, name)
    for key, option in options.items():
        if key not in values and option.default is registry.MISSING:
            raise ValueError(f"{registry.ENTRY[kind]} {name!r} reads {key!r}, which no config has")
    return build(**{key: values[key] for key in options if key in values})


def _clip_value(limit: Array | float) -> optax.GradientTransformation:
    """Clips every gradient to [-limit, limit]; a limit of 0, traced or not, changes nothing."""

    def leaf(gradient: Array) -> Array:
        return jnp.where(limit > 0, jnp.clip(gradient, -limit, limit), gradient)

    return optax.stateless(lambda gradients, _: jax.tree.map(leaf, gradients))


class Norm(NamedTuple):
    """The global norm of gradients, also of those whose squares overflow.

    Attributes:
        value: the norm, []; infinite only where it exceeds the largest number of its dtype, NaN
            where an entry is NaN.
        root: the square root of the largest entry where the squares of finite entries overflow, or
            nearly do; 1 elsewhere.
        rest: value / root, which is then finite.
        finite: whether all entries are finite.
    """

    value: Array
    root: Array
    rest: Array
    finite: Array


def norm(gradients: Params) -> Norm:
    """The global norm of a tree of gradients."""
    plain = optax.tree.norm(gradients)
    wide = jnp.promote_types(plain.dtype, jnp.float32)
    high = float(jnp.finfo(plain.dtype).max) ** 0.5 / 2  # 9e18 in float32

    def overflowing() -> Norm:
        leaves = [g.astype(wide) for g in jax.tree.leaves(gradients)]
        largest = jnp.stack([jnp.max(jnp.abs(g)) for g in leaves]).max()
        finite = jnp.isfinite(largest)
        root = jnp.where(finite, jnp.sqrt(largest), 1.0)
        rest = optax.tree.norm([g / largest for g in leaves]) * root
        value = jnp.where(finite, (rest * root).astype(plain.dtype), plain)
        return Norm(value, root, jnp.where(finite, rest, plain.astype(wide)), finite)

    def ordinary() -> Norm:
        return Norm(plain, jnp.ones((), wide), plain.astype(wide), jnp.isfinite(plain))

    # A branch, since the other norm takes twice the time, which ordinary gradients should not cost.
    return jax.lax.cond(plain > high, overflowing, ordinary)


def _clip_norm(limit: Array | float) -> optax.GradientTransformation:
    """Scales all gradients so that their global norm is at most `limit`; 0 changes nothing.

    Where the norm overflows, from 1.8e19 on in float32, the factor limit / norm is 0 and would
    erase the gradients. There they are divided by the two factors of the norm, `root` and `rest`,
    one after the other. Elsewhere `root` is 1 and changes no bit.
    """

    def update(gradients: Params, _: Any) -> Params:
        size = norm(gradients)
        clipped = (limit > 0) & (size.rest > limit / size.root)
        first = jnp.where(clipped, 1 / size.root, 1.0)
        second = jnp.where(clipped, limit / size.rest, 1.0)
        return jax.tree.map(lambda g: g * first.astype(g.dtype) * second.astype(g.dtype), gradients)

    return optax.stateless(update)
