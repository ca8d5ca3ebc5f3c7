"""Sequences from a file of arrays (npz): classes or numbers, for each sequence or each step.

`lstmx.fit(X, y)` writes such a file beside the run that it trains; `lstmx.data.arrays` says what is
in it. Train goes through its sequences in epochs, shuffled anew for each; the sequences that do not
fill a batch, others in every epoch, are left out of it.

Worked example, one sequence of two steps and class 1, padded to three steps:

    inputs  x_1 x_2 0     mask  1 1 0     targets  0 1 0     weights  0 1 0

With labels of every step, each step that exists has a weight.

Classes: "accuracy", and "balanced_accuracy", the mean of the accuracies of all classes; the loss is
the cross entropy in nats, in train with the weights of classes. Numbers: "mse" and "mae" in their
own units; the loss is the squared error after scaling, averaged over targets.

Baseline: the class that is most frequent in train, or the mean of train. No line counts as solved.
"""

from lstmx.data import arrays, fetch
from lstmx.tasks import _encoding, _labelled
from lstmx.types import Task

BIBTEX = ""
"""No paper posed it."""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    file: str = "",
    epochs: bool = True,
    scaling: str = "none",
    missing: str = "refuse",
    class_weights: tuple[float, ...] = (),
    balanced: bool = False,
    tokens: int = 0,
) -> Task:
    """Labelled sequences; inputs [B, T, X] or tokens [B, T], outputs [B, T, Y].

    Args:
        batch_size: sequences of a batch.
        split: a part of the file; valid and test go through their sequences by the step.
        file: an npz file, as a path or as `<set>/<file>` of the data folder.
        epochs: whether train goes through its sequences in epochs; else it samples them by the key.
        scaling: "none", or "standard" for mean 0 and deviation 1 over train, of inputs and of
            targets that are numbers.
        missing: "refuse" missing values (NaN), or "flags": a value and a flag for each feature.
        class_weights: weight of each class in the loss of train, in the order of the labels.
        balanced: weights in inverse proportion to the frequency of the classes in train.
        tokens: size of the vocabulary; 0 is one more than the largest token.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or unreadable.
    """
    options = _encoding.Options(
        batch_size, split, epochs, scaling, missing, class_weights, balanced
    )
    if not file:
        raise fetch.Missing("task 'arrays' needs file=<file>.npz; lstmx.fit(X, y) writes one")
    place = fetch.find(file)
    labelled = arrays.load(place)
    files = {place.name: fetch.sha256(place)}
    return _labelled.make(labelled, options, files=files, tokens=tokens)
