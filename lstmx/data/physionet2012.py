"""Stays in intensive care, PhysioNet/CinC Challenge 2012, set A: two days, measured irregularly.

4000 stays, 554 of which ended in death in hospital. A file of a stay has lines "07:30,HR,92": 37
variables at their own times, and age, sex, height and kind of unit once, where -1 says unknown.
Silva et al. 2012.
"""

import functools
import io
import tarfile
from typing import NamedTuple

import numpy as np

from lstmx.data import fetch, packed

STAYS, OUTCOMES = "physionet2012/set-a.tar.gz", "physionet2012/Outcomes-a.txt"
VARIABLES = tuple(
    "ALP ALT AST Albumin BUN Bilirubin Cholesterol Creatinine DiasABP FiO2 GCS Glucose HCO3 HCT HR "
    "K Lactate MAP MechVent Mg NIDiasABP NIMAP NISysABP Na PaCO2 PaO2 Platelets RespRate SaO2 "
    "SysABP Temp TroponinI TroponinT Urine WBC Weight pH".split()
)
COLUMNS = {name: column for column, name in enumerate(VARIABLES)}
UNITS = 4
"""Kinds of intensive care unit, numbered from 1."""
DESCRIPTORS = ("Age", "Gender", "Height", *(f"unit {1 + n}" for n in range(UNITS)))
EXTREMES, PENALTY = (0.005, 0.995), 0.03
"""Of the logistic regression; the penalty is the inverse weight of the squared norm."""
COLUMN, RECORD = "In-hospital_death", "RecordID"


class Stays(NamedTuple):
    """N stays, padded to one number of steps.

    Attributes:
        values: [N, T, 37 + 7] variables, then descriptors at every step; NaN where missing.
        hours: [N, T] since admission, of the first measurement of a step.
        mask: [N, T] False at padding.
        died: [N] int32, 1 for a death in hospital.
        files: name -> sha256.
    """

    values: np.ndarray
    hours: np.ndarray
    mask: np.ndarray
    died: np.ndarray
    files: dict[str, str]


@functools.lru_cache(maxsize=1)
def load(minutes: int) -> Stays:
    """All stays, with a step for each time at which something was measured.

    Args:
        minutes: times are rounded down to a multiple of these, and values of one step averaged; 1
            keeps all times.

    Raises:
        Missing: a file is not in the data folder.
        ValueError: a file that is not what it should be.
    """
    places = [fetch.find(name) for name in (STAYS, OUTCOMES)]
    died = _outcomes(places[1].read_text("ascii"), str(places[1]))
    content = packed.contents(places[0])
    texts = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                name = member.name.rpartition("/")[2].removesuffix(".txt")
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None and name.isdigit():
                    texts[int(name)] = stream.read().decode("ascii")
    except (tarfile.TarError, UnicodeDecodeError) as error:
        raise ValueError(f"{places[0]}: {packed.one_line(error)}") from None
    if lacking := sorted(set(died) ^ set(texts)):
        raise ValueError(
            f"{places[0]} and {places[1].name} do not have the same stays, first {lacking[0]}"
        )
    records = sorted(texts)
    found = [parsed(texts[record], minutes, f"stay {record}") for record in records]
    steps = max(len(hours) for _, hours in found)
    values = np.full((len(found), steps, len(VARIABLES) + len(DESCRIPTORS)), np.nan, np.float32)
    times, mask = np.zeros((len(found), steps)), np.zeros((len(found), steps), bool)
    for row, (own, hours) in enumerate(found):
        values[row, : len(own)], times[row, : len(own)], mask[row, : len(own)] = own, hours, True
    files = {place.name: fetch.sha256(place) for place in places}
    return Stays(values, times, mask, np.array([died[r] for r in records], np.int32), files)


def parsed(text: str, minutes: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    """The values [T, 44] and hours [T] of the text of one stay.

    Raises:
        ValueError: a line that is none, with its number.
    """
    described = np.full(len(DESCRIPTORS), np.nan)
    steps, columns, values = [0], [0], [-1.0]  # a stay without measurements has a step, too
    for number, line in enumerate(text.splitlines()[1:], 2):
        try:
            clock, name, cell = line.split(",")
            hour, minute = clock.split(":")
            step, value = (60 * int(hour) + int(minute)) // minutes, float(cell)
        except ValueError:
            raise ValueError(
                f"{where}: line {number} is {line!r}; expected 'HH:MM,name,value'"
            ) from None
        if value < 0:  # not recorded
            continue
        if (column := COLUMNS.get(name)) is not None:
            steps.append(step)
            columns.append(column)
            values.append(value)
        elif name == "ICUType":
            described[-UNITS:] = np.arange(1, 1 + UNITS) == value
        elif name in DESCRIPTORS:
            described[DESCRIPTORS.index(name)] = value
    times, rows = np.unique(steps, return_inverse=True)
    total, count = (np.zeros((len(times), len(VARIABLES))) for _ in range(2))
    known = np.asarray(values) >= 0
    np.add.at(total, (rows[known], np.asarray(columns)[known]), np.asarray(values)[known])
    np.add.at(count, (rows[known], np.asarray(columns)[known]), 1)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    still = np.broadcast_to(described, (len(times), len(described)))
    return np.concatenate([means, still], axis=1), times * minutes / 60


def summaries(stays: Stays) -> np.ndarray:
    """Features of a stay without order, [N, 37 * 5 + 7]; NaN where a variable was not measured.

    Of every variable the mean, least, greatest and last value and the number of them; descriptors.
    """
    values = stays.values[..., : len(VARIABLES)]
    known = np.isfinite(values)
    some, count = known.any(axis=1), known.sum(axis=1)
    last = values.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    parts = [
        np.where(known, values, 0).sum(axis=1) / np.maximum(count, 1),
        np.where(known, values, np.inf).min(axis=1),
        np.where(known, values, -np.inf).max(axis=1),
        np.take_along_axis(values, last[:, None], axis=1)[:, 0],
    ]
    features = [np.where(some, part, np.nan) for part in parts]
    return np.concatenate(
        [*features, np.log1p(count), stays.values[:, 0, len(VARIABLES) :]], axis=1
    )


def logistic(features: np.ndarray, died: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The probability of death [N] by a logistic regression on summaries, fit on some stays.

    Features are cut at the quantiles .005 and .995 of these, standardised, and 0 where missing.

    Args:
        features: [N, F] as by `summaries`.
        died: [N].
        train: places of the stays that it is fit on.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import, and only this needs it

    low, high = np.nanquantile(features[train], EXTREMES, axis=0)
    cut = np.clip(features, low, high)
    mean, spread = np.nanmean(cut[train], axis=0), np.nanstd(cut[train], axis=0)
    x = np.nan_to_num((cut - mean) / np.where(spread > 0, spread, 1.0))
    model = LogisticRegression(C=PENALTY, max_iter=500).fit(x[train], died[train])
    return np.asarray(model.predict_proba(x)[:, 1])


def area(died: np.ndarray, probabilities: np.ndarray) -> float:
    """The area under the ROC curve."""
    from sklearn.metrics import roc_auc_score  # slow to import, and only this needs it

    return float(roc_auc_score(died, probabilities))


def _outcomes(text: str, where: str) -> dict[int, int]:
    """Record -> 1 for a death in hospital."""
    head, *lines = (line.split(",") for line in text.split())
    if COLUMN not in head or RECORD not in head:
        raise ValueError(f"{where} has no column {COLUMN!r}; expected the outcomes of set A")
    record, column = head.index(RECORD), head.index(COLUMN)
    return {int(line[record]): int(line[column]) for line in lines}
