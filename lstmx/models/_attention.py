"""Attention: which steps of a memory a decoder reads, as functions over plain dict parameters.

    additive        e_ts = v' tanh(W h_t + U m_s)      Bahdanau, Cho & Bengio 2015, A.1.2
    multiplicative  e_ts = h_t' W m_s                  Luong, Pham & Manning 2015, section 3.1

    a_t = softmax_s(e_ts)     c_t = sum_s a_ts m_s       over the steps s that exist
    h~_t = tanh(C [c_t; h_t])                          Luong et al. 2015, eq. 5

h_t is the output of the decoder's layers, m_s that of the encoder's, and h~_t what the readout
reads. Both scores use the state after step t, as Luong et al. do; Bahdanau et al. score with the
state before it and feed c_t into the step.
"""

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp

from lstmx.types import Array, Key, Params

KINDS = ("none", "additive", "multiplicative")


def init(kind: str, keys: Iterator[Key], query: int, memory: int) -> dict[str, Array]:
    """Returns the parameters: `W`, for additive ones `U` and `v`, and `C`; none for "none".

    Args:
        query: size H of h_t; it is also the number of units of the additive score.
        memory: size M of m_s.
    """
    if kind == "none":
        return {}
    normal = jax.nn.initializers.lecun_normal()
    if kind == "additive":
        scores = {
            "W": normal(next(keys), (query, query)),
            "U": normal(next(keys), (memory, query)),
            "v": normal(next(keys), (query, 1))[:, 0],
        }
    else:
        scores = {"W": normal(next(keys), (memory, query))}
    return {**scores, "C": normal(next(keys), (memory + query, query))}


def remember(kind: str, params: Params, memory: Array, mask: Array, product: Any) -> Params:
    """Returns what every step of the decoder reads, computed once.

    Args:
        memory: [B, S, M].
        mask: [B, S] bool, the steps of the memory that exist.
        product: `jnp.matmul` in the precision of the model.

    Returns:
        {"memory" [B, S, M], "keys" [B, S, H], "mask" [B, S] of 0 and 1}.
    """
    keys = product(memory, params["U" if kind == "additive" else "W"])
    return {"memory": memory, "keys": keys, "mask": mask.astype(memory.dtype)}


def attend(kind: str, params: Params, h: Array, read: Params) -> tuple[Array, Array]:
    """Returns h~ [B, H] and the weights a [B, S], whose sum is 1 where any step exists.

    Args:
        h: [B, H].
        read: the result of `remember`.
    """
    if kind == "additive":
        e = jnp.tanh((h @ params["W"])[:, None] + read["keys"]) @ params["v"]
    else:
        e = jnp.einsum("bh,bsh->bs", h, read["keys"])
    # Not -inf: a row without any step, which fills up a batch, would be NaN.
    e = jnp.where(read["mask"] > 0, e, jnp.finfo(e.dtype).min)
    a = jax.nn.softmax(e) * read["mask"]
    c = jnp.einsum("bs,bsm->bm", a, read["memory"])
    return jnp.tanh(jnp.concatenate([c, h], axis=-1) @ params["C"]), a
