"""Training: grouping, chunking, sharding and interruption do not change the numbers."""

import math
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import reuse
from event_files import check_events
from helpers import close, same

from lstmx import config as cfg
from lstmx import experiment, registry, runs, tasks
from lstmx.runs import checkpoint, grouping, loop
from lstmx.runs import group as groups
from lstmx.types import BATCH_AXIS


def tiny(**overrides):
    """A config that trains in a moment."""
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=8)
    c.model.cell = cfg.cell("rnn", hidden_size=5)
    c.name = "tiny"
    c.steps, c.log_every, c.eval_every, c.eval_batches = 12, 3, 6, 2
    return cfg.resolve(c, overrides)


def curve(path):
    """The log points of a run without what a clock says."""
    return [{k: v for k, v in p.items() if k != "seconds"} for p in runs.load(path).metrics]


def latest(path):
    """The newest checkpoint of a run."""
    folder = path / "checkpoints"
    return checkpoint.restore(folder, checkpoint.steps(folder)[-1])


def train(configs, count=4):
    """Host train states of configs after `count` chunks, as the runner computes them."""
    group = groups.make(experiment.build(configs[0]), configs)
    state = group.init(group.hparams, group.seeds)
    for _ in range(count):
        state, metrics = group.chunks[0](state, group.hparams, group.seeds)
    return jax.device_get((state, metrics)), group


@pytest.fixture(scope="module", autouse=True)
def programs():
    """Equal runs share theirs; `test_one_compilation_per_group` compiles separately."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "make", reuse.once(groups.make))
        yield


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Three finished runs that differ in seed and learning rate."""
    points = [{"seed": 0}, {"seed": 1}, {"seed": 1, "hparams.learning_rate": 0.01}]
    configs = [tiny(**p) for p in points]
    labels = [f"run{n}" for n in range(3)]
    workdir = tmp_path_factory.mktemp("whole")
    return configs, labels, runs.train(configs, workdir, labels=labels, quiet=True)


def test_run_directory_holds_the_whole_record(uninterrupted):
    configs, _, paths = uninterrupted
    run = runs.load(paths[2])
    assert cfg.from_dict(run.config) == configs[2]
    assert [p["step"] for p in run.metrics] == [3, 6, 9, 12]
    assert [p["step"] for p in run.metrics if "eval/valid/mse" in p] == [6, 12]
    assert run.done == {
        "step": 12,
        "reason": "steps",
        "seconds": run.metrics[-1]["seconds"],
        "diverged_at": None,
    }
    assert run.meta["parameters"] == (2 * 5 + 5 * 5 + 5) + (5 + 1)  # X = 2, H = 5, and the readout
    assert run.meta["selection"] == "eval/valid/mse"
    assert run.params["readout"]["W"].shape == (5, 1)
    assert any(p.name.startswith("events.out") for p in run.path.iterdir())
    assert "trivial 0.1667" in runs.summary(run)


def test_best_checkpoint_is_the_best_of_those_there(uninterrupted):
    _, _, paths = uninterrupted
    run = runs.load(paths[0])
    values = {p["step"]: p["eval/valid/mse"] for p in run.metrics if "eval/valid/mse" in p}
    assert list(values) == checkpoint.steps(run.path / "checkpoints") == [6, 12]
    for better, worse in ((6, 12), (12, 6)):
        points = [{"step": better, "eval/valid/mse": 0.1}, {"step": worse, "eval/valid/mse": 0.2}]
        ordered = sorted(points, key=lambda p: p["step"])
        # A step in between was better still, but nothing is left of it.
        between = {"step": 9, "eval/valid/mse": 0.3 if better == 12 else 0.01}
        judged = run._replace(metrics=[ordered[0], between, ordered[1]])
        same(runs.params(judged), runs.params(run, better))
    assert runs.best_step(run) == min(values, key=values.get)


def test_grouping_does_not_change_a_run(uninterrupted, tmp_path):
    configs, _, paths = uninterrupted
    (alone,) = runs.train([configs[1]], tmp_path, quiet=True)
    # Alone, a run has both devices for its batch: sums in another order.
    for a, b in zip(curve(alone), curve(paths[1]), strict=True):
        assert a.keys() == b.keys()
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-4)


def test_learning_rate_is_traced_and_matters(uninterrupted):
    _, _, paths = uninterrupted
    first, other = (runs.load(p).metrics[-1]["train/loss"] for p in paths[1:])
    assert not math.isclose(first, other, rel_tol=1e-3)


