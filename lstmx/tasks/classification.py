"""Classification of sequences, or of every step: `.ts` files, and tables in long format.

Sequences may differ in length and have missing values. A label of the whole sequence is the target
at its last step; with `at="every"` each step has the label of its row. A `.ts` file with numbers
instead of classes is a regression, with the metrics of the task `arrays`.

Worked example, a table with the columns id, time, x, label, and what a batch of its rows has:

    a,0,1.5,walk        inputs  1.5 2.5     mask  1 1     targets  0 1     weights  0 1
    a,1,2.5,walk                0.5 0             1 0              0 0              1 0
    b,0,0.5,run         with the classes run = 0 and walk = 1

Splits: test is `test_file` or, without one, a part of the file; valid is a part of the rest. Parts
are cut class by class in a random order, the same for every seed of a run. With `valid_fraction=0`
train is the whole rest, the protocol of papers on archives without a held-out part.

Inputs are scaled by mean and standard deviation over train. Metrics: "accuracy",
"balanced_accuracy" (the mean of the accuracies of the classes) and the cross entropy in nats.

Baseline: the class that is most frequent in train. No line counts as solved. With `file=""` the
sequences are generated: three classes of waves with noise, 15 to 30 steps.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmx import checks
from lstmx.data import arrays, cases, fetch
from lstmx.data.arrays import Labelled, Part
from lstmx.data.cases import Cases, Columns
from lstmx.tasks import _encoding, _labelled
from lstmx.types import Task

BIBTEX = ""
"""No paper posed it."""
PLACES = ("last", "every")


@dataclass(frozen=True)
class Source:
    """Which sequences are read, and how they are divided; checks itself when made.

    Attributes:
        file, test_file: paths, or `<set>/<file>` of the data folder; no file is generated data.
        columns: of a table.
        at: "last" or "every".
        valid_fraction, test_fraction: parts that are held out.
    """

    file: str
    test_file: str
    columns: Columns
    at: str
    valid_fraction: float
    test_fraction: float

    def __post_init__(self) -> None:
        """Raises ValueError for an unknown choice or parts that leave nothing."""
        checks.one_of("at", self.at, PLACES)
        held_out = (self.valid_fraction, self.test_fraction)
        _labelled.check_held_out(self.file, self.test_file, *held_out)


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    file: str = "",
    test_file: str = "",
    id_column: str = "",
    time_column: str = "",
    label_column: str = "",
    columns: tuple[str, ...] = (),
    at: str = "last",
    valid_fraction: float = 0.2,
    test_fraction: float = 0.2,
    epochs: bool = True,
    buckets: int = 1,
    scaling: str = "standard",
    missing: str = "refuse",
    class_weights: tuple[float, ...] = (),
    balanced: bool = False,
) -> Task:
    """Labelled sequences; inputs [B, T, X], outputs [B, T, C], scored at the last or every step.

    Args:
        batch_size: sequences of a batch.
        split: valid and test go through their sequences by the step.
        file: a `.ts` or CSV file, as a path or as `<set>/<file>` of the data folder; generated
            where empty.
        test_file: the file of the test part; a part of `file` where empty.
        id_column: of a table: which sequence a row belongs to; the first column where empty.
        time_column: the order of its rows; the second column where empty.
        label_column: the last column where empty.
        columns: the features; all other columns where empty.
        at: "last" for a label of the sequence, "every" for one of each step.
        valid_fraction: part of the sequences not in test that chooses between models; 0 is none.
        test_fraction: part of the file that judges them; not read with `test_file`.
        epochs: whether train goes through its sequences in epochs; else it samples them by the key.
        scaling: "standard" or "none".
        missing: "refuse" missing values, or "flags": a value and a flag for each feature.
        buckets: of about one length, to which batches of train are padded, see
            `lstmx/tasks/_buckets.py`; 1 pads all to the longest.
        class_weights: weight of each class in the loss of train, in the order of the labels.
        balanced: weights in inverse proportion to the frequency of the classes in train.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or unreadable.
    """
    options = _encoding.Options(
        batch_size, split, epochs, scaling, missing, class_weights, balanced, buckets
    )
    named = Columns(id_column, time_column, label_column, columns)
    source = Source(file, test_file, named, at, valid_fraction, test_fraction)
    labelled, files = load(source)
    return _labelled.make(labelled, options, files=files)


def load(source: Source) -> tuple[Labelled, dict[str, str]]:
    """All parts of a source, and name -> sha256 of its files.

    Raises:
        ValueError: as `task`.
    """
    if not source.file:
        return _parts(generated(), None, source, "the generated sequences"), {}
    places = [fetch.find(file) for file in (source.file, source.test_file) if file]
    whole = cases.load(places[0], source.columns)
    test = None
    if len(places) > 1:
        columns = source.columns
        if cases.format_of(places[1]) == "csv":  # the same features, in whatever order
            columns = columns._replace(values=whole.features)
        test = cases.load(places[1], columns)
    files = {place.name: fetch.sha256(place) for place in places}
    return _parts(whole, test, source, str(places[0])), files


def generated(count: int = 120) -> Cases:
    """Waves of three periods (8, 6 and 4 steps) with noise, in turn; 15 to 30 steps each."""
    rng = np.random.default_rng(_labelled.SPLIT_SEED)
    values, labels = [], []
    for number in range(count):
        steps, kind = int(rng.integers(15, 31)), number % 3
        phase = 2 * np.pi * (np.arange(steps) / (8, 6, 4)[kind] + rng.random())
        values.append((np.sin(phase) + rng.normal(0.0, 0.7, steps))[:, None])
        labels.append(np.full(steps, f"period {(8, 6, 4)[kind]}"))
    return Cases(values, labels, ("wave",))


def _parts(whole: Cases, test: Cases | None, source: Source, name: str) -> Labelled:
    both = [whole] if test is None else [whole, test]
    if test is not None and len(test.features) != len(whole.features):
        raise ValueError(
            f"{Path(source.test_file).name} has {len(test.features)} features, {name} "
            f"{len(whole.features)}; expected the same"
        )
    if isinstance(whole.labels, np.ndarray):
        if source.at == "every":
            raise ValueError(f"{name} has one number a sequence; expected at='last'")
        classes = None
        targets = [np.asarray(one.labels, np.float32)[:, None] for one in both]
    else:
        classes = np.unique(np.concatenate(whole.labels))
        targets = [_numbered(one, classes, source, name) for one in both]
    parts = [Part(*arrays.padded(one.values), t) for one, t in zip(both, targets)]
    # Numbers, and labels that change within a sequence, are no classes of sequences.
    whole_class = parts[0].targets.ndim == 1
    keys = parts[0].targets if whole_class else np.zeros(len(parts[0].mask), int)
    divided = _labelled.divided(keys, source.valid_fraction, source.test_fraction * (test is None))
    result = {split: _rows(parts[0], index) for split, index in divided.items() if len(index)}
    if "train" not in result:
        raise ValueError(f"{name} has {len(keys)} sequences, none of which is left for train")
    if test is not None:
        result["test"] = parts[1]
    for split, part in result.items():
        arrays.check(f"{name}: {split}", part, classes)
    return Labelled(result, classes)


def _numbered(found: Cases, classes: np.ndarray, source: Source, name: str) -> np.ndarray:
    """The class of each sequence, [N] int32, or of every step, [N, T].

    Raises:
        ValueError: a label that the file of train does not have, or several in a sequence that
            should have one.
    """
    result = []
    for number, labels in enumerate(found.labels):
        at = np.searchsorted(classes, labels).clip(0, len(classes) - 1)
        if (unknown := classes[at] != labels).any():
            label = str(labels[unknown][0])
            raise ValueError(f"test has the label {label!r}, which {name} has not")
        if source.at == "last" and (at != at[0]).any():
            one, two = (str(label) for label in (labels[0], labels[at != at[0]][0]))
            raise ValueError(
                f"{name}: sequence {number} has the labels {one!r} and {two!r}; say at='every' for "
                "a label of every step"
            )
        result.append(at if source.at == "every" else at[:1])
    return arrays.padded(result, np.int32)[0] if source.at == "every" else _flat(result)


def _flat(numbers: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(numbers).astype(np.int32)


def _rows(part: Part, index: np.ndarray) -> Part:
    return Part(*(array[index] for array in part))
