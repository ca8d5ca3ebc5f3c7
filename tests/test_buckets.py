"""Buckets of about one length: which sequences they have, and that padding changes no result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import experiment, tasks
from lstmx.experiment import keys
from lstmx.tasks import _buckets
from lstmx.testing.cells import QUICKLY
from lstmx.testing.tasks import check_task
from lstmx.train import loop

B, K = 3, 2


@pytest.mark.no_jax
def test_the_worked_example():
    lengths = np.array([2, 9, 3, 1, 8, 3])
    parts = _buckets.cut(lengths, 2, 1)
    assert [sorted(lengths[rows].tolist()) for rows in parts] == [[1, 2, 3], [3, 8, 9]]
    assert _buckets.epoch(parts, 1) == 6
    with pytest.raises(ValueError, match="buckets=3 of 6 sequences: the last has 2, fewer than"):
        _buckets.cut(lengths, 3, 3)


@pytest.mark.no_jax
def test_equal_lengths_are_mixed():
    """Else a file that is sorted by label would give buckets of one label."""
    first, _ = _buckets.cut(np.full(100, 7), 2, 5)
    assert 15 < np.sum(first < 50) < 35


def test_an_epoch_reads_every_sequence_of_a_bucket_once():
    parts = [np.arange(7), np.arange(6)]
    places = _buckets.places(parts, B)
    assert _buckets.epoch(parts, B) == 4
    for bucket, part in enumerate(parts):
        read = jax.jit(places[bucket])
        epochs = [
            np.concatenate([read(step)[0] for step in (4 * n + bucket, 4 * n + 2 + bucket)])
            for n in range(6)
        ]
        assert all(len(set(epoch.tolist())) == 2 * B for epoch in epochs)
        assert set(np.concatenate(epochs).tolist()) == set(range(len(part)))
        assert len({tuple(epoch) for epoch in epochs}) == 6


@pytest.fixture(scope="module")
def texts():
    return tasks.make("text_classification", batch_size=B, buckets=K)


def test_tasks_with_buckets_conform(texts):
    check_task(texts)
    shapes = [jax.eval_shape(one, jax.random.key(0), 0).mask.shape for one in texts.buckets]
    assert shapes[0][1] < shapes[1][1] == texts.spec.length


@pytest.mark.slow
def test_translations_have_buckets(tmp_path):
    rows = [f"{'a ' * (n % 4 + 1)}\t{'b ' * (3 - n % 4)}c" for n in range(20)]
    for split in ("train", "valid"):
        (tmp_path / f"{split}.tsv").write_text("\n".join(rows))
    options = {"source": "file", "file": f"{tmp_path}/{{split}}.tsv", "batch_size": B}
    (tmp_path / "test.tsv").write_text("a\tc\n")
    pairs = tasks.make("translation", buckets=K, teacher_forcing="linear", **options)
    check_task(pairs)
    assert tasks.make("translation", split="test", buckets=K, **options).buckets == ()


@pytest.mark.slow
def test_labels_of_every_step_have_buckets(tmp_path):
    rows = [
        f"{case},{step},{step / 3},{'ab'[step % 2]}"
        for case in range(9)
        for step in range(case + 1)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["id,time,x,label", *rows]))
    options = {"file": str(tmp_path / "t.csv"), "at": "every", "buckets": K, "batch_size": 2}
    check_task(tasks.make("classification", **options))
    with pytest.raises(ValueError, match="expected epochs=True"):
        tasks.make("classification", **options, epochs=False)


def config(**options):
    c = cfg.base()
    c.task = cfg.task("text_classification", batch_size=B, **options)
    c.model.cell = cfg.cell("rnn", hidden_size=2)
    c.model.embed_features = 3
    c.model.bidirectional = True
    c.model.engine = "scan"  # the quickest to compile
    c.steps = c.log_every = c.eval_every = 2 * K
    return cfg.resolve(c, {"model.name": "pooled", "name": "buckets"})


def test_padding_changes_no_result():
    """A bidirectional model that pools: outputs and updates are those of full padding."""
    c = config(buckets=K)
    built = experiment.build(c)
    hparams, (key, train, _) = dict(c.hparams), keys(0)
    task, model = built.task, built.model

    def ask(state, hparams):
        out = []
        for step, one in enumerate(task.buckets):
            pair = []
            for batch in (one(train, step), task.batch(train, step)):
                y, _, _ = model.apply(
                    state.params, batch.inputs, None, mask=batch.mask, resets=batch.resets
                )
                pair.append(jnp.sum(y * batch.weights[..., None], axis=1))
            out.append(pair)
        return out, built.chunk(state, hparams, train)

    def full(state, hparams):
        plain = task._replace(buckets=())
        return loop.chunk(plain, model, c.optimizer, c.steps, state, hparams, train, 2 * K)

    state = jax.jit(built.init, compiler_options=QUICKLY)(hparams, key)
    pairs, (after, metrics) = jax.jit(ask, compiler_options=QUICKLY)(state, hparams)
    for own, whole in pairs:
        np.testing.assert_allclose(own, whole, rtol=1e-5, atol=1e-6)
    assert metrics["loss"].total.shape == (2 * K,)
    expected, logged = jax.jit(full, compiler_options=QUICKLY)(state, hparams)
    for a, b in zip(jax.tree.leaves(after.params), jax.tree.leaves(expected.params)):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(metrics["loss"].total, logged["loss"].total, rtol=1e-5)


def test_log_points_are_between_cycles():
    with pytest.raises(ValueError, match=r"log_every=4 with task.buckets=3; expected a multiple"):
        experiment.build(config(buckets=3))
