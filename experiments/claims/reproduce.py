"""Trains and measures published claims, and writes a table of the verdicts and a figure.

    python -m experiments.reproduce --only="1997-*"

writes below a folder:

    claims/<name>.json   the result of a claim, with the machine and the command line
    claims.md            all claims with their verdicts, and how to measure each
    claims.png           measured / published, with intervals and tolerances

Importing this package imports no jax.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from lstmx.data import Missing
from lstmx.interrupt import Interrupt

from . import Claim
from .papers import Paper, Trials, check, ids, select, too_long, trials

__all__ = ["Paper", "Trials", "check", "listing", "run", "select"]


def run(
    papers: Sequence[Paper],
    workdir: Path | str,
    out: Path | str,
    *,
    only: Sequence[str] = (),
    minutes: float = 30.0,
    train: bool = True,
    force: bool = False,
    command: str = "",
    interrupt: Interrupt | None = None,
) -> list[Path]:
    """Train what is missing, measure, print the verdicts and return the written files.

    After every mode of a paper its claims are written; the table shows all claims, also those not
    requested. Claims whose data is missing stay open, with a line on stderr. After an interruption
    the same call resumes.

    Args:
        workdir: folder of the run directories.
        out: folder to write to. Results of another machine in it are shown until at least as many
            runs are finished here.
        only: globs of claims' or papers' names to train; all if empty.
        minutes: the largest estimated cost of a claim's mode on 2 CPU cores; 0 is no limit.
        train: whether to train; else what the workdir holds is measured.
        force: start all runs over, also finished ones.
        command: the command line, for the record.
        interrupt: once it is requested, the runs in progress are saved and nothing else begins.

    Raises:
        ValueError: a glob that matches nothing; a file in `out` that is no result.
        OSError: a folder cannot be written.
    """
    from . import rows, table

    requested = select(papers, only)
    out, workdir = Path(out), Path(workdir)
    out.mkdir(parents=True, exist_ok=True)
    failures: dict[str, str] = {}  # claim's name -> why its runs could not be trained

    def gather(some: Sequence[Paper], *, begin: bool = False) -> list[rows.Row]:
        return rows.gather(
            some,
            requested,
            workdir,
            out,
            minutes,
            failures,
            command,
            train=begin,
            interrupt=interrupt,
        )

    try:
        for number, (paper, mode, claims) in enumerate(jobs := _jobs(papers, requested, minutes)):
            if train:
                what = f"{paper.name}:{mode}" if mode else f"{paper.name}, protocol"
                say(f"[{number + 1}/{len(jobs)}] {what}, for {_names(claims)}")
                if mode:
                    failures |= _train(paper, claims, workdir, force, command, interrupt)
                # Writes these claims' files now: an interruption later must not lose them.
                gather([paper._replace(claims=claims)], begin=True)
    finally:
        everything = gather(papers)
        files = table.write(out, everything)
    selected = [row for row in everything if row.claim in requested[row.paper.name]]
    print(table.summary(selected), table.verdicts(selected), sep="\n\n")
    return files


def listing(
    papers: Sequence[Paper],
    workdir: Path | str,
    out: Path | str,
    *,
    only: Sequence[str] = (),
    minutes: float = 30.0,
) -> str:
    """The requested claims with their mode, runs, cost and state, as a table; writes nothing.

    Raises:
        ValueError: as `run`.
    """
    from . import rows, table

    requested = select(papers, only)
    chosen = [paper._replace(claims=requested[paper.name]) for paper in papers]
    selected = rows.gather(chosen, {}, Path(workdir), Path(out), minutes, {}, None)
    return f"{table.listing(selected)}\n\n{table.summary(selected)}"


def say(line: str) -> None:
    """Print a line of progress to stderr; the table goes to stdout."""
    print(line, file=sys.stderr, flush=True)


def _jobs(
    papers: Sequence[Paper], requested: dict[str, list[Claim]], minutes: float
) -> list[tuple[Paper, str, list[Claim]]]:
    """What to train, the cheapest first: (paper, mode, claims that its runs measure)."""
    jobs = []
    for paper in papers:
        affordable = [c for c in requested[paper.name] if c.trains and not too_long(c, minutes)]
        for mode in dict.fromkeys(claim.mode for claim in affordable if claim.mode):
            jobs.append((paper, mode, [c for c in affordable if c.mode == mode]))
        jobs += [(paper, "", [claim]) for claim in affordable if claim.protocol]
    return sorted(jobs, key=lambda job: max(claim.minutes for claim in job[2]))


def _train(
    paper: Paper,
    claims: Sequence[Claim],
    workdir: Path,
    force: bool,
    command: str,
    interrupt: Interrupt | None,
) -> dict[str, str]:
    """Train the runs of some claims of a mode; claim's name -> why they could not be trained."""
    from lstmx import runs

    needed = [trials(paper, claim) for claim in claims]
    # Claims share runs; each run is trained once.
    by_id = {key: run for each in needed for key, *run in zip(ids(each), *each)}
    configs, labels = zip(*by_id.values())
    try:
        runs.train(
            configs, workdir, labels=labels, force=force, command=command, interrupt=interrupt
        )
    except Missing as error:
        say(f"{paper.path}: {error}")
        file = re.search(r"data file (\S+)", str(error))
        # Its last two parts, data set and file: the folder above differs between machines.
        name = f"data file {'/'.join(Path(file[1]).parts[-2:])}" if file else "data files"
        return {claim.name: f"lacks {claim.lacks or name}" for claim in claims}
    except (ValueError, OSError, RuntimeError) as error:
        message = (str(error).strip() or type(error).__name__).splitlines()[0]
        say(f"{paper.path}: {message}")
        return {claim.name: f"failed: {message}" for claim in claims}
    return {}


def _names(claims: Sequence[Claim]) -> str:
    return ", ".join(claim.name for claim in claims)
