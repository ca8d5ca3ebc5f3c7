"""The report on a study: one self-contained page, text, tables, figures.

`python -m experiments.search --report` fills `Trials` from a study and its runs. Nothing here reads
a study: the records may come from any other search, too.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lstmx import checks
from lstmx.report.study import _figures, _grids, _importance, _page, _tables, _words
from lstmx.report.study._trials import Entry, Trials, there

__all__ = ["Entry", "Trials", "Written", "write"]

USUAL = "V"
"""The reference where there is a variant of this name."""


class Written(NamedTuple):
    """The result of `write`.

    Attributes:
        markdown: the page as text, without figures.
        trials: a row for each trial that has ended.
        variants: a row for each variant, by the expected best of equally many trials.
        comparisons: a row for each variant against the reference, of the best trials and of all.
        shares: a row for each variant and each hyperparameter or pair: its share of the variance.
        files: the written files, the page first.
    """

    markdown: str
    trials: pd.DataFrame
    variants: pd.DataFrame
    comparisons: pd.DataFrame
    shares: pd.DataFrame
    files: list[Path]


def write(
    trials: Trials, out: Path | str, *, reference: str | None = None, best: float = 0.1
) -> Written:
    """Write study.html, study.md, four CSV files and the figures.

    Args:
        trials: of the study.
        out: folder to write to.
        reference: the variant that others are compared with; default: V, else the first one.
        best: the share of each variant's trials, chosen by validation, that is compared beside all.

    Raises:
        ValueError: no trial has ended, an unknown reference, or a share outside (0, 1].
        OSError: the folder cannot be written.
    """
    if not trials.entries:
        raise ValueError(f"no trial of study {trials.name!r} has ended; nothing to report on yet")
    if not 0 < best <= 1:
        raise ValueError(f"got best={best:g}; expected a share above 0, at most 1")
    rows = there(trials)
    if reference is not None:
        checks.one_of("reference", reference, rows)
    elif len(rows) > 1:
        reference = USUAL if USUAL in rows else rows[0]
    variants = _tables.variants(trials, best)
    table = _tables.comparisons(trials, reference, best)
    whole, each = _importance.importances(trials)
    shares = _importance.table({**({"all variants": whole} if whole else {}), **each})
    every = _tables.all_trials(trials)
    page = _page.Page(
        trials.name,
        _words.lead(trials, variants),
        _words.warnings(trials, table),
        [*_words.follows(trials, table, best), *_words.importance(trials, each)],
        _words.does_not(trials, bool(len(table)), best),
        [
            *_grids.ranked(trials, variants, best),
            *_grids.compared(trials, table, best),
            *_figures.figures(trials, best, whole, each, variants),
            *_grids.shares(trials, each),
            _grids.every(trials, every),
        ],
        trials.facts,
    )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    text = _page.markdown(page)
    files = [folder / "study.html", folder / "study.md"]
    files[0].write_text(_page.html(page), encoding="utf-8")
    files[1].write_text(text, encoding="utf-8")
    frames = {"trials": every, "variants": variants, "comparisons": table, "shares": shares}
    for name, frame in frames.items():
        files.append(folder / f"{name}.csv")
        frame.to_csv(files[-1], index=False)
    for part in page.parts:
        if part.plot is not None:
            files.append(folder / f"{part.name}.png")
            part.plot(False).savefig(files[-1], dpi=160, facecolor="white")
    return Written(text, every, variants, table, shares, files)
