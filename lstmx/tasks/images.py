"""Images pixel by pixel: read an image as a sequence and name its class at the last step.

Le, Jaitly & Hinton 2015 (arXiv:1504.00941) with MNIST, 784 steps in scan-line order or in one
fixed random order (`permuted=True`). The offline default is the 8x8 digits of scikit-learn, 64
steps; CIFAR-10 is 1024 steps of red, green and blue. With `chunk` pixels a step the sequence is
shorter: `chunk=28` shows a row of MNIST a step, `chunk=32` a row of CIFAR-10 as 96 numbers.

Worked example: the digit [[0, 16], [8, 0]], were there images of 2x2 pixels, is the sequence
0, 1, .5, 0 (the largest value 1), and its class is due at the fourth step.

Noise: `noise_steps` appends that many steps of independent N(0, 1), and the class is due at the
last of them. Noise-padded CIFAR-10 (Chang, Chen, Haber & Chi 2019, arXiv:1902.09689, section 5.3)
is `source="cifar10", chunk=32, noise_steps=968`: T = 1000. The paper's LSTM gets 11.6 % there.
Trap: widely used code draws one tensor of noise and repeats it for every image, in training and
in test. A net can learn to ignore a fixed sequence, so that is an easier task; numbers of the two
do not compare. Here every image has its own noise: in training another one each time it is shown,
in a held-out split the same one always, whatever the batch size.

Splits: MNIST has 60 000 training and 10 000 test images, CIFAR-10 50 000 and 10 000; the last 5000
training images are valid. The digits come without a split; `data.digits.split` shuffles each class
and cuts 70 / 10 / 20 %. With `valid=0`, the protocol of papers without held-out images, train has
those of valid too.

Epochs: by default training draws images with replacement, as the key says. With `epochs=True` it
goes through all of them once per epoch, in an order shuffled anew for every epoch; the step alone
decides, so that all seeds see one order. An epoch is `spec.num_batches` = count // batch_size
steps: the few images that fill no batch, others in every epoch, are left out of it (Bai et al.
2018 end an epoch of 60 000 with half a batch), which keeps every update an average of equally many.

Baseline: the class that is most frequent in train, always. MNIST test: 1135 of 10 000 are ones,
11.35 %; CIFAR-10: 10 %. There is no line from which the task counts as solved. On the digits,
logistic regression on all pixels at once gets 95.3 % of test (scikit-learn 1.9, measured on this
split); on MNIST, published LSTMs get 87 to 99 % (plain) and 86 to 95 % (permuted), depending above
all on budget.

Deviations: `scaling="unit"` divides by the largest pixel value, as Cooijmans et al. 2017 do;
`"standard"` subtracts the mean of the training pixels and divides by their deviation, each colour
by its own (Bai, Kolter & Koltun 2018 use .1307 and .3081 for MNIST, of all 60 000 images:
`valid=0`). Every paper has its own permutation; ours is NumPy's for `permutation_seed`, and moves
whole pixels.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common, _epochs, _images
from lstmx.types import Array, Batch, Key, Task, TaskSpec

CLASSES = 10
NOISE_SEED = 1  # of the noise behind images that no key chooses
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
    epochs: bool = False,
    valid: int | None = None,
    noise_steps: int = 0,
) -> Task:
    """Images pixel by pixel; inputs [B, T, chunk * colours], outputs [B, T, 10].

    T is pixels / chunk + noise_steps.

    Args:
        batch_size: images of a batch.
        split: train draws images by the key unless `epochs`; valid and test go through theirs by
            the step.
        source: "digits" (8x8, carried by scikit-learn), "mnist" (28x28, four IDX files) or
            "cifar10" (32x32 in colour, one archive).
        permuted: whether pixels come in a fixed random order.
        permutation_seed: which order.
        chunk: pixels a step; divides the number of pixels.
        scaling: "unit" for 0 ... 1, "standard" for mean 0 and deviation 1 over train.
        epochs: whether train goes through its images in epochs, by the step.
        valid: how many training images are held out, None for 5000; the digits have their own
            split, of which 0 gives the images of valid to train.
        noise_steps: steps of independent N(0, 1) after the image.

    Raises:
        ValueError: an unknown choice, a size that does not fit, a file missing or wrong.
    """
    _common.check_split(split)
    checks.one_of("source", source, tuple(_images.BRIGHTEST))
    checks.one_of("scaling", scaling, ("unit", "standard"))
    checks.sizes(1, batch_size=batch_size, chunk=chunk)
    checks.sizes(0, noise_steps=noise_steps)
    parts = _images.load(source, split, valid)
    pixels, labels = parts.pixels[split], parts.labels[split]
    count, size, colours = pixels.shape
    if size % chunk:
        raise ValueError(f"chunk={chunk}; expected a divisor of the {size} pixels")
    if permuted:
        pixels = pixels[:, np.random.default_rng(permutation_seed).permutation(size)]
    unit = (0.0, _images.BRIGHTEST[source])
    shift, scale = unit if scaling == "unit" else _images.moments(parts.pixels["train"])
    drawn, shuffled = split == "train" and not epochs, split == "train" and epochs
    if shuffled and batch_size > count:
        raise ValueError(f"batch_size={batch_size}; expected at most the {count} of an epoch")
    num_batches = count // batch_size if shuffled else -(-count // batch_size)
    stored, classes = jnp.asarray(pixels), jnp.asarray(labels)
    steps = size // chunk + noise_steps

    def batch(key: Key, step: Array | int) -> Batch:
        epoch = jnp.asarray(step) // num_batches
        if drawn:
            index = jax.random.randint(_common.split_key(key, split), (batch_size,), 0, count)
            exists = jnp.ones(batch_size, bool)
        else:
            at = jnp.asarray(step) % num_batches if shuffled else step
            index, exists = _common.rows(at, batch_size, count)
            index = _epochs.order(epoch, index, count) if shuffled else index
        inputs = (jnp.asarray(stored[index], jnp.float32) - shift) / scale
        inputs = inputs.reshape(batch_size, size // chunk, chunk * colours)
        if noise_steps:
            shape = (noise_steps, chunk * colours)
            added = noise(key if drawn else None, split, epoch, index, shape)
            inputs = jnp.concatenate([inputs, added], axis=1)
        last = jnp.arange(steps) == steps - 1
        ends = exists[:, None] & last
        return Batch(
            inputs=jnp.where(exists[:, None, None], inputs, 0.0),
            targets=jnp.where(ends, classes[index][:, None], 0),
            weights=jnp.asarray(ends, jnp.float32),
            mask=jnp.broadcast_to(exists[:, None], (batch_size, steps)),
            resets=_common.fresh(batch_size, steps),
        )

    frequent = np.argmax(np.bincount(parts.labels["train"], minlength=CLASSES))
    spec = TaskSpec(
        in_features=chunk * colours,
        out_features=CLASSES,
        length=steps,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=float(np.mean(labels == frequent)),
        references={"logistic": LOGISTIC[split]} if source == "digits" and valid != 0 else {},
        num_batches=None if drawn else num_batches,
        files=parts.files,
    )
    return Task(spec, batch, _common.classification)


def noise(key: Key | None, split: str, epoch: Array, index: Array, shape: tuple[int, ...]) -> Array:
    """Noise [B, *shape]: by the key, or where there is none by split, epoch and image."""
    if key is not None:
        # A key of its own beside those of the splits, so that no image chooses its noise.
        key = jax.random.fold_in(key, len(_common.SPLITS))
        return jax.random.normal(key, (len(index), *shape), jnp.float32)
    key = jax.random.fold_in(jax.random.key(NOISE_SEED, impl="threefry2x32"), epoch)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(_common.split_key(key, split), index)
    return jax.vmap(lambda key: jax.random.normal(key, shape, jnp.float32))(keys)
