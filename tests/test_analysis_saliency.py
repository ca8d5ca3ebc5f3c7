"""Saliency: linear scores with exact answers, completeness, inputs that are not read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X

import lstmx
from lstmx import cells
from lstmx.analysis import saliency


@pytest.fixture(scope="module")
def lstm():
    """The score of an LSTM with large weights, and inputs."""
    model = lstmx.models.sequence_model(cells.make("lstm", hidden_size=H), X, 2)
    params = jax.tree.map(lambda a: 2 * a, model.init(jax.random.key(0)))
    xs = 2 * jax.random.normal(jax.random.key(1), (B, T, X))
    return model, params, xs


WEIGHTS = jax.random.normal(jax.random.key(2), (T, X))


def linear(x):
    return jnp.einsum("btx,tx->b", x, WEIGHTS)


def test_attributions_of_a_linear_score_are_its_terms():
    x = jax.random.normal(jax.random.key(0), (B, T, X))
    np.testing.assert_allclose(saliency.gradient(linear, x)[1], WEIGHTS, rtol=1e-6)
    terms = (x - 0.5) * WEIGHTS
    found = saliency.integrated_gradients(linear, x, baseline=0.5, steps=3)
    np.testing.assert_allclose(found.values, terms, atol=1e-5)
    np.testing.assert_allclose(found.change, terms.sum((1, 2)), rtol=1e-4)
    drops = saliency.occlusion(linear, x, baseline=jnp.full(X, 0.5))
    np.testing.assert_allclose(drops, terms, atol=1e-5)
    steps = saliency.occlusion(linear, x, baseline=0.5, by_feature=False)
    np.testing.assert_allclose(steps, terms.sum(2), atol=1e-5)


@pytest.mark.parametrize(("rule", "steps"), [("gauss", 32), ("midpoint", 256)])
def test_integrated_gradients_are_complete(lstm, rule, steps):
    model, params, xs = lstm
    score = saliency.score(model, params, output=1)
    found = saliency.integrated_gradients(score, xs, steps=steps, rule=rule)
    zero = model.apply(params, jnp.zeros_like(xs))[0]
    change = model.apply(params, xs)[0][:, -1, 1] - zero[:, -1, 1]
    assert np.abs(change).min() > 0.1
    np.testing.assert_allclose(found.change, change, rtol=1e-5)
    np.testing.assert_allclose(found.values.sum((1, 2)), change, atol=1e-3)
    np.testing.assert_allclose(found.error, found.values.sum((1, 2)) - change, atol=1e-5)


def test_midpoint_of_one_step_is_not_complete_and_says_so(lstm):
    model, params, xs = lstm
    score = saliency.score(model, params)
    found = saliency.integrated_gradients(score, xs, steps=1, rule="midpoint")
    assert np.abs(found.error).max() > 0.01


def test_inputs_that_are_not_read_have_no_saliency(lstm):
    model, params, xs = lstm
    mask = jnp.arange(T)[None] < jnp.array([[T], [4]])
    score = saliency.score(model, params, mask=mask)
    outputs = model.apply(params, xs, mask=mask)[0]
    np.testing.assert_allclose(score(xs), outputs[jnp.arange(B), jnp.array([T - 1, 3]), 0])
    drops = saliency.occlusion(score, xs)
    assert (drops[1, 4:] == 0).all()
    assert (drops[:, :4] != 0).all()
    assert (saliency.gradient(score, xs)[1, 4:] == 0).all()
    early = saliency.score(model, params, step=2)
    assert (saliency.occlusion(early, xs)[:, 3:] == 0).all()


def test_tokens_are_occluded_and_have_no_gradient():
    cell = cells.make("gru", hidden_size=H)
    model = lstmx.models.sequence_model(cell, 4, 2, inputs="token", embed_features=3)
    score = saliency.score(model, model.init(jax.random.key(0)))
    tokens = jnp.array([[1, 0, 2, 3], [0, 3, 0, 1]])
    drops = saliency.occlusion(score, tokens, baseline=0)
    np.testing.assert_array_equal(drops != 0, tokens != 0)
    with pytest.raises(ValueError, match=r"int32 .*which have no gradient; expected floats"):
        saliency.gradient(score, tokens)


def test_scores_and_inputs_of_another_shape_are_refused():
    x = jnp.ones((B, T, X))
    with pytest.raises(
        ValueError, match=r"score of inputs \(2, 7, 3\) is \(2, 7\); expected \[B\]"
    ):
        saliency.gradient(lambda x: x.sum(2), x)
    with pytest.raises(ValueError, match=r"baseline is \(4,\)"):
        saliency.integrated_gradients(linear, x, baseline=jnp.zeros(4))
    with pytest.raises(ValueError, match="unknown rule 'gaus'; did you mean 'gauss'"):
        saliency.integrated_gradients(linear, x, rule="gaus")
    with pytest.raises(ValueError, match=r"expected \[B, T, X\]"):
        saliency.gradient(linear, x[0])
