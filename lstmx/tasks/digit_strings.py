"""Strings of digit images, column by column, without positions: labelling by CTC.

Graves, Fernandez, Gomez & Schmidhuber 2006: the network sees a line of handwriting column by column
and learns which labels occur in which order, without being told where. The loss is -ln of the
probability of the labels, summed over all paths of labels and blanks (eq. 5 and 7, by optax); its
mean is over strings.

Worked example: the images of 4 and 1, eight columns of eight pixels each, one after the other with
up to `gap` empty columns before each: 16 to 16 + 2 gap frames of 8 numbers, and the labels 4, 1.
`targets` has them at its first places and the blank, class 10, at all others.

Images are the 8x8 digits of scikit-learn in the split of `data.digits.split`. In train every string
samples images, length and gaps by the key. In valid and test every image occurs once, in an order
and with lengths and gaps that are always the same.

"label_error_rate" is that of the best path: insertions, deletions and substitutions divided by the
number of labels. Baseline 1: to write nothing. Below 0.05 the task counts as solved.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks, decoding
from lstmx.data import digits
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Mean, Metrics, Task, TaskSpec

BIBTEX = """
@inproceedings{graves2006ctc,
  author = {Alex Graves and Santiago Fernandez and Faustino Gomez and Jürgen Schmidhuber},
  title = {Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent
    Neural Networks},
  booktitle = {International Conference on Machine Learning},
  year = {2006},
}
"""

BLANK = 10
"""The class that stands for no label."""
SIZE = 8
"""Rows and columns of an image."""
SEED = 0  # of the strings of valid and test
SOLVED = 0.05


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    min_digits: int = 2,
    max_digits: int = 6,
    gap: int = 3,
) -> Task:
    """Strings of digits; inputs [B, T, 8], outputs [B, T, 11]; T is max_digits * (8 + gap).

    Args:
        batch_size: strings of a batch.
        split: train samples strings by the key; valid and test contain theirs in order.
        min_digits: the fewest digits of a string.
        max_digits: the most.
        gap: the most empty columns before an image.

    Raises:
        ValueError: an unknown split, a size that does not fit.
    """
    import optax  # slow to import

    _common.check_split(split)
    checks.sizes(1, batch_size=batch_size, min_digits=min_digits)
    checks.size("max_digits", max_digits, min_digits)
    checks.size("gap", gap, 0)
    images = digits.load()
    index = digits.split(images.labels)[split]
    # The largest pixel is 16; columns are the frames.
    columns = jnp.asarray(images.pixels[index].transpose(0, 2, 1) / 16, jnp.float32)
    labels = jnp.asarray(images.labels[index])
    steps = max_digits * (SIZE + gap)
    fixed = _strings(len(index), min_digits, max_digits, gap)
    count = len(fixed[0])
    stored = jax.tree.map(jnp.asarray, fixed)

    def batch(key: Key, step: Array | int) -> Batch:
        if split == "train":
            keys = jax.random.split(_common.split_key(key, split), 3)
            wide = (batch_size, max_digits)
            which = jax.random.randint(keys[0], wide, 0, len(index))
            number = jax.random.randint(keys[1], (batch_size,), min_digits, max_digits + 1)
            gaps = jax.random.randint(keys[2], wide, 0, gap + 1)
            exists = jnp.ones(batch_size, bool)
        else:
            rows, exists = _common.rows(step, batch_size, count)
            which, number, gaps = (a[rows] for a in stored)
        number = jnp.where(exists, number, 0)
        # Frame t shows column t - start of the digit whose start is the last one up to t.
        starts = jnp.cumsum(gaps + SIZE, axis=1) - SIZE
        ends = starts + SIZE
        frames = jnp.arange(steps)[None]
        digit = jnp.sum(frames[..., None] >= ends[:, None], axis=-1)
        at = jnp.minimum(digit, max_digits - 1)
        column = frames - jnp.take_along_axis(starts, at, axis=1)
        inked = (column >= 0) & (digit < number[:, None])
        image = jnp.take_along_axis(which, at, axis=1)
        ink = columns[image, jnp.clip(column, 0, SIZE - 1)]
        last = jnp.take_along_axis(ends, jnp.maximum(number - 1, 0)[:, None], axis=1)
        mask = (frames < last) & exists[:, None]
        named = jnp.pad(labels[which], ((0, 0), (0, steps - max_digits)))
        return Batch(
            inputs=jnp.where(inked[..., None], ink, 0.0),
            targets=jnp.where(frames < number[:, None], named, BLANK),
            weights=jnp.asarray(mask, jnp.float32),
            mask=mask,
            resets=_common.initial_resets(batch_size, steps),
        )

    def loss(outputs: Array, batch: Batch) -> Metrics:
        exists = batch.targets != BLANK
        paddings = [1 - jnp.asarray(a, outputs.dtype) for a in (batch.mask, exists)]
        # Labels beyond `max_digits` never exist; fewer columns make the recursion shorter.
        named, absent = batch.targets[:, :max_digits], paddings[1][:, :max_digits]
        logits = jnp.where(batch.mask[..., None], outputs, 0)
        nll = optax.ctc_loss(logits, paddings[0], named, absent, blank_id=BLANK)
        # A string is scored as a whole: where a step of it has no weight, it has none.
        whole = jnp.all(~batch.mask | (batch.weights > 0), axis=1)
        scored = jnp.asarray(whole & jnp.any(batch.mask, axis=1), jnp.float32)
        decoded, numbers = decoding.best_path(outputs, batch.mask, BLANK)
        count = exists.sum(1)
        edits = decoding.edit_distance(named, count, decoded, numbers)
        as_float = lambda a: jnp.asarray(a, jnp.float32)
        return {
            "loss": _common.weighted(nll, scored),
            "label_error_rate": Mean(
                jnp.sum(scored * as_float(edits)), jnp.sum(scored * as_float(count))
            ),
            "string_accuracy": _common.weighted(as_float(edits == 0), scored),
        }

    spec = TaskSpec(
        in_features=SIZE,
        out_features=BLANK + 1,
        length=steps,
        batch_size=batch_size,
        metric="label_error_rate",
        maximize=False,
        baseline=1.0,
        solved=SOLVED,
        num_batches=None if split == "train" else -(-count // batch_size),
        files=images.files,
        maximized=("string_accuracy",),
    )
    return Task(spec, batch, loss)


def _strings(count: int, least: int, most: int, gap: int) -> tuple[np.ndarray, ...]:
    """Strings in which each of `count` images occurs once: images [N, M], numbers [N], gaps."""
    random = np.random.default_rng(SEED)
    left = list(random.permutation(count))
    which, numbers = [], []
    while left:
        number = min(len(left), int(random.integers(least, most + 1)))
        if 0 < len(left) - number < least:  # too few for a string: they join this one, if they fit
            number = len(left) if len(left) <= most else len(left) - least
        which.append([left.pop() for _ in range(number)] + [0] * (most - number))
        numbers.append(number)
    gaps = random.integers(0, gap + 1, (len(numbers), most))
    return np.array(which), np.array(numbers), gaps
