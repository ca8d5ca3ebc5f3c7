"""The record of a benchmark on disk, `benchmark.json`, written again after every part."""

import json
import os
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, NamedTuple

from experiments.benchmarks.tables import Settings, Table
from experiments.benchmarks.timing import Measured, Times

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


def written(table: Table, rows: Sequence[NamedTuple]) -> list[dict[str, Any]]:
    """The rows of a part as JSON; `rows` reads them back."""
    return [_columns(row, table.KEYS) for row in rows]


def rows(table: Table, entry: Stored) -> list[Any]:
    """All rows of a table so far, each a `Row` of the table.

    Raises:
        ValueError: a row lacks a column.
    """
    found = [columns for part in entry["parts"].values() for columns in part]
    try:
        return [_record(table.Row, columns, table.KEYS) for columns in found]
    except KeyError as error:
        raise ValueError(
            f"{FILE}: a row of table {table.TITLE!r} has no {error}; measure it again with --force"
        ) from None


def _columns(record: Any, keys: Mapping[str, str]) -> dict[str, Any]:
    """A record as a JSON object; `keys` as `Table.KEYS`."""
    hints = typing.get_type_hints(type(record))
    columns: dict[str, Any] = {}
    for name, value in record._asdict().items():
        if value is None and name in record._field_defaults:
            continue
        head, star, _ = keys.get(name, name).partition("*")
        made = _json(hints[name], value)
        columns |= {head + key: inner for key, inner in made.items()} if star else {head: made}
    return columns


def _record(kind: type[Any], columns: Mapping[str, Any], keys: Mapping[str, str]) -> Any:
    """The record that `_columns` has written."""
    hints = typing.get_type_hints(kind)
    values = {}
    for name in kind._fields:
        head, star, _ = keys.get(name, name).partition("*")
        if star:
            within = {key[len(head) :]: v for key, v in columns.items() if key.startswith(head)}
            values[name] = _value(hints[name], within)
        elif head in columns or name not in kind._field_defaults:
            values[name] = _value(hints[name], columns[head])
    return kind(**values)


def _json(hint: Any, value: Any) -> Any:
    """The value of a field of this type as JSON: None in place of a record is an empty object."""
    if isinstance(value, Times):
        return {"ms": value.median, "ms_min": value.minimum, "calls": value.calls, "note": ""}
    if hint == Measured:
        return {"ms": None, "ms_min": None, "calls": 0, "note": value}
    if value is None:
        return {} if any(map(_is_record, typing.get_args(hint))) else None
    if _is_record(type(value)):
        return _columns(value, {})
    if isinstance(value, Mapping):
        inner = typing.get_args(hint)[1]
        return {key: _json(inner, part) for key, part in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _value(hint: Any, data: Any) -> Any:
    """The value of a field of this type, from what `_json` has made of it."""
    kinds = [hint]
    if typing.get_origin(hint) in (UnionType, typing.Union):
        kinds = [kind for kind in typing.get_args(hint) if kind is not NoneType]
        if NoneType in typing.get_args(hint) and data in (None, {}):
            return None
    if Times in kinds:
        measured = data["ms"] is not None
        return Times(data["ms"], data["ms_min"], data["calls"]) if measured else data["note"]
    (kind,) = kinds
    if _is_record(kind):
        return _record(kind, data, {})
    if isinstance(data, dict):
        inner = typing.get_args(kind)[1]
        return {key: _value(inner, part) for key, part in data.items()}
    return tuple(data) if isinstance(data, list) else data


def _is_record(kind: Any) -> bool:
    return hasattr(kind, "_fields")
