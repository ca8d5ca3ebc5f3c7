"""`check_cell` refuses a cell that breaks a rule, and its message has the rule."""

import functools

import jax
import jax.numpy as jnp
import pytest

from lstmx import cells, engines
from lstmx.testing import check_cell

BASE = cells.make("rnn", hidden_size=5)


def changed(**parts):
    """The RNN with some of its functions wrapped: part=(how to change its results)."""
    wrap = lambda f, change: lambda *a: change(f(*a))
    return BASE._replace(**{k: wrap(getattr(BASE, k), change) for k, change in parts.items()})


def mixed(results):
    """The results of a step with every example changed by the others."""
    mix = lambda a: a + a.mean(0, keepdims=True)
    return results[0]._replace(h=mix(results[0].h)), mix(results[1]), results[2]


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        (changed(init=lambda p: list(p.values())), "keys are strings"),
        (changed(init=lambda p: p | {"n": jnp.ones(2, int)}), "expected a float array"),
        (changed(init=lambda p: p | {"unused": jnp.ones(2)}), r"\['unused'\] gets no gradient"),
        (changed(initial_state=lambda s: s._replace(h=s.h[0])), "batch axes come first"),
        (changed(step=lambda r: (r[0].h, *r[1:])), "must return a state like its own"),
        (changed(step=lambda r: (r[0]._replace(h=r[0].h[:, :2]), *r[1:])), "turns state.h from"),
        (changed(step=lambda r: (r[0], r[1][:, 1:], r[2])), "out_features says"),
        (changed(step=lambda r: (*r[:2], {"i": r[1]})), "returns the gates"),
        (changed(step=lambda r: (r[0], 2 * r[1], r[2])), "cell.output is 'h', but the output"),
        (BASE._replace(output=None), r"the output is the leaf 'h' .* Cell\(..., output='h'\)"),
        (changed(step=mixed), "neighbour in the batch"),
    ],
)
def test_check_cell_names_the_rule_that_a_cell_breaks(cell, line):
    with pytest.raises(AssertionError, match=line) as error:
        check_cell(cell)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        (lambda run, *a, **k: run(*a[:5], None, a[6], **k), "fresh start"),
        (lambda run, *a, **k: run(*a[:6], None, **k), "hold the state"),
        (lambda run, *a, **k: run(*a, **k)._replace(state=a[2]), "a loop over step differ"),
    ],
    ids=["resets", "mask", "state"],
)
def test_check_cell_names_the_rule_that_an_unroll_breaks(monkeypatch, broken, line):
    run = engines.get("scan")
    monkeypatch.setattr(engines, "get", lambda name: functools.partial(broken, run))
    with pytest.raises(AssertionError, match=line):
        check_cell(BASE, engine_names=())


def test_check_cell_names_an_engine_that_differs_from_the_reference(monkeypatch):
    run = engines.get("scan")

    @jax.custom_jvp
    def blind(x):
        return x

    blind.defjvp(lambda primals, tangents: (primals[0], 0.9 * tangents[0]))

    def wrong(*arguments, **options):
        result = run(*arguments, **options)
        return result._replace(outputs=blind(result.outputs))

    monkeypatch.setattr(engines, "get", lambda name: wrong if name == "wrong" else run)
    with pytest.raises(AssertionError, match=r"engine 'wrong' .* gradients of"):
        check_cell(BASE, engine_names=("wrong",))