def test_resumed_equals_uninterrupted_bit_for_bit(uninterrupted, tmp_path, monkeypatch):
    configs, labels, whole = uninterrupted
    notes = loop.Followed.note
    calls = []

    def killed(self, *arguments):
        calls.append(1)
        if len(calls) == 8:  # in the middle of writing the third chunk's points
            raise KeyboardInterrupt
        notes(self, *arguments)

    monkeypatch.setattr(loop.Followed, "note", killed)
    with pytest.raises(KeyboardInterrupt):
        runs.train(configs, tmp_path, labels=labels, quiet=True)
    monkeypatch.undo()
    for file in tmp_path.glob("*/events.out.*"):
        file.write_bytes(b"")  # a kill takes along what waits to be written
    paths = runs.train(configs, tmp_path, labels=labels, quiet=True)
    assert len(calls) == 8
    for a, b in zip(paths, whole, strict=True):
        assert curve(a) == curve(b)
        check_events(runs.load(a))
        same(latest(a), latest(b))


def test_finished_runs_are_skipped_and_force_starts_over(tmp_path):
    config = tiny(steps=3, eval_every=3)
    (path,) = runs.train([config], tmp_path, quiet=True)
    before = (path / "metrics.jsonl").stat().st_mtime_ns
    runs.train([config], tmp_path, quiet=True)
    assert (path / "metrics.jsonl").stat().st_mtime_ns == before
    runs.train([config], tmp_path, quiet=True, force=True)
    assert (path / "metrics.jsonl").stat().st_mtime_ns > before


def test_another_config_in_the_directory_is_refused_and_nothing_is_lost(tmp_path):
    config = tiny(steps=3, eval_every=3)
    (path,) = runs.train([config], tmp_path, quiet=True)
    text = (path / "config.json").read_text().replace('"length": 7', '"length": 8')
    (path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"task\.length: 8 there, 7 requested"):
        runs.train([config], tmp_path, quiet=True)
    assert (path / "config.json").read_text() == text


def test_chunks_are_one_run():
    ((short, _), _), ((long, _), _) = (
        train([tiny(log_every=every)], count) for every, count in ((3, 4), (6, 2))
    )
    same(short, long)


def test_replicas_side_by_side_equal_one_after_the_other():
    configs = [tiny(seed=seed) for seed in range(4)]
    ((one, _), _) = train(configs)
    ((two, _), _) = train([cfg.resolve(c, {"replicas_per_vmap": 2}) for c in configs])
    close(one, two, 1e-4)


@pytest.mark.slow
def test_two_devices_equal_one(monkeypatch):
    config = tiny(**{"model.layers": 2, "model.dropout": 0.5, "hparams.tar": 0.5})
    ((two, _), group) = train([config])
    assert group.mesh.devices.size == 2, "this test needs two devices"
    monkeypatch.setattr(jax, "devices", lambda *_: [group.mesh.devices.flat[0]])
    ((one, _), group) = train([config])
    assert group.mesh.devices.size == 1
    close(one, two, 1e-4)


def test_divergence_leaves_the_others_alone_and_is_told(tmp_path):
    wild = tiny(**{"hparams.learning_rate": 1e38, "hparams.clip_norm": 0.0})
    ((healthy, _), _), ((beside_wild, _), _) = (
        train([tiny(), other]) for other in (tiny(seed=1), wild)
    )
    same(groups.replica(healthy, 0), groups.replica(beside_wild, 0))
    (path,) = runs.train([wild], tmp_path, quiet=True)
    done = runs.load(path).done
    assert done["reason"] == "diverged"
    assert 1 <= done["diverged_at"] <= 12


@pytest.mark.parametrize(
    ("losses", "shown"),
    [
        ([[3.0, 1.0], [5.0, 0.0]], {"loss": 0.5}),
        ([[3.0, 1.0], [5.0, None], []], {"loss": 1.0}),  # None is what a file has for NaN
        ([[None], [math.inf]], {"loss": math.nan}),
        ([[], []], {}),
    ],
)
def test_progress_shows_the_mean_over_the_runs_that_did_not_diverge(losses, shown):
    runs_of_a_group = {
        n: SimpleNamespace(points=[{"train/loss": x} for x in each], by=SimpleNamespace(metric="m"))
        for n, each in enumerate(losses)
    }
    assert loop._headline(runs_of_a_group) == pytest.approx(shown, nan_ok=True)


