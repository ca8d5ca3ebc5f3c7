"""Papers, their claims and the runs that measure them: checks and selection."""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from lstmx import config as cfg
from lstmx.config import ConfigDict

from . import Claim, selects


class Trials(NamedTuple):
    """The runs that a recipe's mode declares.

    Attributes:
        configs: the config of each run, resolved.
        labels: the readable part of each run's folder.
    """

    configs: list[ConfigDict]
    labels: list[str]


class Paper(NamedTuple):
    """A recipe with claims.

    Attributes:
        name: the name of its file, without .py.
        path: the file.
        claims: its claims, in order.
        modes: every mode that a claim names -> its runs.
    """

    name: str
    path: Path
    claims: list[Claim]
    modes: Mapping[str, Trials]


def check(paper: Paper, modes: Sequence[str]) -> None:
    """Refuse a paper whose claims cannot be measured.

    Args:
        modes: all modes of its recipe.

    Raises:
        ValueError: a name that two claims have or that no file can have, an unknown mode, a claim
            that selects no run.
    """
    seen: set[str] = set()
    for claim in paper.claims:
        where = f"{paper.path}: claim {claim.name!r}"
        if claim.name in seen:
            raise ValueError(f"{where} occurs twice; each claim needs a unique name")
        seen.add(claim.name)
        if not re.fullmatch(r"[\w][\w.+-]*", claim.name):
            raise ValueError(f"{where}: expected letters, digits and . + - _ only")
        if claim.mode and claim.protocol:
            raise ValueError(f"{where} has runs of a mode and a protocol; expected one of them")
        if not claim.mode:
            continue
        if claim.mode not in modes:
            raise ValueError(f"{where} has unknown mode {claim.mode!r}; known: {', '.join(modes)}")
        if claim.mode in paper.modes and not trials(paper, claim).configs:
            raise ValueError(f"{where} has no runs: {_why_none(paper.modes[claim.mode], claim)}")


def trials(paper: Paper, claim: Claim) -> Trials:
    """The runs that measure a claim."""
    if not claim.mode:
        return Trials([], [])
    declared = paper.modes[claim.mode]
    pairs = [
        (config, label)
        for config, label in zip(declared.configs, declared.labels)
        if selects(claim.of, cfg.flatten(config))
    ]
    return Trials([config for config, _ in pairs], [label for _, label in pairs])


def ids(runs: Trials) -> list[str]:
    """The ids of the runs' configs; the data files that they read do not enter."""
    return [cfg.identity(config) for config in runs.configs]


def identities(paper: Paper, claim: Claim) -> list[str]:
    """What a result was measured with: the ids of the runs, or the digest of a protocol."""
    return [claim.protocol.digest] if claim.protocol else ids(trials(paper, claim))


def select(papers: Sequence[Paper], only: Sequence[str]) -> dict[str, list[Claim]]:
    """Paper's name -> its requested claims, in their order; all of them if `only` is empty.

    Args:
        only: globs of claims' names or papers' names.

    Raises:
        ValueError: a glob that matches nothing; a claim's name that two papers use.
    """
    owners: dict[str, str] = {}  # claim's name -> paper's name
    for paper in papers:
        for claim in paper.claims:
            if claim.name in owners:
                raise ValueError(
                    f"{paper.path}: claim {claim.name!r} is also in paper {owners[claim.name]}; "
                    "each claim needs a unique name"
                )
            owners[claim.name] = paper.name
    names = [*owners, *(paper.name for paper in papers)]
    for glob in only:
        if not any(fnmatchcase(name, glob) for name in names):
            near = difflib.get_close_matches(glob, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else "--list shows them"
            raise ValueError(f"--only={glob}: no claim or paper has this name; {hint}")
    return {
        paper.name: [
            claim
            for claim in paper.claims
            if not only or any(fnmatchcase(n, g) for n in (claim.name, paper.name) for g in only)
        ]
        for paper in papers
    }


def too_long(claim: Claim, minutes: float) -> bool:
    """Whether the estimated cost of a claim's runs exceeds a limit in minutes; 0 is no limit."""
    return claim.minutes > (minutes or math.inf)


def _why_none(trials: Trials, claim: Claim) -> str:
    """Why a claim selects no run: an unknown key, a value that no run has, or the combination."""
    for key, value in claim.of.items():
        flats = [cfg.flatten(config) for config in trials.configs]
        values = list(dict.fromkeys(str(flat[key]) for flat in flats if key in flat))
        if not values:
            keys = sorted({k for flat in flats for k in flat})
            near = difflib.get_close_matches(key, keys, 1)
            return f"unknown config key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
        if not any(selects({key: value}, flat) for flat in flats):
            return f"{key}={value!r} in none of mode {claim.mode!r}; known: {', '.join(values)}"
    return f"no run of mode {claim.mode!r} has all of {dict(claim.of)}"
