"""The figures of a section, each in a wide and a narrow form."""

from lstmx import plots
from lstmx.report import settings, text
from lstmx.report._document import Panel
from lstmx.report.rows import curve, levels, selected
from lstmx.report.sections import Section
from lstmx.runs import Run

MOST_LINES = 14  # more curves cannot be distinguished
MOST_ROWS = 60


def of(section: Section) -> list[Panel]:
    """The ranking, the learning curves, and the metric by length where lengths differ.

    The third, the expected best of k settings, is of rows that were chosen from many; the last is
    left out where no eval sets a length.
    """
    panels = [_ranking(section), _curves(section), _best_of(section), _lengths(section)]
    return [
        one._replace(caption=f"{one.caption.rstrip('.')}. {section.widths}")
        for one in panels
        if one is not None
    ]


def _ranking(section: Section) -> Panel:
    rows = {
        row: section.runs.loc[section.runs["row"] == row, "value"].to_numpy(float)
        for row in section.rows["row"][:MOST_ROWS]
    }
    intervals = {r: (low, high) for r, low, high in section.rows[["row", "low", "high"]].to_numpy()}
    caption = "A dot per run, a diamond for the mean, a bar for its 95 % interval."
    return Panel(
        "ranking",
        "Ranking",
        caption + _cut(len(section.rows), MOST_ROWS),
        lambda narrow: plots.ranking(
            rows, xlabel=_name(section), intervals=intervals, lines=_lines(section), narrow=narrow
        ),
    )


def _curves(section: Section) -> Panel:
    curves = {
        row: [curve(run, section.metric.key) for run in runs]
        for row, runs in list(section.sources.items())[:MOST_LINES]
    }
    caption = "Mean over the runs, and the band from the worst to the best of them"
    if (section.runs["status"] == "diverged").any():
        caption += "; a cross marks where a run diverged"
    if section.runs["status"].nunique() > 1 or section.runs["steps"].nunique() > 1:
        caption += "; a run that ended early is carried on at its last value"
    return Panel(
        "curves",
        "Learning curves",
        f"{section.metric.key}. {caption}.{_cut(len(section.rows), MOST_LINES)}",
        lambda narrow: plots.learning_curves(
            curves, ylabel=_name(section), lines=_lines(section, references=False), narrow=narrow
        ),
    )


def _best_of(section: Section) -> Panel | None:
    """What trying k of the settings would have given; None where few were tried."""
    found = settings.curves(section.settings, section.metric)
    curves = {row: tuple(found[row]) for row in section.rows["row"] if row in found}
    curves = dict(list(curves.items())[:MOST_LINES])
    if not curves:
        return None
    return Panel(
        "best_of",
        "The best of k settings",
        "What trying k of the settings is expected to give: the mean, over all choices of k of a "
        "row's settings, of the one that validation chooses, as a mean over its seeds (Dodge et "
        "al. 2019). Compare rows at one k. Bands are 95 % bootstrap intervals over settings, too "
        "narrow at the right end; a grid is no random sample, whose k they describe."
        + _cut(len(section.rows), MOST_LINES),
        lambda narrow: plots.best_of_curves(
            curves,  # type: ignore[arg-type]
            ylabel=_name(section),
            xlabel="number of settings",
            lines=_lines(section, references=False),
            narrow=narrow,
        ),
    )


def _lengths(section: Section) -> Panel | None:
    """The metric by length, of one split; None where fewer than two lengths are evaluated."""
    curves = {
        row: [points for run in runs if (points := _by_length(run, section))[0]]
        for row, runs in list(section.sources.items())[:MOST_LINES]
    }
    lengths = {x for runs in curves.values() for xs, _ in runs for x in xs}
    if len(lengths) < 2:
        return None
    trained = {run.meta["task"]["length"] for runs in section.sources.values() for run in runs}
    at = f"T = {min(trained)}" if len(trained) == 1 else "different lengths"
    return Panel(
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


def _by_length(run: Run, section: Section) -> tuple[list[int], list[float]]:
    """Lengths and values at the selected log point, of evals that differ in length only.

    Those are the evals of one split, at least one of which overrides the task's length: the parts
    of a stored data set differ in length too, but also in their examples. Where several splits
    have such an eval, the ranked eval's split is taken, else the first.
    """
    values: dict[int, float] = {}
    evals = run.config.get("evals") or {}
    splits = {name: over.get("split", "test") for name, over in evals.items()}
    with_length = [splits[name] for name, over in evals.items() if "length" in over]
    ranked = splits.get(section.metric.eval)
    split = ranked if ranked in with_length else next(iter(with_length), None)
    for name in run.meta.get("evals", {}):
        if split is None or splits.get(name) != split:
            continue
        length = levels(run, name, section.metric)["length"]
        key = f"eval/{name}/{section.metric.name}"
        logged = any(key in line for line in run.metrics)
        if logged and (length not in values or name == section.metric.eval):
            values[length] = selected(run, key, section.metric)[1]
    return sorted(values), [values[length] for length in sorted(values)]


def _lines(section: Section, references: bool = True) -> list[plots.Line]:
    """The horizontal lines of a figure: baseline, solved threshold and, if wanted, references."""
    values = text.levels(section) if references else {}
    if not references and section.levels["baseline"] is not None:
        values["trivial baseline"] = section.levels["baseline"]
    if section.levels["solved"] is not None:
        values["solved"] = section.levels["solved"]
    return [plots.Line(name, value) for name, value in values.items()]


def _name(section: Section) -> str:
    unit = f" [{section.metric.unit}]" if section.metric.unit else ""
    return f"{section.metric.name}{unit}"


def _cut(rows: int, most: int) -> str:
    """A remark for the caption where rows are left out."""
    return f" The best {most} of {rows} rows are plotted." if rows > most else ""
