"""Published claims -> a table that says which of them hold here, and a figure.

    python -m experiments.reproduce --only="1997-*"

writes, below a folder,

    claims/<name>.json   what was measured of a claim, on which machine and by which command
    claims.md            all claims with their verdicts, and how to measure each
    claims.png           measured / published, with intervals and tolerances

Importing this package imports no jax.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.claims import Claim
from experiments.claims.papers import Paper, Trials, check, ids, select, too_long, trials
from lstmx.data import Missing
from lstmx.interrupt import Interrupt

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
    """Train what is missing, measure and judge; prints the verdicts, returns what was written.

    After every mode of a paper its claims are written; the table shows all claims, also those not
    asked for. What one paper lacks is told and leaves its claims open. An interruption leaves
    everything to be resumed by the same call.

    Args:
        workdir: folder of the run directories.
        out: folder to write to. Results of another machine that lie there are shown until there
            are runs here of which at least as many are finished.
        only: globs of claims' or papers' names to train; all if empty.
        minutes: what the modes of claims may cost by their own estimate; 0 is no limit.
        train: whether to train; else what the workdir holds is measured.
        force: start runs over, also finished ones.
        command: the command line, for the record.
        interrupt: once it is requested, the runs in progress are saved and nothing else begins.

    Raises:
        ValueError: a glob that names nothing; a file in `out` that is no result.
        OSError: a folder cannot be written.
    """
    from experiments.claims import rows, table

    asked = select(papers, only)
    out, workdir = Path(out), Path(workdir)
    out.mkdir(parents=True, exist_ok=True)
    told: dict[str, str] = {}

    def known(of: Sequence[Paper]) -> list[rows.Row]:
        return rows.gather(of, asked, workdir, out, minutes, told, command)

    try:
        for number, (paper, mode, claims) in enumerate(jobs := _jobs(papers, asked, minutes)):
            if train:
                say(f"[{number + 1}/{len(jobs)}] {paper.name}:{mode}, for {_names(claims)}")
                told |= _train(paper, claims, workdir, force, command, interrupt)
                # Also what a later interruption must not take away.
                known([paper._replace(claims=claims)])
    finally:
        found = known(papers)
        files = table.write(out, found)
    shown = [row for row in found if row.claim in asked[row.paper.name]]
    print(table.summary(shown), table.verdicts(shown), sep="\n\n")
    return files


def listing(
    papers: Sequence[Paper],
    workdir: Path | str,
    out: Path | str,
    *,
    only: Sequence[str] = (),
    minutes: float = 30.0,
) -> str:
    """The claims asked for with their mode, runs, cost and state, as a table; writes nothing.

    Raises:
        ValueError: as `run`.
    """
    from experiments.claims import rows, table

    asked = select(papers, only)
    chosen = [paper._replace(claims=asked[paper.name]) for paper in papers]
    found = rows.gather(chosen, {}, Path(workdir), Path(out), minutes, {}, None)
    return f"{table.listing(found)}\n\n{table.summary(found)}"


def say(line: str) -> None:
    """A line of progress, beside the table."""
    print(line, file=sys.stderr, flush=True)


def _jobs(
    papers: Sequence[Paper], asked: dict[str, list[Claim]], minutes: float
) -> list[tuple[Paper, str, list[Claim]]]:
    """What to train, the cheapest first: (paper, mode, claims that its runs measure)."""
    jobs = []
    for paper in papers:
        affordable = [c for c in asked[paper.name] if c.mode and not too_long(c, minutes)]
        for mode in dict.fromkeys(claim.mode for claim in affordable):
            jobs.append((paper, mode, [c for c in affordable if c.mode == mode]))
    return sorted(jobs, key=lambda job: max(claim.minutes for claim in job[2]))


def _train(
    paper: Paper,
    claims: Sequence[Claim],
    workdir: Path,
    force: bool,
    command: str,
    interrupt: Interrupt | None,
) -> dict[str, str]:
    """Do the runs of some claims of a mode; claim's name -> why they could not be done."""
    from lstmx import runs

    wanted = [trials(paper, claim) for claim in claims]
    # Claims share runs, each is to be done once.
    by_id = {key: run for each in wanted for key, *run in zip(ids(each), *each)}
    configs, labels = zip(*by_id.values())
    try:
        runs.train(
            configs, workdir, labels=labels, force=force, command=command, interrupt=interrupt
        )
    except Missing as error:
        say(f"{paper.path}: {error}")
        file = re.search(r"data file (\S+)", str(error))
        # Its set and name: the folder is of this machine alone.
        name = f"data file {'/'.join(Path(file[1]).parts[-2:])}" if file else "data files"
        return {claim.name: f"lacks {claim.lacks or name}" for claim in claims}
    except (ValueError, OSError, RuntimeError) as error:
        said = (str(error).strip() or type(error).__name__).splitlines()[0]
        say(f"{paper.path}: {said}")
        return {claim.name: f"failed: {said}" for claim in claims}
    return {}


def _names(claims: Sequence[Claim]) -> str:
    return ", ".join(claim.name for claim in claims)