def test_patience_ends_a_run_and_not_its_neighbour(tmp_path):
    still = tiny(**{"hparams.learning_rate": 0.0, "patience": 2, "eval_every": 3, "steps": 15})
    moving = cfg.resolve(still, {"hparams.learning_rate": 3e-3})
    paths = runs.train([still, moving], tmp_path, labels=["still", "moving"], quiet=True)
    ended = runs.load(paths[0])
    assert ended.done["reason"] == "patience"
    assert ended.done["step"] == 9  # the first evaluation is best, two do not better it
    assert ended.metrics[-1]["step"] == 9
    assert checkpoint.steps(paths[0] / "checkpoints")[-1] == 9
    assert runs.load(paths[1]).done["step"] == 15


@pytest.mark.slow
def test_concurrent_groups_run_with_the_numbers_of_one_device(tmp_path):
    configs = [tiny(), tiny(**{"model.cell.hidden_size": 6})]
    assert grouping.concurrent([1, 1], jax.device_count()) == 2
    paths = runs.train(configs, tmp_path, quiet=True)
    for config, path in zip(configs, paths, strict=True):
        exp = experiment.build(config)
        group = groups.make(exp, [config], jax.devices()[:1])
        state = group.init(group.hparams, group.seeds)
        for _ in range(4):
            state, _ = group.chunks[0](state, group.hparams, group.seeds)
        same(latest(path)["params"], groups.replica(jax.device_get(state.params), 0))
        assert runs.load(path).done["reason"] == "steps"


@pytest.mark.parametrize(
    ("replicas", "devices", "concurrent"),
    [([3] * 11, 2, 2), ([16] * 3, 2, 1), ([4], 2, 1), ([3, 3], 1, 1), ([1, 1], 2, 2)],
)
def test_groups_are_concurrent_where_they_cost_no_round(replicas, devices, concurrent):
    assert grouping.concurrent(replicas, devices) == concurrent


def test_init_from_starts_at_the_other_runs_best(uninterrupted, tmp_path):
    _, _, whole = uninterrupted
    config = tiny(**{"hparams.learning_rate": 0.0, "steps": 3, "eval_every": 3})
    (path,) = runs.train([config], tmp_path, init_from=whole[0], quiet=True)
    same(runs.load(path).params, runs.load(whole[0]).params)
    with pytest.raises(ValueError, match=r"started from .*run0~.*, not from initial values"):
        runs.train([config], tmp_path, quiet=True)
    wide = cfg.resolve(config, {"model.cell.hidden_size": 6})
    with pytest.raises(ValueError, match="do not fit this model"):
        runs.train([wide], tmp_path, init_from=whole[0], quiet=True)


def test_one_config_twice_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="configs 0 and 2 are one run, seed=0~"):
        runs.train([tiny(), tiny(seed=1), tiny()], tmp_path, labels=["seed=0", "b", "seed=0"])
    assert not list(tmp_path.rglob("config.json"))


def test_a_start_is_told_by_its_parameters_not_by_its_name_alone(tmp_path):
    """Two workdirs have a run of the same name, of which one started elsewhere itself."""
    (first,) = runs.train([tiny()], tmp_path / "a", quiet=True)
    (other,) = runs.train([tiny(seed=7)], tmp_path / "c", quiet=True)
    (second,) = runs.train([tiny()], tmp_path / "b", init_from=other, quiet=True)
    assert first.parts[-2:] == second.parts[-2:]
    (path,) = runs.train([tiny(seed=1)], tmp_path / "d", init_from=first, quiet=True)
    assert runs.train([tiny(seed=1)], tmp_path / "d", init_from=first, quiet=True) == [path]
    with pytest.raises(ValueError, match=r"started from other parameters of tiny/seed=0~"):
        runs.train([tiny(seed=1)], tmp_path / "d", init_from=second, quiet=True)


def test_of_equal_checkpoints_the_latest_is_best_everywhere(tmp_path):
    config = tiny(**{"hparams.learning_rate": 0.0, "eval_every": 3, "steps": 15})
    (path,) = runs.train([config], tmp_path, quiet=True)
    run = runs.load(path)
    # Nothing is learned, so all five evaluations are equal.
    assert len({p["eval/valid/mse"] for p in run.metrics}) == 1
    assert runs.best_step(run) == 15
    assert checkpoint.steps(path / "checkpoints")[-1] == 15
    same(runs.params(run), runs.params(run, "latest"))


