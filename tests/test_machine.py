"""Cores and memory on systems that report them differently; and runs that do not fit into it."""

import os
import re
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import experiment, machine, registry
from lstmx.runs import group as groups


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "process_cpu_count", lambda: 3, raising=False)
    assert machine.cores() == 3
    monkeypatch.delattr(os, "process_cpu_count")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {4, 7}, raising=False)
    assert machine.cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(os, "cpu_count", lambda: 5)
    assert machine.cores() == 5
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.cores() == 1


@pytest.fixture
def plenty(monkeypatch, tmp_path):
    """A machine with 1000 bytes free of 4000 and 200 of swap, in no control group."""
    psutil = SimpleNamespace(
        virtual_memory=lambda: SimpleNamespace(available=1000, total=4000),
        swap_memory=lambda: SimpleNamespace(free=200),
    )
    monkeypatch.setitem(sys.modules, "psutil", psutil)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine, "OWN_CGROUPS", tmp_path / "none")


def test_memory_is_what_is_left(plenty, monkeypatch):
    assert (machine.memory(), machine.memory(swap=True)) == (1000, 1200)
    assert machine.total_memory() == 4000
    monkeypatch.setattr(sys, "platform", "darwin")
    assert machine.memory() == 4000


@pytest.mark.parametrize(
    ("own", "where", "limit", "usage"),
    [
        ("0::/job/step\n", "job", "memory.max", "memory.current"),
        ("0::/of/the/host\n", "", "memory.max", "memory.current"),
        (
            "3:cpu:/a\n2:memory:/job\n0::/\n",
            "memory/job",
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
        ),
    ],
)
def test_memory_obeys_the_limits_of_control_groups(
    plenty, monkeypatch, tmp_path, own, where, limit, usage
):
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "OWN_CGROUPS", tmp_path / "own")
    assert machine.memory() == 1000  # where there are none
    (tmp_path / "own").write_text(own, "utf-8")
    folder = tmp_path / "cgroup" / where
    folder.mkdir(parents=True)
    texts = {limit: "900\n", usage: "700\n"}
    texts["memory.stat"] = "active_file 20\ninactive_file 30\nother 9\n"
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    assert machine.memory() == 900 - 700 + 20 + 30
    (folder / limit).write_text("max\n", "utf-8")
    assert machine.memory() == 1000


@pytest.mark.parametrize("place", ["gs://bucket/runs", "gs:/bucket/runs", "s3://b", "file:///tmp"])
def test_an_address_is_no_folder(place):
    with pytest.raises(ValueError, match=rf"^--workdir={place} is an address .* local folder: .*$"):
        machine.local_folder(place, "--workdir")


@pytest.mark.parametrize("place", ["runs", "/data/gs:/runs", "C:/runs", "C:\\runs", "a:b", ""])
def test_a_folder_is_no_address(place):
    assert str(machine.local_folder(place, "--workdir")) in (place, ".")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: np.ones(2**50), r"\(Unable to allocate 8.00 PiB for an array with shape .*\)"),
        (
            lambda: jax.numpy.ones(2**50),
            r"\(RESOURCE_EXHAUSTED: Out of memory allocating \d+ bytes",
        ),
        (lambda: bytearray(2**62), r"\(MemoryError\)"),
    ],
)
def test_running_out_of_memory_is_distinguished_from_other_errors(ask, message):
    with pytest.raises((MemoryError, RuntimeError)) as error:
        ask()
    line = machine.out_of_memory(error.value)
    assert re.fullmatch(
        rf"memory ran out {message}.*; expected a smaller batch, .* --explain .*", line
    )
    thread = RuntimeError("can't start new thread")
    library = ImportError("a.so: failed to map segment from shared object")
    assert all(str(e) in machine.out_of_memory(e) for e in (thread, library))
    assert machine.out_of_memory(ImportError("No module named 'a'")) is None
    assert machine.out_of_memory(RuntimeError("INTERNAL: another fault")) is None
    assert machine.out_of_memory(ValueError("Out of memory")) is None


