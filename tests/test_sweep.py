"""Sweeps and the launchers' start: points, groups, one-line errors."""

import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from experiments._recipe import recipe
from lstmx import config as cfg
from lstmx import sweep as sw

ROOT = Path(__file__).parent.parent


def refused(message):
    return pytest.raises(ValueError, match=message)


def test_product_varies_the_last_key_fastest():
    assert sw.product({"a": [1, 2], "b": range(2)}) == [
        {"a": 1, "b": 0},
        {"a": 1, "b": 1},
        {"a": 2, "b": 0},
        {"a": 2, "b": 1},
    ]
    with refused("a has no values"):
        sw.product({"a": []})
    with refused("a: got 'lstm'; expected a list"):
        sw.product({"a": "lstm"})


def test_zipped_goes_side_by_side():
    assert sw.zipped({"a": [1, 2], "b": ["x", "y"]}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    with refused("a has 2, b has 1"):
        sw.zipped({"a": [1, 2], "b": [1]})


def test_cross_joins_every_pair():
    assert sw.cross(sw.zipped({"a": [1]}), sw.product({"b": [1, 2]})) == [
        {"a": 1, "b": 1},
        {"a": 1, "b": 2},
    ]
    with refused("both sides of a cross override a"):
        sw.cross([{"a": 1}], [{"a": 2}])


def test_log_uniform_draws_one_value_per_stratum():
    values = sw.log_uniform(1e-4, 1e-2, 8)
    strata = [math.floor(math.log(v / 1e-4) / math.log(100) * 8) for v in values]
    assert strata == list(range(8))
    assert values == sw.log_uniform(1e-4, 1e-2, 8)
    assert values != sw.log_uniform(1e-4, 1e-2, 8, seed=1)
    for low, high, n in [(0, 1, 1), (2, 1, 1), (1, 2, 0)]:
        with refused("expected"):
            sw.log_uniform(low, high, n)


def test_resolve_gives_checked_configs_in_order():
    points = sw.product({"hparams.learning_rate": [1e-3, 1e-2], "seed": range(2)})
    configs = sw.resolve(cfg.base(), points)
    assert [(c.hparams.learning_rate, c.seed) for c in configs] == [
        (1e-3, 0),
        (1e-3, 1),
        (1e-2, 0),
        (1e-2, 1),
    ]
    with refused(r"sweep points 0 \(steps=50\) and 2 \(steps=50\) are the same run"):
        sw.resolve(cfg.base(), [{"steps": 50}, {"steps": 100}, {"steps": 50}])
    with refused(r"sweep point 1 \(step=1\): unknown config key 'step'; did you mean 'steps'"):
        sw.resolve(cfg.base(), [{}, {"step": 1}])
    with refused("steps=0; expected at least 1"):
        sw.resolve(cfg.base(), [{"steps": 0}])
    with refused("no points"):
        sw.resolve(cfg.base(), [])


def test_groups_share_their_static_part():
    points = sw.product(
        {"seed": [0, 1], "model.cell": [cfg.cell("lstm", hidden_size=h) for h in (3, 5)]}
    )
    configs = sw.resolve(cfg.base(), points)
    assert sw.groups(configs) == [[0, 2], [1, 3]]
    assert [c.model.cell.hidden_size for c in configs] == [3, 5, 3, 5]


def test_label_says_what_differs_and_the_seed():
    reference = cfg.base()
    assert sw.label(reference, reference) == "seed=0"
    changed = cfg.resolve(reference, {"hparams.learning_rate": 0.123456, "seed": 4})
    assert sw.label(reference, changed) == "learning_rate=0.1235,seed=4"


CONFIG = '''
"""A tiny config."""
from lstmx import config as cfg, sweep as sw

def get_config(mode="full"):
    c = cfg.base()
    c.task = cfg.task("adding", length=9)
    return cfg.shrink(c) if mode == "quick" else c

def sweep():
    return sw.product({"hparams.learning_rate": [0.1, 0.2]})
'''

LAUNCHER = '''
"""A tiny launcher."""
import sys
from absl import flags
from experiments import _app

FORCE = flags.DEFINE_bool("force", False, "Start over.")

def main(launch):
    if "fail" in str(launch.workdir()):
        raise OSError(13, "Permission denied", "runs")
    assert "jax" not in sys.modules
    config = launch.config
    print(config.steps, config.model.bidirectional, config.model.hidden_sizes,
          launch.label(config), len(launch.points()), FORCE.value)

if __name__ == "__main__":
    _app.run(main)
'''


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    (tmp_path / "launch.py").write_text(LAUNCHER)
    return tmp_path


def launch(folder, *arguments):
    # The launcher's own folder is sys.path[0]; the checkout comes by PYTHONPATH.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "launch.py", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_launcher_applies_overrides(folder):
    done = launch(
        folder,
        "--config.steps=100",
        "--config=tiny.py",
        "--config.model.bidirectional",
        "--config.seed",
        "3",
        "--config.model.hidden_sizes=(4,)",
        "--workdir=runs",
        "--noforce",
    )
    assert done.stdout == (
        "100 True (4,) bidirectional=True,widths=[4],steps=100,seed=3 2 False\n"
    ), done.stderr
    assert done.returncode == 0


def test_launcher_prints_its_help_and_nothing_else(folder):
    done = launch(folder, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("A tiny launcher.")
    for flag in ("--force", "--config", "--workdir", "--data_dir", "--traceback"):
        assert flag in done.stdout
    assert len(done.stdout.splitlines()) < 15


WRONG = [
    (
        ["--config.hparam.learning_rat=1"],
        "unknown config key 'hparam.learning_rat'; did you mean 'hparams.learning_rate'?",
    ),
    (["--config.steps=ten"], "steps='ten' has the wrong type; expected int"),
    (["--wrkdir=x"], "unknown flag --wrkdir; did you mean --workdir?"),
    (["stray"], "unexpected argument 'stray'"),
    (
        ["--config=tinny.py"],
        "config file tinny.py: No such file or directory; did you mean tiny.py?",
    ),
    (["--workdir=fail"], "runs: Permission denied"),
    (["--force=maybe"], "flag --force=maybe: Non-boolean argument to boolean flag"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[w[0][0] for w in WRONG])
def test_launcher_answers_mistakes_in_one_line(folder, arguments, message):
    before = sorted(p.name for p in folder.iterdir())
    complete = arguments if any("=" in a and a.startswith("--config=") for a in arguments) else []
    done = launch(folder, *(complete or ["--config=tiny.py", "--workdir=runs", *arguments]))
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"error: {message}")
    assert sorted(p.name for p in folder.iterdir()) == before


def started(monkeypatch, folder, *arguments):
    """The parsing of `_app.run` in this process, with separate flags."""
    from absl import flags

    from experiments import _app, _flags
    from experiments._launch import Launch

    values = flags.FlagValues()
    for name in ("config", "workdir", "data_dir"):
        flags.DEFINE_string(name, None, "", flag_values=values)
    flags.DEFINE_bool("print_config", False, "", flag_values=values)
    monkeypatch.setattr(_app.flags, "FLAGS", values)
    monkeypatch.setattr(_flags, "names", lambda: ["config", "workdir", "data_dir"])
    monkeypatch.chdir(folder)
    launch = Launch()
    _app._parse(launch, ["launch.py", *arguments], config=True, workdir=True, words=False)
    return launch.config


def test_parsing_knows_names_before_their_options(folder, monkeypatch):
    lab = f"lab_{folder.name}"
    (folder / lab).mkdir()
    (folder / lab / "late.py").write_text(
        "def cell(hidden_size: int = 4, *, size: int | None = 2): return size\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    c = started(
        monkeypatch,
        folder,
        "--config=tiny.py:quick",
        "--config.model.cell.size=None",
        f"--config.model.cell.name={lab}.late",
        "--noconfig.model.bidirectional",
        "--workdir=runs",
    )
    assert (c.steps, c.name) == (20, "tiny")
    assert c.model.bidirectional is False
    assert c.model.cell == cfg.cell(f"{lab}.late", size=None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workdir=runs"], "--config is missing"),
        (["--config=tiny.py"], "--workdir is missing"),
        (["--config.steps=5", "--workdir=runs"], "--config is missing"),
        (["--config=tiny.py:quik", "--workdir=runs"], "no mode 'quik'; known: full, quick"),
        (["--config=tiny.py", "--config.steps=0", "--workdir=runs"], "steps=0; expected at least"),
        (["--config=tiny.py", "--noconfig.steps=0", "--workdir=runs"], "takes no value"),
    ],
)
def test_parsing_refuses(folder, monkeypatch, arguments, message):
    with refused(message):
        started(monkeypatch, folder, *arguments)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def get_config(:", r"bad.py, line 1: invalid syntax"),
        ("import no_such_library", "bad.py, line 1: ModuleNotFoundError: No module named"),
        ("x = 1", "defines no function get_config"),
        (
            "from lstmx import config as c\ndef get_config():\n  b = c.base()\n  b.stps = 1",
            r"bad.py, line 4: unknown config key 'stps'; did you mean 'steps'",
        ),
        (
            "from lstmx import config as c\ndef get_config():\n  b = c.base()\n  b.steps = 'a'",
            r"bad.py, line 4: TypeError: .*steps",
        ),
        (
            "from lstmx import config as c\ndef get_config():\n  return c.cell('lstn')",
            r"bad.py, line 3: unknown cell 'lstn'; did you mean 'lstm'",
        ),
        ("def get_config(): return {}", "must return a config made from"),
        (
            "from lstmx import config as c\ndef get_config():\n  return c.task('adding')",
            "bad.py: unknown config key 'batch_size'",
        ),
        (
            "from lstmx import config as c\ndef get_config():\n  b = c.base()\n  b.steps = 7\n"
            "  return b",
            "bad.py: steps=7; expected a multiple of log_every=50",
        ),
    ],
)
def test_recipe_refuses_a_bad_file_in_one_line(tmp_path, source, message):
    path = tmp_path / "bad.py"
    path.write_text(textwrap.dedent(source))
    with refused(message) as caught:
        recipe(str(path))
    assert "\n" not in str(caught.value)


def test_recipe_reads_a_file_afresh(folder):
    first = recipe(str(folder / "tiny.py"))
    assert (first.config.name, first.mode, len(first.points)) == ("tiny", "full", 2)
    first.config.steps = 50
    assert recipe(str(folder / "tiny.py")).config.steps == 1000
    assert recipe(str(folder / "tiny.py:quick")).config.steps == 20
