"""Classification of sequences: readers of .ts files and tables, the task, pooling, statistics."""

import gzip

import jax
import numpy as np
import pytest
import sklearn.metrics

from lstmx import cells, models, stats, tasks
from lstmx.data import cases
from lstmx.data.cases import Columns
from lstmx.models import pooled
from lstmx.testing.models import check_model

TS = """%a comment
# another
@problemName toy
@TimeStamps {stamps}
@classLabel true a b
@data
{rows}
"""
TABLE = "id,when,x,y,class\nb,2,1.5,,run\na,0,0,1,walk\nb,1,2.5,3,run\na,5,4,1,{last}\n"


def write(folder, name, text):
    place = folder / name
    place.write_text(text)
    return place


def ts(folder, rows, stamps="false"):
    return write(folder, "toy.ts", TS.format(stamps=stamps, rows=rows))


@pytest.mark.no_jax
def test_ts_files_have_lengths_dimensions_and_missing_values(tmp_path):
    place = ts(tmp_path, "1,2,?:3,4,5:a\n6:-1e3: b")
    packed = tmp_path / "toy.ts.gz"
    packed.write_bytes(gzip.compress(place.read_bytes()))
    for file in (place, packed):
        found = cases.load(file)
        np.testing.assert_array_equal(found.values[0], [[1, 3], [2, 4], [np.nan, 5]])
        np.testing.assert_array_equal(found.values[1], [[6, -1000]])
        assert [one.tolist() for one in found.labels] == [["a"] * 3, ["b"]]
    shorter = cases.load(ts(tmp_path, "1,2:3:a")).values[0]
    np.testing.assert_array_equal(shorter, [[1, 3], [2, np.nan]])
    stamped = ts(tmp_path, "(2007-01-01 00:00:00,1.5),(2007-01-01 00:01:00,?):(5,2):b", "True")
    np.testing.assert_array_equal(cases.load(stamped).values[0], [[1.5, 2], [np.nan, np.nan]])
    numbers = write(tmp_path, "n.ts", "@targetlabel true\n@data\n1,2:0.25\n")
    assert cases.load(numbers).labels.tolist() == [0.25]


