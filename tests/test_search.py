"""Searches: spaces, points, blocks, workers that are killed, pruning, storages."""

import collections
import csv
import json
import math
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.trial import TrialState

from lstmx import config as cfg
from lstmx import runs, search
from lstmx.runs import checkpoint
from lstmx.search import alive, blocks, results, space
from lstmx.search import study as studies
from lstmx.search.storage import Place

METRIC = ("eval/valid/mse", False)


def refused(message):
    return pytest.raises(ValueError, match=message)


def small():
    """A config that trains in no time."""
    c = cfg.base()
    c.name = "tiny"
    c.task = cfg.task("adding", length=7, batch_size=3)
    c.model.cell = cfg.cell("lstm", hidden_size=5)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 40, 2, 8, 1
    c.evals = {"valid": {"split": "valid", "batch_size": 3}}
    return c


SPACE = {
    "hparams.learning_rate": search.log_uniform(1e-4, 1e-1),
    "model.cell": search.choice({"V": cfg.cell("lstm", hidden_size=5), "GRU": "gru"}),
    "hparams.clip_norm": search.uniform(1.0, 2.0),
    "seed": search.numbered(),
}


def describe(**changes):
    return search.Search(**{"space": SPACE, "trials": 20, **changes})


# The space.


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: search.uniform(2.0, 2.0), "got low=2.0, high=2.0; expected low < high"),
        (lambda: search.log_uniform(0.0, 1.0), "a logarithmic range starts above 0"),
        (lambda: search.uniform(0, math.inf), "high=inf; expected a finite number"),
        (lambda: search.integer(1, 2.5), "high=2.5; expected a whole number"),
        (lambda: search.log_integer(0, 5), "a logarithmic range starts above 0"),
        (lambda: search.choice([]), "a choice without values"),
        (lambda: search.choice("lstm"), "got 'lstm'; expected a list"),
        (
            lambda: search.choice([cfg.cell("lstm"), cfg.cell("lstm", hidden_size=3)]),
            "two choices are called 'lstm'; give a dict",
        ),
        (lambda: search.one_minus(search.integer(1, 2)), "expected uniform or log_uniform"),
        (lambda: describe(sampler="rnadom"), "unknown sampler 'rnadom'; did you mean 'random'"),
        (lambda: describe(pruning="best"), "unknown pruning 'best'"),
        (lambda: describe(trials=None), "needs a number of trials"),
        (lambda: describe(trials=0), "trials=0; expected at least 1"),
        (lambda: describe(space={"seed": search.numbered()}), "nothing to search"),
        (lambda: describe(space={"steps": [1, 2]}), r"steps: got \[1, 2\]; expected choice"),
        (lambda: describe(sampler="grid"), "a grid needs the number of its values; set num="),
        (
            lambda: describe(space={"seed": search.integer(0, 2)}, sampler="grid", trials=4),
            "trials=4, but the grid has 3 points",
        ),
        (
            lambda: describe(space={"steps": search.choice([2, 4])}, sampler="tpe"),
            "repeats points of a space without real numbers",
        ),
    ],
)
@pytest.mark.no_jax
def test_a_wrong_space_is_refused_in_one_line(make, message):
    with refused(message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "axis", "message"),
    [
        ("hparams.lerning_rate", search.uniform(0, 1), "did you mean 'hparams.learning_rate'"),
        ("hparams.learning_rate", search.uniform(-1.0, 1.0), "learning_rate=-1.0; expected 0"),
        ("steps", search.integer(40, 41), "steps=41; expected a multiple of log_every"),
        ("model.cell", search.choice(["lstm", "grv"]), "unknown cell 'grv'"),
    ],
)
@pytest.mark.no_jax
def test_a_space_that_does_not_fit_the_config_is_refused(key, axis, message):
    from lstmx.search import spec

    with refused(f"search space .*{message}"):
        spec.check(describe(space={key: axis}), small())


@pytest.mark.no_jax
def test_settings_are_what_the_searched_values_mean():
    axis = search.one_minus(search.log_uniform(0.01, 1.0))
    assert space.setting(axis, 0.01) == 0.99
    assert space.setting(SPACE["model.cell"], "GRU") == "gru"
    with refused("unknown choice 'gru'"):
        space.setting(SPACE["model.cell"], "gru")
    values = {"hparams.learning_rate": 0.5, "model.cell": "GRU", "hparams.clip_norm": 1.5}
    overrides = search.point(describe(), values, 3)
    assert overrides == {**values, "model.cell": "gru", "seed": 3}
    assert cfg.checked(small(), overrides).model.cell.name == "gru"


