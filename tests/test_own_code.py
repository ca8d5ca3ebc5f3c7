"""Code of the user: recorded with a run, and noticed where it has changed since."""

import json
import subprocess
import sys

import pytest

from lstmx import config as cfg
from lstmx import runs
from lstmx.runs import code
from lstmx.runs.extend import _without_steps

CELL = "from mine_lab import helper\nfrom lstmx.cells.rnn import cell\n"
CONFIG = """
from lstmx import config as cfg

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=4, batch_size=4)
    c.model.cell = cfg.cell("mine_lab.net", hidden_size=3)
    c.steps = c.log_every = c.eval_every = 2
    c.eval_batches = 1
    return c
"""


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A folder with a package of the user that has a cell and a helper."""
    package = tmp_path / "mine_lab"
    package.mkdir()
    for name, text in (("__init__", ""), ("net", CELL), ("helper", "import os\nONE = 1\n")):
        (package / f"{name}.py").write_text(text)
    (package / "unused.py").write_text("")
    (tmp_path / "mine.py").write_text(CONFIG)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine_lab"]:
        del sys.modules[name]  # of this folder


@pytest.mark.no_jax
def test_modules_that_a_config_names_are_recorded_with_what_they_import(lab):
    config = cfg.resolve(cfg.base(), {"model.cell": "mine_lab.net"})
    found = code.of(config)
    assert list(found["modules"]) == ["mine_lab", "mine_lab.helper", "mine_lab.net"]
    assert found["git"] == {}
    assert code.of(cfg.base()) == {"modules": {}, "git": {}}
    for words in ("init -q", "-c user.name=n -c user.email=e commit -q --allow-empty -m one"):
        subprocess.run(["git", *words.split()], cwd=lab, check=True)
    (revision,) = code.of(config)["git"].values()
    assert len(revision) == 13
    assert revision.endswith("+")  # the files are not committed


@pytest.mark.no_jax
def test_changed_code_is_refused_or_kept_on_request(lab):
    config = cfg.resolve(cfg.base(), {"model.cell": "mine_lab.net"})
    path = lab / "run"
    path.mkdir()
    meta = {"task": {"baseline": 1.0, "references": {}, "solved": None}, "selection": "x"}
    write = lambda more: (path / "meta.json").write_text(json.dumps({**meta, **more}))
    write({})  # of a version that recorded no code
    assert code.check([path], [config], keep=False) == []
    write({"code": code.of(config)})
    assert code.check([path, lab / "absent"], [config] * 2, keep=False) == []
    (lab / "mine_lab" / "unused.py").write_text("TWO = 2")
    assert code.check([path], [config], keep=False) == []
    (lab / "mine_lab" / "helper.py").write_text("ONE = 2")
    with pytest.raises(
        ValueError, match=r"the code of mine_lab\.helper changed since this run was"
    ):
        code.check([path], [config], keep=False)
    remarks = code.check([path, lab / "absent"], [config] * 2, keep=True)
    line = "the code of mine_lab.helper changed since 1 of 2 runs were started: kept as asked"
    assert remarks == [line]
    (since,) = json.loads((path / "meta.json").read_text())["code_since"]
    assert since == code.of(config)
    assert code.check([path], [config], keep=False) == []  # what was accepted stays so
    (lab / "mine_lab" / "helper.py").write_text("ONE = 3")
    with pytest.raises(ValueError, match=r"the code of mine_lab\.helper changed"):
        code.check([path], [config], keep=False)


@pytest.mark.no_jax
def test_run_of_other_code_is_not_continued_by_a_longer_one():
    meta = {"task": {"files": {}}, "evals": {}, "init_from": None}
    old, new = ({**meta, "code": {"modules": {"a.b": digest}}} for digest in ("0", "1"))
    assert _without_steps({"steps": 1}, old) == _without_steps({"steps": 2}, old)
    assert _without_steps({"steps": 1}, old) != _without_steps({"steps": 2}, new)
    assert _without_steps({}, meta) == _without_steps({}, {**meta, "code": {"modules": {}}})


@pytest.mark.files
def test_command_after_an_edit_of_the_cell_asks_what_to_do(lab, launch):
    words = "train --config=mine.py --workdir=runs"
    environment = {"PYTHONPATH": str(lab)}
    assert launch(words, lab, **environment).code == 0
    (path,) = runs.find(lab / "runs")
    meta = json.loads((path / "meta.json").read_text())
    assert "mine_lab.net" in meta["code"]["modules"]
    assert meta["recipe"]["file"] == "mine.py"
    (lab / "mine_lab" / "net.py").write_text(f"{CELL}\n# edited\n")
    before = sorted(path.rglob("*"))
    ended = launch(words, lab, **environment)
    assert ended.code == 2
    assert ended.err.startswith(
        "error: the code of mine_lab.net changed since this run was started"
    )
    assert ended.err.count("\n") == 1
    assert sorted(path.rglob("*")) == before
    kept = launch(f"{words} --keep", lab, **environment)
    assert kept.err.splitlines()[1:] == ["1 of 1 runs are finished already: skipped"], kept.err