@pytest.mark.no_jax
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TS.format(stamps="false", rows="1,2:c"), "line 7: label 'c' is not in the header: a, b"),
        (TS.format(stamps="false", rows="1,2"), "line 7 has no label after a colon"),
        (TS.format(stamps="false", rows="1:2:a\n1:a"), "line 8 has 1 dimensions, the first case 2"),
        (TS.format(stamps="false", rows="1,x:a"), "line 7: value 'x'; expected a finite number"),
        (TS.format(stamps="false", rows="1,inf:a"), "line 7: value 'inf'; expected a finite"),
        (TS.format(stamps="true", rows="1,2:a"), "line 7 has no value"),
        (TS.format(stamps="false", rows=""), "has no case after @data"),
        ("@classLabel true a b\n1,2:a\n", "line 2 holds '1,2:a' before @data"),
        ("@classLabel true a b\n", "it has no line @data"),
        ("@classLabel false\n@data\n1,2\n", "has no labels; expected @classLabel true"),
    ],
)
def test_ts_files_are_refused_with_their_line(text, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        cases.load(write(tmp_path, "wrong.ts", text))
    assert "wrong.ts" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.no_jax
def test_tables_in_long_format(tmp_path):
    found = cases.load(write(tmp_path, "t.csv", TABLE.format(last="walk")))
    assert found.features == ("x", "y")
    np.testing.assert_array_equal(found.values[0], [[2.5, 3], [1.5, np.nan]])  # in order of time
    np.testing.assert_array_equal(found.values[1], [[0, 1], [4, 1]])
    assert [one.tolist() for one in found.labels] == [["run"] * 2, ["walk"] * 2]
    days = "seen,x,who,kind\n2020-01-02,1,a,0\n2020-01-01,2,a,0\n"
    columns = Columns(id="who", time="seen", label="kind", values=("x",))
    found = cases.load(write(tmp_path, "t.csv", days), columns)
    np.testing.assert_array_equal(found.values[0], [[2], [1]])
    for text, columns, message in (
        (TABLE.format(last="walk"), Columns(label="klass"), "unknown column.*'klass'.*'class'"),
        (TABLE.format(last=""), Columns(), "line 5 has no 'class'"),
        (TABLE.format(last="walk") + "a,5,1,1,walk\n", Columns(), "line 6 repeats the time"),
        ("a,b\n1,2\n", Columns(), "expected an id, a time, values and a label"),
    ):
        with pytest.raises(ValueError, match=message):
            cases.load(write(tmp_path, "t.csv", text), columns)


def test_classes_may_be_called_what_is_a_missing_value_elsewhere(tmp_path):
    """A class None, a sequence NA: only an empty field has no label."""
    found = cases.load(
        write(
            tmp_path,
            "t.csv",
            TABLE.format(last="None").replace("b,", "NA,").replace("walk", "None"),
        )
    )
    assert [one.tolist() for one in found.labels] == [["run"] * 2, ["None"] * 2]
    assert np.isnan(found.values[0][1, 1])


def test_features_of_a_test_file_are_found_by_name(tmp_path):
    kinds = ("even", "odd")
    rows = [f"s{n},{t},{t},{100 + n},{kinds[n % 2]}" for n in range(12) for t in (0, 1)]
    turned = [",".join(r.split(",")[k] for k in (0, 1, 3, 2, 4)) for r in rows[:4]]
    whole = write(tmp_path, "a.csv", "\n".join(["id,time,x,y,label", *rows]))
    test = write(tmp_path, "b.csv", "\n".join(["id,time,y,x,label", *turned]))
    options = {"file": str(whole), "split": "test", "scaling": "none", "batch_size": 2}
    made = tasks.make("classification", **options, test_file=str(test))
    batch = made.batch(jax.random.key(0), 0)
    np.testing.assert_array_equal(batch.inputs[0], [[0, 100], [1, 100]])
    other = write(tmp_path, "c.csv", "\n".join(["id,time,x,z,label", *rows[:4]]))
    with pytest.raises(ValueError, match=r"unknown column of c.csv: 'y'"):
        tasks.make("classification", **options, test_file=str(other))


def test_labels_of_sequences_and_of_steps(tmp_path):
    rows = [f"{n},{t},{n + t},{'even' if n % 2 == 0 else 'odd'}" for n in range(10) for t in (0, 1)]
    place = write(tmp_path, "t.csv", "\n".join(["id,t,x,label", *rows]))
    made = {
        split: tasks.make("classification", file=str(place), split=split, batch_size=2)
        for split in ("train", "valid", "test")
    }
    # 5 of each class: one to test, one of the others to valid, three to train.
    assert [made[split].spec.num_batches for split in ("train", "valid", "test")] == [3, 1, 1]
    assert made["test"].spec.baseline == 0.5
    batch = made["test"].batch(jax.random.key(0), 0)
    np.testing.assert_array_equal(batch.weights, [[0, 1], [0, 1]])
    # Classes are in the order of their names: even is 0.
    starts = np.asarray(batch.inputs)[:, 0, 0]
    assert sorted(np.asarray(batch.targets)[:, 1]) == [0, 1]
    assert np.ptp(starts) > 0
    changing = write(tmp_path, "c.csv", "\n".join(["id,t,x,label", *rows, "0,2,1,odd"]))
    with pytest.raises(ValueError, match="sequence 0 has the labels 'even' and 'odd'; say at="):
        tasks.make("classification", file=str(changing), batch_size=2)
    task = tasks.make("classification", file=str(changing), batch_size=2, at="every", balanced=True)
    later = task.batch(jax.random.key(0), 0)
    np.testing.assert_array_equal(later.weights, later.mask)
    for options, message in (
        ({"valid_fraction": 0.9}, "expected a sum below 1"),
        ({"test_file": str(place)}, "needs a file to train on"),
        ({"file": str(place), "valid_fraction": 0.0, "split": "valid"}, "not part of the data"),
        ({"file": str(place), "class_weights": (1.0,)}, "1 class_weights for 2 classes"),
        ({"file": str(place), "columns": ("z",)}, "unknown column"),
    ):
        with pytest.raises(ValueError, match=message):
            tasks.make("classification", **{"batch_size": 2, **options})


def test_japanese_vowels_are_those_of_the_archive(data_folder):
    name = "ucr_uea/JapaneseVowels/JapaneseVowels_{}.ts"
    files = {"file": name.format("TRAIN"), "test_file": name.format("TEST")}
    if not (data_folder / files["file"]).is_file():
        pytest.skip("no JapaneseVowels")
    task = tasks.make("classification", **files, split="test", batch_size=370, scaling="none")
    batch = task.batch(jax.random.key(0), 0)
    counts = np.bincount(np.asarray(batch.targets)[np.asarray(batch.weights) > 0])
    assert counts.tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]  # of shared/data/README.md
    lengths = np.asarray(batch.mask).sum(1)
    assert (lengths.min(), lengths.max(), task.spec.in_features) == (7, 29, 12)


