"""The shape of the source tree: who may import whom, which library, and when.

The layers in CONTRIBUTING.md and DOORS below are the architecture: a new module gets its name
there, a new library its line here.
"""

import ast
import functools
import graphlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.no_jax

ROOT = Path(__file__).resolve().parents[1]

LAYERS = {
    int(level): members
    for level, members in re.findall(
        r"(?m)^ ?(\d+)  (.+)$", (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    )
}
"""Layer -> its members. Imports go from a higher layer to a lower one, never sideways."""

DOORS = {
    "absl": "experiments",
    "equinox": "experiments.benchmarks",
    "filelock": "runs",
    "flax": "nn experiments.benchmarks",
    "haiku": "experiments.benchmarks",
    "jaxlib": "xla",
    "keras": "experiments.benchmarks",
    "matplotlib": "plots report experiments.benchmarks experiments.claims",
    "ml_collections": "config experiments",
    "optax": "train tasks experiments.benchmarks",
    "optuna": "search",
    "orbax": "runs",
    "pandas": "data fitting forecasting runs report",
    "psutil": "machine",
    "pyarrow": "data",
    "rich": "runs",
    "sacrebleu": "report",
    "safetensors": "interop",
    "scipy": "analysis data search stats tasks",
    "sklearn": "data stats",
    "statsmodels": "stats",
    "tensorboardX": "runs",
    "threadpoolctl": "stats",
    "tokenizers": "data",
    "torch": "experiments.benchmarks",
}
"""Library -> the members that may import it."""

EVERYWHERE = {"jax", "numpy", *sys.stdlib_module_names}
LEVEL = {member: level for level, line in LAYERS.items() for member in line.split()}


class Import(NamedTuple):
    """One imported module: its dotted name, the line, and whether only type checkers see it."""

    target: str
    line: int
    typing_only: bool


def sources(*folders: str) -> list[Path]:
    return [p for folder in folders for p in sorted((ROOT / folder).rglob("*.py"))]


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def member(module: str) -> str:
    """The entry of LAYERS that a module belongs to; "" for the package lstmx itself."""
    first, _, rest = module.partition(".")
    if first == "lstmx":
        return rest.partition(".")[0]
    room = ".".join(module.split(".")[:2])
    return room if room in LEVEL else first


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@functools.cache
def modules() -> frozenset[str]:
    return frozenset(dotted(p) for p in sources("lstmx", "experiments"))


def imports(parsed: ast.AST, typing_only: bool = False, package: str = "") -> Iterator[Import]:
    """Every import below a node, wherever it stands: at the top, in a function, by a call.

    `package` is what relative imports are relative to.
    """
    for node in ast.iter_child_nodes(parsed):
        inner = typing_only
        if isinstance(node, ast.Import):
            yield from (Import(name.name, node.lineno, inner) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            base = importlib.util.resolve_name(base, package) if node.level else base
            for name in node.names:
                whole = f"{base}.{name.name}"
                yield Import(whole if whole in modules() else base, node.lineno, inner)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield Import(node.args[0].value, node.lineno, inner)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inner = True
        yield from imports(node, inner, package)


def imports_of(path: Path) -> Iterator[Import]:
    """The imports of a file, relative ones resolved."""
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    return imports(tree(path), package=package)


def found(path: Path) -> Iterator[tuple[Import, str]]:
    """The imports of a file, each with a place to print."""
    for imported in imports_of(path):
        yield imported, f"{path.relative_to(ROOT)}:{imported.line}: imports {imported.target}"


def report(complaints: list[str]) -> None:
    assert not complaints, "\n" + "\n".join(complaints)


def test_imports_are_seen_wherever_they_stand():
    source = """
        import optax
        from .. import _app
        def late():
            from flax import nnx
            from lstmx import sequence, unroll
            importlib.import_module("scipy.stats")
        if TYPE_CHECKING:
            import pandas as pd
    """
    parsed = ast.parse(re.sub("(?m)^ {8}", "", source))
    seen = [(i.target, i.typing_only) for i in imports(parsed, package="experiments.claims")]
    expected = ["optax", "experiments._app", "flax", "lstmx.sequence", "lstmx", "scipy.stats"]
    assert seen == [*((target, False) for target in expected), ("pandas", True)]


def test_every_module_has_a_layer():
    unknown = {member(m) for m in modules() if m != "lstmx"} - set(LEVEL)
    report([f"{name}: give it a layer in CONTRIBUTING.md" for name in sorted(unknown)])


def test_imports_go_downward():
    complaints = []
    for path in sources("lstmx", "experiments"):
        own = member(dotted(path))
        for imported, place in found(path):
            other = member(imported.target)
            if imported.target.partition(".")[0] not in ("lstmx", "experiments") or not own:
                continue
            if not other:
                if not re.search(r"\b__version__\b", path.read_text("utf-8")):
                    complaints.append(f"{place}: name the module, the package is for users")
            elif other != own and LEVEL.get(other, 99) >= LEVEL.get(own, -1):
                complaints.append(f"{place}: {own} is not above {other}")
    report(complaints)


def test_files_of_a_package_do_not_import_in_circles():
    graph = {}
    for path in sources("lstmx", "experiments"):
        if path != ROOT / "lstmx" / "__init__.py":
            targets = {i.target for i in imports_of(path) if not i.typing_only}
            graph[dotted(path)] = targets & modules() - {dotted(path)}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_libraries_come_through_their_doors():
    complaints = []
    for path in sources("lstmx", "experiments", "configs"):
        for imported, place in found(path):
            library = imported.target.partition(".")[0]
            if library in EVERYWHERE | {"lstmx", "experiments"} or imported.typing_only:
                continue
            if library not in DOORS:
                complaints.append(f"{place}: {library!r} has no line in DOORS")
            elif member(dotted(path)) not in DOORS[library].split():
                complaints.append(f"{place}: the door is {DOORS[library]}")
    report(complaints)


def test_configs_import_only_claims_config_search_and_sweep():
    complaints = []
    for path in sources("configs"):
        for imported, place in found(path):
            library = imported.target.partition(".")[0]
            if library not in sys.stdlib_module_names and imported.target not in (
                "experiments.claims",
                "lstmx.config",
                "lstmx.search",
                "lstmx.sweep",
            ):
                complaints.append(f"{place}: a recipe is read before jax may be imported")
    report(complaints)


def test_light_imports_import_no_jax():
    code = "import sys, lstmx, lstmx.bibliography, lstmx.cells, lstmx.config, lstmx.registry"
    code += ", lstmx.search, lstmx.sweep, lstmx.tasks, lstmx.wrappers"
    check = (
        "; sys.exit(sorted({'jax', 'flax', 'optax', 'optuna', 'pandas'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code + check], cwd=ROOT, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()


def test_experiments_import_no_flax():
    code = "import sys, lstmx.experiment, lstmx.models.sequence; sys.exit('flax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_help_imports_no_jax():
    names = [p.stem for p in (ROOT / "experiments").glob("*.py") if not p.name.startswith("_")]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    python = [sys.executable, "-X", "importtime", "-m"]
    started = {n: subprocess.Popen([*python, f"experiments.{n}", "--help"], **pipe) for n in names}
    for name, process in started.items():
        out, imported = process.communicate(timeout=60)
        assert "\nFlags:\n" in out, f"{name}: {out}{imported[-2000:]}"
        assert not re.search(r"(?m)\| +(jax|flax|pandas|orbax)$", imported), name


def test_every_name_of_the_package_can_be_had():
    import lstmx

    for name in dir(lstmx):
        assert getattr(lstmx, name) is not None
    top = {
        p.stem for p in (ROOT / "lstmx").iterdir() if p.stem[0] != "_" and p.suffix in ("", ".py")
    }
    assert top <= set(dir(lstmx)), f"not in lstmx._MODULES: {top - set(dir(lstmx))}"
