"""Images pixel by pixel: classification of an image as a sequence, at the last step.

Le, Jaitly & Hinton 2015 (arXiv:1504.00941) with MNIST, 784 steps in scan-line order or in one
fixed random order (`permuted=True`). The offline default is the 8x8 digits of scikit-learn, 64
steps; CIFAR-10 is 1024 steps of red, green and blue. With `chunk` pixels per step the sequence
is shorter: `chunk=28` is a row of MNIST per step, `chunk=32` a row of CIFAR-10 as 96 numbers.

Worked example: an image [[0, 16], [8, 0]] of 2x2 pixels would be the sequence 0, 1, .5, 0 (the
largest value is 1), and its class the target at the fourth step.

Noise: `noise_steps` appends that many steps of independent N(0, 1), and the class is the target at
the last of them. Noise-padded CIFAR-10 (Chang, Chen, Haber & Chi 2019, arXiv:1902.09689, section
5.3) is `source="cifar10", chunk=32, noise_steps=968`: T = 1000. The paper's LSTM gets 11.6 % there.
Trap: widely used code samples one tensor of noise and repeats it for every image, in training and
in test. A network can learn to ignore a fixed sequence: that task is easier, and its results are
not comparable. Here every image has different noise: in training new noise each time it occurs, in
a held-out split always the same noise, whatever the batch size.

Splits: MNIST has 60 000 training and 10 000 test images, CIFAR-10 50 000 and 10 000; the last 5000
training images are valid. The digits have no official split; `data.digits.split` shuffles each
class and cuts 70 / 10 / 20 %. With `valid=0`, the protocol of papers without held-out images, train
includes the images of valid.

Epochs: by default training samples images with replacement, by the key. With `epochs=True` every
image occurs once per epoch, in an order that is shuffled for every epoch and depends on the step
alone, so that it is the same for all seeds. An epoch is `spec.num_batches` = count // batch_size
steps: the images that do not fill a batch, different ones in every epoch, are left out, so that
every update averages equally many (Bai et al. 2018 end an epoch of 60 000 with half a batch).

Baseline: the class that is most frequent in train. MNIST test: 1135 of 10 000 are ones, 11.35 %;
CIFAR-10: 10 %. There is no threshold from which the task is solved. On the digits,
logistic regression on all pixels at once gets 95.3 % of test (scikit-learn 1.9, measured on this
split); on MNIST, published LSTMs get 87 to 99 % (plain) and 86 to 95 % (permuted), depending mainly
on the budget.

Deviations: `scaling="unit"` divides by the largest pixel value, as Cooijmans et al. 2017 do;
`"standard"` subtracts the mean of the training pixels and divides by their standard deviation, for
each color separately (Bai, Kolter & Koltun 2018 use .1307 and .3081 for MNIST, of all 60 000
images: `valid=0`). Every paper has its own permutation; ours is NumPy's for `permutation_seed`, and
keeps the colors of a pixel together.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import _common, _epochs, _images
from lstmx.types import Array, Batch, Key, Task, TaskSpec

BIBTEX = """
@misc{le2015irnn,
  author = {Quoc V. Le and Navdeep Jaitly and Geoffrey E. Hinton},
  title = {A Simple Way to Initialize Recurrent Networks of Rectified Linear Units},
  eprint = {1504.00941},
  archiveprefix = {arXiv},
  year = {2015},
}
"""

BIBTEX_OPTIONS = {
    "noise_steps": """
