"""The two-sequence problem: classification by the first few inputs, followed by noise.

Bengio, Simard & Frasconi 1994, in the form of Hochreiter & Schmidhuber 1997, experiment 3. There is
one real input. It is 1 for class 1 and -1 for class 2 at the first N steps (`informative`), and
noise of variance .2 at all others. The length is uniform on {T, ..., T + T // 10}; there is one
logistic output, scored at the last step by half its squared error. Worked example with N = 2, class
2:

    input   -1  -1  .3  -.5  .1      target at the last step: 0

    form="3a"   target 1 for class 1 and 0 for class 2
    form="3b"   and noise of variance .2 on the informative steps as well
    form="3c"   as 3a, but the target is .2 for class 1 and .8 for class 2, plus noise of
                variance .1: the best output is the conditional mean

"error" is the mean absolute error, in 3c to the target without its noise; an output is "correct"
within .2 (3a, 3b) or .1 (3c) of it; "accuracy" is whether both are on the same side of .5.

Baseline: a constant output in [0, 1] has error .5 on average in 3a and 3b, and one in [.2, .8] has
.3 in 3c. Solved is the paper's threshold for the mean error of 256 test sequences: .01, .04 and
.015. It also demands that none of them is wrong, or fewer than 6 in 3b, where one of 79 sequences
is undecidable for N = 1: "correct" at 1, above .977, and at 1.

Trap: the paper shows that guessing weights at random solves 3a and 3b faster than any learning.
"""

import jax
import jax.numpy as jnp

from lstmx import checks
from lstmx.tasks import _common
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@article{bengio1994difficult,
  author = {Yoshua Bengio and Patrice Simard and Paolo Frasconi},
  title = {Learning Long-Term Dependencies with Gradient Descent is Difficult},
  journal = {IEEE Transactions on Neural Networks},
  volume = {5},
  number = {2},
  pages = {157--166},
  year = {1994},
}
@article{hochreiter1997lstm,
  author = {Sepp Hochreiter and Jürgen Schmidhuber},
  title = {Long Short-Term Memory},
  journal = {Neural Computation},
  volume = {9},
  number = {8},
  pages = {1735--1780},
  year = {1997},
}
"""

FORMS = ("3a", "3b", "3c")
INPUT_VARIANCE, TARGET_VARIANCE = 0.2, 0.1
TARGETS = {"3a": (1.0, 0.0), "3b": (1.0, 0.0), "3c": (0.2, 0.8)}  # of class 1 and class 2
TOLERANCES = {"3a": 0.2, "3b": 0.2, "3c": 0.1}
SOLVED = {"3a": 0.01, "3b": 0.04, "3c": 0.015}


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    length: int = 100,
    informative: int = 3,
    form: str = "3a",
) -> Task:
    """The two-sequence problem; inputs [B, T, 1], outputs [B, T, 1], scored at the last step.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        length: the shortest length; the longest, and T, is a tenth more.
        informative: N, number of steps that depend on the class; the paper has 1 and 3.
        form: "3a", "3b" or "3c": which experiment.

    Raises:
        ValueError: an unknown choice or a size that does not fit.
    """
    _common.check_split(split)
    checks.one_of("form", form, FORMS)
    checks.sizes(1, batch_size=batch_size, informative=informative)
    checks.sizes(informative, length=length)
    steps = length + length // 10

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        names = ("class", "length", "noise", "target")
        keys = dict(zip(names, jax.random.split(_common.split_key(key, split), len(names))))
        return encode(
            first=jax.random.bernoulli(keys["class"], shape=(batch_size,)),
            noise=jax.random.normal(keys["noise"], (batch_size, steps)) * INPUT_VARIANCE**0.5,
            blur=jax.random.normal(keys["target"], (batch_size,)) * TARGET_VARIANCE**0.5,
            lengths=jax.random.randint(keys["length"], (batch_size,), length, steps + 1),
            informative=informative,
            form=form,
        )

    def loss(outputs: Array, batch: Batch) -> Metrics:
        targets, answers = batch.targets, jax.nn.sigmoid(outputs[..., 0])
        if form == "3c":  # its first input has no noise: the sign is that of the class
            targets = jnp.where(batch.inputs[:, :1] > 0, *TARGETS[form])
            targets = jnp.broadcast_to(targets, outputs.shape)
        tested = _common.logistic(outputs, targets, batch.weights, TOLERANCES[form])
        trained = _common.logistic(outputs, batch.targets, batch.weights, TOLERANCES[form])
        same_side = jnp.asarray((answers > 0.5) == (targets[..., 0] > 0.5), jnp.float32)
        return {
            "loss": trained["loss"],
            "error": tested["error"],
            "correct": tested["correct"],
            "accuracy": _common.weighted(same_side, batch.weights),
        }

    one, two = TARGETS[form]
    spec = TaskSpec(
        in_features=1,
        out_features=1,
        length=steps,
        batch_size=batch_size,
        metric="error",
        maximize=False,
        maximized=("correct", "accuracy"),
        baseline=abs(one - two) / 2,
        solved=SOLVED[form],
    )
    return Task(spec, batch, loss)


def encode(
    first: Array, noise: Array, blur: Array, lengths: Array, informative: int, form: str
) -> Batch:
    """The batch of these classes [B] (True for class 1), with noise [B, T] and lengths [B].

    `blur` [B] is the noise of the targets, which only form 3c has.
    """
    batch_size, steps = noise.shape
    signal = jnp.where(first, 1.0, -1.0)[:, None]
    if form == "3b":
        signal = signal + noise
    mask, weights = _common.real(lengths, steps), _common.last_step(lengths, steps)
    inputs = jnp.where(jnp.arange(steps) < informative, signal, noise)
    inputs = jnp.where(mask, inputs, 0.0)[..., None]
    target = jnp.where(first, *TARGETS[form])
    if form == "3c":
        target = target + blur
    targets = (target[:, None] * weights)[..., None]
    return Batch(inputs, targets, weights, mask, _common.initial_resets(batch_size, steps))