@pytest.mark.no_jax
def test_shares_of_an_axis_are_even_on_its_scale():
    shares = [(k + 0.5) / 9000 for k in range(9000)]
    counts = collections.Counter(space.at(search.integer(3, 5), s) for s in shares)
    assert counts == {3: 3000, 4: 3000, 5: 3000}
    log = search.log_uniform(1e-6, 1e-2)
    assert [space.at(log, s) for s in (0, 0.25, 0.5)] == pytest.approx([1e-6, 1e-5, 1e-4])
    # Of log-integers n has the share log((n + 1/2) / (n - 1/2)) of log((high + 1/2) / (low - 1/2)).
    counts = collections.Counter(space.at(search.log_integer(1, 3), s) for s in shares)
    for n in (1, 2, 3):
        share = math.log((n + 0.5) / (n - 0.5)) / math.log(3.5 / 0.5)
        assert counts[n] / 9000 == pytest.approx(share, abs=2 / 9000)  # rounding at both ends


@pytest.mark.parametrize("sampler", ["random", "quasi-random"])
@pytest.mark.no_jax
def test_a_point_depends_on_seed_and_number_only(sampler):
    asked = describe(sampler=sampler)
    whole = search.points(asked, 0, 64)
    assert [search.points(asked, n, n + 1)[0] for n in range(0, 64, 9)] == whole[::9]
    assert len({p["hparams.learning_rate"] for p in whole}) == 64
    assert search.points(describe(sampler=sampler, seed=1), 0, 64) != whole
    turned = describe(sampler=sampler, space=dict(reversed(SPACE.items())))
    assert search.points(turned, 0, 64) == whole, "the order of the keys does not matter"
    rates = sorted(math.log10(p["hparams.learning_rate"]) for p in whole)
    ideal = [-4 + 3 * (k + 0.5) / 64 for k in range(64)]
    distance = max(abs(a - b) for a, b in zip(rates, ideal)) / 3
    # Kolmogorov's distance of 64 random points is below .22 in 99 of 100 cases; of Sobol points,
    # one is in each of the 64 strata.
    assert distance < (0.22 if sampler == "random" else 1 / 64)


@pytest.mark.parametrize("sampler", ["random", "quasi-random"])
@pytest.mark.no_jax
def test_balanced_choices_are_taken_in_turn(sampler):
    axes = {
        "model.cell.variant": search.choice(["V", "NP", "FGR", "NIG"], balanced=True),
        "hparams.learning_rate": search.log_uniform(1e-4, 1e-1),
        "model.layers": search.choice([1, 2], balanced=True),
    }
    found = search.points(search.Search(axes, trials=16, sampler=sampler), 0, 16)
    pairs = [(p["model.cell.variant"], p["model.layers"]) for p in found]
    assert [v for v, _ in pairs[:5]] == ["V", "NP", "FGR", "NIG", "V"]
    assert set(collections.Counter(pairs).values()) == {2}, "every combination equally often"
    plain = {**axes, "model.layers": search.choice([1, 2])}
    other = search.points(search.Search(plain, trials=16, sampler=sampler), 0, 16)
    rates = [[p["hparams.learning_rate"] for p in points] for points in (found, other)]
    assert rates[0] == rates[1], "turns change no other axis"
    assert space.recorded(axes["model.layers"]) == {"balanced": {"1": 1, "2": 2}}
    with refused('sampler "tpe" chooses; expected choice'):
        search.Search(axes, trials=16, sampler="tpe")


@pytest.mark.no_jax
def test_a_grid_is_the_product_of_its_axes():
    axes = {
        "hparams.learning_rate": search.log_uniform(1e-4, 1e-2, num=3),
        "model.layers": search.integer(1, 2),
        "model.cell": search.choice(["lstm", "gru"]),
    }
    asked = search.Search(axes, sampler="grid")
    rows = [tuple(p.values()) for p in search.points(asked, 0, 12)]
    assert [row[1:] for row in rows[:4]] == [(1, "lstm"), (1, "gru"), (2, "lstm"), (2, "gru")]
    assert [row[0] for row in rows[::4]] == pytest.approx([1e-4, 1e-3, 1e-2])
    with refused("the grid has 12 points"):
        search.points(asked, 0, 13)


