"""What was measured, on disk: `benchmark.json`, written anew after every part."""

import json
import os
from pathlib import Path
from typing import Any

from experiments.benchmarks.tables import Row, Settings

FILE = "benchmark.json"
SCHEMA = 1

Stored = dict[str, Any]
"""{"schema", "tables": {device: {table: {"settings", "machine", "parts": {name: rows}}}}}"""


def load(folder: Path) -> Stored:
    """What a folder holds; an empty record where there is none.

    Raises:
        ValueError: a file that is not ours.
    """
    path = folder / FILE
    if not path.exists():
        return {"schema": SCHEMA, "tables": {}}
    try:
        stored = json.loads(path.read_text("utf-8"))
        known = stored["schema"] == SCHEMA
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(f"{path} is no record of a benchmark; remove it or give another --out")
    return stored


def save(folder: Path, stored: Stored) -> None:
    """Write the record; a reader finds the old one or the new one, never a half."""
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f"{FILE}.tmp"
    half.write_text(json.dumps(stored, indent=1), "utf-8")
    os.replace(half, folder / FILE)


def table(stored: Stored, name: str, settings: Settings, *, force: bool) -> Stored:
    """The record of one table, begun anew where it was measured otherwise, or if `force`."""
    tables = stored["tables"].setdefault(settings.device, {})
    said = settings._asdict()
    if force or tables.get(name, {}).get("settings") != said:
        tables[name] = {"settings": said, "machine": {}, "parts": {}}
    return tables[name]


def rows(entry: Stored) -> list[Row]:
    """All rows of a table so far."""
    return [row for part in entry["parts"].values() for row in part]