TOO_LARGE = [
    (
        {"model.cell.hidden_size": 200_000},
        "for the optimizer, .*hidden_size=200000 or model.layers",
    ),
    (
        {"task.batch_size": 10**7},
        "for the batch, .* smaller task.batch_size=10000000 or task.len",
    ),
    ({"task.length": 4 * 10**7}, "for the batch, .*=32 or task.length=40000000"),
    (
        {"log_every": 10**9, "steps": 10**9, "eval_every": 10**9},
        "for the log, .* log_every=1000000",
    ),
    ({"eval_batches": 10**9}, "for the evaluation, .* eval_batches=1000000000"),
]


@pytest.mark.parametrize(("overrides", "message"), TOO_LARGE)
def test_a_run_that_cannot_fit_is_refused_from_its_shapes(monkeypatch, overrides, message):
    monkeypatch.setattr(machine, "memory", lambda swap: 8 * 2**30)
    config = cfg.resolve(cfg.base(), overrides)
    cfg.validate(config)
    line = rf"^this run needs at least [\d.]+ GiB of memory, with .*{message}.*\Z"
    with pytest.raises(ValueError, match=line):
        experiment.check_memory(experiment.build(config), config)


@pytest.mark.parametrize("name", ["copy_memory", "formal_language", "adding"])
def test_batches_that_cannot_fit_are_refused_before_the_task_counts_anything(monkeypatch, name):
    """These would go through a billion steps on the host first."""
    monkeypatch.setattr(machine, "memory", lambda swap: 8 * 2**30)
    monkeypatch.setattr(registry, "make", lambda *named, **options: pytest.fail("was made"))
    section = cfg.task(name, length=10**9)
    with pytest.raises(
        ValueError, match=r"^task.batch_size=32 with task.length=1000000000: a batch "
    ):
        experiment.make_task(section)
    with pytest.raises(
        ValueError, match=r"^task.batch_size=32 with task.length=1000000000: a batch "
    ):
        experiment.make_task(cfg.task(name), {"length": 10**9})


def test_a_product_of_options_that_overflows_is_one_line():
    overrides = {"task": "measure_spike_delay", "task.num_spikes": 10**9}
    config = cfg.resolve(cfg.base(), overrides)
    line = r"^options of the task or the model are too large: .* out of bounds for int32$"
    with pytest.raises(ValueError, match=line):
        experiment.check_memory(experiment.build(config), config)


def test_replicas_are_counted(monkeypatch):
    config = cfg.base()
    exp = experiment.build(config)
    needed = experiment.least_memory(exp, config)
    kept = sum(needed[part] for part in ("parameters", "optimizer", "recurrent state"))
    passing = sum(needed[part] for part in ("gradients", "batch", "log"))
    monkeypatch.setattr(machine, "memory", lambda swap: 3 * kept + passing)
    experiment.check_memory(exp, config, 3)
    with pytest.raises(ValueError, match=r"^4 replicas need .* of each, and .* or fewer replicas"):
        experiment.check_memory(exp, config, 4)


@pytest.mark.slow
def test_a_run_that_was_trained_had_the_least_memory():
    """The bound is one: a compiled step of a small run takes more than it says."""
    config = cfg.resolve(
        cfg.base(), {"model.cell.hidden_size": 5, "task.length": 7, "log_every": 2}
    )
    exp = experiment.build(config)
    group = groups.make(exp, [config], jax.devices()[:1])
    state = jax.eval_shape(group.init, group.hparams, group.seeds)
    account = group.chunks[0].lower(state, group.hparams, group.seeds).compile().memory_analysis()
    parts = ("argument_size", "output_size", "temp_size")
    used = sum(getattr(account, f"{part}_in_bytes") for part in parts) - account.alias_size_in_bytes
    needed = experiment.least_memory(exp, config)
    assert sum(needed.values()) - needed["evaluation"] <= used


@pytest.mark.parametrize(
    "overrides",
    [
        {"model.cell.hidden_size": 10**10},
        {"task.length": 10**19},
        {"steps": 10**12 * 50},
        {"eval_batches": 99999999999},
        {"model.hidden_sizes": (10**12,)},
        {"curriculum": ((0, {"length": 10**12}),)},
        {"evals": {"valid": {"length": 10**12}}},
        {"seed": 2**32},
    ],
)
def test_numbers_that_no_program_can_count_are_refused(overrides):
    with pytest.raises(ValueError, match=r"expected (a whole number below 2\*\*31|below 2\*\*32)"):
        cfg.validate(cfg.resolve(cfg.base(), overrides))
