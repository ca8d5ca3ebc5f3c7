"""Structure: lesions against zeroed weights, exact counts of pruned weights, metrics by group."""

import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, close, same

import lstmx
from lstmx import cells, tasks
from lstmx.analysis import lesion, structure
from lstmx.types import Batch, Mean


@pytest.fixture(scope="module")
def lstm():
    cell = cells.make("lstm", hidden_size=H)
    params = cell.init(jax.random.key(0), X)
    return cell, params, jax.random.normal(jax.random.key(1), (B, T, X))


def outputs_with(cell, params, xs, keep, value):
    damaged = lesion.with_lesion(params, lesion.Lesion(jnp.asarray(keep), jnp.asarray(value)))
    return lstmx.unroll(lesion.wrapper(cell), damaged, xs)


def test_lesion_to_zero_equals_removing_the_weights_that_read_the_unit(lstm):
    cell, params, xs = lstm
    keep = np.arange(H) != 2
    found = outputs_with(cell, params, xs, keep, np.zeros(H)).outputs
    without = {**params, "R": params["R"].at[2].set(0)}
    expected = lstmx.unroll(cell, without, xs).outputs
    assert (found[..., 2] == 0).all()
    np.testing.assert_allclose(found[..., keep], expected[..., keep], atol=1e-6)


def test_lesion_to_a_value_holds_it_from_the_start(lstm):
    cell, params, xs = lstm
    value = jnp.full(H, 0.25)
    wrapped = lesion.wrapper(cell)
    damaged = lesion.with_lesion(params, lesion.Lesion(jnp.arange(H) != 1, value))
    assert wrapped.initial_state(damaged, (B,)).h[0].tolist() == [0, 0.25, 0, 0, 0]
    whole = outputs_with(cell, params, xs, jnp.ones(H), value)
    close(whole.outputs, lstmx.unroll(cell, params, xs).outputs)
    assert (lstmx.unroll(wrapped, damaged, xs).outputs[..., 1] == 0.25).all()


def test_lesion_is_a_wrapper_by_name_and_pickles(lstm):
    cell, _, _ = lstm
    lstmx.registry.trust("lstmx.analysis.lesion")
    by_name = lstmx.registry.wrap(cell, "lstmx.analysis.lesion", {})
    assert by_name.init(jax.random.key(0), X)["constants"]["keep"].tolist() == [1] * H
    assert pickle.loads(pickle.dumps(lesion.wrapper(cell))) is lesion.wrapper(cell)
    with pytest.raises(ValueError, match="expected leaf="):
        lesion.wrapper(cells.make("scrn", hidden_size=H))


def test_ablation_of_a_dead_unit_changes_nothing_and_of_the_readout_s_unit_all(lstm):
    cell, params, xs = lstm
    dead = {**params, "R": params["R"].at[3].set(0)}
    wrapped = lesion.wrapper(cell)

    def score(damage):
        y = lstmx.unroll(wrapped, lesion.with_lesion(dead, damage), xs).outputs
        return {"first": jnp.square(y[..., 0]).sum(), "one": jnp.ones(())}

    found = structure.ablation(score, H)
    assert found.without["first"].shape == (H,)
    assert found.without["first"][3] == found.whole["first"] > 0
    assert found.without["first"][0] == 0
    assert (np.abs(found.without["first"] - found.whole["first"]) > 1e-6).sum() == H - 1
    with pytest.raises(ValueError, match=r"value is \(2,\); expected a number or \[H=5\]"):
        structure.ablation(score, H, value=jnp.zeros(2))


def test_mean_activity_is_over_steps_that_exist():
    h = jnp.arange(2.0 * 3).reshape(1, 3, 2)
    mask = jnp.array([[True, True, False]])
    assert structure.mean_activity(h, mask).tolist() == [1, 2]


PARAMS = {
    "layers": {"layer_0": {"W": jnp.array([[[1.0, -4], [2, 8]]]), "b": jnp.ones((2, 2))}},
    "readout": {"W": jnp.array([[3.0], [-0.5]])},
    "constants": {"M": jnp.array([0.1])},
}


def weights(params):
    return params["layers"]["layer_0"]["W"].ravel().tolist(), params["readout"][
        "W"
    ].ravel().tolist()


