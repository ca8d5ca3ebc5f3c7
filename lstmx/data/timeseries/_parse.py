"""Texts of one format as times."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

QUARTER = r"^(?:\d{4}[-/ ]?[Qq]?[1-4]|[Qq]?[1-4][Qq]?[-/ ]?\d{4})$"
"""A quarter, with or without its letter: the columns year and quarter have none."""
CUT = "fractions of a second cut"
"""Part of what is said of times that have them."""


class Clock(NamedTuple):
    """Times of rows.

    Attributes:
        times: [N] datetime64[s]; row number n is n seconds after 1970.
        zone: "UTC" if the table has offsets or seconds since 1970; empty otherwise.
        numbered: whether they are row numbers.
        said: what was decided, in words.
    """

    times: np.ndarray
    zone: str
    numbered: bool
    said: str


def parsed(texts: Any, form: str) -> tuple[np.ndarray, bool]:
    """Texts as times, NaT where they have another format; whether these are in UTC."""
    import pandas as pd

    if form in SPECIAL:
        return SPECIAL[form](texts), False
    # Words that pandas accepts as times although they are not, or mean another one every day.
    words = texts.str.lower().isin(("nat", "now", "today"))
    aware = "%z" in form or form.endswith(("UTC", "GMT"))
    found = pd.to_datetime(texts.mask(words), format=form, errors="coerce", utc="%z" in form)
    if found.dt.tz is not None:
        found = found.dt.tz_localize(None)
    return found.to_numpy().astype("datetime64[s]"), aware


def _quarters(texts: Any) -> np.ndarray:
    right = texts.str.contains(QUARTER, regex=True)
    year = texts.str.extract(r"(\d{4})", expand=False).astype(float)
    quarter = texts.str.replace(r"\d{4}", "", regex=True).str.extract(r"([1-4])", expand=False)
    months = ((year - 1970) * 12 + (quarter.astype(float) - 1) * 3).where(right)
    stamps = months.fillna(0).to_numpy(np.int64).astype("datetime64[M]").astype("datetime64[s]")
    return np.where(months.isna(), np.datetime64("NaT", "s"), stamps)


def _weeks(texts: Any) -> np.ndarray:
    import pandas as pd

    bare = texts.str.replace("-", "", regex=False)
    bare = bare.where(bare.str.len() == 8, bare + "1")  # Monday
    parsed = pd.to_datetime(bare, format="%GW%V%u", errors="coerce")
    return parsed.to_numpy().astype("datetime64[s]")


SPECIAL: dict[str, Callable[[Any], np.ndarray]] = {"quarter": _quarters, "week": _weeks}
