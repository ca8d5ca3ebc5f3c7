"""House style that no linter checks: lengths, docstrings, recipes, folders, the lock file."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from test_layers import LEVEL, ROOT, dotted, member, report, sources, tree

pytestmark = pytest.mark.no_jax

MAX_LINES = 300
MAX_LAUNCHER_LINES = 80
VOCABULARY = 6
"""Up to this layer live the records that users program against: every field is explained."""


def test_files_are_short():
    complaints = []
    for folder in ("lstmx", "experiments"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".js", ".css"):
                count = len(path.read_text("utf-8").splitlines())
                if count > MAX_LINES:
                    complaints.append(f"{path.relative_to(ROOT)}: {count} lines, two ideas?")
    report(complaints)


def code_lines(path: Path) -> int:
    """Lines that hold a statement, docstrings not counted."""
    rows: set[int] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.stmt):
            # A compound statement counts by its head; its body's statements count themselves.
            last = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno
            rows.update(range(node.lineno, max(node.lineno, last or 0) + 1))
    return len(rows)


def test_launchers_have_no_logic():
    launchers = [p for p in (ROOT / "experiments").glob("*.py") if not p.name.startswith("_")]
    counts = {p.name: code_lines(p) for p in launchers}
    report([f"{name}: {n} code lines" for name, n in counts.items() if n >= MAX_LAUNCHER_LINES])


def public(parsed: ast.AST) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes by name, without the signatures that `overload` marks."""
    for node in ast.iter_child_nodes(parsed):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if "overload" in map(ast.unparse, node.decorator_list):
                continue
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


def test_public_names_are_documented():
    complaints = []
    for path in sources("lstmx", "experiments", "configs"):
        place = path.relative_to(ROOT)
        if path.read_text("utf-8").strip() and not ast.get_docstring(tree(path)):
            complaints.append(f"{place}: no docstring")
        for node in public(tree(path)):
            if not ast.get_docstring(node):
                complaints.append(f"{place}:{node.lineno}: {node.name} has no docstring")
    report(complaints)


def is_record(node: ast.AST) -> bool:
    """A NamedTuple or a dataclass."""
    return isinstance(node, ast.ClassDef) and (
        any("NamedTuple" in ast.unparse(base) for base in node.bases)
        or any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)
    )


def test_record_docstrings_name_every_field():
    complaints = []
    for path in sources("lstmx"):
        if LEVEL.get(member(dotted(path)), 0) > VOCABULARY:
            continue
        for node in filter(is_record, public(tree(path))):
            text = ast.get_docstring(node) or ""
            for field in (f.target.id for f in node.body if isinstance(f, ast.AnnAssign)):
                if not re.search(rf"\b{field}\b[\w ,/*()]*:", text):  # as in "mean, std: of ..."
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    complaints.append(f"{place}: {node.name} does not explain {field!r}")
    report(complaints)


def test_no_file_names_a_folder_of_one_machine():
    private = re.compile(r"(?<![\w.~}-])/(work|root|home|opt|tmp)/")
    folders = ("lstmx", "experiments", "configs", "tests", "notebooks", ".ci")
    paths = [p for folder in folders for p in sorted((ROOT / folder).rglob("*"))]
    complaints = []
    for path in [*paths, *sorted(ROOT.glob("*.*"))]:
        if (
            path.is_file()
            and "__pycache__" not in path.parts
            and path.name != ".git"
            and path != Path(__file__)
        ):
            match = private.search(path.read_text("utf-8", errors="ignore"))
            if match:
                complaints.append(f"{path.relative_to(ROOT)}: names {match[0]}")
    report(complaints)


def test_configs_are_lab_protocols():
    complaints = []
    for path in sources("configs"):
        text = ast.get_docstring(tree(path)) or ""
        complaints += [
            f"{path.relative_to(ROOT)}: the docstring has no line {line!r}"
            for line in ("Run:", "Expect:")
            if path.name != "__init__.py" and not re.search(rf"(?m)^{line}", text)
        ]
    report(complaints)


def lock() -> dict[str, list[str]]:
    """Package name -> the versions that requirements.lock pins, one per generation of JAX."""
    pins: dict[str, list[str]] = {}
    for name, version in re.findall(
        r"(?m)^([\w.-]+)==(\S+)", (ROOT / "requirements.lock").read_text()
    ):
        pins.setdefault(name.lower(), []).append(version)
    return pins


def test_lock_serves_pyproject_and_names_no_host():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    for extra in ("search", "notebooks", "test", "dev"):
        wanted += map(Requirement, project["optional-dependencies"][extra])
    complaints = []
    for requirement in wanted:
        pins = lock().get(requirement.name.lower(), [])
        if requirement.name != "lstmx" and not any(map(requirement.specifier.contains, pins)):
            complaints.append(f"requirements.lock: {requirement} is not met by {pins}; lock anew")
    if "://" in (ROOT / "requirements.lock").read_text("utf-8"):
        complaints.append("requirements.lock: names a host")
    report(complaints)