# The study, without training.


def server():
    """The folder of the programs of PostgreSQL, or None."""
    found = [shutil.which("initdb"), *sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))]
    return next((Path(p).resolve().parent for p in found if p), None)


@pytest.fixture(scope="module")
def postgres():
    """The address of a PostgreSQL server on loopback, which ends with the tests."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'lstmx[postgres]'")
    programs = server()
    if programs is None:
        pytest.skip("needs a PostgreSQL server: found no initdb")
    account = []
    if os.getuid() == 0:  # as which the server refuses to run
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv, to run PostgreSQL as another user than root")
        account = ["setpriv", "--reuid=65534", "--clear-groups"]

    def run(program, *words):
        command = [*account, programs / program, *words]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)

    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        if account:
            os.chown(folder, 65534, -1)
        run("initdb", "-D", "data", "-U", "me", "-A", "trust", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")
        yield f"postgresql://me@127.0.0.1:{port}"
        run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")


@pytest.fixture(params=["journal", "sqlite", "postgresql"])
def place(request, tmp_path):
    """A new study in each storage."""
    if request.param != "postgresql":
        address = {"journal": "", "sqlite": f"sqlite:///{tmp_path}/study.db"}[request.param]
        return Place(tmp_path, "tiny", address)
    address = request.getfixturevalue("postgres")
    import psycopg

    name = f"a{abs(hash(request.node.name))}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return Place(tmp_path, "tiny", f"{address}/{name}")


def join(place, asked=None, trials=None, block=None):
    asked = asked or describe()
    most = {"trials": trials, "block": block, "most": 16}
    return studies.join(place, asked, small(), **most, metric=METRIC)


def work_off(study, taken, most=10**9):
    """Take blocks and end their trials, without training anything."""
    with alive.Worker(study) as worker:
        while most > 0:
            most -= 1
            block, left = blocks.claim(study, worker)
            if block is None:
                if not left.running:
                    return
                time.sleep(0.01)
                continue
            for trial in block.trials:
                if trial.number in block.own:
                    taken.append((trial.number, trial.params, block.number))
                    study.optuna.tell(trial.number, trial.params["hparams.clip_norm"])


@pytest.mark.no_jax
def test_four_workers_do_what_one_does_and_each_trial_once(place, tmp_path):
    alone, together, errors = [], [], []
    work_off(join(Place(tmp_path / "alone", "tiny")), alone)

    def work():
        try:
            work_off(join(place), together)  # all four may be the one that makes the study
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert [number for number, *_ in sorted(together, key=lambda t: t[0])] == list(range(20))
    assert sorted(together, key=lambda t: t[0]) == sorted(alone, key=lambda t: t[0])
    assert len({block for *_, block in alone}) > 3
    expected = search.points(describe(), 0, 20)
    assert [params for _, params, _ in sorted(alone, key=lambda t: t[0])] == expected


@pytest.mark.no_jax
def test_a_block_has_one_static_part(tmp_path):
    taken = []
    work_off(join(Place(tmp_path, "tiny"), block=4), taken)
    members = collections.defaultdict(list)
    for number, params, block in taken:
        members[block].append((number, params["model.cell"]))
    assert all(len({cell for _, cell in block}) == 1 for block in members.values())
    assert all(min(block)[0] == first for first, block in members.items())
    cells = collections.Counter(p["model.cell"] for p in search.points(describe(), 0, 20))
    assert len(members) == sum(math.ceil(n / 4) for n in cells.values())


@pytest.mark.no_jax
def test_trials_of_a_dead_worker_are_taken_over_and_stay_the_same(place):
    study = join(place, block=3)
    first = alive.Worker(study)
    first.__enter__()
    block, _ = blocks.claim(study, first)
    study.optuna.tell(block.own[0], 1.0)
    other = join(place)
    with alive.Worker(other) as second:
        elsewhere, left = blocks.claim(other, second)
        assert not {*elsewhere.own} & {*block.own}, "the first one lives"
        assert left.running == len(block.own) - 1
        first._held.close()  # as the system does when a process ends
        again, _ = blocks.claim(other, second)
    assert (again.number, again.resumed) == (block.number, True)
    assert again.own == block.own[1:]
    assert [t.number for t in again.trials] == [t.number for t in block.trials], "the whole group"
    assert [t.params for t in again.trials] == [t.params for t in block.trials]


@pytest.mark.files
@pytest.mark.no_jax
def test_trials_of_a_dead_worker_are_shown_as_interrupted(place, monkeypatch):
    study = join(place, block=3)
    worker = alive.Worker(study)
    worker.__enter__()
    block, _ = blocks.claim(study, worker)
    count = len(block.own)
    assert f", {count} running, {20 - count} waiting" in results.progress(study)
    worker._held.close()  # as the system does when a process ends
    assert f", {count} interrupted, {20 - count} waiting" in results.progress(study)
    shown = {t.outcome for t in results.trials(study) if t.number in block.own}
    assert shown == {"interrupted"}
    record = study.attrs[f"worker {worker.name}"]
    study.set(f"worker {worker.name}", {**record, "machine": "other"})
    assert f"{count} running" in results.progress(study), "it may live there"


@pytest.mark.files
@pytest.mark.no_jax
def test_a_look_at_a_study_makes_no_file(launch, tmp_path):
    from lstmx.search import storage

    (tmp_path / "tiny.py").write_text(CONFIG)
    for address in ("", "sqlite:///study.db", "other.journal"):
        for flag in ("--status", "--report"):
            found = launch(f"{WORDS} --storage={address} {flag}", tmp_path)
            assert (found.code, found.err.count("\n")) == (2, 1), found.err
            assert "is missing; no worker has started this study" in found.err
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.py"]
    for address, file in (
        ("sqlite:////a/study.db?timeout=3", Path("/a/study.db")),
        ("sqlite:///:memory:", None),
        ("postgresql://me@host/db", None),
    ):
        assert storage.file_of(Place(tmp_path, "tiny", address), small()) == file


@pytest.mark.no_jax
def test_a_released_block_is_free_at_once(place):
    study = join(place, block=3)
    with alive.Worker(study) as first, alive.Worker(study) as second:
        block, _ = blocks.claim(study, first)
        blocks.release(study, block)
        again, _ = blocks.claim(study, second)
        assert again.own == block.own


@pytest.mark.no_jax
def test_a_worker_on_another_machine_is_dead_without_heartbeat_only(tmp_path, monkeypatch):
    study = join(Place(tmp_path, "tiny"))
    monkeypatch.setattr(alive, "machine", lambda: "other")
    far = alive.Worker(study)
    far.__enter__()
    monkeypatch.undo()
    far._ended.set()
    with alive.Worker(study) as near:
        clock = [0.0]
        monkeypatch.setattr(alive.time, "monotonic", lambda: clock[0])
        assert near.alive(far.name), "its lock is held"
        shutil.move(study.folder / far.name, tmp_path / "unshared")  # a folder that is not shared
        assert near.alive(far.name)
        clock[0] += alive.GRACE - 1
        assert near.alive(far.name)
        study.set(f"worker {far.name}", {"machine": "other", "beat": 1})
        clock[0] += alive.GRACE - 1
        assert near.alive(far.name), "it has beaten since"
        clock[0] += alive.GRACE + 1
        assert not near.alive(far.name)
        study.set(f"worker {far.name}", {"machine": "other", "beat": 2})
        assert near.alive(far.name)
        monkeypatch.setattr(alive, "machine", lambda: "other")
        assert not near.alive(far.name), "on one machine the lock decides, and it is free"
    far._held.close()


@pytest.mark.no_jax
def test_a_study_is_extended_and_keeps_its_trials(tmp_path):
    place = Place(tmp_path, "tiny")
    before, after = [], []
    work_off(join(place, trials=5), before)
    with refused("--trials=4, but the study has 5 trials"):
        join(place, trials=4)
    work_off(join(place, trials=9), after)
    assert sorted(n for n, *_ in after) == [5, 6, 7, 8]
    points = [p for _, p, _ in sorted([*before, *after], key=lambda t: t[0])]
    assert points == search.points(describe(), 0, 9)
    with refused("--block=7, but the trials of this study are in blocks of"):
        join(place, trials=9, block=7)


@pytest.mark.no_jax
def test_trials_that_a_killed_worker_did_not_add_are_added(tmp_path, monkeypatch):
    place = Place(tmp_path, "tiny")
    create, left = JournalStorage.create_new_trial, [7]

    def killed(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return create(*arguments)

    monkeypatch.setattr(JournalStorage, "create_new_trial", killed)
    with pytest.raises(KeyboardInterrupt):
        join(place, block=3)
    monkeypatch.undo()
    assert len(studies.load(place, describe(), small()).optuna.trials) == 7
    repaired = join(place).optuna.trials
    whole = join(Place(tmp_path / "whole", "tiny"), block=3).optuna.trials
    assert [(t.params, t.user_attrs) for t in repaired] == [(t.params, t.user_attrs) for t in whole]


@pytest.mark.no_jax
def test_a_line_that_a_killed_worker_has_cut_short_is_dropped(tmp_path):
    place = Place(tmp_path, "tiny")
    study, taken = join(place), []
    work_off(study, taken, most=1)
    with (tmp_path / "tiny" / "study.journal").open("a") as file:
        file.write('{"op_code":6,"worker_id":"a","tri')
    work_off(join(place), taken)  # a new worker
    work_off(study, [])  # one that has read the journal before
    assert sorted(number for number, *_ in taken) == list(range(20))


@pytest.mark.no_jax
def test_another_search_does_not_join(tmp_path):
    place = Place(tmp_path, "tiny")
    with refused(r"study.journal is missing; no worker has started"):
        studies.load(place, describe(), small())
    join(place)
    with refused("is another search .*seed: 0 there, 1 requested"):
        join(place, describe(seed=1))
    wider = {**SPACE, "hparams.learning_rate": search.log_uniform(1e-4, 1.0)}
    with refused(r"space.hparams.learning_rate.high: 0.1 there, 1.0 requested"):
        join(place, describe(space=wider))
    with refused("config.steps: 40 there"):
        studies.join(
            place,
            describe(),
            cfg.resolve(small(), {"steps": 80}),
            trials=None,
            block=None,
            most=1,
            metric=METRIC,
        )


@pytest.mark.no_jax
def test_nothing_is_written_where_points_are_the_same_run(tmp_path):
    asked = describe(space={"model.layers": search.integer(1, 2)}, trials=3)
    with refused('trials 0 .* are the same run; add "seed": numbered'):
        join(Place(tmp_path, "tiny"), asked)
    assert not list(tmp_path.iterdir())


@pytest.mark.no_jax
def test_tpe_goes_where_it_is_good_and_keeps_the_point_of_a_killed_trial(tmp_path):
    asked = describe(sampler="tpe", trials=24)
    first, second = [], []
    work_off(join(Place(tmp_path / "a", "tiny"), asked, block=2), first)
    work_off(join(Place(tmp_path / "b", "tiny"), asked, block=2), second)
    assert first == second, "one worker: the points depend on seed and results"
    late = [params["hparams.clip_norm"] for _, params, _ in first[14:]]
    # The least value, 1, is the best; the mean of ten random ones is below 1.25 once in 300 cases.
    assert sum(late) / len(late) < 1.25

    study = join(Place(tmp_path / "c", "tiny"), asked, block=2)
    killed = alive.Worker(study)
    killed.__enter__()
    block, _ = blocks.claim(study, killed)
    killed._held.close()
    with alive.Worker(study) as worker:
        again, _ = blocks.claim(study, worker)
    assert [t.params for t in again.trials] == [t.params for t in block.trials]


def test_storages_are_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    for address, message in (
        ("study.txt", r"expected a file \*.journal"),
        ("mysql://a/b", "unknown kind of --storage 'mysql'"),
        (
            "postgresql://me:secret@host/db",
            r"^postgresql://me:\*\*\*@host/db needs a driver .*; pip install 'lstmx\[postgres\]'$",
        ),
    ):
        with refused(message):
            join(Place(tmp_path, "tiny", address))
    with pytest.raises(OSError, match="cannot be opened"):
        join(Place(tmp_path, "tiny", f"sqlite:///{tmp_path}/no/such/folder.db"))


# Workers that train.


CONFIG = """
from lstmx import config as cfg
from lstmx.search import Search, log_uniform, numbered

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=3)
    c.model.cell = cfg.cell("lstm", hidden_size=5)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 80, 2, 8, 1
    c.evals = {"valid": {"split": "valid", "batch_size": 3}}
    return c

