"""Reports on run directories: ranked tables with intervals and tests, figures, an HTML page."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lstmx import runs, tables
from lstmx.report import figures, html, markdown, sections
from lstmx.report.sections import ReportSpec

__all__ = ["Report", "ReportSpec", "write"]


class Report(NamedTuple):
    """The result of `write`.

    Attributes:
        markdown: the tables as text.
        runs: one line per run of every section, column "section" first; `shown` is whether it is in
            a row, or of a setting that was not chosen.
        rows: one line per row of every section, ranked, column "section" first.
        files: the written files.
    """

    markdown: str
    runs: pd.DataFrame
    rows: pd.DataFrame
    files: list[Path]


def write(
    workdir: Path | str, out: Path | str | None = None, spec: ReportSpec = ReportSpec()
) -> Report:
    """Report on all runs below a folder: report.md, report.html, runs.csv, rows.csv, figures.

    Where rows are the best of several settings, settings.csv has every setting of every row.

    Args:
        workdir: where the runs are.
        out: folder to write to; default: WORKDIR/report.
        spec: what it shows of them.

    Raises:
        ValueError: no readable runs; or a key, metric or reference that no run has.
        OSError: the folder cannot be written.
    """
    paths = runs.find(workdir)
    if not paths:
        raise ValueError(
            f"no runs found in {workdir}: no folder below it has a config.json; train one with "
            f"python -m experiments.train --workdir={workdir}, or name another --workdir"
        )
    loaded, damage = runs.load_all(paths)
    if not loaded:
        raise ValueError(f"no run below {workdir} can be read: {damage[0]}")
    parts = sections.sections(loaded, spec)
    folder = Path(workdir) / "report" if out is None else Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join([*map(markdown.section, parts), *markdown.damage(damage)]) + "\n"
    title = f"lstmx report: {Path(workdir).resolve().name}"
    per_run = pd.concat(
        [
            frame.assign(section=s.title, shown=frame is s.runs)
            for s in parts
            for frame in (s.runs, s.settings.runs)
            if len(frame)
        ]
    )
    per_row = pd.concat([s.rows.assign(section=s.title) for s in parts])
    per_run, per_row = (
        frame[["section", *(c for c in frame if c != "section")]] for frame in (per_run, per_row)
    )
    files = [folder / name for name in ("report.html", "report.md", "runs.csv", "rows.csv")]
    files[0].write_text(html.page(parts, title, damage), encoding="utf-8")
    files[1].write_text(f"# {title}\n\n{text}", encoding="utf-8")
    per_run.to_csv(files[2], index=False)
    per_row.to_csv(files[3], index=False)
    if chosen := [s.settings.table.assign(section=s.title) for s in parts if s.settings.keys]:
        files.append(folder / "settings.csv")
        pd.concat(chosen).to_csv(files[-1], index=False)
    for section, stem in zip(parts, tables.stems([part.title for part in parts])):
        for panel in figures.of(section):
            files.append(folder / f"{stem}_{panel.name}.png")
            panel.plot(False).savefig(files[-1], dpi=160, facecolor="white")
    return Report(text, per_run, per_row, files)
