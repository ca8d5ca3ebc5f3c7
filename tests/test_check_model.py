"""`check_model` passes the model of lstmx in its forms, and names the rule that a model breaks."""

import itertools

import jax
import jax.numpy as jnp
import pytest

from lstmx import cells, models
from lstmx.testing import check_model

CELL = cells.make("lstm", hidden_size=5)
BASE = models.sequence_model(CELL, 3, 2)
TOKENS = jnp.array([[0, 1, 2, 2, 1, 0, 1], [2, 0, 0, 1, 2, 2, 0]])
COUNTER = itertools.count()


def changed(**parts):
    """The model with other functions: part=(its function -> another function); no `hidden`."""
    functions = {name: change(getattr(BASE, name)) for name, change in parts.items()}
    return BASE._replace(hidden=None, **functions)


def applied(change):
    """The model with other results: change(outputs, state, inputs of `apply`)."""

    def wrap(apply):
        def other(params, inputs, state=None, **options):
            outputs, last, trace = apply(params, inputs, state, **options)
            return *change(outputs, last, inputs), trace

        return other

    return changed(apply=wrap)


def without(option):
    """The model that ignores an argument of `apply`."""
    ignore = lambda apply: lambda *a, **options: apply(*a, **{**options, option: None})
    return changed(apply=ignore)


def stateless(apply):
    return lambda params, inputs, state=None, **options: apply(params, inputs, None, **options)


def nested(init):
    return lambda key: jax.tree.leaves(init(key))


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (BASE, {}),
        pytest.param(
            models.sequence_model((CELL, CELL), 3, 2, stack=models.Stack("residual", 0.5)),
            {},
            marks=pytest.mark.slow,
        ),
        (models.sequence_model(CELL, 3, 2, bidirectional=True), {"causal": False}),
        (models.sequence_model(CELL, 3, 2, inputs="token"), {"inputs": TOKENS}),
    ],
    ids=["one layer", "residual with dropout", "bidirectional", "tokens"],
)
def test_the_model_sequence_passes(model, options):
    check_model(model, **options)


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (changed(init=nested), "keys are strings"),
        (changed(init=lambda f: lambda key: {**f(key), "n": jnp.ones(2, int)}), "float array"),
        (applied(lambda y, s, _: (y + next(COUNTER), s)), "other results when called again"),
        (applied(lambda y, s, _: (y[:, 1:], s)), r"expected \[B=2, T=7, ...\]"),
        (applied(lambda y, s, _: (y, s["layer_0"])), "must return a state like the initial one"),
        (applied(lambda y, s, _: (y + y.mean(0), s)), "depends on the others in its batch"),
        (applied(lambda y, s, _: (y + y.mean(1, keepdims=True), s)), "in two calls differ in outp"),
        (changed(apply=stateless), "at once and in two calls differ"),
        (without("mask"), "inputs of a masked step matter"),
        (without("resets"), "does not restart from the initial state"),
        (applied(lambda y, s, x: (y + x.sum(), s)), "depends on the others in its batch"),
        (BASE._replace(hidden=lambda *a, **k: BASE.hidden(a[0], a[1] + 1, **k)), "hidden and appl"),
    ],
)
def test_check_model_names_the_rule_that_a_model_breaks(model, line):
    with pytest.raises(AssertionError, match=line) as error:
        check_model(model)
    assert "\n" not in str(error.value)


def test_check_model_refuses_a_function_that_cannot_be_compiled():
    with pytest.raises(jax.errors.ConcretizationTypeError):
        check_model(applied(lambda y, s, _: (y + float(y.sum()), s)))
