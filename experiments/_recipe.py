"""Reads a config file: `get_config(mode)`, and `sweep`, `search` and `claims` if it has them."""

import contextlib
import difflib
import hashlib
import importlib.util
import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from lstmx import config as cfg
from lstmx import sweep
from lstmx.checks import shown
from lstmx.search import Search

from .claims import Claim

_HERE = Path(__file__).resolve().parent
SHIPPED = next(
    folder for folder in (_HERE.parent / "configs", _HERE.parent / "recipes") if folder.is_dir()
)
"""The folder of lstmx's recipes: `configs` in a checkout, `lstmx/recipes` in a wheel."""
CLAIMS = "experiments.claims"
"""The module from which recipes of papers import what they claim."""
MODES = ("full", "quick")
"""The modes of a config file that defines no `MODES`; the first one is the default."""


class Recipe(NamedTuple):
    """The content of a config file in one mode.

    Attributes:
        config: what `get_config(mode)` returned, checked; its `name` defaults to the file's.
        points: what `sweep(mode)` returned; None where the file or the mode has no sweep.
        search: what `search(mode)` returned; None where the file or the mode has no search.
        path: the file.
        mode: the argument of `get_config`.
    """

    config: ConfigDict
    points: list[sweep.Point] | None
    search: Search | None
    path: Path
    mode: str


def recipe(argument: str) -> Recipe:
    """The recipe of `file.py` or `file.py:mode`, or of `name` or `name:mode`; runs its file.

    Names are those of lstmx's own recipes, such as `adding` and `papers/bai2018`; a recipe of the
    user is a path.

    Raises:
        ValueError: no such file or mode, a file that fails, or a config that could not run.
    """
    name, colon, mode = argument.partition(".py:")
    path = Path(os.path.expanduser(f"{name}.py" if colon else argument))
    if re.fullmatch(r"[\w/-]+(:\w*)?", argument):
        name, colon, mode = argument.partition(":")
        path = shipped(name)
    module = _load(path)
    modes = _modes(module)
    mode = mode if colon else modes[0]
    if mode not in modes:
        raise ValueError(f"{path} has no mode {mode!r}; known: {', '.join(modes)}")
    if not callable(getattr(module, "get_config", None)):
        raise ValueError(
            f"{path} defines no function get_config(mode); expected one as in configs/adding.py"
        )
    config = _in_mode(path, module.get_config, mode)
    if not isinstance(config, ConfigDict) or not config.is_locked:
        raise ValueError(f"{path}: get_config() must return a config made from lstmx.config.base()")
    try:
        config = cfg.checked(config, {} if config.name else {"name": path.stem})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    points, search = (_optional(path, module, name, mode) for name in ("sweep", "search"))
    if points is not None and not (
        isinstance(points, list) and all(isinstance(point, dict) for point in points)
    ):
        raise ValueError(
            f"{path}: sweep() returned {shown(points)}; expected a list of dicts, such as "
            'lstmx.sweep.product({"seed": range(3)})'
        )
    if search is not None and not isinstance(search, Search):
        raise ValueError(f"{path}: search() must return an lstmx.search.Search")
    return Recipe(config, points, search, path, mode)


def shipped(name: str) -> Path:
    """The file of a recipe that lstmx has. Raises ValueError for an unknown name."""
    known = {p.relative_to(SHIPPED).with_suffix("").as_posix(): p for p in SHIPPED.rglob("*.py")}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        if Path(f"{name}.py").is_file():
            near = [f"{name}.py"]  # of the user
        hint = f"did you mean {near[0]}? " if near else ""
        raise ValueError(
            f"unknown recipe {name!r}; {hint}known: {', '.join(sorted(known))}; a recipe of your "
            "own is a path that ends in .py"
        )
    return known[name]


def points(recipe: Recipe, config: ConfigDict) -> list[sweep.Point]:
    """The points of a recipe's sweep.

    Args:
        recipe: of the file.
        config: its config with the overrides of a command line.

    Raises:
        ValueError: the file has no sweep, or the sweep would undo an override.
    """
    if recipe.points is None:
        raise ValueError(f"{recipe.path} has no sweep(); use experiments.train for a single run")
    _check_overrides(recipe, config, {key for point in recipe.points for key in point}, "sweep")
    return recipe.points


def search(recipe: Recipe, config: ConfigDict) -> Search:
    """The search of a recipe; arguments and errors as those of `points`.

    Raises:
        ValueError: the file has no search, or the search would undo an override.
    """
    if recipe.search is None:
        raise ValueError(f"{recipe.path} has no search(); expected one as lstmx.search describes")
    _check_overrides(recipe, config, set(recipe.search.space), "search")
    return recipe.search


def label(recipe: Recipe, resolved: ConfigDict) -> str:
    """The differences of a config from its recipe's as text: the name of its run directory."""
    differences = sweep.label(recipe.config, resolved)
    return differences if recipe.mode == "full" else f"{recipe.mode},{differences}"


