"""What many runs have inside, over their seeds: the numbers of the figures, by group."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from lstmx import checks, plots, runs, stats
from lstmx import config as cfg
from lstmx.report import labels
from lstmx.report.inspection._figures import ALONE, TOGETHER
from lstmx.report.inspection._findings import Finding, Value
from lstmx.report.inspection._subject import NotForThis, open_subject, scope
from lstmx.tables import NONE, brief, duration

FIGURES = (*TOGETHER, *ALONE)
LATER = re.compile(r"\S.* ([2-9]|\d{2,})")
"""A quantity that has a number after the first of its kind, such as "exponent 2"."""


class Numbers(NamedTuple):
    """The numbers of many runs.

    Attributes:
        keys: the config keys that runs are grouped by.
        table: a row for each number: figure, group, run (its folder), quantity, value, unit.
        missing: why a run has no such figure, a sentence each.
    """

    keys: list[str]
    table: pd.DataFrame
    missing: list[str]


def measure(
    paths: Sequence[Path],
    by: Sequence[str],
    figures: Sequence[str],
    *,
    step: str | int,
    trust: bool,
    tell: Callable[[str], None],
) -> Numbers:
    """The numbers of every run, one run open at a time.

    Args:
        paths: the run directories.
        by: dotted config keys or sections to group by; all that vary, if empty.
        figures: names from FIGURES.
        step: "best", "latest" or a step of a checkpoint.
        trust: import modules that a run names; see `lstmx.config.from_dict`.
        tell: gets a line for each run, when it is done.

    Raises:
        ValueError: an unknown figure or key, or what `lstmx.runs.open` refuses.
    """
    for name in figures:
        checks.one_of("figures", name, FIGURES)
    flat = [cfg.flatten(runs.load(path).config) for path in paths]
    keys = labels.chosen(by or list(cfg.varying(flat)), flat)
    digits, lines, missing = labels.digits(flat, keys), [], []
    for number, (path, config) in enumerate(zip(paths, flat), 1):
        began = time.monotonic()
        group, run = labels.label(config, keys, digits=digits), f"{path.parent.name}/{path.name}"
        for name, one in _of_run(path, figures, step=step, trust=trust):
            if isinstance(one, str):
                missing.append(f"{run}: {name}: {one}")
            else:
                line = {"figure": name, "group": group, **one._asdict()}
                lines.append({**line, "run": run})
        tell(f"[{number}/{len(paths)}] {group}: {duration(time.monotonic() - began)}")
    columns = ["figure", "group", "run", "quantity", "value", "unit"]
    return Numbers(keys, pd.DataFrame(lines, columns=columns), missing)


def _of_run(
    path: Path, figures: Sequence[str], *, step: str | int, trust: bool
) -> list[tuple[str, Value | str]]:
    """(figure, a number of it, or why it has none) of one run."""
    subject = open_subject(path, "", step=step, trust=trust)
    result: list[tuple[str, Value | str]] = []
    with scope([subject]):
        for name in figures:
            try:
                made = TOGETHER[name][1]([subject]) if name in TOGETHER else ALONE[name][1](subject)
            except NotForThis as error:
                result.append((name, f"{error}."))
                continue
            found = made if isinstance(made, list) else [made] if made is not None else []
            for one in found:
                result += [(name, reason) for reason in one.missing]
                result += [(name, value) for value in one.values]
    return result


def findings(numbers: Numbers) -> list[Finding]:
    """A table and a figure for each quantity that some run has a finite number of."""
    result = []
    of_each = numbers.table.groupby(["figure", "quantity", "unit"], sort=False)
    for names, rows in of_each:
        figure, quantity, unit = map(str, names)  # type: ignore[arg-type]
        if LATER.fullmatch(quantity) or not np.isfinite(rows["value"]).any():
            continue
        groups = rows.groupby("group")  # by name: values of one key stand side by side
        values = {str(group): part["value"].to_numpy(float) for group, part in groups}
        result.append(_finding(figure, quantity.lstrip(": "), unit, values))
    return result


def _finding(figure: str, quantity: str, unit: str, values: Mapping[str, np.ndarray]) -> Finding:
    finite = {group: some[np.isfinite(some)] for group, some in values.items()}
    intervals = {
        group: stats.mean_interval(some) if len(some) > 1 else (np.nan, np.nan)
        for group, some in finite.items()
    }
    lines = [
        [
            group,
            brief(float(some.mean())) if len(some) else NONE,
            NONE if np.isnan(intervals[group][0]) else "…".join(map(brief, intervals[group])),
            str(len(some)),
        ]
        for group, some in finite.items()
    ]
    label = f"{quantity} ({unit})" if unit else quantity
    title = (TOGETHER[figure] if figure in TOGETHER else ALONE[figure])[0]
    return Finding(
        f"{figure}_{re.sub(r'[^a-z0-9]+', '_', quantity.lower())}".rstrip("_"),
        f"{title}: {label}",
        "Every run is a point, the mean of a group a diamond, its 95 % interval (Student's t, "
        "corrected for skewness) a bar.",
        (),
        lambda narrow: plots.ranking(values, xlabel=label, intervals=intervals, narrow=narrow),
        table=(("group", "mean", "95 % interval", "runs"), lines),
    )
