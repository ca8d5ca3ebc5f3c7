"""Claims and verdicts as Markdown tables, also readable in a terminal."""

import math
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path

from lstmx import tables
from lstmx.tables import NONE

from . import Claim
from . import figure as figures
from .papers import trials
from .results import NOT, OBSERVED, OPEN, REPRODUCED, Result
from .rows import Row

FILE, FIGURE = "claims.md", "claims.png"
DPI = 160
MOST_REASON = 64  # characters; the whole reason is printed below the table
UNVERIFIED = "unverified"
USUAL = "configs/papers"
NOTHING = "No claims."
OBSERVATIONS = (
    "Measured beside the protocol of a paper: under a condition that was chosen after the result, "
    "with a setting that the paper does not have, or a failure where networks that should succeed "
    "fail too. They test no claim and count as none."
)
REDUCED = "Smaller than in the paper, as each claim says below: the verdict is on this form alone."
WORDS = (REPRODUCED, NOT, OPEN)
RIGHT = ("published", "measured", "95 % interval", "trials", "cost", "runs", "minutes")

CAPTION = (
    "Published: the number as printed; *unverified* where it is quoted from memory and was not "
    "read in the source. Measured: the mean over the trials that succeeded, with its 95 % "
    "interval (Student's t, corrected for skewness from four trials on). Trials: how many "
    "succeeded of how many; a tolerance asks for all of them unless it says otherwise. Cost: of "
    "training, all runs together; with a tilde estimated for 2 CPU cores."
)


def write(out: Path, rows: Sequence[Row]) -> list[Path]:
    """Write the Markdown and the figure; returns the files."""
    files = [out / FILE]
    measured = [
        (row.claim, row.result, row.verdict)
        for row in rows
        if row.result and row.result.finite and not (row.claim.observation or row.claim.reduced)
    ]
    drawing = figures.forest(measured)
    if drawing is not None:
        files.append(out / FIGURE)
        drawing.savefig(files[-1], dpi=DPI, facecolor="white")
    files[0].write_text(markdown(rows, figure=drawing is not None), "utf-8")
    return files


def markdown(rows: Sequence[Row], *, figure: bool = False) -> str:
    """The whole page.

    Args:
        figure: whether there is a figure to show.
    """
    decided = [row for row in rows if row.verdict.word in (REPRODUCED, NOT)]
    reduced = [row for row in decided if row.claim.reduced]
    decided = [row for row in decided if not row.claim.reduced]
    observed = [row for row in rows if row.verdict.word == OBSERVED]
    still_open = [row for row in rows if row.verdict.word == OPEN]
    parts = ["# Published claims, measured with lstmx", summary(rows), verdicts(decided), CAPTION]
    if figure:
        parts += [f"![measured / published, by claim]({FIGURE})", figures.CAPTION]
    parts += ["## At reduced size", REDUCED, verdicts(reduced)] if reduced else []
    parts += ["## Observations", OBSERVATIONS, verdicts(observed)] if observed else []
    parts += ["## Still open", verdicts(still_open)] if still_open else []
    parts += ["## How each is measured", *(_section(row) for row in rows)]
    return "\n\n".join(filter(None, parts)) + "\n"


def summary(rows: Sequence[Row]) -> str:
    """The number of claims per verdict, in a sentence: by whether, and how, they are trained."""
    tests = [row for row in rows if not row.claim.observation]
    kinds = {
        "that are trained": [r for r in tests if r.claim.trains and not r.claim.reduced],
        "at reduced size": [r for r in tests if r.claim.trains and r.claim.reduced],
        "counts of weights": [row for row in tests if not row.claim.trains],
    }
    parts = [f"of {len(some)} {kind} {_counted(some)}" for kind, some in kinds.items() if some]
    if len(parts) == 1:
        parts = [_counted(tests)]
    if beside := sum(row.claim.observation for row in rows):
        parts.append(f"{beside} observation{'s' * (beside != 1)} without a verdict")
    return f"{len(rows)} claim{'s' * (len(rows) != 1)}: {'; '.join(parts)}." if rows else NOTHING


