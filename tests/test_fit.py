"""lstmx.fit: arrays of a user to a run and back, and every refusal in one line."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

import lstmx
from lstmx import config as cfg
from lstmx import experiment, fitting, runs, stats
from lstmx.data import arrays, fetch
from lstmx.fitting import _given
from lstmx.runs import decisions
from lstmx.tasks import _labelled
from lstmx.testing.tasks import check_task

N, T, X = 13, 7, 3
RNG = np.random.default_rng(0)


def part(count, *, classes, every):
    lengths = RNG.integers(2, T + 1, count)
    lengths[0] = T
    lead = (count, T) if every else (count,)
    if classes:
        targets = RNG.integers(0, 4, lead).astype(np.int32)
    else:
        targets = RNG.normal(size=(*lead, 2)).astype(np.float32)
    values = RNG.normal(5.0, 2.0, (count, T, X)).astype(np.float32)
    return arrays.Part(values, np.arange(T) < lengths[:, None], targets)


def labelled(*, classes, every):
    parts = {n: part(c, classes=classes, every=every) for n, c in (("train", N), ("valid", 5))}
    return arrays.Labelled(parts, np.array(["a", "b", "c", "d"]) if classes else None)


@pytest.mark.parametrize(
    ("classes", "every", "options"),
    [
        (True, False, {"scaling": "standard", "missing": "flags", "balanced": True}),
        (False, True, {"scaling": "standard"}),
        pytest.param(True, True, {"epochs": False}, marks=pytest.mark.slow),
        pytest.param(False, False, {"split": "valid"}, marks=pytest.mark.slow),
    ],
)
def test_the_task_of_a_file_conforms(classes, every, options, tmp_path):
    data = labelled(classes=classes, every=every)
    name = arrays.save(tmp_path, data)
    again = arrays.load(tmp_path / name)
    for one, two in zip(jax.tree.leaves(data), jax.tree.leaves(again)):
        np.testing.assert_array_equal(one, two)
    assert arrays.save(tmp_path, again) == name, "equal data have one file"
    task = lstmx.tasks.make("arrays", file=str(tmp_path / name), batch_size=2, **options)
    check_task(task)
    assert task.spec.in_features == X * (1 + (options.get("missing") == "flags"))


def test_metrics_count_what_exists_in_the_units_of_the_targets(tmp_path):
    data = labelled(classes=False, every=False)
    file = str(tmp_path / arrays.save(tmp_path, data))
    task = lstmx.tasks.make("arrays", file=file, batch_size=N, split="valid", scaling="standard")
    batch = jax.jit(task.batch)(jax.random.key(0), 0)
    metrics = task.loss(np.zeros((N, T, 2), np.float32), batch)
    # Zeros after scaling are the mean of train: the baseline.
    error = float(metrics["mse"].total / metrics["mse"].count)
    assert error == pytest.approx(task.spec.baseline, rel=1e-5)
    truth = data.parts["valid"].targets - data.parts["train"].targets.mean(0)
    assert error == pytest.approx(float(np.mean(truth**2)), rel=1e-5)
    ends = data.parts["valid"].mask.sum(1) - 1
    assert [int(np.argmax(row)) for row in np.asarray(batch.weights)[:5]] == ends.tolist()


def test_a_run_of_fit_is_a_run_and_predicts_in_the_units_and_labels_of_y(tmp_path):
    values = RNG.normal(size=(40, T, 2))
    sequences = [row[: 2 + n % (T - 1)] for n, row in enumerate(values)]
    y = np.array(["up" if row[:, 0].sum() > 0 else "down" for row in sequences])
    call = {
        "cell": "gru",
        "hidden_size": 5,
        "epochs": 6,
        "batch_size": 8,
        "learning_rate": 3e-2,
        "validation_split": 0.2,
        "class_weight": {"up": 1.0, "down": 2.0},
        "workdir": tmp_path,
        "overrides": {"hparams.clip_norm": 0.5},
    }
    fitted = lstmx.fit(sequences, y, **call)
    config = fitted.opened.config
    assert config.task.class_weights == (2.0, 1.0)
    assert config.hparams.clip_norm == 0.5
    assert fitted.run.reason == "steps"
    assert fitted.history.index.tolist() == [4 * (n + 1) for n in range(6)]
    found = fitted.evaluate()
    best = fitted.history["eval/valid/accuracy"].max()
    assert found["accuracy"] == pytest.approx(best)
    assert found["accuracy"] > fitted.run.meta["evals"]["valid"]["baseline"]
    # The same data given by hand, and by predictions; padding of another length changes nothing.
    guess = fitted.predict(sequences[32:])
    assert np.mean(guess == y[32:]) == pytest.approx(best)
    padded = np.zeros((8, T + 4, 2))
    padded[:, :T] = values[32:]
    lengths = [len(one) for one in sequences[32:]]
    probabilities = fitted.predict(padded, lengths=lengths, probabilities=True)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (fitted.classes[probabilities.argmax(1)] == guess).all()
    table = fitted.confusion(sequences[32:], y[32:])
    assert np.trace(table.to_numpy()) == np.sum(guess == y[32:])
    assert table.loc["up"].sum() == np.sum(y[32:] == "up")
    # Again: finished. The launchers' functions find the data, also after the folder has moved.
    assert lstmx.fit(sequences, y, **call).run.path == fitted.run.path
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "fit", moved)
    again = fitting.open(moved / fitted.run.path.name)
    assert again.evaluate() == found
    (row,) = runs.evaluate(again.run.path)
    assert row.metrics["accuracy"] == pytest.approx(best)
    found = decisions.decide(again.run.path, "valid")
    np.testing.assert_array_equal(
        stats.confusion(found.truth, found.probabilities.argmax(1), 2), table.to_numpy()
    )
    text = decisions.table(found)
    assert f"valid: 8 decisions, accuracy {best:.3g}".rstrip("0") in text
    words = decisions.Decisions("valid", np.arange(150), np.eye(150))
    assert "not shown of 150 classes, more than 100" in decisions.table(words)
    with pytest.raises(ValueError, match="unknown evaluation 'test'"):
        decisions.decide(again.run.path, "test")
    with pytest.raises(fetch.Missing, match="arrays-"):
        experiment.build(again.opened.config)  # nobody said beside which run
    for wrong, message in (
        ((values[:, :, :1],), "X has 1 features; the model was trained on 2"),
        ((np.full((2, T, 2), np.nan),), "sequence 0 has no value at step 0 of feature 0"),
    ):
        with pytest.raises(ValueError, match=message):
            again.predict(*wrong)
    assert len(repr(again)) < 300
    one_hot = np.eye(2, dtype=int)[(y == "up").astype(int)]
    with pytest.raises(ValueError, match=r"expected labels .*; of one-hot rows they are y.argmax"):
        lstmx.fit(sequences, one_hot, **call)
    with pytest.raises(ValueError, match="y has the label 'left'; expected one of"):
        again.evaluate(sequences[:1], ["left"])


@pytest.mark.slow
def test_several_seeds_are_one_group_with_a_mean_and_an_interval(tmp_path):
    X = RNG.normal(size=(30, T, 2))
    y = np.where(X[:, :, 0].sum(axis=1) > 0, "up", "down")
    options = {"cell": "gru", "hidden_size": 5, "epochs": 2, "batch_size": 8}
    call = {**options, "validation_split": 0.2, "workdir": tmp_path / "several"}
    fitted = lstmx.fit(X, y, seeds=(3, 1, 0), **call)
    assert fitted.seeds == (3, 1, 0)
    assert [one.run.path.name.partition("~")[0] for one in fitted.members] == [
        "seed=3", "seed=1", "seed=0"]  # fmt: skip
    # Of a network of this size docs/determinism.md promises the same bits in any group.
    others = lstmx.fit(X, y, seeds=2, **{**call, "workdir": tmp_path / "others"})
    same = [one.opened.params for one in (fitted.members[2], others.members[0])]
    jax.tree.map(np.testing.assert_array_equal, *same)
    table = fitted.evaluate()
    assert list(table) == ["mean", "low", "high", "ensemble", "seed=3", "seed=1", "seed=0"]
    each = [one.run.metrics for one in fitted.members]
    for name, points in zip(table.columns[4:], each):
        best = max(point["eval/valid/accuracy"] for point in points if "eval/valid/loss" in point)
        assert table.loc["accuracy", name] == pytest.approx(best)
    losses = table.loc["loss"].to_numpy()
    np.testing.assert_allclose(losses[0], losses[4:].mean(), rtol=1e-6)
    np.testing.assert_allclose(losses[1:3], stats.mean_interval(losses[4:]))
    chosen = f"seed={fitted.best.opened.config.seed}"
    assert table.loc["accuracy", chosen] == table.loc["accuracy"][4:].max()
    # The ensemble is the mean of probabilities, and its metrics are those of its predictions.
    shares = [one.predict(X[24:], probabilities=True) for one in fitted.members]
    mean = fitted.predict(X[24:], probabilities=True)
    np.testing.assert_allclose(mean, np.mean(shares, axis=0), atol=1e-6)
    guess = fitted.predict(X[24:])
    assert table.loc["accuracy", "ensemble"] == pytest.approx(np.mean(guess == y[24:]))
    truth = mean[np.arange(6), np.searchsorted(fitted.classes, y[24:])]
    assert table.loc["loss", "ensemble"] == pytest.approx(-np.log(truth).mean(), rel=1e-5)
    assert fitted.confusion().to_numpy().sum() == 6
    assert list(fitted.history.columns.unique("seed")) == [3, 1, 0]
    longer = cfg.resolve(fitted.best.opened.config, {"seed": 9, "steps": 60})
    other = fitting.Fitted(dataclasses.replace(fitted.best.opened, config=longer))
    with pytest.raises(ValueError, match="the runs differ in steps; expected only their seeds to"):
        fitting.Seeds((*fitted.members, other))
    with pytest.raises(ValueError, match="seeds has 3 twice"):
        fitting.Seeds(fitted.members[:1] * 2)
    nan = jax.tree.map(lambda leaf: leaf * np.nan, fitted.best.opened.params)
    broken = fitting.Fitted(dataclasses.replace(fitted.best.opened, params=nan))
    rest = tuple(one for one in fitted.members if one is not fitted.best)
    damaged = fitting.Seeds((broken, *rest))
    with pytest.raises(ValueError, match=f"training diverged with seed {damaged.seeds[0]}"):
        damaged.predict(X)
    assert np.isnan(damaged.evaluate().loc["loss", ["mean", "low", "ensemble"]]).all()


def test_several_seeds_of_numbers_are_averaged_in_their_units():
    X, y = RNG.normal(size=(16, T, 2)), RNG.normal(50.0, 9.0, (16, 2))
    fitted = lstmx.fit(X, y, seeds=2, cell="rnn", hidden_size=3, epochs=1, batch_size=8)
    members = fitted.members
    paths = [one.run.path for one in members]
    each = [one.predict(X) for one in members]
    np.testing.assert_allclose(fitted.predict(X), np.mean(each, axis=0), rtol=1e-5)
    error = np.mean((np.mean(each, axis=0) - y) ** 2)
    assert fitted.evaluate().loc["mse", "ensemble"] == pytest.approx(error, rel=1e-4)
    one = members[0]
    del fitted, members
    assert paths[1].exists(), "a temporary folder lasts as long as the last of its models"
    del one
    assert not paths[0].exists()


@pytest.mark.slow
def test_a_number_at_every_step_comes_back_in_its_units():
    values = RNG.normal(100.0, 10.0, (24, T))
    y = 1000.0 + np.cumsum(values - 100.0, axis=1)
    cell = cfg.cell("lstm", hidden_size=11)
    fitted = lstmx.fit(
        values, y, at="every", cell=cell, epochs=30, batch_size=8, learning_rate=3e-2
    )
    guess = fitted.predict(values)
    assert guess.shape == y.shape
    error = np.mean((guess - y) ** 2)
    assert error == pytest.approx(fitted.evaluate()["mse"], rel=1e-3)
    assert error < 0.1 * np.var(y)
    path = fitted.run.path
    del fitted
    assert not path.exists(), "a temporary folder lasts as long as its result"


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": np.zeros(5)}, r"X has the shape \(5,\).*one series becomes windows first"),
        ({"X": np.array([["a"]])}, "X is of type <U1; expected numbers"),
        ({"lengths": [1] * 12 + [8]}, "lengths go from 1 to 8; expected 1 to 7"),
        ({"lengths": [7] * 13, "mask": np.ones((13, 7), bool)}, "lengths and mask"),
        ({"mask": np.ones((13, 6), bool)}, r"mask is bool \(13, 6\); expected bool \(13, 7\)"),
        ({"tokens": 4}, r"X has the shape \(13, 7, 3\); expected tokens"),
        ({"y": np.zeros((13, 7))}, r"say at='every' for a number at every step, or at='last'"),
        ({"y": np.zeros((13, 6, 1)), "at": "last"}, "one target a sequence; at='every'"),
        ({"y": np.zeros(12)}, r"y has the shape \(12,\); expected \(13, 'Y'\) or \(13,\)"),
        ({"y": np.full(13, np.nan)}, "y holds numbers that are not finite"),
        ({"y": np.ones(13, int)}, "y has one class, .*1.*; expected at least two"),
        ({"y": np.zeros(13), "class_weight": "balanced"}, "class_weight is for classes"),
        ({"class_weight": {0: 1.0}}, r"class_weight has the labels \[0\]; expected \[0, 1\]"),
        ({"class_weight": "equal"}, "balanced"),
        ({"kind": "classify"}, "classification"),
        ({"validation_split": 0.99}, "leaves one part empty"),
        ({"validation_split": 0.2, "validation_data": (1, 2)}, "expected one of both"),
        ({"validation_data": (1,)}, "expected .X, y., .X, y, lengths. or .X, y, mask."),
        ({"patience": 3}, "patience=3 needs validation_split or validation_data"),
        ({"cell": 3}, "cell=3; expected a name"),
        ({"cell": "lstn"}, "did you mean 'lstm'"),
        ({"overrides": {"model.layer": 2}}, "model.layer"),
        ({"epochs": 0}, "epochs=0; expected at least 1"),
        ({"seeds": 0}, "seeds=0; expected at least 1"),
        ({"seeds": "ab"}, "seeds='ab'; expected a whole number"),
        ({"seeds": []}, "seeds has no seed; expected at least one"),
        ({"seeds": [1, 2, 1]}, "seeds has 1 twice; expected each seed once"),
        ({"seeds": [0, -1]}, "a seed=-1; expected at least 0"),
        ({"seeds": [0, 2**33]}, "seed"),
        ({"seed": 3, "seeds": 2}, "got seed and seeds; expected one of both"),
        ({"seed": 1.5}, "seed=1.5; expected a whole number"),
        ({"learning_rate": "a"}, "learning_rate='a'; expected"),
        ({"class_weight": 3}, "class_weight=3; expected 'balanced', or a weight for each label"),
        ({"overrides": {"task.batch_size": 4}}, "task.batch_size'; expected batch_size for it"),
        ({"overrides": {"task.file": "a.npz"}}, "task.file'; expected X and y for it"),
        ({"y": (np.arange(N) % 2)[:, None]}, r"of a column they are y\[..., 0\]"),
        ({"y": np.eye(N, dtype=int)}, r"of one-hot rows they are y.argmax\(-1\)"),
        ({"mask": np.arange(N)[:, None] + np.zeros(T) > 0}, "mask has no step of sequence 0"),
        (
            {"X": [np.zeros(3), np.zeros(2)], "y": [np.array([0, 1]), np.array([0, 1, 1])]},
            "y has 2 targets for sequence 0 of X, which has 3 steps",
        ),
        (
            {"X": [np.zeros(3), np.zeros(2)], "y": [np.ones(3), np.ones(1)], "at": "every"},
            "y has 1 targets for sequence 1 of X, which has 2 steps",
        ),
        ({"X": np.arange(N * T).reshape(N, T) + 1.7e9}, "X: column 0 has values near 1.7e.09 that"),
        ({"y": 1e9 + np.arange(N) % 2.0}, "y: column 0 has values near 1e.09 that differ by 0.49"),
    ],
)
def test_fit_refuses_in_one_line(given, message, tmp_path):
    options = {"X": np.zeros((N, T, X)), "y": np.arange(N) % 2, "workdir": tmp_path, **given}
    with pytest.raises(ValueError, match=message) as error:
        lstmx.fit(options.pop("X"), options.pop("y"), **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir()), "nothing is written before all is checked"


@pytest.mark.no_jax
def test_kinds_and_places_of_targets():
    assert _given.kind_of([1, 2], "auto") == "classification"
    assert _given.kind_of([[0.5], [1.0, 2.0]], "auto") == "regression"
    assert _given.place_of(np.zeros((N, 2)), "auto", "regression", T) == "last"
    assert _given.place_of(np.zeros((N, T, 1)), "auto", "regression", T) == "every"
    assert _given.place_of(np.zeros((N, T), int), "auto", "classification", T) == "every"
    mask = np.array([[1, 1, 0, 0], [1, 0, 1, 0]], bool)
    assert np.argmax(_labelled.last_steps(mask), axis=1).tolist() == [1, 2]


@pytest.mark.no_jax
def test_files_of_arrays_are_checked(tmp_path):
    place = tmp_path / "wrong.npz"
    place.write_bytes(b"PK\3\4 no archive")
    with pytest.raises(ValueError, match=r"wrong\.npz is not an npz file"):
        arrays.load(place)
    good = labelled(classes=True, every=False)
    for change, message in (
        ({"train_extra": np.zeros(3)}, "unknown array 'train_extra'"),
        ({"train_mask": None}, "no array train_mask"),
        ({"train_targets": np.full(N, 4, np.int32)}, "a class is not within 0 to 3"),
        ({"train_targets": np.zeros(N)}, "targets are float64"),
        ({"train_mask": np.zeros((N, T), bool)}, "sequence 0 has no step"),
        ({"train_values": np.zeros((N, T, X))}, "values are float64"),
        ({"valid_values": np.zeros((5, T, X + 1), np.float32)}, "expected the same features"),
    ):
        given = {
            f"{n}_{field}": getattr(p, field)
            for n, p in good.parts.items()
            for field in arrays.FIELDS
        }
        given |= {"classes": good.classes, **change}
        np.savez(place, **{k: v for k, v in given.items() if v is not None})
        with pytest.raises(ValueError, match=message):
            arrays.load(place)
