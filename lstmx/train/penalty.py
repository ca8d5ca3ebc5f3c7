"""Activation regularizers: a penalty on the outputs h of the layers, added to the loss.

    AR   alpha mean(h_t^2)                  keeps outputs small
    TAR  beta mean((h_t - h_{t-1})^2)       keeps outputs from changing abruptly

Merity, McCann & Socher 2017. There AR is computed from h after dropout and TAR from h before it;
here nothing is dropped between the last layer and the readout, so both have the same h.
"""

import jax.numpy as jnp

from lstmx.types import Array, Batch, HParams

BIBTEX = """
@misc{merity2017activation,
  author = {Stephen Merity and Bryan McCann and Richard Socher},
  title = {Revisiting Activation Regularization for Language {RNNs}},
  eprint = {1708.01009},
  archiveprefix = {arXiv},
  year = {2017},
}
"""


def penalty(h: Array, batch: Batch, whole: Batch, hparams: HParams) -> Array:
    """This shard's part of the penalty, []: the sum over the shards is the penalty.

    AR is the mean over all valid steps, TAR over all pairs of adjacent valid steps of a window
    without a reset between them.

    Args:
        h: inputs of the readout, [B, T, ..., H], for the rows of this shard.
        batch: the rows of this shard.
        whole: the batch of all shards, whose number of steps and pairs is the divisor.
        hparams: "ar" (alpha) and "tar" (beta), floats or traced scalars.
    """
    per_step = lambda a: jnp.mean(a**2, axis=tuple(range(2, a.ndim)))
    pairs = _pairs(batch)
    ar = jnp.where(batch.mask, per_step(h), 0).sum() / _count(whole.mask)
    tar = jnp.where(pairs, per_step(h[:, 1:] - h[:, :-1]), 0).sum() / _count(_pairs(whole))
    return hparams["ar"] * ar + hparams["tar"] * tar


def _pairs(batch: Batch) -> Array:
    """Whether steps t - 1 and t are both valid, without a reset before t, [B, T - 1]."""
    return batch.mask[:, 1:] & batch.mask[:, :-1] & ~batch.resets[:, 1:]


def _count(where: Array) -> Array:
    """The number of true entries, at least 1, so that it can be a divisor, []."""
    return jnp.maximum(where.sum(), 1)
