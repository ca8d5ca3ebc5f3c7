"""Members, recipes and config keys as text, read from their sources: nothing is imported."""

import ast
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lstmx import bibliography, checks, registry, tables
from lstmx import config as cfg

from . import _recipe

KINDS = {
    "cell": "cells",
    "task": "tasks",
    "model": "models",
    "wrapper": "wrappers",
    "optimizer": "optimizers",
    "schedule": "schedules",
}
"""Word of the command line -> kind of member."""
OTHER = ("config", "key")
WIDTH = 100
PLACES = {
    "cells": "--config.model.cell={name} --config.model.cell.{option}=...",
    "tasks": "--config.task={name} --config.task.{option}=...",
    "models": "--config.model.name={name}",
    "wrappers": "c.model.wrappers = (cfg.wrapper({name!r}, ...),)  in a recipe",
    "optimizers": "--config.optimizer.name={name}",
    "schedules": "--config.optimizer.schedule={name}",
}
"""Kind of member -> how a config names it."""


def text(words: Sequence[str]) -> str:
    """What these words name; see the docstring of `experiments.show`.

    Raises:
        ValueError: an unknown kind or name, or more than two words.
    """
    kinds = [*KINDS, *OTHER]
    if not words or len(words) > 2:
        raise ValueError(f"expected KIND [NAME], such as cell gru; KIND: {', '.join(kinds)}")
    kind = words[0].lower()
    if kind not in kinds and kind.removesuffix("s") in kinds:  # "cells"
        kind = kind.removesuffix("s")
    if kind not in kinds:
        raise ValueError(checks.unknown("kind", words[0], kinds))
    if kind == "config":
        return _recipe_text(words[1]) if len(words) == 2 else _recipes()
    if kind == "key":
        return _keys(words[1] if len(words) == 2 else None)
    if len(words) == 1:
        names = registry.names(KINDS[kind])
        return tables.aligned([[name, _first(doc(KINDS[kind], name))] for name in names], left=2)
    registry.trust(words[1])  # the user of this process has written the name
    return member(KINDS[kind], words[1])


def member(kind: str, name: str) -> str:
    """The equations or protocol of a member, its options, and its papers.

    Raises:
        ValueError: an unknown member.
    """
    module, _ = registry.find(kind, name)
    parts = [f"{registry.ENTRY[kind]} {name}, module {module}", doc(kind, name)]
    if rows := options(kind, name):
        parts.append(_table([["option", "default", "meaning"], *rows]))
    entries = papers(kind, name)
    return "\n\n".join([*parts, f"use it: {use(kind, name)}", *([entries] if entries else [])])


def options(kind: str, name: str) -> list[list[str]]:
    """[option, default, meaning] of every option of a member; the default "needed" is none."""
    meanings = arguments(_factory_doc(kind, name))
    rows = []
    for key, option in registry.options(kind, name).items():
        default = "needed" if option.default is registry.MISSING else repr(option.default)
        rows.append([key, default, meanings.get(key, "")])
    return rows


def use(kind: str, name: str) -> str:
    """How a config or a flag names a member."""
    option = next(iter(registry.options(kind, name)), "...")
    return PLACES[kind].format(name=name, option=option)


