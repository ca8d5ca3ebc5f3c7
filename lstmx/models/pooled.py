"""The model "sequence" whose readout reads the outputs of the layers pooled over all steps so far.

    mean   p_t = (h_1 + ... + h_t) / t        max   p_t = max(h_1, ..., h_t), for each unit
    attention   p_t = sum_s a_ts h_s     a_ts = softmax over s <= t of v . tanh(h_s W + b)
    y_t = p_t W + b     W and b of the readout, not those of the attention

At the last step of a sequence, where a task that classifies sequences has its weight, this is the
mean, the maximum or the weighted mean over the whole sequence. Steps that are masked do not count,
and a reset begins anew. What was pooled is part of the state, so that a long sequence can be cut
into parts.

Use it for a sequence label with bidirectional layers: their backward cells have read, at the last
step, nothing but that step.

Attention is that of Lin et al. 2017 (arXiv:1703.03130), equations 5 and 6 with one hop, plus a bias
b as in Yang et al. 2016 (HAN); W is [H, H].
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from lstmx import checks
from lstmx import precision as precisions
from lstmx.models import _parts as parts
from lstmx.models import sequence
from lstmx.models._backbone import Backbone
from lstmx.types import Array, Key, Model, Params, State

BIBTEX = ""
"""No paper posed the mean and the maximum."""
BIBTEX_OPTIONS = {
    "pooling=attention": """
@inproceedings{lin2017structured,
  author = {Zhouhan Lin and Minwei Feng and Cicero Nogueira dos Santos and Mo Yu and Bing Xiang and
    Bowen Zhou and Yoshua Bengio},
  title = {A Structured Self-Attentive Sentence Embedding},
  booktitle = {International Conference on Learning Representations},
  eprint = {1703.03130},
  archiveprefix = {arXiv},
  year = {2017},
}
@inproceedings{yang2016hierarchical,
  author = {Zichao Yang and Diyi Yang and Chris Dyer and Xiaodong He and Alex Smola and
    Eduard Hovy},
  title = {Hierarchical Attention Networks for Document Classification},
  booktitle = {Conference of the North American Chapter of the Association for Computational
    Linguistics},
  pages = {1480--1489},
  year = {2016},
}
"""
}
POOLINGS = ("mean", "max", "attention")


class Pool(NamedTuple):
    """What was pooled so far.

    Attributes:
        value: [B, H] sum, maximum or weighted mean of the outputs; zeros before the first step.
        steps: [B, 1] number of steps.
        total: of attention only, [B, 1] the logarithm of the sum of exp(score).
    """

    value: Array
    steps: Array
    total: Array | None = None


class PooledState(NamedTuple):
    """The state of the model.

    Attributes:
        layers: that of every layer.
        pool: see `Pool`.
    """

    layers: State
    pool: Pool


def model(backbone: Backbone, *, pooling: str = "mean") -> Model:
    """Returns the model of a backbone; parameters are those of the model "sequence".

    Attention also has `pooling.W [H, H]`, `.b [H]` and `.v [H]`, which start as the readout does.

    Args:
        backbone: of the model.
        pooling: "mean", "max" or "attention".
    """
    checks.one_of("pooling", pooling, POOLINGS)
    # Its checks of params are those of this model, too.
    base = sequence.model(backbone)
    attends = pooling == "attention"
    width = backbone.hidden_features
    scores_shapes = {"W": (width, width), "b": (width,), "v": (width,)} if attends else {}

    def init(key: Key) -> Params:
        keys = parts.keys(key)
        params = sequence.init_params(backbone, keys)
        if not attends:
            return params
        like = dataclasses.replace(backbone.readout, bias=True, shortcut=False)
        score = parts.init_readout(like, keys, width, width, 0)
        like = dataclasses.replace(like, bias=False)
        v = parts.init_readout(like, keys, width, 1, 0)["W"][:, 0]
        return {**params, "pooling": {**score, "v": v}}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        if attends:
            parts.check_params(params.get("pooling", {}), scores_shapes)
            params = {name: part for name, part in params.items() if name != "pooling"}
        layers = base.initial_state(params, batch_shape)
        dtype = params["readout"]["W"].dtype
        zeros = lambda size: jnp.zeros((*batch_shape, size), dtype)
        return PooledState(layers, Pool(zeros(width), zeros(1), zeros(1) if attends else None))

    def run(
        params: Params,
        inputs: Any,
        state: PooledState | None,
        *,
        mask: Array | None,
        resets: Array | None,
        **options: Any,
    ) -> parts.Ran:
        xs = parts.embed(backbone, params, inputs)
        before = None if state is None else state.layers
        marks = {"mask": mask, "resets": resets}
        result = parts.run_layers(backbone, params, inputs, xs, before, **marks, **options)
        h = result.outputs
        pool = initial_state(params, h.shape[:1]).pool if state is None else state.pool
        precision = backbone.stack.precision
        e = scores(params["pooling"], h, precision) if attends else None
        pooled, pool = pool_steps(pooling, h, pool, mask, resets, e)
        y = parts.read(backbone.readout, params["readout"], pooled, xs, precision)
        return parts.Ran(y, PooledState(result.state, pool), result.trace, pooled)

    apply, hidden = parts.surface(run)
    return base._replace(init=init, initial_state=initial_state, apply=apply, hidden=hidden)


def scores(params: Params, h: Array, precision: str) -> Array:
    """Returns v . tanh(h W + b) [B, T] of the outputs h [B, T, H]."""
    product = precisions.products(jnp.matmul, precision)
    return product(jnp.tanh(product(h, params["W"]) + params["b"][None, None]), params["v"])


def pool_steps(
    pooling: str,
    h: Array,
    pool: Pool,
    mask: Array | None,
    resets: Array | None,
    scores: Array | None = None,
) -> tuple[Array, Pool]:
    """What is pooled after each step [B, T, H], zeros before the first one, and after the last.

    Args:
        pooling: "mean", "max" or "attention".
        h: [B, T, H].
        pool: before the first step.
        mask, resets: [B, T] bool; None is all True and all False.
        scores: [B, T] of attention; None for the others.
    """
    steps = h.shape[:2]
    real = jnp.ones(steps, bool) if mask is None else mask
    anew = jnp.zeros(steps, bool) if resets is None else resets

    def step(pool: Pool, now: tuple[Array, ...]) -> tuple[Pool, Array]:
        h, real, anew, e = now[0], now[1][:, None], now[2][:, None], now[3][:, None]
        pool = jax.tree.map(lambda a: jnp.where(anew, jnp.zeros_like(a), a), pool)
        value, count, total = pool
        begun = count > 0
        if total is not None:
            # The running softmax: no score is ever exponentiated alone, so that none overflows.
            added = jnp.where(begun, jnp.logaddexp(jnp.where(begun, total, e), e), e)
            joined = value + (h - value) * jnp.exp(e - added)
            total = jnp.where(real, added, total)
        elif pooling == "mean":
            joined = value + h
        else:
            joined = jnp.where(begun, jnp.maximum(value, h), h)
        value, count = jnp.where(real, joined, value), count + real.astype(count.dtype)
        shown = value / jnp.maximum(count, 1) if pooling == "mean" else value
        return Pool(value, count, total), shown

    e = jnp.zeros(steps, h.dtype) if scores is None else scores
    first = lambda a: jnp.moveaxis(a, 1, 0)
    last, shown = lax.scan(step, pool, jax.tree.map(first, (h, real, anew, e)))
    return jnp.moveaxis(shown, 0, 1), last
