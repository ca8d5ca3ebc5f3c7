"""The state of every claim: its result from runs or from a stored file, and its verdict."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from lstmx.interrupt import Interrupt

from . import Claim, results, trials
from .papers import Paper, too_long
from .results import Result, Verdict


class Row(NamedTuple):
    """A claim with its result and verdict.

    Attributes:
        paper: the paper that makes it.
        claim: the claim.
        result: what was measured; None if nothing was.
        verdict: the outcome of its criterion.
    """

    paper: Paper
    claim: Claim
    result: Result | None
    verdict: Verdict


def gather(
    papers: Sequence[Paper],
    requested: Mapping[str, Sequence[Claim]],
    workdir: Path,
    out: Path,
    minutes: float,
    failures: Mapping[str, str],
    command: str | None,
    *,
    train: bool = False,
    interrupt: Interrupt | None = None,
) -> list[Row]:
    """A row for every claim of the papers, sorted by name, which starts with the year.

    Args:
        requested: paper's name -> claims to measure now, if they need no training.
        failures: claim's name -> why its runs could not be trained.
        command: the command line, for new results; with None no result is written.
        train: whether to go on with protocols that are not finished.
        interrupt: a request to save them and end.

    Raises:
        ValueError: a file in `out` that is no result.
    """
    rows = []
    for paper in papers:
        for claim in paper.claims:
            stored = results.load(out, paper, claim)
            new, why = None, failures.get(claim.name, "")
            affordable = not (claim.lacks or too_long(claim, minutes))
            try:
                if claim.mode:
                    new = trials.of_runs(paper, claim, workdir)
                elif affordable and claim in requested.get(paper.name, ()):
                    if claim.protocol:
                        folder = workdir / "protocols"
                        new = trials.of_protocol(
                            paper, claim, folder, command or "", train=train, interrupt=interrupt
                        )
                    else:
                        new = trials.of_nothing(claim, command or "")
            except ValueError as error:
                why = why or f"cannot be measured: {error}"
            if not claim.mode and results.same(new, stored):
                new = None  # read from the progress again, which knows no date and no commit
            result = results.better(new, stored)
            if command is not None and new is not None and result is new and new.values:
                results.save(out, paper, claim, new)
            why = why or _why(claim, minutes, result, results.path(out, claim))
            rows.append(Row(paper, claim, result, results.verdict(claim, result, why)))
    return sorted(rows, key=lambda row: row.claim.name)


def _why(claim: Claim, minutes: float, result: Result | None, file: Path) -> str:
    """Why no more of a claim is measured; "" where the progress of its runs states it."""
    if claim.lacks:
        return f"lacks {claim.lacks}"
    if too_long(claim, minutes):
        cost = f"about {claim.minutes:g} min on 2 CPU cores"
        return f"takes {cost}, more than --minutes={minutes:g}"
    if result is not None:
        return ""
    return "measured with an earlier recipe only" if file.exists() else "never run"
