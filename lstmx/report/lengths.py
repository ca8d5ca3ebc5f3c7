"""Metrics of runs at every length: curves, their score and their reach.

Many tasks are trained on short sequences and evaluated on long ones (Gers & Schmidhuber 2001,
Deletang et al. 2023). A curve has a point for each length; its score is the mean over the lengths,
and its reach the longest length up to which the task is solved without a gap.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lstmx import config as cfg
from lstmx import plots, runs, tables
from lstmx.runs.evaluation import evaluate
from lstmx.types import reaches

RANGE = ("min_length", "length")
"""Options of a task that samples lengths: both are set to the one length of a point."""


MOST = 10_000
"""The most lengths of one curve: each is compiled separately, which takes seconds."""


class Curve(NamedTuple):
    """A metric of one run over lengths.

    Attributes:
        path: the run directory.
        label: the run's label without its seed.
        metric: name of the task's metric.
        lengths: [n] lengths, ascending.
        values: [n] values of the metric.
        baselines: [n] values of the trivial predictor.
        solved: the value from which the task counts as solved, or None.
        maximize: whether higher is better.
    """

    path: str
    label: str
    metric: str
    lengths: Sequence[int]
    values: Sequence[float]
    baselines: Sequence[float]
    solved: float | None
    maximize: bool

    @property
    def score(self) -> float:
        """The mean over the lengths."""
        return float(np.mean(self.values))

    @property
    def reach(self) -> int | None:
        """The longest length up to which all are solved; 0 if none; None without `solved`."""
        if self.solved is None:
            return None
        reached = 0
        for length, value in zip(self.lengths, self.values):
            if not reaches(value, self.solved, maximize=self.maximize):
                break
            reached = length
        return reached


def parse(text: str) -> list[int]:
    """The lengths in "20,40,80" or "first:last" or "first:last:step", last included.

    Raises:
        ValueError: another form, or lengths that are not positive and ascending.
    """
    try:
        if ":" in text:
            first, last, *step = map(int, text.split(":"))
            (every,) = step or (1,)
            lengths = list(range(first, last + 1, every)[: MOST + 1])
        else:
            lengths = list(map(int, text.split(",")))
    except ValueError:
        lengths = []
    if not lengths or lengths[0] < 1 or lengths != sorted(set(lengths)):
        raise ValueError(
            f"--lengths={text}: expected ascending lengths such as 20,40,80 or 41:500:20"
        )
    if len(lengths) > MOST:
        raise ValueError(f"--lengths={text}: expected at most {MOST} lengths; give a larger step")
    return lengths


def curves(
    paths: Sequence[Path], lengths: Sequence[int], tell: Callable[[str], None], **options: Any
) -> list[Curve]:
    """The curves of the runs that have a checkpoint, with a line about each of the others.

    Args:
        paths: run directories.
        lengths: as in `curve`.
        tell: called with lines of progress.
        options: of `curve`.

    Raises:
        ValueError: none of the runs can be evaluated.
    """
    found, refused = [], []
    for path in paths:
        tell(f"{path}")
        try:
            found.append(curve(path, lengths, tell=tell, **options))
        except ValueError as error:  # such as a run that has no checkpoint yet
            if len(paths) == 1:
                raise
            refused.append(error)
            tell(f"skipped: {error}")
    if not found:
        raise ValueError(f"none of the {len(paths)} runs can be evaluated: {refused[0]}")
    return found


def curve(
    path: Path | str,
    lengths: Sequence[int],
    *,
    split: str = "test",
    step: str | int = "best",
    batches: int | None = None,
    trust: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Curve:
    """The metric of a run's checkpoint at every length.

    Args:
        path: the run directory.
        lengths: values of the task's option `length`, and of `min_length` where it has one.
        split: the split to evaluate on.
        step: "best", "latest" or a step.
        batches: number of batches a length; the config's `eval_batches` if None.
        trust: import modules that the run names; see `lstmx.config.from_dict`.
        tell: called with a line of progress after each length.

    Raises:
        ValueError: a task without the option `length`, or a length that is invalid for it.
    """
    run = runs.load(path)
    section = cfg.from_dict(run.config, trust=trust).task
    options = [option for option in RANGE if option in section]
    if "length" not in options:
        raise ValueError(f"{path}: task {section.name!r} has no option length to vary")
    rows = []
    for length in lengths:
        setting = ",".join([*(f"{option}={length}" for option in options), f"split={split}"])
        (row,) = evaluate(path, [setting], step=step, batches=batches, trust=trust)
        rows.append(row)
        tell(f"length {length}: {row.metric} {tables.brief(row.metrics[row.metric])}")
    metric = rows[0].metric
    label = ",".join(p for p in run.meta.get("label", "").split(",") if not p.startswith("seed="))
    return Curve(
        str(path),
        label or Path(path).parent.name,
        metric,
        list(lengths),
        [row.metrics[metric] for row in rows],
        [row.baseline for row in rows],
        rows[0].solved,
        run.meta["task"]["maximize"],
    )


def table(curves: Sequence[Curve]) -> str:
    """One line for every run as aligned text: score, reach, and the trivial predictor's score."""
    lines = []
    for one in curves:
        first, last, trivial = one.lengths[0], one.lengths[-1], float(np.mean(one.baselines))
        reach = "" if one.solved is None else f", {_solved(one)}"
        sentence = f"mean {one.metric} {tables.brief(one.score)} over lengths {first} to {last}"
        lines.append([_name(one), f"{sentence} (trivial {tables.brief(trivial)}){reach}"])
    return tables.aligned(lines, left=2)


def _solved(one: Curve) -> str:
    """Which lengths are solved, in words: all of them where a shorter one is not."""
    solved = [
        length
        for length, value in zip(one.lengths, one.values)
        if one.solved is not None and reaches(value, one.solved, maximize=one.maximize)
    ]
    if not solved:
        return "solved at none of them"
    if list(one.lengths[: len(solved)]) == solved:
        return f"solved up to {solved[-1]}"
    return f"solved at {', '.join(map(str, solved))} only"


def write(curves: Sequence[Curve], folder: Path) -> list[Path]:
    """Write `lengths.json` and the figure `lengths.png`; returns their paths.

    Raises:
        OSError: the folder cannot be written.
    """
    records = [{**one._asdict(), "score": one.score, "reach": one.reach} for one in curves]
    record, picture = folder / "lengths.json", folder / "lengths.png"
    runs.write_json(record, {"curves": records})
    figure(curves).savefig(picture, dpi=120)
    return [record, picture]


def figure(curves: Sequence[Curve]) -> plots.Figure:
    """The metric over the lengths: per label the mean over its runs, and the trivial predictor."""
    by_label: dict[str, list[Any]] = {}
    for one in curves:
        by_label.setdefault(one.label, []).append((one.lengths, one.values))
    first = curves[0]
    lines = [] if first.solved is None else [plots.Line("solved", first.solved)]
    if len(set(first.baselines)) == 1:
        lines.append(plots.Line("trivial", first.baselines[0]))
    else:
        by_label["trivial"] = [(first.lengths, first.baselines)]
    return plots.learning_curves(
        by_label, ylabel=first.metric, xlabel="length", lines=lines, markers=True
    )


def _name(one: Curve) -> str:
    return "/".join(Path(one.path).parts[-2:])
