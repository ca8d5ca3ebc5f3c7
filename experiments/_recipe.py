"""A config file, read: `get_config(mode)`, and `sweep(mode)` and `claims()` where it has them."""

import difflib
import inspect
import re
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from experiments.claims import Claim
from lstmx import config as cfg
from lstmx import sweep

MODES = ("full", "quick")
"""What may follow the colon of `file.py:mode`, unless the file has a `MODES` of its own."""


class Recipe(NamedTuple):
    """What a config file says.

    Attributes:
        config: what `get_config(mode)` returned, checked; `name` is the file's unless given.
        points: what `sweep()` returned, or None where the file, or its mode, has none.
        path: the file.
        mode: the argument of `get_config`.
    """

    config: ConfigDict
    points: list[sweep.Point] | None
    path: Path
    mode: str


def recipe(argument: str) -> Recipe:
    """The recipe of `file.py` or `file.py:mode`, freshly made.

    Raises:
        ValueError: no such file or mode, a file that fails, or a config that could not run.
    """
    name, colon, mode = argument.partition(".py:")
    path = Path(f"{name}.py" if colon else argument)
    module = _load(path)
    modes = _modes(module)
    mode = mode if colon else modes[0]
    if mode not in modes:
        raise ValueError(f"{path} has no mode {mode!r}; known: {', '.join(modes)}")
    if not callable(getattr(module, "get_config", None)):
        raise ValueError(
            f"{path} defines no function get_config(mode); expected one as in configs/adding.py"
        )
    config = _asked(path, module.get_config, mode)
    if not isinstance(config, ConfigDict) or not config.is_locked:
        raise ValueError(f"{path}: get_config() must return a config made from lstmx.config.base()")
    try:
        config = cfg.checked(config, {} if config.name else {"name": path.stem})
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    points = None
    if hasattr(module, "sweep") and callable(module.sweep):
        points = _asked(path, module.sweep, mode)
    return Recipe(config, points, path, mode)


def label(found: Recipe, resolved: ConfigDict) -> str:
    """What sets a config apart from its recipe's, readable: the name of its run directory."""
    said = sweep.label(found.config, resolved)
    return said if found.mode == "full" else f"{found.mode},{said}"


def modes(path: Path) -> tuple[str, ...]:
    """What may follow the colon of `file.py:mode`, the default first.

    Raises:
        ValueError: no such file, or one that fails.
    """
    return _modes(_load(path))


def claims(path: Path) -> list[Claim]:
    """What a paper's recipe says with `claims()`.

    Raises:
        ValueError: a file that fails, or that claims nothing.
    """
    module = _load(path)
    said = _call(path, module.claims) if hasattr(module, "claims") else []
    if not said or not all(isinstance(claim, Claim) for claim in said):
        raise ValueError(
            f"{path} claims nothing; expected a function claims() that returns "
            "experiments.claims.Claim"
        )
    return list(said)


def _modes(module: ModuleType) -> tuple[str, ...]:
    return tuple(getattr(module, "MODES", MODES))


def _load(path: Path) -> ModuleType:
    """The module of a file, run anew; leaves no byte code behind."""
    try:
        source = path.read_bytes()  # Python reads its encoding from it, and skips a mark before it
    except OSError as error:
        near = difflib.get_close_matches(path.stem, [p.stem for p in path.parent.glob("*.py")], 1)
        hint = f"; did you mean {path.with_name(near[0] + '.py')}?" if near else ""
        reason = error.strerror or "cannot be read"
        raise ValueError(f"config file {path}: {reason}{hint}") from error
    module = ModuleType(path.stem)
    module.__file__ = str(path)

    def execute() -> None:
        exec(compile(source, str(path), "exec"), module.__dict__)

    _call(path, execute)
    return module


def _asked(path: Path, function: Any, mode: str) -> Any:
    """The function's result for a mode; it need not take one."""
    takes_mode = bool(inspect.signature(function).parameters)
    return _call(path, function, *([mode] if takes_mode else []))


def _call(path: Path, function: Any, *arguments: Any) -> Any:
    """The function's result; whatever it raises becomes one line with the file's line."""
    try:
        return function(*arguments)
    except SyntaxError as error:
        raise ValueError(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(path)]
        where = f"{path}, line {lines[-1]}" if lines else str(path)
        raise ValueError(f"{where}: {_said(error)}") from error


def _said(error: Exception) -> str:
    """An exception in one line; ml_collections prints the whole config with an unknown key."""
    text = str(error)
    unknown = re.search(r'Key \\?"(\w+)\\?" does not exist', text)
    if unknown:
        near = re.search(r'Did you mean \\?"(\w+)\\?"', text)
        hint = f"; did you mean {near[1]!r}?" if near else ""
        return f"unknown config key {unknown[1]!r}{hint}"
    first = text.strip().splitlines()[0] if text.strip() else ""
    return first if isinstance(error, ValueError) else f"{type(error).__name__}: {first}"
