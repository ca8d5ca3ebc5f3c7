"""The code of the user that a run depends on: modules that its config names, and their hashes.

The id of a run is that of its config, which names a cell or a task of the user but does not hold
it. So meta.json keeps the SHA-256 of each source, and a run whose sources have changed since is
neither skipped nor resumed in silence.
"""

import ast
import hashlib
import importlib.util
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lstmx.config import ConfigDict
from lstmx.runs import schema
from lstmx.runs.files import read_json, write_json

MOST = 200
"""The most modules of one package that are followed."""


def of(config: ConfigDict) -> dict[str, Any]:
    """What meta.json has under "code".

    "modules" has the SHA-256 of the source of every module of the user that the config names, and
    of the modules of the same package that these import; "git" the revision of each of their
    repositories, by its folder, "+" if changed; both are empty for a run of lstmx's own members.
    """
    origins: dict[str, Path] = {}
    for name in _named(config):
        _follow(name, origins)
    digests = {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in origins.items()}
    folders = dict.fromkeys(path.parent for path in origins.values())
    return {"modules": dict(sorted(digests.items())), "git": revisions(folders)}


def check(paths: Sequence[Path], configs: Sequence[ConfigDict], *, keep: bool) -> list[str]:
    """Refuse runs whose code has changed since they were started, or since changes were accepted.

    Returns remarks for the user.

    Runs that do not exist yet, and those of versions that recorded no code, pass.

    Args:
        paths: run directory of every run.
        configs: config of every run.
        keep: accept them; what is finished stays, and the others go on with the present code,
            which is added to "code_since" in their meta.json.

    Raises:
        ValueError: code has changed, in one line with the modules and the remedy.
    """
    present: dict[str, dict[str, str]] = {}  # a sweep names few modules many times
    changed: dict[Path, list[str]] = {}
    for path, config in zip(paths, configs):
        names = ",".join(_named(config))
        if not names or not (path / "meta.json").exists():
            continue
        if names not in present:
            present[names] = of(config)["modules"]
        try:
            meta = schema.meta(path)
        except ValueError:  # damaged: it is written anew
            continue
        # What was accepted last is what the run goes on with.
        before = [meta.get("code", {}), *meta.get("code_since", [])][-1].get("modules")
        if isinstance(before, dict) and before and before != present[names]:
            both = {**before, **present[names]}
            changed[path] = [n for n in both if before.get(n) != present[names].get(n)]
    if not changed:
        return []
    modules = ", ".join(sorted({name for names in changed.values() for name in names}))
    count = f"{len(changed)} of {len(paths)} runs were" if len(paths) > 1 else "this run was"
    line = f"the code of {modules} changed since {count} started"
    if not keep:
        raise ValueError(
            f"{line} ({next(iter(changed))}); --force starts over, --keep leaves what is finished "
            "and resumes the rest with the present code"
        )
    for path, config in zip(paths, configs):
        if path in changed and not (path / "DONE").exists():
            meta = read_json(path / "meta.json")
            since = [*meta.get("code_since", []), of(config)]
            write_json(path / "meta.json", {**meta, "code_since": since})
    return [f"{line}: kept as asked"]


def revisions(folders: Sequence[Path] | Mapping[Path, Any]) -> dict[str, str]:
    """Repository -> its Git revision, "+" if changed, of the folders that are in one."""
    found: dict[str, str] = {}
    for folder in folders:
        root = _git(folder, "rev-parse", "--show-toplevel")
        if root and root not in found:
            changed = "+" if _git(folder, "status", "--porcelain") else ""
            found[root] = f"{_git(folder, 'rev-parse', '--short=12', 'HEAD')}{changed}"
    return found


def _named(config: ConfigDict) -> list[str]:
    """The modules of the user that a config names; those of lstmx are pinned by its version."""
    model, optimizer = config.model, config.optimizer
    names = [config.task.name, model.name, model.cell.name, optimizer.name, optimizer.schedule]
    names += [name for name, _ in model.wrappers]
    return sorted({name for name in names if "." in name and not name.startswith("lstmx.")})


def _follow(name: str, origins: dict[str, Path]) -> None:
    """Add the file of a module, and of what it imports from its own package, to `origins`."""
    if name in origins or len(origins) >= MOST:
        return
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return  # a name of a function, not of a module
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        return
    origins[name] = Path(spec.origin)
    package = name if spec.submodule_search_locations is not None else name.rpartition(".")[0]
    for imported in _imports(origins[name], package):
        if imported.partition(".")[0] == name.partition(".")[0]:
            _follow(imported, origins)


def _imports(path: Path, package: str) -> Iterator[str]:
    """The dotted names that a file imports, wherever the import stands."""
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError):
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            if node.level:
                base = importlib.util.resolve_name(base, package) if package else ""
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _git(folder: Path, *arguments: str) -> str:
    """The output of git in a folder; "" where there is no git, or no repository."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