def test_patience_waits_while_nothing_is_finite(tmp_path):
    config = tiny(patience=1)
    member = loop.Followed(tmp_path, config, experiment.build(config), 0)
    member.points = [{"step": n, "eval/valid/mse": math.nan} for n in (1, 2, 3)]
    assert not member._out_of_patience()
    member.points += [{"step": 4, "eval/valid/mse": 1.0}, {"step": 5, "eval/valid/mse": math.nan}]
    assert member._out_of_patience()


def test_test_split_never_chooses_the_checkpoint_unasked():
    only_test = tiny(evals={"far": {"length": 9}})
    with pytest.raises(ValueError, match=r"all evaluations \(far\) are on the test split"):
        experiment.build(only_test)
    config = cfg.resolve(only_test, {"selection": "eval/far/mse"})
    assert experiment.build(config).selection == "eval/far/mse"
    other = tiny(evals={"a": {"split": "test"}, "b": {"split": "valid"}})
    assert experiment.build(other).selection == "eval/b/mse"


def test_direction_of_a_metric_is_the_tasks_word():
    copying = {"task": cfg.task("copy_memory", length=4), "selection": "eval/valid/accuracy"}
    assert experiment.build(tiny(**copying)).maximize
    assert not experiment.build(tiny(**{**copying, "selection": "eval/valid/loss"})).maximize


@pytest.mark.parametrize("bidirectional", [False, True])
def test_no_state_leaks_into_batches_that_reset(bidirectional):
    exp = experiment.build(tiny(**{"model.bidirectional": bidirectional}))
    start = exp.init(dict(tiny().hparams), jax.random.key(0))
    far = jax.tree.map(lambda a: a + 1, start.state)
    batch = exp.task.batch(jax.random.key(1), 0)
    outputs = [
        exp.model.apply(start.params, batch.inputs, state, mask=batch.mask, resets=batch.resets)[0]
        for state in (start.state, far)
    ]
    np.testing.assert_array_equal(*outputs)


def test_one_compilation_per_group(monkeypatch):
    traced = []
    make = registry.make

    def counting(kind, name, *arguments, **options):
        task = make(kind, name, *arguments, **options)
        if kind != "tasks":
            return task

        def batch(key, step):
            traced.append(name)
            return task.batch(key, step)

        return task._replace(batch=batch)

    monkeypatch.setattr(registry, "make", counting)
    configs = [tiny(seed=s, **{"hparams.learning_rate": r}) for s in range(2) for r in (0.1, 0.2)]
    group = reuse.plain(groups.make)(experiment.build(configs[0]), configs)
    state = group.init(group.hparams, group.seeds)
    state, _ = group.chunks[0](state, group.hparams, group.seeds)
    first = len(traced)
    group.chunks[0](state, group.hparams, group.seeds)
    assert first > 0
    assert len(traced) == first


def test_recurrent_state_is_carried_where_a_task_does_not_reset():
    """Truncated back-propagation: the second window starts from the state the first one left."""
    stream = tasks.make("adding", length=7, batch_size=8)
    whole = stream._replace(
        batch=lambda key, step: stream.batch(key, step)._replace(
            resets=jax.numpy.zeros((8, 7), bool)
        )
    )
    exp = experiment.build(tiny())
    for task, carried in ((stream, False), (whole, True)):
        from lstmx.train import loop as training

        config = tiny(**{"hparams.learning_rate": 0.0})
        hparams = dict(config.hparams)
        start = exp.init(hparams, jax.random.key(0))
        far = start._replace(state=jax.tree.map(lambda a: a + 1, start.state))
        losses = [
            training.chunk(task, exp.model, config.optimizer, 9, s, hparams, jax.random.key(1), 1)[
                1
            ]["loss"].total
            for s in (start, far)
        ]
        assert (float(losses[0][0]) != float(losses[1][0])) == carried


def test_every_program_has_one_collective():
    """Two that do not depend on each other may deadlock, see `lstmx.parallel.shards.total`."""
    evals = {"valid": {"split": "valid"}, "T5": {"length": 5}}
    config = tiny(evals=evals, **{"hparams.ar": 1.0})
    group = groups.make(experiment.build(config), [config])
    state = jax.eval_shape(group.init, group.hparams, group.seeds)
    assert group.mesh.shape[BATCH_AXIS] == 2, "this test needs two devices"
    for lowered in (
        group.chunks[0].lower(state, group.hparams, group.seeds),
        group.evaluate.lower(state.params, group.seeds),
    ):
        assert lowered.as_text().count("stablehlo.all_reduce") == 1
