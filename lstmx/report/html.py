"""Sections as one self-contained HTML page: styles, figures and script are inside."""

import json
import math
import shlex
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from lstmx import config as cfg
from lstmx import tables
from lstmx.report import figures, labels, text
from lstmx.report._document import document, figure, swatch
from lstmx.report.columns import Column
from lstmx.report.sections import Section

MOST_VALUES = 12  # of a key that varies


def page(sections: Sequence[Section], title: str, damage: Sequence[str] = ()) -> str:
    """The page as text.

    Args:
        sections: one part of the page each.
        title: of the page.
        damage: one line for each file of the runs that could not be read.
    """
    anchors = {f"part{k}": part for k, part in enumerate(sections)}
    return document(
        title,
        {anchor: part.title for anchor, part in anchors.items()},
        [*(_section(part, anchor) for anchor, part in anchors.items()), _damage(damage)],
    )


def _damage(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    title = f"<h2>{escape(text.DAMAGED)}</h2>"
    return (
        f'<section id="damage">{title}<ul class="remarks">{items}</ul></section>' if lines else ""
    )


def _section(part: Section, anchor: str) -> str:
    remarks = [f"<li>{escape(remark)}</li>" for remark in text.remarks(part)]
    found = [f"<li>{escape(line)}</li>" for line in text.found(part)]
    return "\n".join(
        [
            f'<section id="{anchor}">',
            f"<h2>{escape(part.title)}</h2>",
            f'<p class="lead">{escape(text.summary(part))}</p>',
            _folded(f"Against {part.reference}, row by row", f"<ul>{''.join(found)}</ul>")
            if found
            else "",
            _ranked(part),
            f'<ul class="remarks">{"".join(remarks)}</ul>' if remarks else "",
            f'<p class="note">{escape(text.caption(part))}</p>',
            *(figure(panel, f"{anchor}-{panel.name}") for panel in figures.of(part)),
            _how(part),
            _every_setting(part),
            _every_run(part),
            "</section>",
        ]
    )


def _ranked(part: Section) -> str:
    columns = text.columns(part)
    head = '<th></th><th class="rank">#</th>' + "".join(
        f'<th class="{_class(column)}" title="{escape(column.meaning)}">{escape(column.head)}</th>'
        for column in columns
        if column.name != "rank"
    )
    order = {row: k for k, row in enumerate(part.rows["row"])}
    body = []
    for line in text.table(part):
        cells = []
        for column in columns:
            content = escape(line.cells[column.name])
            if column.name == "solved" and line.solved:
                mark = {"all": "✓ ", "some": "", "none": ""}[line.solved]
                content = f'<span class="mark {line.solved}">{mark}{content}</span>'
            cells.append(f'<td class="{_class(column)}">{content}</td>')
        start, swatch = "", ""
        if line.row is not None:
            start, swatch = f' data-series="series-{order[line.row]}"', _swatch(order[line.row])
        else:
            start = ' class="level"'
        body.append(f'<tr{start}><td class="swatch">{swatch}</td>{"".join(cells)}</tr>')
    rows = "\n".join(body)
    return (
        f'<div class="wide" tabindex="0"><table class="ranked"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _class(column: Column) -> str:
    names = {"rank": "rank", "row": "name", "mean": "main", "setting": "left minor"}
    return names.get(column.name, "minor" if column.minor else "")


def _swatch(index: int) -> str:
    return swatch(index) if index < figures.MOST_LINES else ""  # else no line in a figure


def _how(part: Section) -> str:
    """The facts needed to repeat the runs: commands, versions, devices, config."""
    runs = [run for sources in part.sources.values() for run in sources] + part.settings.sources
    metas = [run.meta for run in runs]
    created = sorted(str(m["created"])[:16].replace("T", " ") for m in metas if m.get("created"))
    seconds = part.runs["seconds"].sum() + part.settings.runs["seconds"].sum()
    facts = {
        "command": [f"<pre>{escape(c)}</pre>" for c in _unique(_command(m) for m in metas)],
        "versions": [_code(v) for v in _unique(_pairs(m.get("versions", {})) for m in metas)],
        "devices": [_code(v) for v in _unique(_pairs(m.get("devices", "")) for m in metas)],
        "git": [_code(v) for v in _unique(str(m.get("git") or "") for m in metas)],
        "own code": [_code(v) for v in _unique(_own(m) for m in metas)],
        "started": [escape(f"{created[0]} … {created[-1]}")] if created else [],
        "training": [escape(f"{tables.duration(seconds)}, all runs together")],
    }
    configs = [cfg.flatten(run.config) for run in runs]
    differing = cfg.varying(configs)
    digits = labels.digits(configs, ["seed", *differing])
    for key, count in digits.items():
        values = _unique(labels.show(c[key], count) for c in configs if key in c)
        more = f" and {len(values) - MOST_VALUES} more" if len(values) > MOST_VALUES else ""
        facts[f"varies: {key}"] = [_code(", ".join(values[:MOST_VALUES])) + more]
    lines = "\n".join(
        f"<dt>{escape(name)}</dt><dd>{'<br>'.join(v for v in values if v)}</dd>"
        for name, values in facts.items()
        if any(values)
    )
    common = {k: v for k, v in configs[0].items() if all(k in c and c[k] == v for c in configs)}
    dump = escape("\n".join(f"{key} = {json.dumps(value)}" for key, value in common.items()))
    return (
        f"<h3>How this was run</h3>\n<dl>\n{lines}\n</dl>\n"
        f"<details><summary>Config that all runs share</summary><pre>{dump}</pre></details>"
    )


def _every_setting(part: Section) -> str:
    """What the rows were chosen from; nothing where their runs differ in seeds only."""
    if not part.settings.keys:
        return ""
    metric = part.metric
    heads = ("model", "setting", "runs", metric.selection.metric, metric.key, "chosen")
    body = []
    for line in part.settings.table.to_dict("records"):
        cells = [
            f'<td class="name">{escape(line["row"])}</td>',
            f'<td class="left">{escape(line["setting"])}</td><td>{line["runs"]}</td>',
            *(f"<td>{tables.score(line[k])}</td>" for k in ("chosen_by", "mean")),
            f"<td>{'✓' * line['chosen']}</td>",
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return _listed("Every setting", heads, body, {"model": "name", "setting": "left"})


def _every_run(part: Section) -> str:
    columns = ("model", "seed", part.metric.name, "at step", "final", "status", "s", "directory")
    body = []
    every = [*part.runs.to_dict("records"), *part.settings.runs.to_dict("records")]
    for run in every:
        status = run["status"]
        end = f"{status} after {run['steps']:,} of {run['of_steps'] or 0:,} steps"
        if not math.isnan(at := run["diverged_at"] if run["diverged_at"] else math.nan):
            end = f"diverged at step {int(at):,}"
        step = run["best_step"]
        cells = [
            f'<td class="name">{escape(" ".join([run["row"], run["setting"]]).strip())}</td>',
            *(f"<td>{escape(str(v))}</td>" for v in (run["seed"], tables.score(run["value"]))),
            f"<td>{tables.NONE if step is None or math.isnan(step) else f'{int(step):,}'}</td>",
            f"<td>{tables.score(run['final'])}</td>",
            f'<td class="left status-{escape(status.split()[0])}">{escape(end)}</td>',
            f"<td>{tables.score(run['seconds'])}</td>",
            f'<td class="left"><code>{escape(run["path"])}</code></td>',
        ]
        body.append(f"<tr>{''.join(cells)}</tr>")
    classes = {"model": "name", "status": "left", "directory": "left"}
    return _listed("Every run", columns, body, classes)


def _listed(title: str, heads: Sequence[str], body: Sequence[str], classes: dict[str, str]) -> str:
    """A table that is folded up."""
    head = "".join(f'<th class="{classes.get(c, "")}">{escape(c)}</th>' for c in heads)
    rows = "\n".join(body)
    return _folded(
        f"{title} ({len(body)})",
        f"<div class='wide' tabindex='0'><table><thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div>",
    )


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def _command(meta: dict[str, Any]) -> str:
    command = meta.get("command", "")
    return command if isinstance(command, str) else shlex.join(map(str, command))


def _own(meta: dict[str, Any]) -> str:
    """Modules of the user with the first digits of their hashes, and their repositories."""
    found = meta.get("code", {})
    modules = {k: str(v)[:12] for k, v in dict(found.get("modules") or {}).items()}
    return _pairs({**modules, **{Path(k).name: v for k, v in dict(found.get("git") or {}).items()}})


def _pairs(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _code(value: str) -> str:
    return f"<code>{escape(value)}</code>" if value else ""
