"""The results of claims: their JSON files, and the verdicts that the criteria give."""

import json
import math
from pathlib import Path
from typing import NamedTuple

from lstmx import runs, stats

from . import Claim
from .papers import Paper, identities

FOLDER = "claims"
REPRODUCED, NOT, OPEN = "reproduced", "not reproduced", "open"
OBSERVED = "observed"  # of a claim that is an observation


class Result(NamedTuple):
    """Measured values and where they come from.

    Attributes:
        values: one per finished trial, NaN for one that failed.
        finished: number of finished runs.
        asked: number of runs that the claim needs; the name is that of the stored field.
        progress: the state of the unfinished runs, as text; "" where all are finished.
        configs: ids of the runs' configs; they differ where the recipe has changed since.
        date: of the newest run, YYYY-MM-DD.
        seconds: of training, all runs together.
        versions: library -> version.
        machine: devices and system.
        command: the command line.
        commit: Git revision of the code of the runs, "+" if changed; "" where none was recorded.
    """

    values: list[float]
    finished: int
    asked: int
    progress: str
    configs: list[str]
    date: str
    seconds: float
    versions: dict[str, str]
    machine: str
    command: str
    commit: str = ""

    @property
    def finite(self) -> list[float]:
        """The values of the trials that succeeded."""
        return [value for value in self.values if math.isfinite(value)]

    @property
    def mean(self) -> float:
        """Over the trials that succeeded; NaN if none did."""
        return math.fsum(self.finite) / len(self.finite) if self.finite else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean, by t; NaN for fewer than two trials."""
        return stats.mean_interval(self.finite) if self.finite else stats.NO_INTERVAL


class Verdict(NamedTuple):
    """The verdict on a claim.

    Attributes:
        word: REPRODUCED, NOT, OPEN or OBSERVED.
        reason: why it is open; "" otherwise.
    """

    word: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.reason}" if self.reason else self.word


def verdict(claim: Claim, result: Result | None, why: str) -> Verdict:
    """The verdict on what was measured so far.

    Args:
        why: why nothing more was measured; the reason of an open claim.
    """
    if result is None:
        return Verdict(OPEN, why)
    if result.finished < result.asked:
        return Verdict(OPEN, "; ".join(filter(None, (result.progress, why))))
    if claim.observation:
        return Verdict(OBSERVED)
    return Verdict(REPRODUCED if claim.criterion.holds(result.values, claim.published) else NOT)


def path(out: Path, claim: Claim) -> Path:
    """A claim's JSON file."""
    return out / FOLDER / f"{claim.name}.json"


def save(out: Path, paper: Paper, claim: Claim, result: Result) -> Path:
    """Write a claim's JSON file, which holds the claim, the verdict and the result."""
    low, high = result.interval
    outcome = verdict(claim, result, "")
    content = {
        "claim": claim.name,
        "paper": paper.name,
        "says": claim.says,
        "source": claim.source,
        "published": claim.published,
        "verified": claim.verified,
        "unit": claim.unit,
        "tolerance": claim.criterion.text,
        "reduced": claim.reduced,
        "verdict": outcome.word,
        "reason": outcome.reason,
        "mean": _null(result.mean),
        "interval": [_null(low), _null(high)],
        **result._asdict(),
        "values": [_null(value) for value in result.values],
    }
    file = path(out, claim)
    file.parent.mkdir(parents=True, exist_ok=True)
    runs.write_json(file, content)
    return file


def load(out: Path, paper: Paper, claim: Claim) -> Result | None:
    """The result in a claim's JSON file; None without a file, or with one of another recipe.

    Raises:
        ValueError: a file in another format.
    """
    file = path(out, claim)
    if not file.exists():
        return None
    try:
        stored = json.loads(file.read_text("utf-8"))
        fields = {"commit": "", **stored}  # results of earlier versions have no commit
        result = Result(**{field: fields[field] for field in Result._fields})
        values = [math.nan if value is None else float(value) for value in result.values]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{file} is no result of a claim; remove it or name another --out"
        ) from None
    # Ids of other configs are those of an earlier recipe, which measured something else.
    is_current = result.configs == identities(paper, claim)
    return result._replace(values=values) if is_current else None


def better(new: Result | None, stored: Result | None) -> Result | None:
    """The one of two results to keep: the new one, unless fewer of its trials are finished."""
    if new is None or stored is None:
        return stored if new is None else new
    return new if new.finished >= stored.finished else stored


def same(one: Result | None, other: Result | None) -> bool:
    """Whether both exist and have the same values, NaN where the other has it."""
    if one is None or other is None:
        return False
    return list(map(_null, one.values)) == list(map(_null, other.values))


def _null(value: float) -> float | None:
    """The value for JSON, which has no NaN and no infinity."""
    return value if math.isfinite(value) else None
