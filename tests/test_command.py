"""The console command `lstmx`, and what a wheel and an editable install put where."""

import os
import subprocess
import sys
import tomllib

import pytest
from launching import ROOT

from lstmx import _command

pytestmark = pytest.mark.no_jax
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
HATCH = PROJECT["tool"]["hatch"]["build"]["targets"]


def call(words, folder):
    """What the installed command does in a folder, with lstmx alone on the import path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".editable")}
    code = "import sys; from lstmx._command import main; sys.argv[0] = 'lstmx'; main()"
    command = [sys.executable, "-c", code, *words.split()]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_command_lists_the_launchers_by_what_they_do(tmp_path):
    lines = call("", tmp_path).stdout.splitlines()
    assert "  train      Train one run" in lines
    known = _command.launchers()
    assert {"train", "sweep", "search", "report", "evaluate", "forecast", "inspect"} <= set(known)
    assert not {"benchmark", "certify", "coverage"} & set(known)
    wrong = call("trian", tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: unknown command 'trian'; did you mean 'train'? known: ")


def test_packages_of_the_user_with_our_names_are_left_alone(tmp_path):
    for name in ("experiments", "configs", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "claims.py").write_text("NUMBER = 7")
    (tmp_path / "mine.py").write_text(
        "from experiments import claims\n"
        "from lstmx import config as cfg\n"
        "def get_config():\n"
        "    return cfg.resolve(cfg.base(), {'seed': claims.NUMBER})\n"
    )
    for recipe in ("mine.py", "papers/gers2002"):  # that of the paper imports ours
        ended = call(f"train --config={recipe}", tmp_path)
        assert ended.stderr.startswith("error: --workdir is missing; expected a folder")


def test_recipes_are_found_by_name_and_messages_name_the_command(tmp_path):
    ended = call("sweep --config=variants:quick --list --workdir=runs", tmp_path)
    assert ended.stdout.splitlines()[-1] == "group 10: quick,cell=rnn,seed=11", ended.stderr
    (tmp_path / "variance.py").write_text("")
    for name, near in (("varians", "variants"), ("variance", r"variance.py")):
        ended = call(f"train --config={name} --workdir=runs", tmp_path)
        assert (
            f"error: unknown recipe '{name}'; did you mean {near}? known: adding, " in ended.stderr
        )
    ended = call(f"sweep --config={tmp_path / 'variance.py'} --workdir=runs", tmp_path)
    assert "defines no function get_config(mode); expected one as in adding" in ended.stderr
    assert "lstmx train --config=adding --workdir=runs" in call("train --help", tmp_path).stdout


def test_import_path_of_an_editable_install_has_lstmx_alone():
    (folder,) = HATCH["wheel"]["dev-mode-dirs"]
    assert [path.name for path in (ROOT / folder).iterdir()] == ["lstmx"]
    assert (ROOT / folder / "lstmx").resolve() == ROOT / "lstmx"


def test_wheel_has_launchers_that_need_no_package_named_experiments():
    assert HATCH["wheel"]["sources"] == {
        "experiments": "lstmx/launchers",
        "configs": "lstmx/recipes",
    }
    shipped = [ROOT / "experiments" / f"{name}.py" for name in _command.launchers()]
    private = set((ROOT / "experiments").glob("_*.py"))
    private -= {ROOT / "experiments" / f"_{n}.py" for n in ("certificate", "coverage", "fusions")}
    for path in (*shipped, *private, *(ROOT / "experiments" / "claims").glob("*.py")):
        assert "from experiments" not in path.read_text("utf-8"), f"{path}: import it relatively"