def test_pooling_equals_numpy_and_begins_anew_at_resets():
    rng = np.random.default_rng(0)
    h = rng.normal(size=(2, 7, 5)).astype(np.float32)
    mask = rng.random((2, 7)) < 0.7
    resets = np.zeros((2, 7), bool)
    resets[0, 3] = True
    start = pooled.Pool(np.zeros((2, 5), np.float32), np.zeros((2, 1), np.float32))
    for kind, of in (("mean", np.mean), ("max", np.max)):
        found, last = jax.jit(pooled.pool_steps, static_argnums=0)(kind, h, start, mask, resets)
        for row in range(2):
            for t in range(7):
                begin = 3 if row == 0 and t >= 3 else 0
                real = [s for s in range(begin, t + 1) if mask[row, s]]
                expected = of(h[row, real], axis=0) if real else np.zeros(5)
                np.testing.assert_allclose(found[row, t], expected, rtol=1e-5, atol=1e-6)
        assert float(last.steps[1, 0]) == mask[1].sum()


def test_attention_pooling_equals_numpy_ignores_padding_and_is_the_mean_without_v():
    backbone = models.Backbone((cells.make("lstm", hidden_size=4),), 3, 2)
    model = models.build("pooled", backbone, pooling="attention")
    params = model.init(jax.random.key(0))
    assert {k: a.shape for k, a in params["pooling"].items()} == {"W": (4, 4), "b": (4,), "v": (4,)}
    rng = np.random.default_rng(0)
    h = rng.normal(size=(3, 6, 4)).astype(np.float32)
    lengths = np.array([6, 3, 0])
    mask = np.arange(6)[None] < lengths[:, None]
    p = {"W": rng.normal(size=(4, 4)), "b": rng.normal(size=4), "v": 50 * rng.normal(size=4)}
    p = {k: a.astype(np.float32) for k, a in p.items()}

    @jax.jit
    def both(p, h):
        start = pooled.Pool(np.zeros((3, 4), np.float32), *[np.zeros((3, 1), np.float32)] * 2)

        def last(p, h):
            e = pooled.scores(p, h, "float32")
            shown, _ = pooled.pool_steps("attention", h, start, mask, None, e)
            return (shown[:, -1] ** 2).sum(), shown[:, -1]

        return jax.grad(last, (0, 1), has_aux=True)(p, h)

    gradients, found = both(p, h)
    for row, n in enumerate(lengths):
        e = np.tanh(h[row, :n] @ p["W"] + p["b"]) @ p["v"]
        a = np.exp(e - e.max(initial=-np.inf))
        expected = a @ h[row, :n] / a.sum() if n else np.zeros(4)
        np.testing.assert_allclose(found[row], expected, rtol=1e-4, atol=1e-5)
    assert np.all(np.asarray(gradients[1])[~mask] == 0)
    other = both(p, np.where(mask[..., None], h, 7).astype(np.float32))
    jax.tree.map(np.testing.assert_array_equal, (gradients, found), other)
    uniform = both({**p, "v": np.zeros(4, np.float32)}, h)[1]
    np.testing.assert_allclose(uniform[0], h[0].mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(uniform[1], h[1, :3].mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["mean", "max", "attention"])
def test_a_model_that_pools_conforms(pooling):
    backbone = models.Backbone((cells.make("lstm", hidden_size=5),), 3, 2)
    check_model(models.build("pooled", backbone, pooling=pooling))
    with pytest.raises(ValueError, match="mean"):
        models.build("pooled", backbone, pooling="median")


@pytest.mark.no_jax
def test_statistics_of_decisions_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, guess = rng.integers(0, 4, 60), rng.integers(0, 4, 60)
    table = sklearn.metrics.confusion_matrix(truth, guess, labels=range(5))
    np.testing.assert_array_equal(stats.confusion(truth, guess, 5), table)
    expected = sklearn.metrics.f1_score(truth, guess, average="macro")
    assert stats.macro_f1(truth, guess, 5) == pytest.approx(expected)


@pytest.mark.no_jax
def test_calibration_of_known_probabilities():
    # Ten predictions of confidence 0.85, of which six are right; two of 0.55, both right.
    high, low = np.array([0.85, 0.15]), np.array([0.45, 0.55])
    probabilities = np.stack([high] * 10 + [low] * 2)
    truth = np.array([0] * 6 + [1] * 4 + [1] * 2)
    found = stats.calibration(truth, probabilities)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 10, 0]
    assert found.accuracy[8] == pytest.approx(0.6)
    assert found.confidence[5] == pytest.approx(0.55)
    assert found.error == pytest.approx((10 * 0.25 + 2 * 0.45) / 12)
    assert stats.calibration(truth * 0, np.tile([1.0, 0.0], (12, 1))).error == 0
