"""BibTeX of the papers behind the parts of a run.

Every member has its entries in its module: `BIBTEX`, a text, or a dict by name where a module has
several members; and `BIBTEX_OPTIONS`, additional entries by option, by "option=value", or by
several with a comma, of which one has to apply. They are read from the source without importing the
module.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from lstmx import registry

STARTS = ("initializer", "forget_start")
"""Options of a cell whose value names an initializer of `lstmx.initializers`."""


def citation(of: Any) -> str:
    """BibTeX of exactly the members that a config or a run names, and of its initializers.

    Each entry occurs once. A member outside of lstmx, whose module is not trusted (see
    `lstmx.registry.trust`), is named in a comment instead.

    Args:
        of: a config, the plain dict of one, or a run with its `config`.

    Raises:
        ValueError: `of` is none of these, or names an unknown member.
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
        groups = registry.constant("lstmx.initializers", "BIBTEX")
        starts = {name: text for names, text in groups.items() for name in names.split(", ")}
        for option in STARTS:
            yield starts.get(cell.get(option), "")
        yield starts["chrono"] if cell.get("chrono") else ""
    for name, options in model.get("wrappers", ()):
        yield from _member("wrappers", name, options)
    if "name" in model:  # older runs have none: there was one model
        yield from _member("models", model["name"], model)
    if "task" in config:
        yield from _member("tasks", config["task"]["name"], config["task"])
    for kind, key in (("optimizers", "name"), ("schedules", "schedule")):
        if key in optimizer:
            yield from _member(kind, optimizer[key], optimizer)
    if any(config.get("hparams", {}).get(key) for key in ("ar", "tar")):
        yield registry.constant("lstmx.train.penalty", "BIBTEX")
    if optimizer.get("pruning", "none") != "none":
        yield registry.constant("lstmx.train.pruning", "BIBTEX")


def _member(kind: str, name: str, options: Mapping[str, Any]) -> Iterator[str]:
    """The entries of a member, and those of its options that are set."""
    try:
        module, factory = registry.find(kind, name)
    except ValueError:
        if "." not in name:
            raise
        yield f"% {registry.ENTRY[kind]} {name} is not part of lstmx, and its module was not read"
        return
    entries = registry.constant(module, "BIBTEX") or ""
    yield entries.get(factory, "") if isinstance(entries, Mapping) else entries
    declared = registry.options(kind, name)

    def applies(condition: str) -> bool:
        option, _, required = condition.partition("=")
        default = declared[option].default if option in declared else None
        value = options.get(option, default)
        unset = default if default is not registry.MISSING else False
        # "option=value" applies at that value alone, "option" at any value but the default.
        return str(value) == required if required else bool(value != unset)

    for conditions, entry in (registry.constant(module, "BIBTEX_OPTIONS") or {}).items():
        if any(map(applies, conditions.split(", "))):
            yield entry
