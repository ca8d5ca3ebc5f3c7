"""Activation regularisers: what the outputs of the layers cost, beside the loss.

AR, alpha times the mean of h^2, keeps outputs small; TAR, beta times the mean of (h_t - h_{t-1})^2,
keeps them from jumping. Merity, McCann & Socher 2017. There AR sees h after a dropout that TAR does
not see; here nothing is dropped between the last layer and the readout, so both see the same h.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from lstmx.types import Array, Batch

BIBTEX = """
@misc{merity2017activation,
  author = {Stephen Merity and Bryan McCann and Richard Socher},
  title = {Revisiting Activation Regularization for Language {RNNs}},
  eprint = {1708.01009},
  archiveprefix = {arXiv},
  year = {2017},
}
"""


def penalty(h: Array, batch: Batch, whole: Batch, hparams: Mapping[str, Any]) -> Array:
    """`ar` times the mean of h^2 plus `tar` times that of (h_t - h_{t-1})^2, [].

    Means are over the steps that exist, and over the pairs of them without a reset between; the
    first step of a window has none before it.

    Args:
        h: what the readout sees, [B, T, ..., H], of this shard's rows.
        batch: this shard's rows; `whole`, the batch that they are cut from, says what to divide
            by, so that the sum over the shards is the penalty.
        hparams: "ar" and "tar", floats or traced scalars.
    """
    per_step = lambda a: jnp.mean(a**2, axis=tuple(range(2, a.ndim)))
    here, pairs = batch.mask, _pairs(batch)
    ar = jnp.where(here, per_step(h), 0).sum() / _number(whole.mask)
    tar = jnp.where(pairs, per_step(h[:, 1:] - h[:, :-1]), 0).sum() / _number(_pairs(whole))
    return hparams["ar"] * ar + hparams["tar"] * tar


def _pairs(batch: Batch) -> Array:
    """Whether steps t - 1 and t belong together, [B, T - 1]."""
    return batch.mask[:, 1:] & batch.mask[:, :-1] & ~batch.resets[:, 1:]


def _number(where: Array) -> Array:
    return jnp.maximum(where.sum(), 1)
