"""Tables, captions and remarks of a section as strings, for both Markdown and HTML."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lstmx import stats
from lstmx.report import labels, settings
from lstmx.report.columns import ALPHA, Column, shown
from lstmx.report.sections import Section
from lstmx.tables import brief, counted, score

MOST_NAMED = 3
"""Rows of one kind that the summary names; the rest is in the list below it."""
DAMAGED = "Damaged files"
"""Title of the list of files that could not be read."""


class TextRow(NamedTuple):
    """One line of the ranked table.

    Attributes:
        cells: name of the column -> text.
        row: label of the row, None for a baseline or reference.
        solved: "all", "some" or "none" of its runs; "" without a threshold.
        remarks: problems of its runs, such as divergence.
    """

    cells: dict[str, str]
    row: str | None
    solved: str
    remarks: list[str]


def table(section: Section) -> list[TextRow]:
    """The ranked rows, with baseline and references inserted where their values rank."""
    rows = [(row["mean"], _row(section, row)) for row in section.rows.to_dict("records")]
    for name, value in levels(section).items():
        cells = {column.name: "" for column in columns(section)}
        cells |= {"row": name.removeprefix("trivial "), "mean": score(value)}
        place = sum(_beats(mean, value, section) for mean, _ in rows)
        rows.insert(place, (value, TextRow(cells, None, "", [])))
    return [row for _, row in rows]


def columns(section: Section) -> list[Column]:
    """The columns of the ranked table."""
    columns = shown(section.metric.name, section.reference)
    return [column for column in columns if column.name != "setting" or section.settings.keys]


def levels(section: Section) -> dict[str, float]:
    """Name -> value of the trivial baseline and the references, where all runs share them."""
    shared = section.levels
    values = {"trivial baseline": shared["baseline"], **shared["references"]}
    return {name: float(value) for name, value in values.items() if value is not None}


def caption(section: Section) -> str:
    """The meaning of the numbers in the ranked table, in full sentences."""
    metric, most = section.metric, int(section.rows["values"].max())
    better = "higher" if metric.maximize else "lower"
    unit = f" in {metric.unit}" if metric.unit else ""
    select = "highest" if metric.selection.maximize else "lowest"
    sentences = f"{metric.name}{unit} ({metric.key}; {better} is better), "
    if metric.key == metric.selection.metric:
        sentences += "each run at its best log line: chosen and reported on the same data. "
    else:
        sentences += f"each run at the log line where {metric.selection.metric} is {select}. "
    skewed = ", corrected for skewness" if most >= stats.FEWEST_FOR_SKEWNESS else ""
    sentences += f"Mean over seeds with a 95 % interval (Student's t{skewed}). "
    if section.levels["solved"] is not None:
        line = "from" if metric.maximize else "down to"
        sentences += f"Solved: {metric.name} {line} {brief(section.levels['solved'])}. "
    if section.reference is not None and section.rows["p_value"].notna().any():
        sentences += f"p: Welch's t-test against {section.reference}, corrected after Holm. "
    sentences += settings.caption(section.settings, metric, section.reference is not None)
    known = labels.meanings(list(section.rows["row"]))
    if known:
        each = "; ".join(f"{name}: {meaning}" for name, meaning in known.items())
        sentences += f"Variants of the LSTM (Greff et al. 2017): {each}. "
    return sentences + section.widths


def summary(section: Section) -> str:
    """The main result in two or three sentences."""
    rows, metric = section.rows, section.metric
    sentence = f"{len(rows)} model{'s'[: len(rows) > 1]}, {counted(len(section.runs), 'run')}"
    ranked = rows[rows["values"] > 0]
    if not len(ranked):
        return sentence + "; none of them has a value yet."
    best = ranked.iloc[0]
    if section.levels["solved"] is not None:
        whole = int((rows["solved"] == rows["runs"]).sum())
        sentence += f"; {whole} solve{'s'[: whole == 1]} the task on every seed"
    sentence += f". Best: {best['row']} with {metric.name} {score(best['mean'])}"
    if section.levels["baseline"] is not None:
        sentence += f" (trivial baseline {brief(section.levels['baseline'])})"
    chosen = settings.lead(section.settings, metric)
    return " ".join(filter(None, [f"{sentence}.", chosen, _found(section)]))


def found(section: Section) -> list[str]:
    """Every row by what its comparison with the reference says, where the summary names but few."""
    groups = _groups(section)
    if all(len(names) <= MOST_NAMED for names in groups.values()):
        return []
    of = section.reference
    titles = {"better": f"Better than {of}", "worse": f"Worse than {of}"}
    titles["not told apart"] = f"Not told apart from {of}"
    return [f"{titles[word]}: {', '.join(names)}." for word, names in groups.items()]


def _found(section: Section) -> str:
    """How many rows differ from the reference, and which: the best, or the worst, of many."""
    groups = _groups(section)
    parts = [f"{word}: {_some(word, names)}" for word, names in groups.items()]
    note = " (which does not make them equal)" if "not told apart" in groups else ""
    against = f"Against {section.reference} (p < {ALPHA:g} after Holm) "
    return f"{against}{'; '.join(parts)}{note}." if parts else ""


def _some(word: str, names: Sequence[str]) -> str:
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    if word == "not told apart":
        return str(len(names))
    ends = names[:MOST_NAMED] if word == "better" else names[: -MOST_NAMED - 1 : -1]
    return f"{len(names)}, {'the best' if word == 'better' else 'the worst'} {', '.join(ends)}"


def _groups(section: Section) -> dict[str, list[str]]:
    """The rows that were compared with the reference: which differ from it, which do not."""
    groups: dict[str, list[str]] = {"better": [], "worse": [], "not told apart": []}
    for row in section.rows.to_dict("records") if section.reference is not None else ():
        if row["row"] == section.reference or not row["values"]:
            continue
        if math.isnan(row["p_value"]):  # a row without a test
            continue
        better = (row["difference"] > 0) == section.metric.maximize
        sure = row["p_value"] < ALPHA
        word = "better" if sure and better else "worse" if sure else "not told apart"
        groups[word].append(row["row"])
    return {word: names for word, names in groups.items() if names}


def remarks(section: Section) -> list[str]:
    """Whether there are too few seeds; one line per row whose runs did not all go well."""
    lines = [f"{row.row}: {', '.join(row.remarks)}" for row in table(section) if row.remarks]
    return [*filter(None, [_too_few(section)]), *lines]


def _too_few(section: Section) -> str:
    """What the comparisons with the reference cannot show; "" where there are enough seeds.

    The number of seeds is the median of the rows: a row that lost some has its own remark.
    """
    counts = {row: n for row, n in section.rows[["row", "values"]].to_numpy() if n}
    reference = counts.pop(section.reference, 0)
    if not reference or not counts:
        return ""
    return stats.warning(statistics.median_low(counts.values()), reference, comparisons=len(counts))


def _row(section: Section, row: Mapping[Any, Any]) -> TextRow:
    n, with_value = row["runs"], row["values"]
    has = row["solved"] is not None
    solved = int(row["solved"]) if has and math.isfinite(row["solved"]) else 0
    cells = {c.name: c.cell(row[c.name], row) for c in columns(section)}
    runs = section.runs[section.runs["row"] == row["row"]]
    unlogged = int((runs["status"] == "no log lines").sum())
    unfinished = row["unfinished"] - unlogged
    lost = int((runs["lost"] > 0).sum())
    remarks = [
        f"{row['diverged']} of {n} diverged" if row["diverged"] else "",
        f"{unfinished} of {n} unfinished, counted as far as they got" if unfinished else "",
        f"{unlogged} of {n} without a log line" if unlogged else "",
        f"only {with_value} of {n} have a value and count" if with_value < n else "",
        f"{lost} of {n} have lost log points, their best may be among them" if lost else "",
    ]
    at = runs["diverged_at"].dropna()
    if len(at):
        remarks[0] += f" at step {', '.join(f'{int(step):,}' for step in at)}"
    word = "" if not has else "all" if solved == n else "some" if solved else "none"
    return TextRow(cells, row["row"], word, [remark for remark in remarks if remark])


def _beats(mean: float, value: float, section: Section) -> bool:
    return mean > value if section.metric.maximize else mean < value
