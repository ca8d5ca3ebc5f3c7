"""What Linux has and other systems have not: no launcher needs it, and no file uses it unasked."""

import ast
import shutil

import pytest
from test_layers import ROOT, dotted, report, sources, tree

pytestmark = pytest.mark.files

ELSEWHERE_ABSENT = {
    "os": "fork geteuid getuid mkfifo process_cpu_count sched_getaffinity sched_setaffinity sysconf"
    " uname",
    "signal": "SIGALRM SIGHUP SIGKILL SIGUSR1 SIGUSR2 alarm",
}
"""Module -> the names that macOS or Windows lacks."""
MODULES_ABSENT = {"fcntl", "grp", "pwd", "resource", "termios"}
BYTES = (
    "runs.open",
    "opened.open",
    "_fitted.open",
    "archive.",
    "gzip.",
    "os.",
    "tarfile.",
    "zipfile.",
)
"""Whose `open` gives bytes, a descriptor, or no file at all."""
DOOR = "lstmx.machine"
"""The module that may use them, after a look whether they are there."""


@pytest.mark.no_jax
def test_what_only_some_systems_have_comes_through_one_door():
    complaints = []
    for path in sources("lstmx", "experiments"):
        if dotted(path) == DOOR:
            continue
        for node in ast.walk(tree(path)):
            used = []
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                absent = ELSEWHERE_ABSENT.get(node.value.id, "").split()
                used = [f"{node.value.id}.{node.attr}"] if node.attr in absent else []
            elif isinstance(node, ast.Import):
                used = [name.name for name in node.names if name.name in MODULES_ABSENT]
            elif isinstance(node, ast.ImportFrom):
                used = [node.module] if node.module in MODULES_ABSENT else []
            for name in used:  # paths are dear: not one for each of 200,000 nodes
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                complaints.append(f"{place}: {name} is not on every system")
    report(complaints)


def is_text(call: ast.Call, name: str) -> bool:
    """Whether a call of this name opens text in an encoding that nobody names."""
    given = {keyword.arg for keyword in call.keywords}
    if "encoding" in given or None in given:
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) < {"read_text": 1, "write_text": 2}[name]
    if name in ("Popen", "run", "check_output"):
        return bool({"text", "universal_newlines"} & given)
    if name not in ("open", "fdopen", "TemporaryFile", "NamedTemporaryFile"):
        return False
    texts = [a.value for a in call.args if isinstance(a, ast.Constant)]
    texts += [k.value.value for k in call.keywords if k.arg == "mode"]  # type: ignore[attr-defined]
    modes = [t for t in texts if isinstance(t, str) and set(t) <= set("rwaxbt+|gz:*")]
    if not modes:
        return name in ("open", "fdopen")  # temporary files hold bytes unless told otherwise
    return not any(set(mode) & set("b|:") for mode in modes)


@pytest.mark.no_jax
def test_text_files_say_their_encoding():
    """Windows would take the code page of the machine."""
    complaints = []
    for path in sources("lstmx", "experiments", "configs"):
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            if is_text(node, name) and not ast.unparse(node.func).startswith(BYTES):
                complaints.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name} of text")
    report(complaints)


@pytest.mark.no_jax
def test_calls_that_open_text_are_seen():
    seen = lambda line: is_text(ast.parse(line).body[0].value, line.partition("(")[0])
    opened = ["open(a)", "open(a, 'w')", "read_text()", "write_text(t)", "run(c, text=True)"]
    fine = ["open(a, 'rb')", "open(a, encoding='utf-8')", "read_text('utf-8')", "run(c)"]
    assert [line for line in opened + fine if seen(line)] == opened


TINY = """
from lstmx import config as cfg
from lstmx import sweep as sw

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=4)
    c.steps = c.log_every = c.eval_every = 2
    return c

def sweep():
    return sw.product({"seed": range(2)})
"""


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("train --config=tiny.py --workdir=runs --init_from=absent", "absent is no run directory"),
        ("sweep --config=tiny.py --workdir=tiny.py/runs", "tiny.py"),
        ("evaluate --run=absent", "absent is no run directory"),
        ("evaluate --run=. --lengths=10", "--run=.: there is no run below"),
        ("forecast --run=absent", "absent is no run directory"),
        ("report --workdir=absent", "no runs found in absent"),
        ("reproduce --papers=papers --only=tallec2018 --out=tiny.py/out", "tiny.py"),
        ("benchmark --quick --only=layers --out=tiny.py/out", "tiny.py"),
        ("certify --only=lstmm", "unknown cell 'lstmm'"),
    ],
)
def test_launchers_start_where_there_is_no_affinity(launch, tmp_path, words, line):
    """As on macOS: each gets as far as the mistake in its command line."""
    (tmp_path / "tiny.py").write_text(TINY, "utf-8")
    (tmp_path / "papers").mkdir()
    shutil.copy(ROOT / "configs" / "papers" / "tallec2018.py", tmp_path / "papers")
    ended = launch(words, tmp_path, WITHOUT="os.sched_getaffinity os.process_cpu_count")
    assert "Traceback" not in ended.err, ended.err
    said = ended.err.splitlines()[-1]
    assert ended.code == 2, said
    assert said.startswith("error: "), said
    assert line in said


@pytest.mark.parametrize(
    "words",
    [
        "train --config=tiny.py --workdir=runs --init_from=gs://bucket/run",
        "evaluate --run=s3://bucket/run",
        "evaluate --run=. --lengths=10 --out=gs://bucket/out",
        "forecast --run=gs://bucket/run",
        "forecast --run=. --out=gs://bucket/out",
        "report --workdir=. --out=gs://bucket/out",
        "reproduce --out=gs://bucket/out",
        "reproduce --papers=gs://bucket/papers",
        "benchmark --out=gs://bucket/out",
        "certify --out=gs://bucket/out",
    ],
)
def test_addresses_of_object_stores_are_refused_before_anything_starts(launch, tmp_path, words):
    (tmp_path / "tiny.py").write_text(TINY, "utf-8")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}", "utf-8")
    ended = launch(words, tmp_path)
    assert ended.code == 2, ended.err
    assert ended.err.count("\n") == 1, ended.err
    assert "//bucket" in ended.err or "/bucket" in ended.err
    assert "expected a local folder: mount the bucket" in ended.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "tiny.py"]
