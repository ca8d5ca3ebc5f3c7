"""Reads a folder of papers: every recipe with its claims and the runs that measure them."""

from pathlib import Path

from lstmx import sweep

from . import _recipe
from .claims.reproduce import Paper, Trials, check


def papers(folder: Path) -> tuple[list[Paper], list[str]]:
    """The papers of a folder, sorted, and an error message for each that cannot be read.

    Raises:
        ValueError: none can be read.
    """
    readable, broken = [], []
    for path in sorted(folder.glob("*.py")):
        try:
            readable.append(paper(path))
        except ValueError as error:
            broken.append(str(error))
    if not readable:
        why = broken[0] if broken else "expected a folder of recipes, such as configs/papers"
        raise ValueError(f"--papers={folder} has no paper: {why}")
    return readable, broken


def paper(path: Path) -> Paper:
    """The paper of a file, checked.

    Raises:
        ValueError: a file that fails, or a claim that its recipe cannot measure.
    """
    modes, claims = _recipe.modes(path), _recipe.claims(path)
    needed = dict.fromkeys(claim.mode for claim in claims)
    result = Paper(path.stem, path, claims, {m: _trials(path, m) for m in needed if m in modes})
    check(result, modes)
    return result


def _trials(path: Path, mode: str) -> Trials:
    recipe = _recipe.recipe(f"{path}:{mode}")
    configs = sweep.resolve(recipe.config, recipe.points or [{}])
    return Trials(configs, [_recipe.label(recipe, config) for config in configs])