def test_pruning_ranks_weights_in_its_groups():
    assert weights(structure.pruned(PARAMS, 0.5)) == ([0, -4, 0, 8], [3, 0])
    assert weights(structure.pruned(PARAMS, 0.5, by="matrix")) == ([0, -4, 0, 8], [3, 0])
    assert weights(structure.pruned(PARAMS, 0.75, by="matrix")) == ([0, 0, 0, 8], [0, 0])
    assert weights(structure.pruned(PARAMS, 0.5, by="gate")) == ([0, -4, 0, 8], [3, 0])
    assert weights(structure.pruned(PARAMS, 0.25, by="gate")) == ([1, -4, 2, 8], [3, -0.5])
    assert weights(structure.pruned(PARAMS, 1.0, gate=1)) == ([1, -4, 0, 0], [3, -0.5])
    only = structure.pruned(PARAMS, 1.0, select=lambda path: path == "readout/W")
    assert weights(only) == ([1, -4, 2, 8], [0, 0])


def test_pruning_at_0_changes_nothing_and_at_1_leaves_biases(lstm):
    _, params, _ = lstm
    whole = {**PARAMS, "layers": {"layer_0": params}}
    for by in structure.GROUPS:
        same(structure.pruned(whole, 0.0, by=by), whole)
        none = structure.pruned(whole, 1.0, by=by)
        assert weights(none) == ([0] * 4 * H * X, [0, 0])
        same(none["layers"]["layer_0"]["b"], params["b"])
        same(none["constants"], whole["constants"])


def test_pruning_curve_scores_the_pruned_parameters():
    def score(params):
        return {"sum": sum(jnp.abs(a).sum() for a in jax.tree.leaves(params["readout"]))}

    found = structure.pruning(score, PARAMS, [0, 0.5, 1])
    np.testing.assert_array_equal(found.sparsity, [0, 0.5, 1])
    np.testing.assert_array_equal(found.scores["sum"], [3.5, 3, 0])
    for options, line in (
        ({"sparsities": []}, "no sparsities"),
        ({"sparsities": [1.5]}, "sparsity=1.5"),
        ({"sparsities": [0.5], "by": "gates"}, "did you mean 'gate'"),
        ({"sparsities": [0.5], "select": lambda path: False}, "nothing to prune"),
    ):
        with pytest.raises(ValueError, match=line):
            structure.pruning(score, PARAMS, **options)


def square(outputs, batch):
    """A loss with weights by target."""
    error = batch.weights * jnp.square(outputs - batch.targets)
    return {"loss": Mean(error.sum(), batch.weights.sum())}


def test_metrics_by_position_and_length_are_means_of_their_errors():
    outputs = jax.random.normal(jax.random.key(0), (3, 4, 2))
    mask = jnp.arange(4)[None] < jnp.array([[2], [4], [2]])
    weights = mask[..., None] * jnp.ones(2)
    batch = Batch(None, jnp.zeros((3, 4, 2)), weights, mask, jnp.zeros_like(mask))
    errors = np.square(outputs)
    found = structure.by_position(square, outputs, batch)
    expected = [*errors[:, :2].mean((0, 2)), *errors[1, 2:].mean(1)]
    np.testing.assert_allclose(found.values["loss"], expected, rtol=1e-6)
    assert found.counts["loss"].tolist() == [6, 6, 2, 2]
    found = structure.by_length(square, outputs, batch)
    assert found.groups.tolist() == [2, 4]
    expected = [errors[::2, :2].mean(), errors[1].mean()]
    np.testing.assert_allclose(found.values["loss"], expected, rtol=1e-6)
    found = structure.by_length(square, outputs, batch, edges=(1, 3, 5))
    np.testing.assert_allclose(found.values["loss"][:2], expected, rtol=1e-6)
    assert np.isnan(found.values["loss"][2])
    with pytest.raises(ValueError, match="expected ascending"):
        structure.by_length(square, outputs, batch, edges=(3, 1))


def test_positions_add_up_to_the_loss_of_a_task():
    task = tasks.make("copy_memory", batch_size=B, length=3, num_symbols=2)
    batch = task.batch(jax.random.key(0), 0)
    shape = (*batch.weights.shape[:2], task.spec.out_features)
    outputs = jax.random.normal(jax.random.key(1), shape)
    found = structure.by_position(task.loss, outputs, batch)
    total = np.nansum(found.values["loss"] * found.counts["loss"]) / found.counts["loss"].sum()
    whole = task.loss(outputs, batch)["loss"]
    np.testing.assert_allclose(total, whole.total / whole.count, rtol=1e-5)
