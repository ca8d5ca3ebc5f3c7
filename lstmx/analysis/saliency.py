"""Saliency: which inputs a score depends on, per step and feature.

A score is a function of the inputs alone, (inputs [B, T, X]) -> [B], in which no example depends on
another; `score` makes one of a model, such as the logit of a class at the last step. Gradients are
by floats. Tokens have none: `occlusion` replaces them, or the score takes embedded inputs
[B, T, E], of a model with inputs="vector".

>>> import jax, jax.numpy as jnp, lstmx
>>> from lstmx.analysis import saliency
>>> model = lstmx.models.sequence_model(lstmx.cells.make("lstm", hidden_size=5), 3, 4)
>>> logit = saliency.score(model, model.init(jax.random.key(0)), output=2)
>>> found = saliency.integrated_gradients(logit, jnp.ones((2, 7, 3)))
>>> found.values.shape, bool(jnp.abs(found.error).max() < 1e-4)
((2, 7, 3), True)
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.types import Array, Model, Params

Score = Callable[[Array], Array]
"""(inputs [B, T, X]) -> scores [B]."""
RULES = ("gauss", "midpoint")


class Attribution(NamedTuple):
    """An attribution that sums to a change of the score.

    Attributes:
        values: by step and feature, [B, T, X].
        change: score of the inputs minus score of the baseline, [B].
        error: sum of the values minus the change, [B]: the error of the numerical integral.
    """

    values: Array
    change: Array
    error: Array


def score(
    model: Model,
    params: Params,
    *,
    output: int = 0,
    step: int | Array | None = None,
    mask: Array | None = None,
    resets: Array | None = None,
) -> Score:
    """Returns the score of one output of a model at one step, (inputs) -> [B].

    Args:
        model: with outputs [B, T, Y].
        params: its parameters.
        output: index of the output, such as a class.
        step: of the output, or one for each example, [B]; the last one that exists if None.
        mask: [B, T] bool, False where a step does not exist.
        resets: [B, T] bool, as for `Model.apply`.
    """
    if step is None and mask is not None:
        present = jnp.asarray(mask).astype(bool)
        step = present.shape[1] - 1 - jnp.argmax(jnp.flip(present, 1), axis=1)

    def function(inputs: Array) -> Array:
        outputs = model.apply(params, inputs, mask=mask, resets=resets)[0]
        at = jnp.broadcast_to(jnp.asarray(-1 if step is None else step), outputs.shape[:1])
        return outputs[jnp.arange(outputs.shape[0]), at, output]

    return function


def gradient(function: Score, inputs: Array) -> Array:
    """Returns d score / d input, [B, T, X]. Simonyan, Vedaldi & Zisserman 2014.

    Raises:
        ValueError: inputs that are no floats, a score that is not [B].
    """
    inputs = _checked(function, inputs)
    return jax.jit(jax.grad(lambda x: function(x).sum()))(inputs)


def integrated_gradients(
    function: Score,
    inputs: Array,
    *,
    baseline: Array | float = 0.0,
    steps: int = 32,
    rule: str = "gauss",
) -> Attribution:
    """Returns integrated gradients. Sundararajan, Taly & Yan 2017, eq. 1.

        (x - x') integral_0^1 dF(x' + a (x - x')) / dx da

    They are complete: their sum is F(x) - F(x'). The error of the integral is returned; more steps
    make it smaller.

    Args:
        function: F, the score.
        inputs: x, [B, T, X] floats.
        baseline: x', that broadcasts to x; its score should mean "nothing": check `change`.
        steps: number of gradients along the path.
        rule: of the integral: "gauss", Gauss-Legendre, exact for polynomials up to degree
            2 steps - 1; or "midpoint", for scores with kinks.

    Raises:
        ValueError: inputs that are no floats, a score that is not [B], no steps, an unknown rule, a
            baseline that does not broadcast to the inputs.
    """
    checks.size("steps", steps)
    checks.one_of("rule", rule, RULES)
    x = _checked(function, inputs)
    start = _baseline(baseline, x)
    places, weights = (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
    if rule == "gauss":
        nodes, sizes = np.polynomial.legendre.leggauss(steps)
        places, weights = (nodes + 1) / 2, sizes / 2

    def run(x: Array, start: Array) -> Attribution:
        slope = jax.grad(lambda x: function(x).sum())

        def body(total: Array, node: tuple[Array, Array]) -> tuple[Array, None]:
            place, weight = node
            return total + weight * slope(start + place * (x - start)), None

        nodes = (jnp.asarray(places, x.dtype), jnp.asarray(weights, x.dtype))
        mean, _ = jax.lax.scan(body, jnp.zeros_like(x), nodes)
        values = (x - start) * mean
        change = function(x) - function(start)
        return Attribution(values, change, values.sum(range(1, x.ndim)) - change)

    return jax.jit(run)(x, start)


def occlusion(
    function: Score,
    inputs: Array,
    *,
    baseline: Array | float = 0.0,
    by_feature: bool = True,
) -> Array:
    """Returns by how much the score falls where an input is replaced by the baseline.

    Zeiler & Fergus 2014, with one step, or one feature of a step, as the patch. The score is
    computed T X times, one after the other.

    Args:
        function: the score.
        inputs: [B, T, X] floats, or [B, T] tokens.
        baseline: a number, or an array that broadcasts to the inputs; for tokens, a token.
        by_feature: whether features are replaced one at a time, or all of a step together.

    Raises:
        ValueError: inputs that are neither [B, T, X] nor [B, T], a score that is not [B], a
            baseline that does not broadcast to the inputs.

    Returns:
        [B, T, X]; [B, T] for tokens, or with by_feature=False.
    """
    x = _checked(function, inputs, floats=False)
    start = _baseline(baseline, x)
    T, features = x.shape[1], x.shape[2:]
    X = features[0] if features and by_feature else 1

    def run(x: Array, start: Array) -> Array:
        whole = function(x)

        def without(number: Array) -> Array:
            here = jnp.arange(T)[None] == number // X
            if features:
                feature = jnp.arange(features[0]) == number % X if X > 1 or by_feature else True
                here = here[..., None] & jnp.broadcast_to(feature, features)[None, None]
            return whole - function(jnp.where(here, start, x))

        return jnp.moveaxis(jax.lax.map(without, jnp.arange(T * X)), 0, 1)

    drops = jax.jit(run)(x, start)
    return drops.reshape(-1, T, X) if features and by_feature else drops


def _checked(function: Score, inputs: Any, *, floats: bool = True) -> Array:
    """The inputs as an array, if a score takes them."""
    x = jnp.asarray(inputs)
    if floats and not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(
            f"inputs are {x.dtype} {x.shape}, which have no gradient; expected floats [B, T, X], "
            "such as embedded tokens, or occlusion, which takes tokens"
        )
    if x.ndim not in ((3,) if floats else (2, 3)):
        raise ValueError(
            f"inputs are {x.shape}; expected [B, T, X]{'' if floats else ' or [B, T]'}"
        )
    shape = jax.eval_shape(function, x).shape
    if shape != x.shape[:1]:
        raise ValueError(f"the score of inputs {x.shape} is {shape}; expected [B], {x.shape[:1]}")
    return x


def _baseline(baseline: Any, x: Array) -> Array:
    given = jnp.asarray(baseline)
    try:
        return jnp.broadcast_to(given.astype(x.dtype), x.shape)
    except ValueError:
        raise ValueError(
            f"baseline is {given.shape}; expected a number or an array for inputs {x.shape}"
        ) from None
