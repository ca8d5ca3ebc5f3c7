"""What is known of every claim: from runs, from earlier results, or why there is nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments.claims import Claim, results, trials
from experiments.claims.papers import Paper, too_long
from experiments.claims.results import Result, Verdict


class Row(NamedTuple):
    """A claim with what is known of it.

    Attributes:
        paper: where it is from.
        claim: what is claimed.
        result: what was measured; None if nothing was.
        verdict: the judgement.
    """

    paper: Paper
    claim: Claim
    result: Result | None
    verdict: Verdict


def gather(
    papers: Sequence[Paper],
    asked: Mapping[str, Sequence[Claim]],
    workdir: Path,
    out: Path,
    minutes: float,
    told: Mapping[str, str],
    command: str | None,
) -> list[Row]:
    """A row for every claim of the papers, sorted by name: the year comes first in it.

    Args:
        asked: paper's name -> claims to measure where nothing is trained for it.
        told: claim's name -> why it could not be done.
        command: the command line, for new results; None writes none.

    Raises:
        ValueError: a file in `out` that is no result.
    """
    rows = []
    for paper in papers:
        for claim in paper.claims:
            kept = results.load(out, paper, claim)
            fresh, why = None, told.get(claim.name, "")
            affordable = not (claim.lacks or too_long(claim, minutes))
            try:
                if claim.mode:
                    fresh = trials.of_runs(paper, claim, workdir)
                elif affordable and claim in asked.get(paper.name, ()):
                    fresh = trials.of_nothing(claim, command or "")
            except ValueError as error:
                why = why or f"cannot be measured: {error}"
            result = results.better(fresh, kept)
            if command is not None and fresh is not None and result is fresh and fresh.values:
                results.save(out, paper, claim, fresh)
            why = why or _why(claim, minutes, result, results.path(out, claim))
            rows.append(Row(paper, claim, result, results.verdict(claim, result, why)))
    return sorted(rows, key=lambda row: row.claim.name)


def _why(claim: Claim, minutes: float, result: Result | None, file: Path) -> str:
    """Why no more of a claim is measured; "" where runs say so themselves."""
    if claim.lacks:
        return f"lacks {claim.lacks}"
    if too_long(claim, minutes):
        cost = f"about {claim.minutes:g} min on 2 CPU cores"
        return f"takes {cost}, more than --minutes={minutes:g}"
    if result is not None:
        return ""
    return "measured with an earlier recipe only" if file.exists() else "never run"