def search():
    return Search({"hparams.learning_rate": log_uniform(1e-4, 1e-1), "seed": numbered()}, trials=4)
"""
WORDS = "search --config=tiny.py --workdir=runs --block=2"


def table(folder):
    """trials.csv without times."""
    with (folder / "runs" / "tiny" / "trials.csv").open() as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


def logs(folder):
    """Run -> its log without times."""
    return {
        path.name: [{k: v for k, v in p.items() if k != "seconds"} for p in runs.load(path).metrics]
        for path in runs.find(folder / "runs")
    }


@pytest.fixture(scope="module")
def whole(launch, tmp_path_factory):
    """A study that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "tiny.py").write_text(CONFIG)
    done = launch(WORDS, folder)
    assert done.code == 0, done.err
    return folder, done


def begun(folder, points=6):
    """Whether a run of the first block is in the middle."""
    for path in runs.find(folder / "runs"):
        if len(runs.read_metrics(path)) >= points and checkpoint.steps(path / "checkpoints"):
            return True
    return False


@pytest.mark.slow
def test_a_study_from_the_command_line(launch, whole):
    folder, done = whole
    assert "4 of 4 trials have ended (4 steps)" in done.out
    assert "| trial | eval/valid/mse | learning_rate |" in done.out
    rows = table(folder)
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    for row in rows:
        run = runs.load(folder / "runs" / row["run"])
        assert run.config["hparams"]["learning_rate"] == float(row["hparams.learning_rate"])
        assert (run.config["seed"], run.meta["replicas"]) == (int(row["trial"]), 2)
        at_best = min(p["eval/valid/mse"] for p in run.metrics if "eval/valid/mse" in p)
        assert float(row["value"]) == at_best
    status = launch(f"{WORDS} --status", folder)
    assert status.code == 0, status.err
    assert "4 of 4 trials have ended" in status.out
    again = launch(WORDS, folder)
    assert again.code == 0, again.err
    assert "begin" not in again.err, "nothing is left to do"
    report = launch(f"{WORDS} --report", folder)
    assert report.code == 0, report.err
    assert "4 trials, " in report.out
    assert (folder / "runs" / "tiny" / "report" / "study.html").exists()
    listed = launch(f"{WORDS} --list", folder)
    assert "log-uniform 0.0001 .. 0.1" in listed.out
    undone = launch(f"{WORDS} --config.hparams.learning_rate=1", folder)
    assert (undone.code, "would be undone by the search" in undone.err) == (2, True)


