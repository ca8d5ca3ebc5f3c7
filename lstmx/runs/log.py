"""The log of a run, `metrics.jsonl`: one JSON object per log point, null where not finite."""

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lstmx.runs.checkpoint import with_nan, without_nan
from lstmx.runs.digests import Point, Points
from lstmx.runs.schema import is_point

NAME = "metrics.jsonl"
MOST_LOST = 1_000_000
"""The most steps that `missing` returns: a damaged file may claim that the run had billions."""


class Log:
    """The open log of a run in training; use `close` at the end.

    A class because it owns an open file. It detects that another program removes or changes the
    file: otherwise the run would end as finished with a part of its log.
    """

    def __init__(self, path: Path, points: Points) -> None:
        """Write the existing points of a run, and open its log for more.

        Args:
            path: the run directory.
            points: the whole log so far; anything else in the file is dropped.
        """
        self._file = path / NAME
        part = self._file.with_suffix(".part")
        part.write_bytes(_lines(points))
        os.replace(part, self._file)
        self._size = self._file.stat().st_size
        self._descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND)

    def append(self, point: Mapping[str, Any]) -> None:
        """Append a log point.

        Raises:
            OSError: the disk is full, or the file is not the one that this process wrote.
        """
        self.check()
        rest = _lines([point])
        while rest:
            written = os.write(self._descriptor, rest)
            self._size += written
            rest = rest[written:]

    def check(self) -> None:
        """Raise OSError if another program has removed or changed the file."""
        try:
            status = os.stat(self._file)
            same = os.path.samestat(status, os.fstat(self._descriptor))
        except FileNotFoundError:
            same = False
        if not same or status.st_size != self._size:
            raise OSError(
                f"{self._file} was removed or changed by something else while the run was going "
                "on; the run stops here, and the same command resumes what is left of it"
            )

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_metrics(path: Path) -> list[Point]:
    """The readable log points of a run, by step; null reads as NaN.

    Lines that are no log points are skipped: a kill cuts the last one short, other damage any.
    `missing` returns the steps that have no point.
    """
    file = path / NAME
    if not file.exists():
        return []
    points = {}
    for line in file.read_bytes().splitlines():
        try:
            point = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if is_point(point):
            points[point["step"]] = point
    return with_nan([points[step] for step in sorted(points)])


def append_metrics(path: Path, points: Iterable[Mapping[str, Any]]) -> None:
    """Append log points to the file of a run that no process has open."""
    with (path / NAME).open("ab") as file:
        file.write(_lines(list(points)))


def missing(points: Points, log_every: int, step: int) -> list[int]:
    """The steps up to `step` that should have a log point and have none, at most MOST_LOST."""
    logged = {point["step"] for point in points}
    lost = (n for n in range(log_every, step + 1, log_every) if n not in logged)
    return list(itertools.islice(lost, MOST_LOST))


def _lines(points: Points) -> bytes:
    return "".join(json.dumps(point) + "\n" for point in without_nan(points)).encode()
