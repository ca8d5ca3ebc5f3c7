"""Names that stand in files import nothing outside of lstmx, unless the user consents."""

import json
import re
import sys

import fake_runs
import pytest

from lstmx import cells, experiment, registry
from lstmx import config as cfg

EVIL = """
from pathlib import Path

Path("evil_was_here").touch()

from lstmx.{kind}.{member} import {entry}
"""
REFUSED = r"{entry} '{name}' is a module that a file names and .*--trust .*trust=True.*"
CONFIG = """
from lstmx import config as cfg

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=7, batch_size=4)
    c.model.cell = cfg.cell("rnn", hidden_size=5)
    c.steps = c.log_every = c.eval_every = 2
    c.eval_batches = 1
    return c
"""


@pytest.fixture
def strangers(tmp_path, monkeypatch):
    """Makes a package that leaves a trace in the current folder as soon as it is imported."""
    name = f"strangers_{len(sys.modules)}"
    folder = tmp_path / name
    folder.mkdir()
    for kind, entry, member in (("cells", "cell", "rnn"), ("tasks", "task", "adding")):
        text = EVIL.format(kind=kind, entry=entry, member=member)
        (folder / f"{entry}.py").write_text(text, "utf-8")
    text = EVIL.partition("\n\nfrom lstmx")[0]
    (folder / "__init__.py").write_text(text, "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_trusted", set())
    return name


def imported(name):
    """Whether a module of the strangers was imported, or only their package."""
    return any(m.partition(".")[0] == name for m in sys.modules)


@pytest.mark.parametrize(("kind", "section"), [("cell", "model.cell"), ("task", "task")])
def test_a_config_of_a_file_imports_only_with_consent(strangers, tmp_path, kind, section):
    name = f"{strangers}.{kind}"
    stored = cfg.to_dict(cfg.base())
    place = stored["model"] if kind == "cell" else stored
    place[kind] = {"name": name}
    stored = json.loads(json.dumps(stored))
    with pytest.raises(ValueError, match=f"^{REFUSED.format(entry=kind, name=name)}$"):
        cfg.from_dict(stored)
    assert not imported(strangers)
    assert not (tmp_path / "evil_was_here").exists()
    config = cfg.from_dict(stored, trust=True)
    assert cfg.flatten(config)[f"{section}.name"] == name
    assert imported(strangers)


def test_what_is_built_of_plain_dicts_asks_too(strangers):
    """`run.config` is one, and a notebook may hand over a part of it."""
    config = cfg.ConfigDict({**cfg.to_dict(cfg.base()), "task": {"name": f"{strangers}.task"}})
    model = {**cfg.to_dict(cfg.base())["model"], "cell": {"name": f"{strangers}.cell"}}
    for ask in (
        lambda: experiment.make_task({"name": f"{strangers}.task"}),
        lambda: experiment.make_layers(model),
        lambda: experiment.build(config),
        lambda: cfg.identity(config),
        lambda: cfg.static_part(config),
    ):
        with pytest.raises(ValueError, match="is a module that a file names"):
            ask()
    assert not imported(strangers)


@pytest.mark.parametrize(
    "give",
    [
        lambda name: cells.make(name),
        lambda name: cfg.cell(name),
        lambda name: cfg.resolve(cfg.base(), {"model.cell": name}),
        lambda name: cfg.resolve(cfg.base(), {"model.cell.name": name}),
        lambda name: cfg.resolve(cfg.base(), {"model.cell": {"name": name}}),
    ],
    ids=["make", "config", "section", "name", "dict"],
)
def test_names_that_the_user_gives_need_no_consent(strangers, give):
    name = f"{strangers}.cell"
    give(name)
    stored = cfg.to_dict(cfg.resolve(cfg.base(), {"model.cell": name}))
    assert cfg.from_dict(stored).model.cell.name == name  # and it is the same in a file then


