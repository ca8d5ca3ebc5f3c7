"""Columns of a table as numbers or categories. Errors name the line in the file."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lstmx.data.timeseries._spec import TableSpec
from lstmx.data.timeseries._table import Table, counted, is_text, quoted

MOST = 1e18
"""The largest absolute value: networks train in float32, whose maximum is 3e38, and errors are
squared and summed."""
MARKS = frozenset(
    ("?", "-", "--", "---", ".", "..", "...", "*", "#", "missing", "na", "n.a.", "nan")
)
MARKS |= frozenset(("none", "null", "n/a", "#n/a", "#value!", "#div/0!", "#num!", "#ref!", "nil"))
"""Texts that in a column of numbers can only mean that one is missing; in lower case."""
SAMPLE = 100
"""Texts that are looked at before all are."""
TRUTH = {"true": 1.0, "false": 0.0}
SPACES = " '\u2019\u00a0\u202f\u2009"
"""Between groups of three digits; never a decimal mark."""

_SIGN, _POWER, _GROUPS = r"[-+]?", r"(?:[eE][-+]?\d+)?", rf"\d{{1,3}}(?:[{SPACES}]\d{{3}})+"


def _proof(decimal: str, thousands: str) -> re.Pattern[str]:
    """Texts whose decimal mark can only be this one."""
    d, t = re.escape(decimal), re.escape(thousands)
    forms = (
        rf"\d{{1,3}}(?:{t}\d{{3}})+{d}\d*",  # both marks
        rf"\d{{1,3}}(?:{t}\d{{3}}){{2,}}",  # several groups
        rf"{_GROUPS}{d}\d*",
        rf"\d*{d}(?:\d{{1,2}}|\d{{4,}})",  # no group of three
        rf"(?:0*|\d{{4,}}){d}\d+",  # no group before it
    )
    return re.compile(rf"{_SIGN}(?:{'|'.join(forms)}){_POWER}")


PROOF = {",": _proof(",", "."), ".": _proof(".", ",")}
GROUPED = {mark: re.compile(rf"{_SIGN}\d{{1,3}}\{mark}\d{{3}}") for mark in ",."}
"""Texts such as 1,234, which are two numbers."""


class Form(NamedTuple):
    """How numbers are written.

    Attributes:
        decimal: the mark before the fraction.
        thousands: the mark between groups of three digits; empty for none but spaces.
    """

    decimal: str = "."
    thousands: str = ""


def form(table: Table, columns: Sequence[str], spec: TableSpec) -> Form:
    """How the numbers of these columns are written, as the whole of them shows.

    Raises:
        ValueError: they can be read in two ways, or contradict one another.
    """
    if spec.decimal or spec.thousands:
        return Form(spec.decimal or ("," if spec.thousands == "." else "."), spec.thousands)
    proof: dict[str, str] = {}
    doubt = ""
    for column in columns:
        if not is_text(table.rows[column]):
            continue
        for text in _telling(table.rows[column].dropna(), table.separator):
            where = f"{text!r} in column {quoted(column)}"
            certain = [mark for mark, pattern in PROOF.items() if pattern.fullmatch(text)]
            for mark in certain:
                proof.setdefault(mark, where)
            if not certain and any(pattern.fullmatch(text) for pattern in GROUPED.values()):
                doubt = doubt or where
    if len(proof) > 1:
        raise ValueError(
            f"{table.place}: {proof[',']} has a decimal comma and {proof['.']} a decimal point; "
            "expected one of them"
        )
    if proof:
        mark = next(iter(proof))
        return Form(mark, "." if mark == "," else ",")
    if doubt:
        raise ValueError(
            f"{table.place}: {doubt} is read in two ways, with a decimal mark or one between "
            "thousands; give decimal ('.' or ',')"
        )
    return Form()


def _telling(texts: Any, separator: str) -> list[str]:
    """Texts of a column that show what its marks mean: enough of them, if there are many."""
    comma = texts.str.contains(",", regex=False)
    if separator == "," and not comma.any():
        return []
    point = texts.str.contains(".", regex=False)
    # Both marks, or one of them several times, prove something each.
    found = texts[comma & point].str.strip().unique().tolist()
    for mark, single in ((",", texts[comma & ~point]), (".", texts[point & ~comma])):
        several = single.str.count(re.escape(mark)) > 1
        found += single[several].str.strip().unique().tolist()
        found += _first(single[~several], mark)
    plain = texts[~comma & ~point]
    if separator == "," or not plain.str.contains(r"^\s*\d", regex=True).any():
        # Points before three digits throughout: a fraction. 950 beside 1.020 are thousands, unless
        # zeros at the end were dropped.
        found = [text for text in found if not GROUPED["."].fullmatch(text)]
    return found


def _first(texts: Any, mark: str) -> list[str]:
    """The first text that proves what this mark is, or else the first one of all."""
    for text in texts:
        if PROOF[mark].fullmatch(text.strip()):
            return [text.strip()]
    return [text.strip() for text in texts.iloc[:1]]


def is_category(table: Table, column: str) -> bool:
    """Whether a column holds texts none of which is a number."""
    values = table.rows[column]
    if not is_text(values):
        return False
    texts = values.dropna()
    if texts.iloc[:SAMPLE].str.contains(r"^\s*[-+]?[.,]?\d", regex=True).any():
        return False
    texts = texts.str.strip()
    texts = texts[~texts.str.lower().isin([*MARKS, *TRUTH])]
    return bool(len(texts)) and not texts.str.contains(r"^[-+]?[.,]?\d", regex=True).any()


def numbers(
    table: Table, column: str, written: Form, spec: TableSpec
) -> tuple[np.ndarray, list[str]]:
    """The values of a column, [N] float64, NaN where missing; and what was decided for it.

    Raises:
        ValueError: a text that is no number and no known mark of a missing value.
    """
    values, said = table.rows[column], []
    if not is_text(values):
        found, unread = _typed(table, column), np.zeros(len(values), bool)
    else:
        plain = values if written == Form() else _plain(values.str.strip(), written)
        found = _number(plain).to_numpy(np.float64, copy=True)
        unread = np.isnan(found) & values.notna().to_numpy()
        if unread.any():
            words = values[unread].str.strip()
            said = _read_words(words, found, unread, quoted(column), written, spec.missing)
    said += _mark(found, quoted(column), spec)
    wrong = unread | (np.abs(found) > MOST)
    if wrong.any():
        text = quoted(values.iloc[int(np.argmax(wrong))])
        hint = "; the option missing names further marks of missing values" * bool(unread.any())
        raise ValueError(
            f"{table.place}: column {quoted(column)}, {table.at(wrong)}: got {text}; expected a "
            f"finite number of at most {MOST:g}, or nothing if missing{hint}"
        )
    return found, said


def categories(table: Table, column: str, spec: TableSpec) -> tuple[np.ndarray, tuple[str, ...]]:
    """The places [N] int32 of a column's texts among its levels, -1 where missing; the levels."""
    import pandas as pd

    values = table.rows[column]
    texts = values.str.strip() if is_text(values) else values.astype(str).where(values.notna())
    texts = texts.mask(texts.isin(["", *spec.missing]))
    places, found = pd.factorize(texts, sort=True)
    return places.astype(np.int32), tuple(str(level) for level in found)


