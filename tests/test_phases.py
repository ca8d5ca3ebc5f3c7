"""Stop criteria, curricula and readouts: what a published protocol asks of a run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import cells, experiment, models, runs
from lstmx import config as cfg
from lstmx.experiment import _task
from lstmx.train.step import evaluate
from lstmx.types import Batch, Mean, Model, Task, TaskSpec


def tiny(**overrides):
    """A config that trains in a moment."""
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=4)
    c.model.cell = cfg.cell("rnn", hidden_size=3)
    c.name = "tiny"
    c.steps, c.log_every, c.eval_every, c.eval_batches = 12, 2, 6, 1
    return cfg.resolve(c, overrides)


def launch(configs, tmp_path):
    """The runs of these configs, finished."""
    labels = [f"run{n}" for n in range(len(configs))]
    return [runs.load(p) for p in runs.train(configs, tmp_path, labels=labels, quiet=True)]


def steps(run, metric="train/mse"):
    """The steps at which a run has a metric."""
    return [point["step"] for point in run.metrics if metric in point]


@pytest.mark.slow
def test_run_stops_where_its_criterion_holds_over_the_window(tmp_path):
    free = tiny()
    (whole,) = launch([free], tmp_path / "free")
    curve = [p["train/mse"] for p in whole.metrics]
    windows = [np.mean(curve[n - 2 : n]) for n in range(2, 7)]
    reached = int(np.argmin(windows[:4]))  # before the end
    threshold = float(windows[reached]) + 1e-6
    first = next(n for n, mean in enumerate(windows) if mean <= threshold)
    stopping = tiny(stop=(("train/mse", threshold),), stop_window=4, seed=0)
    never = tiny(stop=(("train/mse", -1.0),), stop_window=4, seed=1)
    stopped = launch([stopping], tmp_path / "one")[0]
    assert stopped.done["reason"] == "solved"
    assert steps(stopped)[-1] == stopped.done["step"] == 2 * (first + 2)
    assert steps(stopped, "eval/valid/mse")[-1] == stopped.done["step"]  # judged where it stops
    assert [p["train/mse"] for p in stopped.metrics] == curve[: first + 2]
    assert runs.params(stopped, "latest")
    other = launch([never], tmp_path / "other")[0]
    assert other.done["reason"] == "steps"


@pytest.mark.slow
def test_one_replica_that_stops_leaves_the_others_numbers_alone(tmp_path):
    seeds = [{"seed": 0}, {"seed": 1}]
    free = launch([tiny(**s) for s in seeds], tmp_path / "free")
    first = [run.metrics[0]["train/mse"] for run in free]
    stop = (("train/mse", sum(first) / 2),)
    stopping = launch([tiny(**s, stop=stop) for s in seeds], tmp_path / "stopping")
    assert runs.load(stopping[0].path).meta["replicas"] == 2
    early, late = stopping if first[0] < first[1] else stopping[::-1]
    other = free[1] if first[0] < first[1] else free[0]
    assert (early.done["reason"], early.done["step"]) == ("solved", 2)
    assert len(late.metrics) > 1
    for mine, theirs in zip(late.metrics, other.metrics):
        at_the_end = mine["step"] == late.done["step"]  # judged there, where it was not before
        names = theirs if at_the_end else mine
        assert {k: mine[k] for k in names if k != "seconds"} == {
            k: theirs[k] for k in names if k != "seconds"
        }


@pytest.mark.slow
def test_evaluations_can_stop_a_run_too(tmp_path):
    (run,) = launch([tiny(stop=(("eval/valid/mse", 100.0),))], tmp_path)
    assert (run.done["reason"], run.done["step"]) == ("solved", 6)
    # What ended training has no meaning in another evaluation.
    (row,) = runs.evaluate(run.path, ["split=test"])
    assert row.name == "split=test"


def test_an_evaluation_ends_with_its_first_batch_below_one():
    number = lambda key, step: Batch(jnp.full((2, 3), step), *[jnp.ones((2, 3))] * 3, None)
    spec = TaskSpec(1, 1, 3, 2, "accuracy", True, 0.5)

    def loss(wrong, batch):
        right = jnp.where(batch.inputs[0, 0] == wrong, 5.0, 6.0)
        return {"accuracy": Mean(right, jnp.float32(6.0))}

    task = Task(spec, number, loss)
    model = Model(None, lambda *_: (), lambda params, *_, **__: (params, (), None))
    ends = lambda wrong: evaluate(task, model, wrong, jax.random.key(0), 5, "accuracy")["accuracy"]
    wrong = jnp.array([0, 3, 9])
    side_by_side = jax.vmap(ends)(wrong)
    np.testing.assert_array_equal(side_by_side.count, [6, 24, 30])
    np.testing.assert_array_equal(side_by_side.total, [5, 23, 30])
    np.testing.assert_array_equal([ends(n).count for n in wrong], [6, 24, 30])
    whole = evaluate(task, model, wrong[0], jax.random.key(0), 5)["accuracy"]
    assert (whole.total, whole.count) == (29, 30)


@pytest.mark.parametrize(
    ("criterion", "read"),
    [
        (("eval/valid/accuracy", 1.0), 1),
        (("eval/valid/loss", 1.0), 3),
        (("train/accuracy", 1.0), 3),
    ],
)
def test_only_a_criterion_of_one_on_a_fraction_ends_an_evaluation(criterion, read):
    """Where nothing is learned yet, the first batch is wrong."""
    c = tiny(task=cfg.task("temporal_order", length=10, batch_size=4), eval_batches=3)
    c.stop, c.eval_fail_fast = (criterion,), True
    built = experiment.build(c)
    params = built.model.init(jax.random.key(0))
    assert built.evaluate(params, jax.random.key(1))["valid"]["accuracy"].count == 4 * read


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ((("train/mae", 1.0),), "unknown metric 'mae'"),
        ((("eval/test/mse", 1.0),), "expected train/<metric> or one of eval/valid"),
        ((("mse", 1.0),), "expected train/<metric>"),
    ],
)
def test_wrong_criterion_is_refused_in_one_line(stop, said):
    with pytest.raises(ValueError, match=r"^stop: ") as caught:
        experiment.build(tiny(stop=stop))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_malformed_stop_and_curriculum_are_refused():
    for key, value in (
        ("stop", ("train/mse", 1.0)),
        ("stop", (("train/mse", "low"),)),
        ("curriculum", ((0, 7),)),
        ("curriculum", ((3, {"length": 9}),)),
        ("curriculum", ((4, {}), (2, {}))),
    ):
        with pytest.raises(ValueError, match=f"{key}: "):
            cfg.validate(tiny(**{key: value}))
    with pytest.raises(ValueError, match=r"curriculum from step 4: unknown option .*'size'"):
        experiment.build(tiny(curriculum=((4, {"size": 3}),)))
    with pytest.raises(ValueError, match="curriculum from step 4 changes batch_size from 4 to 8"):
        experiment.build(tiny(curriculum=((4, {"batch_size": 8}),)))


@pytest.mark.no_jax
def test_evaluations_and_phases_keep_the_file_of_training():
    """A vocabulary of another file has other words behind the same numbers."""
    section = {"name": "words", "file": "a.txt", "split": "train"}
    _task.check_file(section, "evals.valid", {"split": "valid", "file": "a.txt"})
    _task.check_file({**section, "name": "my_lab.words"}, "evals.valid", {"file": "b.txt"})
    with pytest.raises(ValueError, match=r"evals.valid changes file from 'a.txt' to 'b.txt', to"):
        _task.check_file(section, "evals.valid", {"file": "b.txt"})
    config = tiny(task=cfg.task("forecast", file="a.csv"), evals={"other": {"file": "b.csv"}})
    with pytest.raises(ValueError, match=r"evals.other changes file from 'a.csv' to 'b.csv'"):
        experiment.build(config)


def test_curriculum_changes_the_length_at_its_steps():
    phases = ((0, {"length": 3}), (4, {"length": 5}), (8, {}))
    built = experiment.build(tiny(curriculum=phases))
    lengths = [built.phases[built.phase(step)].task.spec.length for step in range(0, 12, 2)]
    assert lengths == [3, 3, 5, 5, 7, 7]
    assert built.task.spec.length == 7


@pytest.mark.slow
def test_curriculum_trains_in_the_phases_of_its_config(tmp_path):
    """Until the second phase the run is that of the short task; after it, it is not."""
    phased = tiny(curriculum=((0, {"length": 3}), (6, {})))
    short = tiny(**{"task.length": 3})
    (one,), (two,) = launch([phased], tmp_path / "a"), launch([short], tmp_path / "b")
    losses = [[p["train/loss"] for p in run.metrics] for run in (one, two)]
    assert losses[0][:3] == losses[1][:3]
    assert losses[0][3] != losses[1][3]


def test_readout_has_the_parameters_that_were_asked_for():
    cell = cells.make("rnn", hidden_size=5)
    model = models.sequence_model(
        cell, 3, 4, readout=models.Readout(bias=False, weight_range=0.1, shortcut=True)
    )
    params = model.init(jax.random.key(0))
    shapes = {name: leaf.shape for name, leaf in params["readout"].items()}
    assert shapes == {"W": (5, 4), "V": (3, 4)}
    assert 0.05 < max(float(jnp.abs(leaf).max()) for leaf in params["readout"].values()) <= 0.1
    # A layer that gives nothing leaves the shortcut alone.
    still = {**params, "readout": {**params["readout"], "W": jnp.zeros((5, 4))}}
    xs = jax.random.normal(jax.random.key(1), (2, 7, 3))
    outputs, _, _ = model.apply(still, xs)
    np.testing.assert_allclose(outputs, xs @ params["readout"]["V"], rtol=1e-5, atol=1e-6)


def test_shortcut_of_tokens_sees_their_codes():
    cell = cells.make("rnn", hidden_size=5)
    model = models.sequence_model(cell, 3, 4, inputs="token", readout=models.Readout(shortcut=True))
    params = model.init(jax.random.key(0))
    still = {**params, "readout": {**params["readout"], "W": jnp.zeros((5, 4))}}
    outputs, _, h = model.hidden(still, jnp.array([[2, 0]]))
    np.testing.assert_allclose(outputs[0], params["readout"]["V"][jnp.array([2, 0])], rtol=1e-6)
    assert h.shape == (1, 2, 5)


def test_readout_may_rectify_what_the_layers_give():
    cell = cells.make("rnn", hidden_size=5)
    plain, rectified = (
        models.sequence_model(cell, 3, 4, readout=models.Readout(activation=name))
        for name in ("identity", "relu")
    )
    params = plain.init(jax.random.key(0))
    xs = jax.random.normal(jax.random.key(1), (2, 7, 3))
    _, _, h = plain.hidden(params, xs)
    outputs, _, _ = rectified.apply(params, xs)
    expected = jnp.maximum(h, 0) @ params["readout"]["W"] + params["readout"]["b"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="expected one of identity, relu"):
        models.Readout(activation="tanh")
