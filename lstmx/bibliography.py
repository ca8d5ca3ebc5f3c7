"""The papers of what a run is made of, as BibTeX.

Every member keeps its entries in its own file: `BIBTEX`, a text, or a dict by name where a file
holds several members; and in `BIBTEX_OPTIONS` what to cite besides where an option is set. They are
read from the source, so that nothing is imported.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lstmx import registry

STARTS = ("initializer", "forget_start")
"""Options of a cell that name how its weights or biases start, an entry of `lstmx.initializers`."""


def citation(of: Any) -> str:
    """BibTeX of exactly the cell, initialiser, wrappers, task and optimizer of a config or a run.

    Each entry occurs once. A member that lstmx does not ship, and whose module nobody consented to
    import (see `lstmx.registry.trust`), is named in a comment instead.

    Args:
        of: a config, the plain dict of one, or a run with its `config`.

    Raises:
        ValueError: what is none of these; an unknown member.
    """
    config = getattr(of, "config", of)
    if not hasattr(config, "items") or not hasattr(config, "get"):
        raise ValueError(f"citation of {type(of).__name__}; expected a config or a run")
    texts = [text for text in _texts(config) if text]
    entries = [entry for text in texts for entry in re.split(r"\n(?=[@%])", text.strip())]
    return "\n\n".join(dict.fromkeys(entries)) + "\n" if entries else ""


def _texts(config: Mapping[str, Any]) -> Iterator[str]:
    model, optimizer = config.get("model", {}), config.get("optimizer", {})
    cell = model.get("cell", {})
    if cell:
        yield from _member("cells", cell["name"], cell)
        starts = registry.constant("lstmx.initializers", "BIBTEX")
        for option in STARTS:
            yield starts.get(cell.get(option), "")
        yield starts["chrono"] if cell.get("chrono") else ""
    for name, options in model.get("wrappers", ()):
        yield from _member("wrappers", name, options)
    if "task" in config:
        yield from _member("tasks", config["task"]["name"], config["task"])
    for kind, key in (("optimizers", "name"), ("schedules", "schedule")):
        if key in optimizer:
            yield from _member(kind, optimizer[key], optimizer)
    if any(config.get("hparams", {}).get(key) for key in ("ar", "tar")):
        yield registry.constant("lstmx.train.penalty", "BIBTEX")


def _member(kind: str, name: str, options: Mapping[str, Any]) -> Iterator[str]:
    """The entries of a member, and of those of its options that are set."""
    try:
        module, factory = registry.find(kind, name)
    except ValueError:
        if "." not in name:
            raise
        yield f"% {registry.ENTRY[kind]} {name} is not part of lstmx, and its module was not read"
        return
    entries = registry.constant(module, "BIBTEX") or ""
    yield entries.get(factory, "") if isinstance(entries, Mapping) else entries
    known = registry.options(kind, name)
    for condition, entry in (registry.constant(module, "BIBTEX_OPTIONS") or {}).items():
        option, _, value = condition.partition("=")
        default = known[option].default if option in known else None
        now = options.get(option, default)
        unset = default if default is not registry.MISSING else False
        if str(now) == value if value else now != unset:
            yield entry
