"""Pages of pictures of what trained networks remember: `experiments.inspect`."""

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lstmx import checks, runs
from lstmx.report.inspection import _groups, _page
from lstmx.report.inspection._figures import ALONE, PAIRS, TOGETHER, Made
from lstmx.report.inspection._findings import Finding
from lstmx.report.inspection._page import Section
from lstmx.report.inspection._subject import NotForThis, Subject, open_subject, scope
from lstmx.tables import brief, counted, duration

__all__ = ["FIGURES", "Inspection", "write", "write_groups"]

FIGURES = (*TOGETHER, *ALONE, *PAIRS)
"""Names of the figures: those with all runs in one, those of one run, those of pairs of runs."""


class Inspection(NamedTuple):
    """The result of `write`.

    Attributes:
        markdown: the page as text, without figures.
        numbers: a row for each number of a figure: figure, run, quantity, value, unit.
        files: the written files, the page first.
    """

    markdown: str
    numbers: pd.DataFrame
    files: list[Path]


def write(
    paths: Sequence[Path | str],
    out: Path | str,
    *,
    step: str | int = "best",
    figures: Sequence[str] = (),
    trust: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Inspection:
    """Write inspect.html, inspect.md, numbers.csv and the figures of one run or several.

    Args:
        paths: the run directories.
        out: folder to write to.
        step: "best", "latest" or a step of a checkpoint.
        figures: names from FIGURES; all that the runs have, if empty.
        trust: import modules that a run names; see `lstmx.config.from_dict`.
        tell: gets a line for each figure, when it is done.

    Raises:
        ValueError: no runs, one named twice, an unknown figure, or what `lstmx.runs.open` refuses.
        OSError: the folder cannot be written.
    """
    for name in figures:
        checks.one_of("figures", name, FIGURES)
    labels = _labels(paths)
    chosen = figures or FIGURES
    subjects = []
    for path, label in zip(paths, labels):
        began = time.monotonic()
        subjects.append(open_subject(path, label, step=step, trust=trust))
        tell(f"{label}: opened in {duration(time.monotonic() - began)}")
    # Not before: a mistyped run would be a folder from then on.
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with scope(subjects):
        sections = _sections(subjects, chosen, tell)
    title = f"lstmx: inside {labels[0] if len(labels) == 1 else f'{len(labels)} runs'}"
    remarks = [remark for subject in subjects for remark in subject.opened.run.remarks]
    numbers = pd.DataFrame(
        [
            {"figure": one.name, **value._asdict()}
            for section in sections
            for one in section.findings
            for value in one.values
        ],
        columns=["figure", "run", "quantity", "value", "unit"],
    )
    return _written(folder, title, sections, remarks, numbers, tell)


def write_groups(
    paths: Sequence[Path | str],
    out: Path | str,
    *,
    by: Sequence[str] = (),
    step: str | int = "best",
    figures: Sequence[str] = (),
    trust: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> Inspection:
    """Write inspect.html, inspect.md, numbers.csv and figures of many runs, over their seeds.

    Args:
        paths: the run directories.
        out: folder to write to.
        by: dotted config keys or sections to group by; all that vary but the seed, if empty.
        step: "best", "latest" or a step of a checkpoint.
        figures: names from FIGURES whose numbers to compare, none of pairs; those that all runs
            share, if empty.
        trust: import modules that runs name; see `lstmx.config.from_dict`.
        tell: gets a line for each run, when it is done.

    Raises:
        ValueError: no runs, an unknown figure or key, or what `lstmx.runs.open` refuses.
        OSError: the folder cannot be written.
    """
    if not paths:
        raise ValueError("no runs; expected one run directory or several")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = _groups.measure(
        [Path(path) for path in paths],
        by,
        figures or tuple(TOGETHER),
        step=step,
        trust=trust,
        tell=tell,
    )
    facts = {"runs": str(len(paths)), "grouped by": ", ".join(numbers.keys)}
    section = Section("groups", facts, _groups.findings(numbers))
    return _written(
        folder, f"lstmx: inside {len(paths)} runs", [section], numbers.missing, numbers.table, tell
    )


def _written(
    folder: Path,
    title: str,
    sections: Sequence[Section],
    remarks: Sequence[str],
    numbers: pd.DataFrame,
    tell: Callable[[str], None],
) -> Inspection:
    """Write the page in both forms, the numbers and the figures."""
    tell("drawing")
    text = _page.markdown(title, sections, remarks)
    files = [folder / name for name in ("inspect.html", "inspect.md", "numbers.csv")]
    files[0].write_text(_page.html(title, sections, remarks), encoding="utf-8")
    files[1].write_text(text, encoding="utf-8")
    numbers.to_csv(files[2], index=False)
    for section in sections:
        for one in section.findings:
            if one.plot is not None:
                files.append(folder / _page.file(section, one))
                one.plot(False).savefig(files[-1], dpi=160, facecolor="white")
    tell(f"wrote {len(files)} files to {folder}")
    return Inspection(text, numbers, files)


def _labels(paths: Sequence[Path | str]) -> list[str]:
    """A short name for each run: its folder, with as many parents as tell the runs apart.

    Raises:
        ValueError: no runs, or one of them named twice.
    """
    if not paths:
        raise ValueError("no runs; expected one run directory or several")
    full = [Path(path).resolve() for path in paths]
    if len(set(full)) < len(full):
        raise ValueError(f"a run is named twice: {', '.join(map(str, paths))}")
    names = [path.name.rpartition("~")[0] or path.name for path in full]
    for depth in range(2, max(len(path.parts) for path in full) + 1):
        if len(set(names)) == len(names):
            break
        names = ["/".join(path.parts[-depth:]) for path in full]
    return names


def _sections(
    subjects: Sequence[Subject], chosen: Sequence[str], tell: Callable[[str], None]
) -> list[Section]:
    """What all runs share first, then each run by itself, then pairs of them."""
    several = len(subjects) > 1

    def made(whose: str, name: str, title: str, make: Callable[[], Made]) -> list[Finding]:
        began = time.monotonic()
        found: Made
        try:
            found = make()
        except NotForThis as error:
            found = Finding(name, title, "", (), None, (), (f"Not for this run: {error}.",))
        tell(f"{whose}{name}: {duration(time.monotonic() - began)}")
        if isinstance(found, list):
            return found
        return [] if found is None else [found]

    together: list[Finding] = []
    for name, (title, of_all) in TOGETHER.items():
        if name in chosen:
            together += made("", name, title, functools.partial(of_all, subjects))
    sections = []
    if several:
        sections.append(Section("all runs", {}, together))
    for subject in subjects:
        alone: list[Finding] = []
        for name, (title, of_one) in ALONE.items():
            if name in chosen:
                whose = f"{subject.label}: " if several else ""
                alone += made(whose, name, title, functools.partial(of_one, subject))
        both = alone if several else [*together, *alone]
        sections.append(Section(subject.label, _facts(subject), both))
    if several:
        pairs: list[Finding] = []
        for name, (title, of_all) in PAIRS.items():
            if name in chosen:
                pairs += made("", name, title, functools.partial(of_all, subjects))
        sections.append(Section("one against the other", {}, pairs))
    return [section for section in sections if section.findings or section.facts]


def _facts(subject: Subject) -> dict[str, str]:
    run, spec = subject.opened.run, subject.task.spec
    best = runs.best_step(run)
    rows, length = subject.batch.mask.shape
    cell = subject.opened.config.model.cell
    return {
        "run": str(run.path),
        "task": f"{run.config['task']['name']}, {subject.evaluation}: "
        f"{counted(rows, 'sequence')}, {counted(length, 'step')}",
        "cell": " ".join(str(cell[k]) for k in ("name", "variant") if k in cell),
        "parameters": f"{run.meta.get('parameters', 0):,}",
        "best step": "none" if best is None else f"{best:,}",
        spec.metric: f"{brief(float(subject.score(subject.params)))} on these sequences; trivial "
        f"{brief(spec.baseline)}",
    }