@pytest.mark.files
@pytest.mark.no_jax
def test_a_slurm_script_starts_the_workers(launch, tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    place = "--storage=postgresql://me@host/studies"
    made = launch(f"{WORDS} {place} --slurm=16", tmp_path)
    assert (made.code, made.err) == (0, "")
    script = tmp_path / "search.sh"
    script.write_text(made.out)
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    options = dict(
        line.removeprefix("#SBATCH --").partition("=")[::2]
        for line in made.out.splitlines()
        if line.startswith("#SBATCH")
    )
    assert options["array"] == "0-15"
    assert options["output"] == str(tmp_path / "tiny-%A_%a.out")
    assert "requeue" in options
    # What a task does: the same command without --slurm, in this folder, in place of the shell.
    last = shlex.split(made.out.splitlines()[-1])
    assert last[:1] == ["exec"]
    assert last[2:] == ["-m", "experiments.search", *WORDS.split()[1:], place]
    said = subprocess.run(
        ["bash", "-c", made.out.replace("exec ", "pwd; echo ")], capture_output=True, text=True
    ).stdout.splitlines()
    assert said == [str(tmp_path), shlex.join(last[1:])]
    for words, message in (
        (f"{WORDS} --storage=sqlite:///study.db --slurm=2", "is for the processes of one machine"),
        (f"{WORDS} --slurm=0", "--slurm=0; expected at least 1"),
    ):
        refusal = launch(words, tmp_path)
        assert (refusal.code, message in refusal.err) == (2, True), refusal.err


@pytest.mark.slow
@pytest.mark.files
def test_the_documented_submitit_code_works_a_study_off(tmp_path):
    pytest.importorskip("submitit", reason="needs submitit: pip install 'lstmx[slurm]'")
    page = (Path(__file__).parents[1] / "docs" / "clusters.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    (tmp_path / "tiny.py").write_text(CONFIG)
    (tmp_path / "submit.py").write_text(code)
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, "submit.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "4 of 4 trials have ended (4 steps)" in done.stdout
    assert [row["trial"] for row in table(tmp_path)] == ["0", "1", "2", "3"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "storage", ["", " --storage=sqlite:///study.db"], ids=["journal", "sqlite"]
)
def test_what_a_killed_worker_leaves_ends_with_the_same_numbers(launch, whole, tmp_path, storage):
    (tmp_path / "tiny.py").write_text(CONFIG)
    words = WORDS + storage
    first = launch.start(words, tmp_path)
    while not begun(tmp_path):
        assert first.runs(), first.wait().err
        time.sleep(0.002)
    first.send(signal.SIGKILL)
    assert first.wait().code == -signal.SIGKILL
    assert not any((path / "DONE").exists() for path in runs.find(tmp_path / "runs")), "too late"
    second = launch(words, tmp_path)
    assert second.code == 0, second.err
    assert "taken over" in second.err
    assert "resuming at step" in second.err
    assert table(tmp_path) == table(whole[0])
    assert logs(tmp_path) == logs(whole[0])


@pytest.mark.slow
def test_a_signal_leaves_the_trials_to_others(launch, whole, tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    first = launch.start(WORDS, tmp_path)
    while not begun(tmp_path, 3):
        assert first.runs(), first.wait().err
        time.sleep(0.002)
    first.send(signal.SIGTERM)
    ended = first.wait()
    assert ended.code == 143
    assert ended.err.splitlines()[-1] == "terminated; the same command resumes"
    place = Place(tmp_path / "runs", "tiny")
    text = (tmp_path / "runs" / "tiny" / "study.journal").read_text()
    states = [json.loads(line).get("state") for line in text.splitlines()]
    assert states[-2:] == [TrialState.WAITING, TrialState.WAITING], place
    second = launch(WORDS, tmp_path)
    assert second.code == 0, second.err
    assert table(tmp_path) == table(whole[0])


def trained(folder, asked, config=None):
    """The trials of a study that this process works on."""
    place, told = Place(folder, "tiny"), []
    study = search.work(
        asked, config or small(), place, lambda c: f"seed={c.seed}", quiet=True, say=told.append
    )
    return study, search.trials(study), told


@pytest.mark.slow
def test_pruning_ends_runs_and_says_so(tmp_path):
    asked = describe(
        space={"hparams.learning_rate": search.log_uniform(1e-5, 1e-1), "seed": 0},
        trials=4,
        pruning="halving",
    )
    study, trials, told = trained(tmp_path, asked)
    outcomes = collections.Counter(t.outcome for t in trials)
    assert outcomes["pruned"] >= 1
    assert outcomes["steps"] >= 1
    assert told[-1].startswith("4 of 4 trials have ended")
    for trial, stored in zip(trials, study.optuna.trials):
        run = runs.load(tmp_path / trial.run)
        pruned = trial.outcome == "pruned"
        assert run.reason == trial.outcome
        assert stored.state == (TrialState.PRUNED if pruned else TrialState.COMPLETE)
        assert (run.step < 40) == pruned
        evaluated = {p["step"]: p[METRIC[0]] for p in run.metrics if METRIC[0] in p}
        assert stored.intermediate_values == evaluated
        best = min(evaluated.values())
        assert stored.value == (evaluated[run.step] if pruned else best)
    assert results.ranked(study)[0].value == min(t.value for t in trials if t.outcome == "steps")


@pytest.mark.slow
def test_a_run_that_diverges_is_a_trial_with_that_outcome(tmp_path):
    rates = search.choice([1e-3, 1e30])
    asked = search.Search({"hparams.learning_rate": rates}, sampler="grid")
    study, (good, bad), _ = trained(tmp_path, asked)
    assert (good.outcome, bad.outcome) == ("steps", "diverged")
    assert math.isnan(bad.value)
    assert study.optuna.trials[1].state == TrialState.PRUNED
    assert [t.number for t in results.ranked(study)] == [0]
    assert "(1 steps, 1 diverged)" in results.progress(study)