def _counted(rows: Sequence[Row]) -> str:
    counts = {word: sum(row.verdict.word == word for row in rows) for word in WORDS}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def verdicts(rows: Sequence[Row]) -> str:
    """The table of verdicts: one line per claim."""
    return _grid([_cells(row) for row in rows])


def listing(rows: Sequence[Row]) -> str:
    """The table of runs and costs: one line per claim."""
    return _grid(
        [
            {
                "claim": row.claim.name,
                "recipe": f"{row.paper.path}:{row.claim.mode}" if row.claim.mode else "",
                "runs": str(len(trials(row.paper, row.claim).configs)) if row.claim.mode else NONE,
                "minutes": f"{row.claim.minutes:g}" if row.claim.minutes else NONE,
                "state": str(row.verdict),
            }
            for row in rows
        ]
    )


def _cells(row: Row) -> dict[str, str]:
    claim, result = row.claim, row.result
    published = (
        ""
        if claim.published is None
        else f"{tables.brief(claim.published, figures.PRINTED)} {claim.unit}".strip()
    )
    if published and not claim.verified:
        published += f" ({UNVERIFIED})"
    interval = result.interval if result else (math.nan, math.nan)
    spread = " … ".join(map(tables.brief, interval)) if math.isfinite(interval[0]) else NONE
    return {
        "claim": claim.name,
        "source": claim.source,
        "published": published or NONE,
        "measured": tables.brief(result.mean) if result else NONE,
        "95 % interval": spread,
        "trials": _trials(result),
        "tolerance": claim.criterion.text,
        "verdict": textwrap.shorten(str(row.verdict), MOST_REASON, placeholder=" …"),
        "cost": _cost(claim, result),
    }


def _trials(result: Result | None) -> str:
    if result is None or not result.values:
        return NONE
    finite, count = len(result.finite), len(result.values)
    return str(count) if finite == count else f"{finite} of {count}"


def _cost(claim: Claim, result: Result | None) -> str:
    if not claim.trains:
        return "none"
    if result and result.finished == result.asked:
        return tables.duration(result.seconds)
    return f"~{tables.duration(60 * claim.minutes)}" if claim.minutes else NONE


def _section(row: Row) -> str:
    claim, result = row.claim, row.result
    parts = [f"### {claim.name}", f"{claim.says} {claim.source}."]
    if claim.published is not None and not claim.verified:
        parts[-1] += (
            f" The number {tables.brief(claim.published, figures.PRINTED)} is {UNVERIFIED}."
        )
    parts += [claim.note] if claim.note else []
    parts += [f"Reduced: {claim.reduced}."] if claim.reduced else []
    label = "Observation" if claim.observation else f"Verdict ({claim.criterion.text})"
    parts += [f"{label}: {row.verdict}."]
    if result is not None:
        versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
        where = "; ".join(filter(None, (result.machine, versions)))
        commits = [c[:12] + "+" * c.endswith("+") for c in result.commit.split(", ") if c]
        where += f", commit {' and '.join(commits)}" if commits else ""
        parts += [f"Measured {result.date} on {where}" + (", with" if result.command else "")]
        parts[-1] += f"\n\n    {result.command}" if result.command else "."
        again = "To measure it again:"
    else:
        again = "To measure it:"
    if claim.mode:
        again = f"{again[:-1]} (the runs are those of `{row.paper.path}:{claim.mode}`):"
    return "\n\n".join([*parts, f"{again}\n\n    {how_to(row)}"])


def how_to(row: Row) -> str:
    """The command line that measures a claim, whatever it costs."""
    folder = row.paper.path.parent.as_posix()
    papers = "" if folder == USUAL else f" --papers={shlex.quote(folder)}"
    return f"python -m experiments.reproduce --only={row.claim.name}{papers} --minutes=0"


def _grid(lines: Sequence[dict[str, str]]) -> str:
    """The lines as a Markdown table, text aligned to the left and numbers to the right."""
    columns = list(lines[0]) if lines else []
    left = [column for column in columns if column not in RIGHT]
    return tables.markdown(columns, [list(line.values()) for line in lines], left)