def arguments(docstring: str) -> dict[str, str]:
    """Name -> meaning of the arguments that a docstring lists below "Args:"."""
    section = docstring.partition("\nArgs:\n")[2]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        start = re.match(r"    ([\w, ]+): +(\S.*)", line)
        if line and not line.startswith("    "):
            break  # the next section
        if start:
            names = [name.strip() for name in start[1].split(",")]
            found |= dict.fromkeys(names, start[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def differences(config: cfg.ConfigDict) -> str:
    """The keys of a config that differ from the defaults, as lines `key = value  (default ...)`.

    Options of a member are compared with that member's own defaults.
    """
    model, optimizer = config.model, config.optimizer
    usual = cfg.from_dict(
        {
            "task": {"name": config.task.name},
            "model": {"name": model.name, "cell": {"name": model.cell.name}},
            "optimizer": {"name": optimizer.name, "schedule": optimizer.schedule},
        }
    )
    members = cfg.difference(cfg.base(), usual)
    lines = []
    for key, (default, value) in {**members, **cfg.difference(usual, config)}.items():
        if value != cfg.ABSENT and (key not in members or key.rpartition(".")[2] in _NAMES):
            lines.append([key, "=", repr(value), _before("default", default)])
    return tables.aligned(lines, left=4) if lines else "nothing"


def printed(recipe: _recipe.Recipe, config: cfg.ConfigDict) -> str:
    """A resolved config, key by key, and what differs from the defaults and from its recipe."""
    lines = [[key, "=", repr(value)] for key, value in cfg.flatten(config).items()]
    parts = [tables.aligned(lines, left=3), "differs from the defaults in", differences(config)]
    changed = cfg.difference(recipe.config, config)
    if changed:
        # Options that another member has or lacks follow from its name.
        rows = [
            [key, "=", repr(new), _before("recipe", old)]
            for key, (old, new) in changed.items()
            if cfg.ABSENT not in (old, new) or key.startswith("evals.")
        ]
        parts += [f"differs from {recipe.path} in", tables.aligned(rows, left=4)]
    return "\n".join(parts)


def _before(what: str, value: Any) -> str:
    return "" if value == cfg.ABSENT else f"({what} {value!r})"


_NAMES = ("name", "schedule")


def doc(kind: str, name: str) -> str:
    """The docstring of a member: of its module, or of its function where modules hold several."""
    if kind in registry.GROUPED:
        return re.split(r"\n\n(?:Args|Returns|Raises):\n", _factory_doc(kind, name))[0]
    # Not cleaned: where all lines but the first are equations, that would undo their indentation.
    return (ast.get_docstring(_tree(kind, name), clean=False) or "").strip()


def _factory_doc(kind: str, name: str) -> str:
    _, entry = registry.find(kind, name)
    for node in _tree(kind, name).body:
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            return ast.get_docstring(node) or ""
    return ""


def _tree(kind: str, name: str) -> ast.Module:
    module, _ = registry.find(kind, name)
    spec = importlib.util.find_spec(module)
    source: Any = spec and spec.loader
    return ast.parse(source.get_source(module) or "")


def papers(kind: str, name: str) -> str:
    """The BibTeX of a member at its defaults."""
    keys = {"cells": {"model": {"cell": {"name": name}}}, "tasks": {"task": {"name": name}}}
    keys |= {"models": {"model": {"name": name}}, "wrappers": {"model": {"wrappers": [(name, {})]}}}
    keys |= {"optimizers": {"optimizer": {"name": name}}}
    return bibliography.citation(keys.get(kind, {"optimizer": {"schedule": name}})).strip()


def _recipes() -> str:
    rows = []
    for path in sorted(_recipe.SHIPPED.rglob("*.py")):
        name = path.relative_to(_recipe.SHIPPED).with_suffix("").as_posix()
        rows.append([name, _first(protocol(path))])
    return tables.aligned(rows, left=2)


def protocol(path: Path) -> str:
    """The docstring of a recipe: source, commands, what is to be expected."""
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "no docstring"


def _recipe_text(name: str) -> str:
    recipe = _recipe.recipe(name)
    lines = [f"recipe {recipe.path}", f"modes: {', '.join(_recipe.modes(recipe.path))}"]
    if recipe.points is not None:
        lines.append(f"sweep: {len(recipe.points)} points")
    if recipe.search is not None:
        lines.append(f"search: over {', '.join(recipe.search.space)}")
    sets = f"in mode {recipe.mode!r} it differs from the defaults in\n{differences(recipe.config)}"
    return "\n\n".join([protocol(recipe.path), "\n".join(lines), sets])


def _keys(name: str | None) -> str:
    """Every key of a config with its default and meaning; or one, or those of a section."""
    found = config_keys()
    chosen = [row for row in found if name is None or f"{row[0]}.".startswith(f"{name}.")]
    if not chosen:
        raise ValueError(checks.unknown("key", str(name), sorted(row[0] for row in found)))
    return _table([["key", "default", "meaning"], *chosen])


def config_keys() -> list[list[str]]:
    """[key, default, meaning] of every key of a config, from the source of `base`."""
    found: list[list[str]] = []
    above: list[str] = []
    for line in inspect.getsource(cfg.base).splitlines():
        stripped = line.strip()
        key = re.match(r"c\.([\w.]+) = (.+?)(?:  # (.+))?$", stripped)
        if stripped.startswith("#"):
            above.append(stripped.lstrip("# "))
        elif key:
            written = re.sub(r"^\w+: ", "", " ".join(above))
            if not key[2].startswith("ConfigDict()") or key[3]:
                default = "(section)" if "ConfigDict" in key[2] else key[2]
                found.append([key[1], default, key[3] or written])
            above = [] if key[1] != "stop" else above
    return found


def _first(docstring: str) -> str:
    return docstring.splitlines()[0] if docstring else ""


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, the last one wrapped."""
    widths = [min(36, max(len(row[k]) for row in rows)) for k in range(2)]
    room = max(40, WIDTH - sum(widths) - 4)
    lines = []
    for first, second, last in rows:
        start = f"{first:<{widths[0]}}  {second:<{widths[1]}}  "
        after = textwrap.wrap(last, room) or [""]
        if len(start) > sum(widths) + 4:  # a long default has a line of its own
            lines.append(start.rstrip())
            start = ""
        lines.append(f"{start:<{sum(widths) + 4}}{after[0]}".rstrip())
        lines += [" " * (sum(widths) + 4) + more for more in after[1:]]
    return "\n".join(lines)