def record(recipe: Recipe) -> dict[str, Any]:
    """What meta.json keeps of a recipe: its file, the SHA-256 of it, and its Git revision."""
    from lstmx.runs import code

    path = recipe.path.absolute()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    git = next(iter(code.revisions([path.parent]).values()), None)
    return {"recipe": {"file": str(recipe.path), "sha256": digest, "git": git}}


def modes(path: Path) -> tuple[str, ...]:
    """The modes of a config file, the default first.

    Raises:
        ValueError: no such file, or one that fails.
    """
    return _modes(_load(path))


def claims(path: Path) -> list[Claim]:
    """The claims that `claims()` of a paper's recipe returns.

    Raises:
        ValueError: a file that fails, or that has no claims.
    """
    module = _load(path)
    result = _call(path, module.claims) if hasattr(module, "claims") else []
    if not result or not all(isinstance(claim, Claim) for claim in result):
        raise ValueError(
            f"{path} claims nothing; expected a function claims() that returns "
            "experiments.claims.Claim"
        )
    return list(result)


def _check_overrides(recipe: Recipe, config: ConfigDict, swept: set[str], kind: str) -> None:
    """Refuse overrides of keys that a sweep or a search sets itself."""
    for key in cfg.difference(recipe.config, config):
        for other in sorted(swept):
            if f"{key}.".startswith(f"{other}.") or f"{other}.".startswith(f"{key}."):
                raise ValueError(
                    f"--config.{key} would be undone by the {kind}, which sets {other} itself; "
                    f"change {kind}() in {recipe.path}, or use experiments.train"
                )


def _optional(path: Path, module: ModuleType, name: str, mode: str) -> Any:
    """The result of a function that a file may lack, else None."""
    function = getattr(module, name, None)
    # A function of that name, not a module that the file imports.
    return _in_mode(path, function, mode) if callable(function) else None


def _modes(module: ModuleType) -> tuple[str, ...]:
    return tuple(getattr(module, "MODES", MODES))


def _load(path: Path) -> ModuleType:
    """The module of a file; runs the file every time, and writes no byte code."""
    try:
        source = path.read_bytes()  # `compile` reads the encoding, and skips a byte order mark
    except OSError as error:
        near = difflib.get_close_matches(path.stem, [p.stem for p in path.parent.glob("*.py")], 1)
        hint = f"; did you mean {path.with_name(near[0] + '.py')}?" if near else ""
        reason = error.strerror or "cannot be read"
        raise ValueError(f"config file {path}: {reason}{hint}") from error
    module = ModuleType(path.stem)
    module.__file__ = str(path)

    def execute() -> None:
        with _claims(path):
            exec(compile(source, str(path), "exec"), module.__dict__)

    _call(path, execute)
    return module


@contextlib.contextmanager
def _claims(path: Path) -> Iterator[None]:
    """A context in which a recipe finds `experiments.claims` where this package has another name.

    A module of that name of the user stays what it is, except for our own recipes.
    """
    own = sys.modules[Claim.__module__]
    if own.__name__ == CLAIMS or not (path.is_relative_to(SHIPPED) or not _has_claims()):
        yield
        return
    before = sys.modules.pop(CLAIMS, None)
    sys.modules[CLAIMS] = own
    try:
        yield
    finally:
        del sys.modules[CLAIMS]
        if before is not None:
            sys.modules[CLAIMS] = before


def _has_claims() -> bool:
    """Whether the user has a module `experiments.claims`; imports nothing."""
    package = importlib.util.find_spec("experiments")
    folders = (package and package.submodule_search_locations) or ()
    return any((Path(f) / name).exists() for f in folders for name in ("claims.py", "claims"))


def _in_mode(path: Path, function: Any, mode: str) -> Any:
    """The function's result for a mode; a function without parameters has one for all modes."""
    takes_mode = bool(inspect.signature(function).parameters)
    return _call(path, function, *([mode] if takes_mode else []))


def _call(path: Path, function: Any, *arguments: Any) -> Any:
    """The function's result; an exception becomes a ValueError with file, line and message."""
    try:
        return function(*arguments)
    except SyntaxError as error:
        raise ValueError(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        # The innermost frame of the config file: deeper ones are of libraries.
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        raise ValueError(f"{where}: {_message(error)}") from error


def _message(error: Exception) -> str:
    """An exception in one line; that of ml_collections for an unknown key has the whole config."""
    text = str(error)
    unknown = re.search(r'Key \\?"(\w+)\\?" does not exist', text)
    if unknown:
        near = re.search(r'Did you mean \\?"(\w+)\\?"', text)
        hint = f"; did you mean {near[1]!r}?" if near else ""
        return f"unknown config key {unknown[1]!r}{hint}"
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if isinstance(error, ValueError) else f"{type(error).__name__}: {first}"
