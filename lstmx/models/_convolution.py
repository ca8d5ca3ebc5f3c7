"""A convolution over time: which inputs each of its outputs reads, whatever is masked or reset.

Steps that are masked do not exist: the others close up. Outputs are those of steps 0, `stride`,
2 `stride`, ... of a sequence, counted from its first step or its last reset. A window of a longer
sequence goes on counting where the one before it ended, and reads the last inputs of that one.
"""

from typing import NamedTuple

import jax.numpy as jnp

from lstmx.types import Array


class Front(NamedTuple):
    """What a convolution hands on to the next window.

    Attributes:
        steps: [B, 1] 0 before the first step, else stride + (number of steps modulo stride).
        inputs: [B, left, X] the last inputs, zeros before the first step; None where it reads no
            earlier ones, or later ones too.
        held: [B, H] what the readout read last.
    """

    steps: Array
    inputs: Array | None
    held: Array


class Places(NamedTuple):
    """The steps of a window, closed up, and the outputs of the convolution among them.

    Attributes:
        order: [B, T] the steps that exist, in order, then the others; None without a mask.
        existing: [B] number of steps that exist.
        group: [B, T] in that order, number of resets up to each step; -1 after the last.
        ended: [B] number of resets up to the end of the window.
        base: [B] number of steps before the window, of the same sequence, as `Front.steps`.
        at: [B, J] where the outputs are, in that order.
        real: [B, J] whether they exist.
        shown: [B, T] for each step of the window the number of the last output, -1 for that of the
            window before.
    """

    order: Array | None
    existing: Array
    group: Array
    ended: Array
    base: Array
    at: Array
    real: Array
    shown: Array

    @property
    def offset(self) -> Array:
        """Steps before the first output, [B]."""
        return self.at[:, 0]

    @property
    def groups(self) -> Array:
        """Number of resets up to each output, [B, J]; of those that do not exist, -1."""
        last = self.group.shape[1] - 1
        return jnp.where(self.real, take(self.group, jnp.minimum(self.at, last)), -1)

    @property
    def resets(self) -> Array:
        """Whether an output is the first one after a reset, [B, J]."""
        groups = self.groups
        before = jnp.concatenate([jnp.zeros_like(groups[:, :1]), groups[:, :-1]], axis=1)
        return self.real & (groups != before)

    @property
    def last(self) -> Array:
        """Number of resets up to the last step that exists, [B]."""
        return jnp.max(jnp.maximum(self.group, 0), axis=1)

    @property
    def continues(self) -> Array:
        """Whether the window goes on with a sequence that has begun before, [B]."""
        return (self.existing > 0) & (self.base > 0)

    @property
    def restarts(self) -> Array:
        """Whether there is a reset after the first step that exists, [B]."""
        return (self.existing > 0) & (self.last != self.group[:, 0])


def places(
    shape: tuple[int, int], mask: Array | None, resets: Array | None, steps: Array, stride: int
) -> Places:
    """Returns the places of a window.

    Args:
        shape: (B, T).
        mask, resets: [B, T] bool; None is all True and all False.
        steps: [B], see `Front.steps`.
        stride: steps from one output to the next.
    """
    length = shape[1]
    group = jnp.cumsum(jnp.zeros(shape, bool) if resets is None else resets, axis=1)
    ended, order, count = group[:, -1], None, jnp.full(shape[0], length)
    now = jnp.broadcast_to(jnp.arange(length), shape)
    if mask is not None:
        order, count = jnp.argsort(~mask, axis=1, stable=True), mask.sum(1)
        group, now = take(group, order), jnp.cumsum(mask, axis=1) - 1
    base = jnp.where(group[:, 0] > 0, 0, steps.astype(count.dtype))
    group = jnp.where(jnp.arange(length)[None] < count[:, None], group, -1)
    offset = -base % stride
    at = offset[:, None] + stride * jnp.arange(-(-length // stride))[None]
    return Places(
        order, count, group, ended, base, at, at < count[:, None], (now - offset[:, None]) // stride
    )


def windows(
    xs: Array, before: Array, found: Places, kernel: int, stride: int
) -> tuple[Array, Array]:
    """Returns the inputs that each output reads [B, J, K, X], and the last ones of the window.

    Inputs of another sequence, and those that do not exist, are zeros.

    Args:
        xs: [B, T, X].
        before: [B, left, X], what came before: an output reads `left` inputs before its step.
        found: the places of the window.
        kernel: number K of inputs.
        stride: steps from one output to the next.
    """
    left, (rows, length), count = before.shape[1], xs.shape[:2], found.at.shape[1]
    if found.order is not None:
        xs = take(xs, found.order)
    whole = jnp.concatenate([before, xs], axis=1)
    # What came before belongs to the sequence that no reset has ended: number 0.
    group = jnp.concatenate([jnp.zeros((rows, left), found.group.dtype), found.group], axis=1)
    ends = found.existing[:, None] + jnp.arange(left)[None]
    last = jnp.where((take(group, ends) == found.ended[:, None])[..., None], take(whole, ends), 0)
    beyond = count * stride - length + kernel - 1 - left
    whole = jnp.pad(whole, ((0, 0), (0, beyond), (0, 0)))
    group = jnp.pad(group, ((0, 0), (0, beyond)), constant_values=-1)
    reach = (count - 1) * stride + kernel
    if stride > 1:
        shifted = found.offset[:, None] + jnp.arange(reach)[None]
        whole, group = take(whole, shifted), take(group, shifted)
    cut = lambda a, k: a[:, k : k + reach - kernel + 1 : stride]
    read = jnp.stack([cut(whole, k) for k in range(kernel)], axis=2)
    groups = jnp.stack([cut(group, k) for k in range(kernel)], axis=2)
    own = (groups == found.groups[..., None]) & (groups >= 0)
    return jnp.where(own[..., None], read, 0), last


def after(front: Front, found: Places, last: Array, h: Array, stride: int) -> Front:
    """Returns what the next window starts from.

    Args:
        front: what this window started from.
        found: its places.
        last: its last inputs.
        h: [B, J, H] what the readout reads at each output.
        stride: steps from one output to the next.
    """
    over = (found.ended != found.last)[:, None]  # reset after the last step
    total = (found.base + found.existing)[:, None]
    steps = jnp.where((total > 0) & ~over, stride + total % stride, 0)
    held = hold(front, found, h, found.real.sum(1, keepdims=True) - 1)[:, 0]
    return Front(
        steps.astype(front.steps.dtype),
        None if front.inputs is None else last.astype(front.inputs.dtype),
        jnp.where(over, 0, held).astype(front.held.dtype),
    )


def hold(front: Front, found: Places, h: Array, shown: Array) -> Array:
    """Returns what the readout reads [B, N, H], where `shown` [B, N] numbers the outputs."""
    before = jnp.where((found.base > 0)[:, None], front.held, 0)
    return take(jnp.concatenate([before[:, None].astype(h.dtype), h], axis=1), shown + 1)


def take(a: Array, index: Array) -> Array:
    """Returns [B, N, ...] of a [B, M, ...] and indices [B, N]."""
    return jnp.take_along_axis(a, index.reshape(index.shape + (1,) * (a.ndim - 2)), axis=1)
