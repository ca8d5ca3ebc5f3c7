"""Optimizers from a config, with hyperparameters that may be traced.

Clipping and learning rate are those of all; what is between is the optimizer's own, a file of
`lstmx/train/optimizers`. Built inside the traced function, so that learning rate, momentum,
clipping and weight decay are swept within one compilation.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from lstmx import registry
from lstmx.types import Array


def make(options: Mapping[str, Any], hparams: Mapping[str, Any], steps: int) -> Any:
    """The optax transformation of a config: clip by value, by norm, optimizer, learning rate.

    Args:
        options: `config.optimizer`: name, schedule, warmup_steps, decay_steps, and what optimizer
            and schedule read besides.
        hparams: learning_rate, clip_norm, clip_value, and what the optimizer reads; floats or
            traced scalars. A clip of 0 is no clip.
        steps: updates of the whole run, for the schedule.

    Raises:
        ValueError: unknown optimizer or schedule, or a key that one of them lacks.
    """
    parts = _call("optimizers", options["name"], {**options, **hparams})
    shape = schedule(options, steps)
    return optax.chain(
        _clip_value(hparams["clip_value"]),
        _clip_norm(hparams["clip_norm"]),
        *parts,
        optax.scale_by_schedule(lambda step: -hparams["learning_rate"] * shape(step)),
    )


def schedule(options: Mapping[str, Any], steps: int) -> Callable[[Any], Array]:
    """step -> factor of the learning rate, in [0, 1].

    `warmup_steps` of linear rise, then the schedule; a `decay_steps` of 0 is the rest of the run.

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


def _call(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    """What the member makes of the keys that it reads."""
    build, read = registry.factory(kind, name), registry.options(kind, name)
    for key, option in read.items():
        if key not in known and option.default is registry.MISSING:
            raise ValueError(f"{registry.ENTRY[kind]} {name!r} reads {key!r}, which no config has")
    return build(**{key: known[key] for key in read if key in known})


def _clip_value(limit: Any) -> Any:
    """Clip every gradient to [-limit, limit]; 0 leaves them alone, also when traced."""

    def leaf(gradient: Array) -> Array:
        return jnp.where(limit > 0, jnp.clip(gradient, -limit, limit), gradient)

    return optax.stateless(lambda gradients, _: jax.tree.map(leaf, gradients))


class Norm(NamedTuple):
    """The global norm of gradients, where their squares overflow too.

    Attributes:
        value: the norm; infinite only where that is no number of its type, NaN where an entry is.
        root: the root of the largest entry where the squares of finite ones overflow, or nearly;
            1 elsewhere.
        rest: the norm over `root`, which is a number then.
        finite: whether all entries are.
    """

    value: Array
    root: Array
    rest: Array
    finite: Array


def norm(gradients: Any) -> Norm:
    """The global norm of a tree of gradients."""
    plain = optax.tree.norm(gradients)
    wide = jnp.promote_types(plain.dtype, jnp.float32)
    high = float(jnp.finfo(plain.dtype).max) ** 0.5 / 2  # 9e18 in float32

    def overflown() -> Norm:
        leaves = [g.astype(wide) for g in jax.tree.leaves(gradients)]
        largest = jnp.stack([jnp.max(jnp.abs(g)) for g in leaves]).max()
        finite = jnp.isfinite(largest)
        root = jnp.where(finite, jnp.sqrt(largest), 1.0)
        rest = optax.tree.norm([g / largest for g in leaves]) * root
        value = jnp.where(finite, (rest * root).astype(plain.dtype), plain)
        return Norm(value, root, jnp.where(finite, rest, plain.astype(wide)), finite)

    def usual() -> Norm:
        return Norm(plain, jnp.ones((), wide), plain.astype(wide), jnp.isfinite(plain))

    # A branch, as ordinary gradients should not pay: twice the time of the norm itself.
    return jax.lax.cond(plain > high, overflown, usual)


def _clip_norm(limit: Any) -> Any:
    """Scale all gradients so that their global norm is at most `limit`; 0 leaves them alone.

    Where the norm overflows, from 1.8e19 on in float32, the factor limit / norm would make zeros of
    the largest gradients. There, they are brought down by the two parts of their norm instead, one
    after the other. Below, the first factor is 1 and changes no bit.
    """

    def update(gradients: Any, _: Any) -> Any:
        found = norm(gradients)
        clipped = (limit > 0) & (found.rest > limit / found.root)
        first = jnp.where(clipped, 1 / found.root, 1.0)
        second = jnp.where(clipped, limit / found.rest, 1.0)
        return jax.tree.map(lambda g: g * first.astype(g.dtype) * second.astype(g.dtype), gradients)

    return optax.stateless(update)