@inproceedings{chang2019antisymmetric,
  author = {Bo Chang and Minmin Chen and Eldad Haber and Ed H. Chi},
  title = {{AntisymmetricRNN}: A Dynamical System View on Recurrent Neural Networks},
  booktitle = {International Conference on Learning Representations},
  eprint = {1902.09689},
  archiveprefix = {arXiv},
  year = {2019},
}
""",
}
"""Option, or option=value -> what to cite besides where it is set."""

CLASSES = 10
NOISE_SEED = 1  # of the noise after images that are not selected by a key
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
    """Images pixel by pixel; inputs [B, T, chunk * colors], outputs [B, T, 10].

    T is pixels / chunk + noise_steps.

    Args:
        batch_size: images of a batch.
        split: train samples images by the key unless `epochs`; valid and test contain theirs in
            order, by the step.
        source: "digits" (8x8, part of scikit-learn), "mnist" (28x28, four IDX files) or
            "cifar10" (32x32 in color, one archive).
        permuted: whether pixels come in a fixed random order.
        permutation_seed: which order.
        chunk: pixels per step; divides the number of pixels.
        scaling: "unit" for 0 ... 1, "standard" for mean 0 and deviation 1 over train.
        epochs: whether train goes through its images in epochs, by the step.
        valid: number of training images that are held out, None for 5000; the digits have a fixed
            split, where 0 adds the images of valid to train.
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
    count, size, colors = pixels.shape
    if size % chunk:
        raise ValueError(f"chunk={chunk}; expected a divisor of the {size} pixels")
    if permuted:
        pixels = pixels[:, np.random.default_rng(permutation_seed).permutation(size)]
    unit = (0.0, _images.BRIGHTEST[source])
    shift, scale = unit if scaling == "unit" else _images.moments(parts)
    sampled, shuffled = split == "train" and not epochs, split == "train" and epochs
    if shuffled and batch_size > count:
        raise ValueError(f"batch_size={batch_size}; expected at most the {count} of an epoch")
    num_batches = count // batch_size if shuffled else -(-count // batch_size)
    stored, classes = jnp.asarray(pixels), jnp.asarray(labels)
    steps = size // chunk + noise_steps

    def batch(key: Key, step: Array | int) -> Batch:
        epoch = jnp.asarray(step) // num_batches
        if sampled:
            index = jax.random.randint(_common.split_key(key, split), (batch_size,), 0, count)
            exists = jnp.ones(batch_size, bool)
        else:
            at = jnp.asarray(step) % num_batches if shuffled else step
            index, exists = _common.rows(at, batch_size, count)
            index = _epochs.order(epoch, index, count) if shuffled else index
        inputs = (jnp.asarray(stored[index], jnp.float32) - shift) / scale
        inputs = inputs.reshape(batch_size, size // chunk, chunk * colors)
        if noise_steps:
            shape = (noise_steps, chunk * colors)
            added = noise(key if sampled else None, split, epoch, index, shape)
            inputs = jnp.concatenate([inputs, added], axis=1)
        last = jnp.arange(steps) == steps - 1
        ends = exists[:, None] & last
        return Batch(
            inputs=jnp.where(exists[:, None, None], inputs, 0.0),
            targets=jnp.where(ends, classes[index][:, None], 0),
            weights=jnp.asarray(ends, jnp.float32),
            mask=jnp.broadcast_to(exists[:, None], (batch_size, steps)),
            resets=_common.initial_resets(batch_size, steps),
        )

    frequent = np.argmax(np.bincount(parts.labels["train"], minlength=CLASSES))
    spec = TaskSpec(
        in_features=chunk * colors,
        out_features=CLASSES,
        length=steps,
        batch_size=batch_size,
        metric="accuracy",
        maximize=True,
        baseline=float(np.mean(labels == frequent)),
        references={"logistic": LOGISTIC[split]} if source == "digits" and valid != 0 else {},
        num_batches=None if sampled else num_batches,
        files=parts.files,
    )
    return Task(spec, batch, _common.classification)


def noise(key: Key | None, split: str, epoch: Array, index: Array, shape: tuple[int, ...]) -> Array:
    """Noise [B, *shape]: by the key if there is one, else by split, epoch and image."""
    if key is not None:
        # Not the key that samples the images: noise must not depend on which images they are.
        key = jax.random.fold_in(key, len(_common.SPLITS))
        return jax.random.normal(key, (len(index), *shape), jnp.float32)
    key = jax.random.fold_in(jax.random.key(NOISE_SEED, impl="threefry2x32"), epoch)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(_common.split_key(key, split), index)
    return jax.vmap(lambda key: jax.random.normal(key, shape, jnp.float32))(keys)
