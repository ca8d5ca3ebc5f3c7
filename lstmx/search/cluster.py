"""A Slurm array whose tasks are the workers of one study."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from lstmx import checks
from lstmx.search.storage import Place

SCRIPT = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={output}
#SBATCH --signal=B:TERM@{notice}
# Each task is a worker of the study; what one leaves, another resumes. Options of the cluster
# go on the command line: sbatch --time=8:00:00 --cpus-per-task=4 --gres=gpu:1 search.sh
set -eu
cd {folder}
exec {command}
"""
NOTICE = 120
"""Seconds before the end of a task's time at which it is told, to save and leave."""


def slurm_script(words: Sequence[str], place: Place, workers: int, folder: Path) -> str:
    """The text of a script for sbatch.

    A task that is preempted is queued again; one whose time is over saves its block, which waits
    for whoever comes next: the same sbatch again.

    Args:
        words: the command line of a worker.
        place: of the study.
        workers: number of tasks.
        folder: where the command line is started.

    Raises:
        ValueError: no worker, or SQLite, which is for the processes of one machine.
    """
    checks.size("--slurm", workers)
    if place.storage.partition("://")[0].partition("+")[0] == "sqlite":
        raise ValueError(
            f"--storage={place.storage} is for the processes of one machine; expected "
            "postgresql://user@host/database, or a journal on a file system that all machines share"
        )
    return SCRIPT.format(
        name=shlex.quote(place.name),
        last=workers - 1,
        output=shlex.quote(str(folder / f"{place.name}-%A_%a.out")),  # Slurm makes no folder
        notice=NOTICE,
        folder=shlex.quote(str(folder)),
        command=shlex.join(words),
    )
