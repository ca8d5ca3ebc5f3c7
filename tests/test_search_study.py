"""Searches: blocks, workers that die, storages; nothing is trained."""

import collections
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from searching import CONFIG, METRIC, SPACE, WORDS, describe, refused, small

from lstmx import config as cfg
from lstmx import search
from lstmx.search import alive, blocks, results
from lstmx.search import study as studies
from lstmx.search.storage import Place


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
