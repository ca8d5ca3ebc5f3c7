"""The mLSTM: a matrix memory written by exponential gates. Beck et al. 2024, eq. 19 to 27.

    q = W_q x + b_q   k = (W_k x + b_k) / sqrt(D)   v = W_v x + b_v     for each head, D wide
    i = exp(w_i x + b_i)   f = sigma(w_f x + b_f) or exp(...)            one number for each head
    C' = f C + i k v^T     n' = f n + i k
    h' = o (C'^T q) / max(|n' q|, 1)              o = sigma(W_o x + b_o)

C and n are stored divided by exp(m), m' = max(log f + m, log i), so that the 1 becomes exp(-m').
The gates returned as i and f are i exp(-m') and f exp(m - m'), between 0 and 1, by which the stored
C and n are computed. No gate reads the state, so all steps can be computed at once: `parallel`. The
keys are scaled with their bias, as in the authors' code, where the paper scales W_k x alone: the
same functions. Other code scales q in place of k: C and n are then sqrt(D) times these.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp

from lstmx import checks, initializers
from lstmx.cells import _gates, _input_gates, _stabiliser
from lstmx.cells._gates import sigmoid
from lstmx.types import Array, Cell, Gates, Key, Noise, Params

LABEL = "mLSTM"
BIBTEX = """
@misc{beck2024xlstm,
  author = {Maximilian Beck and Korbinian Pöppel and Markus Spanring and Andreas Auer and
    Oleksandra Prudnikova and Michael Kopp and Günter Klambauer and Johannes Brandstetter and Sepp
    Hochreiter},
  title = {{xLSTM}: Extended Long Short-Term Memory},
  eprint = {2405.04517},
  archiveprefix = {arXiv},
  year = {2024},
}
"""

GATES = ("i", "f", "o")


class MLSTMState(NamedTuple):
    """The state that one step passes to the next.

    Attributes:
        C: memory, keys by values, divided by exp(m), [..., heads, D, D].
        n: normaliser, divided by exp(m), [..., heads, D].
        m: stabiliser, [..., heads].
    """

    C: Array
    n: Array
    m: Array


def cell(
    hidden_size: int = 64,
    *,
    heads: int = 1,
    forget_gate: str = "sigmoid",
    forget_bias: float | None = None,
    epsilon: float = 1e-6,
    initializer: str = "orthogonal",
) -> Cell:
    """An mLSTM.

    Args:
        hidden_size: number of outputs H.
        heads: number of memories, each D x D with D = H / heads.
        forget_gate: "sigmoid" or "exponential".
        forget_bias: initial value of b_f; None is 3 to 6, linearly over the heads (the authors'
            code).
        epsilon: added to the denominator; the authors' code has 1e-6, the paper 0.
        initializer: initializer of W, a key of `lstmx.initializers.STARTS`.

    Raises:
        ValueError: a size or number below one; heads that do not divide H; a negative epsilon; an
            unknown forget gate or initializer.
    """
    checks.size("hidden_size", hidden_size)
    _gates.check_heads(heads, hidden_size=hidden_size)
    checks.one_of("forget_gate", forget_gate, _stabiliser.FORGET_GATES)
    initializers.get(initializer)
    if epsilon < 0:
        raise ValueError(f"epsilon={epsilon}; expected 0 or a positive number")
    D = hidden_size // heads

    def init(key: Key, in_features: int) -> Params:
        b_f = initializers.linear(heads) if forget_bias is None else forget_bias
        blocks = _blocks(hidden_size, heads)
        return _input_gates.init(
            key, in_features, hidden_size, blocks, initializer=initializer, bias={"f": b_f}
        )

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> MLSTMState:
        shape, dtype = (*batch_shape, heads), params["W"].dtype
        return MLSTMState(
            C=jnp.zeros((*shape, D, D), dtype),
            n=jnp.zeros((*shape, D), dtype),
            m=_stabiliser.never(shape, dtype),
        )

    def step(
        params: Params, state: MLSTMState, x: Array, noise: Noise = ()
    ) -> tuple[MLSTMState, Array, Gates]:
        q, k, v, log_i, log_f, o = _of_input(params, x, hidden_size, heads, forget_gate)
        m, i, f = _stabiliser.stabilise(state.m, log_i, log_f)
        outer = k[..., :, None] * v[..., None, :]
        C = f[..., None, None] * state.C + i[..., None, None] * outer
        n = f[..., None] * state.n + i[..., None] * k
        read = jnp.einsum("...kv,...k->...v", C, q)
        retrieved = normalise(read, jnp.sum(n * q, axis=-1), m, epsilon)
        h = o * retrieved.reshape(o.shape)
        return MLSTMState(C, n, m), h, {"i": i, "f": f, "o": o}

    return Cell(init, initial_state, step, hidden_size, gates=GATES)


def parallel(
    params: Params,
    xs: Array,
    *,
    heads: int = 1,
    forget_gate: str = "sigmoid",
    epsilon: float = 1e-6,
    state: MLSTMState | None = None,
    mask: Array | None = None,
) -> Array:
    """The outputs of all steps at once, equal to an unroll's. Beck et al. 2024, appendix.

    Time and memory grow with T squared, and no step waits for an earlier one: this form is faster
    for short sequences and large batches, the recurrent one for long sequences.

    Args:
        params: of the cell with the same options.
        xs: inputs [B, T, X].
        state: state before the first step; an empty memory if None.
        mask: [B, T] bool; False where a step does not exist. Its output is zero.

    Returns:
        Outputs [B, T, H].

    Raises:
        ValueError: heads that do not divide H; an unknown forget gate.
    """
    hidden_size = (params["b"].size - 2 * heads) // 4
    checks.size("hidden_size", hidden_size)
    _gates.check_heads(heads, hidden_size=hidden_size)
    checks.one_of("forget_gate", forget_gate, _stabiliser.FORGET_GATES)
    if mask is not None:
        xs = jnp.where(mask[..., None], xs, 0)  # a NaN in the padding would reach the gradients
    q, k, v, log_i, log_f, o = _of_input(params, xs, hidden_size, heads, forget_gate)
    never = _stabiliser.never((), log_i.dtype)
    if mask is not None:  # a step that does not exist neither writes nor forgets
        log_i = jnp.where(mask[..., None], log_i, never)
        log_f = jnp.where(mask[..., None], log_f, 0)
    decay = jnp.cumsum(log_f, axis=1)
    T = xs.shape[1]
    # weights[b, t, s, n]: logarithm of the weight of step s in the memory of step t.
    earlier = jnp.tril(jnp.ones((T, T), bool))[None, :, :, None]
    weights = decay[:, :, None] - decay[:, None] + log_i[:, None]
    weights = jnp.where(earlier, weights, never)
    m = weights.max(axis=2)
    if state is not None:
        carried = decay + state.m[:, None]
        m = jnp.maximum(m, carried)
    scores = jnp.exp(weights - m[:, :, None]) * jnp.einsum("btnd,bsnd->btsn", q, k)
    read, norm = jnp.einsum("btsn,bsnv->btnv", scores, v), scores.sum(axis=2)
    if state is not None:
        remaining = jnp.exp(carried - m)
        read += remaining[..., None] * jnp.einsum("btnk,bnkv->btnv", q, state.C)
        norm += remaining * jnp.einsum("btnk,bnk->btn", q, state.n)
    outputs = o * normalise(read, norm, m, epsilon).reshape(o.shape)
    return outputs if mask is None else jnp.where(mask[..., None], outputs, 0)


def normalise(read: Array, norm: Array, m: Array, epsilon: float) -> Array:
    """read [..., heads, D] / (max(|norm|, exp(-m)) + epsilon), for any stabiliser m [..., heads].

    Numerator and denominator are divided by max(1, exp(-m)) first: exp(-m) alone is infinite for an
    m below -89, and so is its gradient.
    """
    scale = jnp.exp(jnp.minimum(m, 0))
    floor = jnp.exp(-jnp.maximum(m, 0))
    denominator = jnp.maximum(jnp.abs(norm) * scale, floor) + epsilon * scale
    return read * (scale / denominator)[..., None]


def _blocks(hidden_size: int, heads: int) -> dict[str, int]:
    H = hidden_size
    return {"q": H, "k": H, "v": H, "i": heads, "f": heads, "o": H}


def _of_input(
    params: Params, x: Array, hidden_size: int, heads: int, forget_gate: str
) -> tuple[Array, Array, Array, Array, Array, Array]:
    """q, k and v [..., heads, D], log i and log f [..., heads], and o [..., H]."""
    a = _gates.split(_gates.project(params, x), _blocks(hidden_size, heads))
    D = hidden_size // heads
    q, k, v = (a[name].reshape(*x.shape[:-1], heads, D) for name in "qkv")
    log_f = _stabiliser.FORGET_GATES[forget_gate](a["f"])
    return q, k / math.sqrt(D), v, a["i"], log_f, sigmoid(a["o"])
