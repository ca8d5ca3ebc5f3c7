"""A folder of papers, read: every recipe with claims and the runs that measure them."""

from pathlib import Path

from experiments import _recipe
from experiments.claims.reproduce import Paper, Trials, check
from lstmx import sweep


def papers(folder: Path) -> tuple[list[Paper], list[str]]:
    """The papers of a folder, sorted; and why others cannot be read, a line each.

    Raises:
        ValueError: there is none that can be read.
    """
    found, broken = [], []
    for path in sorted(folder.glob("*.py")):
        try:
            found.append(paper(path))
        except ValueError as error:
            broken.append(str(error))
    if not found:
        why = broken[0] if broken else "expected a folder of recipes, such as configs/papers"
        raise ValueError(f"--papers={folder} has no paper: {why}")
    return found, broken


def paper(path: Path) -> Paper:
    """One paper, checked.

    Raises:
        ValueError: a file that fails, or a claim that its recipe cannot measure.
    """
    modes, claims = _recipe.modes(path), _recipe.claims(path)
    named = dict.fromkeys(claim.mode for claim in claims)
    read = Paper(path.stem, path, claims, {m: _trials(path, m) for m in named if m in modes})
    check(read, modes)
    return read


def _trials(path: Path, mode: str) -> Trials:
    found = _recipe.recipe(f"{path}:{mode}")
    configs = sweep.resolve(found.config, found.points or [{}])
    return Trials(configs, [_recipe.label(found, config) for config in configs])
