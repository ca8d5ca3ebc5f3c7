"""The record of a benchmark on disk, `benchmark.json`, written again after every part."""

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
    """The record of a folder; an empty one where it has none.

    Raises:
        ValueError: a file in another format.
    """
    path = folder / FILE
    if not path.exists():
        return {"schema": SCHEMA, "tables": {}}
    try:
        stored = json.loads(path.read_text("utf-8"))
        is_record = stored["schema"] == SCHEMA
    except (ValueError, KeyError, TypeError):
        is_record = False
    if not is_record:
        raise ValueError(f"{path} is no record of a benchmark; remove it or give another --out")
    return stored


def save(folder: Path, stored: Stored) -> None:
    """Write the record by replacing the file: a reader sees the whole old or new record."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{FILE}.tmp"
    temporary.write_text(json.dumps(stored, indent=1), "utf-8")
    os.replace(temporary, folder / FILE)


def table(stored: Stored, name: str, settings: Settings, *, force: bool) -> Stored:
    """The record of one table; an empty one if it has other settings, or with `force`."""
    tables = stored["tables"].setdefault(settings.device, {})
    current = settings._asdict()
    if force or tables.get(name, {}).get("settings") != current:
        tables[name] = {"settings": current, "machine": {}, "parts": {}}
    return tables[name]


def rows(entry: Stored) -> list[Row]:
    """All rows of a table so far."""
    return [row for part in entry["parts"].values() for row in part]
