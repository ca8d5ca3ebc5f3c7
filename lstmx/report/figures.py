"""A section as figures, each drawn wide and for a phone."""

from collections.abc import Callable
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from lstmx import plots
from lstmx.report import text
from lstmx.report.rows import curve, levels, selected
from lstmx.report.sections import Section

MOST_LINES = 14  # more curves than this cannot be told apart
MOST_ROWS = 60


class Drawing(NamedTuple):
    """A figure with its words.

    Attributes:
        name: of the file, without suffix.
        title: heading.
        caption: what is drawn.
        draw: (narrow) -> Figure.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[bool], Figure]


def of(section: Section) -> list[Drawing]:
    """The ranking, the learning curves, and the metric by length where lengths differ."""
    drawings = [_ranking(section), _curves(section)]
    by_length = _lengths(section)
    return [d for d in (*drawings, by_length) if d is not None]


def _ranking(section: Section) -> Drawing:
    rows = {
        row: section.runs.loc[section.runs["row"] == row, "value"].to_numpy(float)
        for row in section.rows["row"][:MOST_ROWS]
    }
    intervals = {r: (low, high) for r, low, high in section.rows[["row", "low", "high"]].to_numpy()}
    said = "A dot per run, a diamond for the mean, a bar for its 95 % interval."
    return Drawing(
        "ranking",
        "Ranking",
        said + _cut(len(section.rows), MOST_ROWS),
        lambda narrow: plots.ranking(
            rows, xlabel=_name(section), intervals=intervals, lines=_lines(section), narrow=narrow
        ),
    )


def _curves(section: Section) -> Drawing:
    curves = {
        row: [curve(run, section.metric.key) for run in runs]
        for row, runs in list(section.sources.items())[:MOST_LINES]
    }
    said = "Mean over the runs, and the band from the worst to the best of them"
    if (section.runs["status"] == "diverged").any():
        said += "; a cross marks where a run diverged"
    if section.runs["status"].nunique() > 1 or section.runs["steps"].nunique() > 1:
        said += "; a run that ended early is carried on at its last value"
    return Drawing(
        "curves",
        "Learning curves",
        f"{section.metric.key}. {said}.{_cut(len(section.rows), MOST_LINES)}",
        lambda narrow: plots.learning_curves(
            curves, ylabel=_name(section), lines=_lines(section, references=False), narrow=narrow
        ),
    )


def _lengths(section: Section) -> Drawing | None:
    """The metric by length, of one split; None where no eval sets a length of its own."""
    curves = {
        row: [points for run in runs if (points := _by_length(run, section))[0]]
        for row, runs in list(section.sources.items())[:MOST_LINES]
    }
    lengths = {x for runs in curves.values() for xs, _ in runs for x in xs}
    if len(lengths) < 2:
        return None
    trained = {run.meta["task"]["length"] for runs in section.sources.values() for run in runs}
    at = f"T = {min(trained)}" if len(trained) == 1 else "different lengths"
    return Drawing(
        "lengths",
        "Other lengths",
        f"The same parameters, trained at {at}, evaluated on sequences of other lengths."
        + _cut(len(section.rows), MOST_LINES),
        lambda narrow: plots.learning_curves(
            curves,
            ylabel=_name(section),
            xlabel="sequence length T",
            lines=_lines(section, references=False),
            markers=True,
            narrow=narrow,
        ),
    )


def _by_length(run: Any, section: Section) -> tuple[list[int], list[float]]:
    """Length and value at the selected log line, of the evals that only length tells apart.

    Those are the evals of one split among which at least one overrides the task's length; the
    parts of a stored data set have lengths of their own, which compare nothing. Where several
    splits have such an eval, the ranked eval's split is drawn, else the first.
    """
    found: dict[int, float] = {}
    evals = run.config.get("evals") or {}
    splits = {name: over.get("split", "test") for name, over in evals.items()}
    own = [splits[name] for name, over in evals.items() if "length" in over]
    ranked = splits.get(section.metric.eval)
    split = ranked if ranked in own else next(iter(own), None)
    for name in run.meta.get("evals", {}):
        if split is None or splits.get(name) != split:
            continue
        length = levels(run, name, section.metric)["length"]
        key = f"eval/{name}/{section.metric.name}"
        logged = any(key in line for line in run.metrics)
        if logged and (length not in found or name == section.metric.eval):
            found[length] = selected(run, key, section.metric)[1]
    return sorted(found), [found[length] for length in sorted(found)]


def _lines(section: Section, references: bool = True) -> list[plots.Line]:
    known = text.levels(section) if references else {}
    if not references and section.levels["baseline"] is not None:
        known["trivial baseline"] = section.levels["baseline"]
    if section.levels["solved"] is not None:
        known["solved"] = section.levels["solved"]
    return [plots.Line(name, value) for name, value in known.items()]


def _name(section: Section) -> str:
    unit = f" [{section.metric.unit}]" if section.metric.unit else ""
    return f"{section.metric.name}{unit}"


def _cut(rows: int, most: int) -> str:
    return f" The best {most} of {rows} rows are drawn." if rows > most else ""
