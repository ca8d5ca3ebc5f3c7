"""Death in hospital from two days of intensive care: irregular measurements, most of them missing.

PhysioNet/CinC Challenge 2012, set A (Silva et al. 2012): 4000 stays, of which 554 ended in death.
A step is an hour in which anything was measured (`minutes=60`; 1 keeps all times), so that the time
between steps differs; a variable is observed in few of them. Inputs are 37 variables and 7
descriptors of the patient and the unit, standardised over the observed values of train, whose
extremes are cut at the quantiles .001 and .999. The target is at the last step: 1 for a death.

With `inputs="flags"` a step reads, for each of the 44, the value (0 where missing) and 1 or 0 for
observed or not, then the hours since the step before. With "masked" it reads values, elapsed hours
and mask as `lstmx.wrappers.Inputs`, which the wrappers for missing data take: GRU-D of Che et al.
2018 is the cell "gru" in `decay_to_mean` and `elapsed_decay`.

Splits are random, class by class; `division` numbers them. Metric: "nll", the cross entropy in
nats. The measure of the literature is the area under the ROC curve, which is no mean over stays:
`python -m experiments.evaluate --decisions=test` prints it.

Baseline: the rate of deaths in train. Reference, on valid and test: "logistic", a regression on
mean, least, greatest, last value and number of the measurements of each variable. No line counts as
solved.
"""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.data import physionet2012
from lstmx.data.physionet2012 import Stays
from lstmx.tasks import _common, _epochs, _labelled
from lstmx.types import Array, Batch, Inputs, Key, Metrics, Task, TaskSpec

BIBTEX = """
@inproceedings{silva2012physionet,
  author = {Ikaro Silva and George Moody and Daniel J. Scott and Leo A. Celi and Roger G. Mark},
  title = {Predicting In-Hospital Mortality of {ICU} Patients: The {PhysioNet/Computing in
    Cardiology} Challenge 2012},
  booktitle = {Computing in Cardiology},
  year = {2012},
}
"""
EXTREMES = (0.001, 0.999)
REFERENCE = "logistic"


def task(
    *,
    batch_size: int = 64,
    split: str = "train",
    inputs: str = "flags",
    minutes: int = 60,
    division: int = 0,
    valid_fraction: float = 0.2,
    test_fraction: float = 0.2,
) -> Task:
    """Stays in intensive care; inputs [B, T, 89] or `Inputs`, outputs [B, T, 2] at the last step.

    Args:
        batch_size: stays of a batch.
        split: train in shuffled epochs; valid and test go through their stays by the step.
        inputs: "flags" or "masked".
        minutes: that one step takes together.
        division: which random division into train, valid and test.
        valid_fraction: part of the stays that are not in test.
        test_fraction: part of the stays.

    Raises:
        ValueError: an unknown choice, a size that does not fit, files missing or unreadable.
    """
    _common.check_split(split)
    checks.one_of("inputs", inputs, ("flags", "masked"))
    checks.sizes(1, batch_size=batch_size, minutes=minutes)
    checks.sizes(0, division=division)
    for name, value in {"valid_fraction": valid_fraction, "test_fraction": test_fraction}.items():
        checks.rate(name, value)
        if not value:
            raise ValueError(f"{name}=0; expected a part above 0")
    stays = physionet2012.load(minutes)
    parts = _labelled.divided(stays.died, valid_fraction, test_fraction, division)
    return make(stays, parts, batch_size, split, inputs, _probabilities(minutes, stays, parts))


