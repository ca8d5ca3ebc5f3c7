"""The model "sequence" whose layers read a convolution of the inputs over time.

    v_j = f(sum_k W_k x_{s j + k - l} + b)      k = 0 ... K - 1, a step j for every s inputs
    h = layers(v)      y_t = h_{floor(t / s)} W + b

A causal convolution has l = K - 1: it reads the last K inputs, and the model can be used step by
step. Otherwise l = (K - 1) // 2, and it reads the inputs around its step. Before the first step and
after the last there are zeros: "causal" of Keras' Conv1D, and for an odd K padding K // 2 of
torch's.

With a stride s the layers have only every s-th step: they are s times shorter, in time and in how
far gradients travel. Outputs stay what they were until the next of these steps, so that a task can
score any step of its own, by what the network knows at that step. At the last step of a sequence
that is the last step of the layers; up to s - 1 inputs after it are not read, unless K reaches
them, as in Keras.

A causal convolution is exact over windows that follow each other, whatever their lengths. Others
are refused there, and so is a reset within a window where s > 1: the steps of the layers would be
others for each row. Under jit, where that cannot be known, the outputs of such a row are NaN.

Sainath, Vinyals, Senior & Sak 2015 put convolutions, over frequencies, below an LSTM.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, sequence
from lstmx import precision as precisions
from lstmx.models import _convolution
from lstmx.models import _parts as parts
from lstmx.models._backbone import Backbone
from lstmx.models._convolution import Front, Places
from lstmx.models.sequence import init_params
from lstmx.types import Array, Key, Model, Params, State

BIBTEX = """
@inproceedings{sainath2015cldnn,
  author = {Tara N. Sainath and Oriol Vinyals and Andrew Senior and Ha{\\c{s}}im Sak},
  title = {Convolutional, Long Short-Term Memory, fully connected Deep Neural Networks},
  booktitle = {{IEEE} International Conference on Acoustics, Speech and Signal Processing},
  year = {2015},
}
"""
ACTIVATIONS = {"identity": lambda v: v, "relu": jax.nn.relu, "tanh": jnp.tanh}
"""Name -> f."""


class ConvolutionalState(NamedTuple):
    """The state of the model.

    Attributes:
        layers: that of every layer.
        front: see `Front`.
    """

    layers: State
    front: Front


def model(
    backbone: Backbone,
    *,
    channels: int = 32,
    kernel: int = 5,
    stride: int = 1,
    causal: bool = True,
    activation: str = "relu",
) -> Model:
    """Returns the model of a backbone.

    Parameters are those of the model "sequence", its layers reading C features, and
    `convolution.W [K, X, C]` and `.b [C]`; W is LeCun normal over its K X inputs, b zero.

    Args:
        backbone: of the model.
        channels: number C of features of the convolution.
        kernel: number K of inputs that each of its steps reads.
        stride: inputs from one of its steps to the next.
        causal: whether it reads no input after its step.
        activation: f, "identity", "relu" or "tanh".

    Raises:
        ValueError: a size below 1, an unknown activation, a readout with a shortcut.
    """
    checks.sizes(1, channels=channels, kernel=kernel, stride=stride)
    checks.one_of("activation", activation, ACTIVATIONS)
    if backbone.readout.shortcut:
        raise ValueError("readout: model 'convolutional' has no shortcut; expected shortcut=False")
    above = dataclasses.replace(backbone, in_features=channels, inputs="vector", embed_features=0)
    left = kernel - 1 if causal else (kernel - 1) // 2
    product = precisions.products(jnp.matmul, backbone.stack.precision)

    def init(key: Key) -> Params:
        keys = parts.keys(key)
        params = dict(init_params(above, keys))
        if backbone.embed_features:
            table = (backbone.in_features, backbone.embed_features)
            params["embedding"] = {"W": jax.random.normal(next(keys), table)}
        normal = jax.nn.initializers.lecun_normal()
        W = normal(next(keys), (kernel, backbone.features, channels))
        params["convolution"] = {"W": W, "b": jnp.zeros(channels)}
        return params

    expected = parts.shapes(jax.eval_shape(lambda: init(jax.random.key(0))))

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        parts.check_params(params, expected)
        zeros = lambda *sizes: jnp.zeros((*batch_shape, *sizes), params["convolution"]["W"].dtype)
        inputs = zeros(left, backbone.features) if causal and left else None
        front = Front(zeros(1), inputs, zeros(backbone.hidden_features))
        layers = sequence.initial_states(backbone.layers, params["layers"], batch_shape)
        return ConvolutionalState(layers, front)

    def convolved(params: Params, xs: Array, front: Front, found: Places) -> tuple[Array, Array]:
        """The features [B, J, C], and the last inputs [B, left, X]."""
        before = front.inputs
        if before is None:
            before = jnp.zeros((xs.shape[0], left, xs.shape[2]), xs.dtype)
        read, last = _convolution.windows(xs, before.astype(xs.dtype), found, kernel, stride)
        flat = read.reshape(*read.shape[:2], -1)
        v = product(flat, params["W"].reshape(-1, channels)) + params["b"][None, None]
        return ACTIVATIONS[activation](v), last

    def run(
        params: Params,
        inputs: Any,
        state: ConvolutionalState | None,
        *,
        mask: Array | None,
        resets: Array | None,
        **options: Any,
    ) -> parts.Ran:
        parts.check_params(params, expected)
        xs = parts.embed(backbone, params, inputs)
        if not hasattr(xs, "shape"):
            kind = type(xs).__name__
            raise ValueError(f"model 'convolutional' got inputs of type {kind}; expected an array")
        resets, mask, _ = sequence.check_steps(xs, resets, mask, None)
        if backbone.inputs == "token":
            xs = parts.mark_unknown(xs, inputs, backbone.in_features, mask)
        rows = xs.shape[:1]
        fresh = initial_state(params, rows)
        state = fresh if state is None else state
        front = state.front
        found = _convolution.places(xs.shape[:2], mask, resets, front.steps[:, 0], stride)
        wrong = _wrong(found)
        v, last = convolved(params["convolution"], xs, front, found)
        marks = {"mask": found.real, "resets": found.resets}
        result = parts.run_layers(above, params, v, v, state.layers, **marks, **options)
        h = result.outputs
        over = found.ended != found.last  # the reset after the last step is none of the layers'
        layers = jax.tree.map(
            lambda a, b: jnp.where(over.reshape(-1, *[1] * (a.ndim - 1)), b, a),
            result.state,
            fresh.layers,
        )
        after = _convolution.after(front, found, last, h, stride)
        trace = result.trace
        if stride > 1 or mask is not None:
            h = _convolution.hold(front, found, h, found.shown)
            at = jnp.maximum(found.shown, 0)
            trace = jax.tree.map(lambda a: _convolution.take(a, at), trace)
        if wrong is not None:
            h = jnp.where(wrong[:, None, None], jnp.nan, h)
        y = parts.read(backbone.readout, params["readout"], h, None, backbone.stack.precision)
        return parts.Ran(y, ConvolutionalState(layers, after), trace, h)

    def _wrong(found: Places) -> Array | None:
        """Rows that cannot be computed, [B]; None where all can. Raises ValueError outside jit."""
        wrong = None if causal else found.continues
        if stride > 1:
            wrong = found.restarts if wrong is None else wrong | found.restarts
        if wrong is None or isinstance(wrong, jax.core.Tracer):
            return wrong
        if bool(wrong.any()):
            raise ValueError(_refused(causal, stride))
        return None

    def refusal(resets: Array) -> str | None:
        inside = stride > 1 and bool(resets[:, 1:].any())
        continued = not causal and not bool(resets[:, 0].all())
        return _refused(causal, stride) if inside or continued else None

    limited = refusal if stride > 1 or not causal else None
    return Model(init, initial_state, *parts.surface(run), refusal=limited)


def _refused(causal: bool, stride: int) -> str:
    what = []
    if stride > 1:
        what.append(f"model.stride={stride} with a reset within a window")
    if not causal:
        what.append("model.causal=False with windows that continue one another")
    return (
        f"model 'convolutional' cannot compute {' or '.join(what)}; expected batches whose rows "
        "are whole sequences, or stride=1 and causal=True"
    )
