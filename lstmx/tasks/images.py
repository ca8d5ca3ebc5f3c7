"""Images pixel by pixel: read an image as a sequence and name its class at the last step.

Le, Jaitly & Hinton 2015 (arXiv:1504.00941) with MNIST, 784 steps in scan-line order or in one
fixed random order (`permuted=True`). The offline default is the 8x8 digits of scikit-learn, 64
steps. With `chunk` pixels a step the sequence is shorter: `chunk=28` shows a row of MNIST a step.

Worked example: the digit [[0, 16], [8, 0]], were there images of 2x2 pixels, is the sequence
0, 1, .5, 0 (the largest value 1), and its class is due at the fourth step.

Splits: MNIST has 60 000 training and 10 000 test images; the last 5000 training images are valid.
The digits come without a split; `data.digits.split` shuffles each class and cuts 70 / 10 / 20 %.

Baseline: the class that is most frequent in train, always. MNIST test: 1135 of 10 000 are ones,
11.35 %. There is no line from which the task counts as solved. On the digits, logistic regression
on all pixels at once gets 95.3 % of test (scikit-learn 1.9, measured on this split); on MNIST,
published LSTMs get 87 to 99 % (plain) and 86 to 95 % (permuted), depending above all on budget.

Deviations: `scaling="unit"` divides by the largest pixel value, as Cooijmans et al. 2017 do;
`"standard"` subtracts the mean of the training pixels and divides by their deviation (Bai, Kolter
& Koltun 2018 use .1307 and .3081, of all 60 000 images). Training draws images with replacement,
not in epochs. Every paper has its own permutation; ours is NumPy's for `permutation_seed`.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.data import digits, mnist
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Task, TaskSpec

CLASSES = 10
MNIST_VALID = 5000
BRIGHTEST = {"digits": 16.0, "mnist": 255.0}
LOGISTIC = {"train": 0.988, "valid": 0.966, "test": 0.953}
"""Accuracy on the digits of scikit-learn's LogisticRegression(max_iter=5000), fit on train."""


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    source: str = "digits",
    permuted: bool = False,
    permutation_seed: int = 0,
    chunk: int = 1,
    scaling: str = "unit",
) -> Task:
    """Images pixel by pixel; inputs [B, pixels / chunk, chunk], outputs [B, T, 10].

    Args:
        batch_size: images of a batch.
        split: train draws images by the key; valid and test go through theirs by the step.
        source: "digits" (8x8, carried by scikit-learn) or "mnist" (28x28, four IDX files).
        permuted: whether pixels come in a fixed random order.
        permutation_seed: which order.
        chunk: pixels a step; divides the number of pixels.
        scaling: "unit" for 0 ... 1, "standard" for mean 0 and deviation 1 over train.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or wrong.
    """
    _common.check_split(split)
    _common.check_choice("source", source, tuple(BRIGHTEST))
    _common.check_choice("scaling", scaling, ("unit", "standard"))
    _common.check_at_least(1, batch_size=batch_size, chunk=chunk)
    parts, files = _load(source, split)
    pixels, labels = parts[split]
    count, size = pixels.shape
    if size % chunk:
        raise ValueError(f"chunk: got {chunk}; expected a divisor of the {size} pixels")
    if permuted:
        pixels = pixels[:, np.random.default_rng(permutation_seed).permutation(size)]
    shift, scale = 0.0, BRIGHTEST[source]
    if scaling == "standard":
        shift, scale = float(parts["train"][0].mean()), float(parts["train"][0].std())
    stored, classes = jnp.asarray(pixels), jnp.asarray(labels)
    steps = size // chunk

    def batch(key: Key, step: Array | int) -> Batch:
        if split == "train":
            key = _common.split_key(key, split)
            index = jax.random.randint(key, (batch_size,), 0, count)
            exists = jnp.ones(batch_size, bool)
        else:
            index, exists = _common.rows(step, batch_size, count)
        inputs = (jnp.asarray(stored[index], jnp.float32) - shift) / scale
        inputs = jnp.where(exists[:, None], inputs, 0.0).reshape(batch_size, steps, chunk)
        last = jnp.arange(steps) == steps - 1
        ends = exists[:, None] & last
        return Batch(
            inputs=inputs,
            targets=jnp.where(ends, classes[index][:, None], 0),
            weights=jnp.asarray(ends, jnp.float32),
            mask=jnp.broadcast_to(exists[:, None], (batch_size, steps)),
            resets=_common.fresh(batch_size, steps),
        )

    frequent = np.argmax(np.bincount(parts["train"][1], minlength=CLASSES))
    spec = TaskSpec(
        in_features=chunk,
        out_features=CLASSES,
        length=steps,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=float(np.mean(labels == frequent)),
        references={"logistic": LOGISTIC[split]} if source == "digits" else {},
        num_batches=None if split == "train" else -(-count // batch_size),
        files=files,
    )
    return Task(spec, batch, _common.classification)


def _load(
    source: str, split: str
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, str]]:
    """Flat pixels [N, P] and labels [N] of train and of the split asked for; files read."""
    if source == "digits":
        all_digits = digits.load()
        flat = all_digits.pixels.reshape(len(all_digits.labels), -1)
        indices = digits.split(all_digits.labels)
        return {k: (flat[i], all_digits.labels[i]) for k, i in indices.items()}, all_digits.files
    train = mnist.load("train")
    flat = train.pixels.reshape(len(train.labels), -1)
    cut = len(flat) - MNIST_VALID
    parts = {
        "train": (flat[:cut], train.labels[:cut]),
        "valid": (flat[cut:], train.labels[cut:]),
    }
    if split != "test":
        return parts, train.files
    test = mnist.load("test")
    parts["test"] = (test.pixels.reshape(len(test.labels), -1), test.labels)
    return parts, train.files | test.files