def test_members_of_lstmx_need_no_consent(monkeypatch):
    monkeypatch.setattr(registry, "_trusted", set())
    stored = cfg.to_dict(cfg.base())
    stored["model"]["cell"] = {"name": "lstmx.cells.gru"}
    assert cfg.from_dict(stored).model.cell.hidden_size == 64
    for name in ("lstmx.cells._gates", "experiments.benchmarks.child", "lstmx.tasks.adding"):
        stored["model"]["cell"] = {"name": name}
        with pytest.raises(ValueError, match="is a module that a file names"):
            cfg.from_dict(stored)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("...", r"cell '\.\.\.' is no name of a module; expected one such as my_lab\.cells\.mine"),
        (".gru", r"cell '\.gru' is no name of a module"),
        ("a..b", "is no name of a module"),
        ("../evil.cell", "is no name of a module"),
        ("evil.cell\nb", r"cell 'evil\.cell\\nb' is no name of a module"),
        ("evil.\x00", r"cell 'evil\.\\x00' is no name of a module"),
        ("os.system('ls')", "is no name of a module"),
        ("a." * 10**6 + "b", r"is no name of a module"),
        ("g" * 10**6, r"unknown cell 'ggg.*\.\.\.; .*known: .*gru"),
        ("", "cell: got ''; expected a name, such as 'conv_lstm'"),
        ("os.path", r"module 'os\.path' defines no function cell"),
        ("xml.dom", r"module 'xml\.dom' defines no function cell"),
    ],
    ids=lambda text: repr(text[:12]),
)
def test_names_of_no_member_are_refused_in_one_line_even_if_trusted(name, message):
    with pytest.raises(ValueError, match=rf"^(?s:(?=.{{0,900}}\Z)).*{message}.*\Z") as refused:
        cells.make(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", [5, None, True, ["gru"], {"name": "gru"}])
def test_what_is_no_text_is_no_name(name):
    with pytest.raises(ValueError, match=r"^cell: got .*; expected a name, such as"):
        registry.options("cells", name)


@pytest.mark.parametrize(
    ("words", "task"),
    [
        ("evaluate --run={}", "adding"),
        ("evaluate --run=runs --lengths=7,9", "adding"),
        ("forecast --run=runs", "forecast"),
    ],
)
def test_launchers_import_nothing_of_a_run_without_consent(launch, tmp_path, words, task):
    """A run directory from elsewhere, whose config names a cell that the current folder has."""
    folder = fake_runs.write(tmp_path / "runs")
    stored = json.loads((folder / "config.json").read_text("utf-8"))
    stored |= {"task": {"name": task}, "evals": {"valid": {"split": "valid"}}}
    stored["model"]["cell"] = {"name": "evil.cell"}
    (folder / "config.json").write_text(json.dumps(stored), "utf-8")
    (tmp_path / "evil").mkdir()
    text = EVIL.format(kind="cells", entry="cell", member="rnn")
    (tmp_path / "evil" / "cell.py").write_text(text, "utf-8")
    words = words.format(folder)
    refused = launch(words, tmp_path, PYTHONPATH=str(tmp_path))
    assert refused.code == 2, refused.out
    message = refused.err.splitlines()[-1]
    assert re.fullmatch(f"error: {REFUSED.format(entry='cell', name='evil.cell')}", message), (
        message
    )
    assert not (tmp_path / "evil_was_here").exists()
    agreed = launch(f"{words} --trust", tmp_path, PYTHONPATH=str(tmp_path))
    assert (tmp_path / "evil_was_here").exists(), agreed.err


@pytest.mark.slow
def test_reports_and_starting_values_import_nothing_of_a_run(launch, tmp_path):
    path = fake_runs.write(tmp_path / "runs")
    stored = json.loads((path / "config.json").read_text("utf-8"))
    stored["model"]["cell"]["name"] = "evil.cell"
    (path / "config.json").write_text(json.dumps(stored), "utf-8")
    (tmp_path / "evil.py").write_text(EVIL.partition("\n\nfrom lstmx")[0], "utf-8")
    reported = launch("report --workdir=runs", tmp_path, PYTHONPATH=str(tmp_path))
    assert reported.code == 0, reported.err
    (tmp_path / "tiny.py").write_text(CONFIG, "utf-8")
    words = f"train --config=tiny.py --workdir=other --init_from={path}"
    refused = launch(words, tmp_path, PYTHONPATH=str(tmp_path))
    assert "has no checkpoint" in refused.err
    assert not (tmp_path / "evil_was_here").exists()