def _number(texts: Any) -> Any:
    import pandas as pd

    return pd.to_numeric(texts, errors="coerce").astype(np.float64)


def _typed(table: Table, column: str) -> np.ndarray:
    from pandas.api import types

    values = table.rows[column]
    if not (types.is_numeric_dtype(values.dtype) or types.is_bool_dtype(values.dtype)):
        raise ValueError(
            f"{table.place}: column {quoted(column)} holds {values.dtype}; expected numbers"
        )
    return values.to_numpy(np.float64, na_value=np.nan, copy=True)


def _plain(texts: Any, written: Form) -> Any:
    """Texts with a decimal point and nothing between thousands; others become missing."""
    decimal, thousands = re.escape(written.decimal), re.escape(written.thousands or " ")
    marks = rf"[{SPACES}{thousands}]"
    grouped = texts.str.contains(marks, regex=True, na=False)
    bare = texts.str.replace(written.decimal, ".", regex=False)
    if written.decimal != ".":  # 1.5 has no decimal comma
        bare = bare.mask(texts.str.contains(".", regex=False, na=False))
    if grouped.any():
        some = texts[grouped]
        form = rf"^{_SIGN}\d{{1,3}}(?:{marks}\d{{3}})+(?:{decimal}\d*)?{_POWER}$"
        right = some.str.contains(form, regex=True, na=False)
        some = some.str.replace(marks, "", regex=True).str.replace(
            written.decimal, ".", regex=False
        )
        bare = bare.copy()
        bare[grouped] = some.where(right)
    return bare


def _read_words(
    texts: Any,
    found: np.ndarray,
    unread: np.ndarray,
    name: str,
    written: Form,
    missing: tuple[str, ...],
) -> list[str]:
    """Reads what is no plain number into `found`, and takes it out of `unread`.

    True and false, groups of digits with spaces between them, the minus of typesetters, and marks
    of missing values.
    """
    words, said = texts.str.lower(), []
    bare = _plain(texts.str.replace("\u2212", "-", regex=False), written)
    values = _number(bare).to_numpy(np.float64, copy=True)
    if words.isin(TRUTH).any() and np.isnan(found).all():
        truth = words.map(TRUTH).to_numpy(np.float64, na_value=np.nan)
        values = np.where(np.isnan(truth), values, truth)
        said.append(f"column {name}: true is 1, false is 0")
    marks = (words.isin(MARKS) | texts.isin(["", *missing])).to_numpy(bool)
    for text, count in texts[marks & np.isnan(values)].value_counts().items():
        if text:
            said.append(f"column {name}: {counted(int(count), 'value')} {quoted(text)} missing")
    at = np.flatnonzero(unread)
    found[at] = values
    unread[at] = np.isnan(values) & ~marks
    return said


def _mark(found: np.ndarray, name: str, spec: TableSpec) -> list[str]:
    """Makes numbers that were given as marks of missing values missing."""
    said = []
    for mark in spec.missing:
        try:
            same = found == float(mark)
        except ValueError:
            continue
        if same.any():
            found[same] = np.nan
            said.append(f"column {name}: {counted(int(same.sum()), 'value')} {mark} missing")
    return said