def make(
    stays: Stays,
    parts: dict[str, np.ndarray],
    batch_size: int,
    split: str,
    inputs: str,
    probabilities: np.ndarray,
) -> Task:
    """The task of one split.

    Args:
        stays: all of them.
        parts: split -> places of its stays.
        batch_size: stays of a batch; of train at most its number.
        split: train, valid or test.
        inputs: "flags" or "masked".
        probabilities: [N] of the reference.

    Raises:
        ValueError: a batch that is larger than an epoch.
    """
    own, training = parts[split], split == "train"
    count, steps = len(own), stays.mask.shape[1]
    if training and batch_size > count:
        raise ValueError(f"batch_size={batch_size}; expected at most the {count} of an epoch")
    num_batches = count // batch_size if training else -(-count // batch_size)
    values, observed = (jnp.asarray(part[own]) for part in standardised(stays, parts["train"]))
    hours, mask = stays.hours[own], stays.mask[own]
    passed = np.where(mask, np.diff(hours, axis=1, prepend=hours[:, :1] - 1), 0.0)
    elapsed, real = jnp.asarray(passed, jnp.float32), jnp.asarray(mask)
    died, last = jnp.asarray(stays.died[own]), jnp.asarray(_labelled.last_steps(mask))

    def batch(key: Key, step: Array | int) -> Batch:
        del key
        at = jnp.asarray(step) % num_batches if training else step
        row, exists = _common.rows(at, batch_size, count)
        if training:
            row = _epochs.order(jnp.asarray(step) // num_batches, row, count)
        here, judged = real[row] & exists[:, None], last[row] & exists[:, None]
        has = observed[row] & here[..., None]
        read = jnp.where(has, values[row], 0.0)
        since = jnp.where(here, elapsed[row], 0.0)
        given: Any
        if inputs == "masked":
            given = Inputs(read, since, has)
        else:
            pairs = jnp.stack([read, jnp.asarray(has, read.dtype)], axis=-1)
            given = jnp.concatenate([pairs.reshape(*here.shape, -1), since[..., None]], axis=-1)
        return Batch(
            inputs=given,
            targets=jnp.where(judged, died[row][:, None], 0),
            weights=jnp.asarray(judged, jnp.float32),
            mask=here,
            resets=_common.initial_resets(batch_size, steps),
        )

    truth = stays.died[own]
    remarks = [
        f"{REFERENCE} regression on summaries: AUROC "
        f"{physionet2012.area(stays.died[at], probabilities[at]):.4f} on {name}"
        for name, at in parts.items()
        if name != "train"
    ]
    width = values.shape[-1]
    about = TaskSpec(
        in_features=width if inputs == "masked" else 2 * width + 1,
        out_features=2,
        length=steps,
        batch_size=batch_size,
        metric="nll",
        maximize=False,
        baseline=_nll(truth, np.full(count, stays.died[parts["train"]].mean())),
        references={} if training else {REFERENCE: _nll(truth, probabilities[own])},
        num_batches=num_batches,
        unit="nats",
        files=stays.files,
        maximized=("accuracy",),
        remarks=tuple(remarks) if training else (),
    )
    return Task(about, batch, measure)


def measure(outputs: Array, batch: Batch) -> Metrics:
    """The cross entropy, and the accuracy, which is 86 % for who says that nobody dies."""
    found = _common.classification(outputs, batch)
    return {**found, "nll": found["loss"]}


def standardised(stays: Stays, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values [N, T, 44] by mean and deviation of those observed in train, and the mask of these."""
    rows = stays.values[train][stays.mask[train]]
    low, high = np.nanquantile(rows, EXTREMES, axis=0)
    rows = np.clip(rows, low, high)
    mean, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    values = (np.clip(stays.values, low, high) - mean) / np.where(spread > 0, spread, 1.0)
    return np.nan_to_num(values).astype(np.float32), np.isfinite(stays.values)


def _probabilities(minutes: int, stays: Stays, parts: dict[str, np.ndarray]) -> np.ndarray:
    return _fitted(minutes, tuple(map(int, parts["train"])), tuple(stays.files.values()))


@functools.lru_cache(maxsize=2)
def _fitted(minutes: int, train: tuple[int, ...], digests: tuple[str, ...]) -> np.ndarray:
    """The reference, fit once for the splits of a run."""
    del digests  # of the files that `load` reads
    stays = physionet2012.load(minutes)
    return physionet2012.logistic(physionet2012.summaries(stays), stays.died, np.asarray(train))


def _nll(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean cross entropy of probabilities of 1."""
    said = np.where(truth == 1, probabilities, 1 - probabilities)
    return float(-np.mean(np.log(np.maximum(said, 1e-12))))
