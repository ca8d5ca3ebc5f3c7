"""Formal languages: generalization from strings of up to 40 symbols to up to 500.

Deletang et al. 2023, "Neural Networks and the Chomsky Hierarchy" (arXiv:2207.02098), with some of
Beck et al. 2024 (xLSTM, arXiv:2405.04517) and Suzgun et al. 2019. Languages, by the memory that
they need (explained, with an example, in the file of each family, `tasks/_languages_*.py`):

    finite      even_pairs  parity  cycle_navigation  modular_arithmetic
    counters    majority  bucket_sort  set  dyck_1
    a stack     reverse_string  stack_manipulation  modular_arithmetic_brackets  solve_equation
                dyck_2
    a tape      repetition  duplicate_string  missing_duplicate  odds_first  binary_addition
                binary_multiplication  compute_sqrt

Protocol: the inputs are n symbols, then one empty symbol `_` per answer; the answers are the
targets at the empty steps, and are never inputs (not autoregressive). Example, reverse_string:

    input    0  1  1  _  _  _
    answer               1  1  0        each with weight 1/3

The length of every row is uniform on min_length ... length; T fits the longest. The weights of a
row sum to 1 (1 / number of its answers), so that all lengths count equally in the loss and in the
accuracy. The paper samples one length per batch and takes the mean over its answers, which is the
same on average. It trains on 1 ... 40 and scores the mean accuracy over 41 ... 500:

    evals = {"long": {"min_length": 41, "length": 500}}         the score
    evals = {"100": {"min_length": 100, "length": 100}}         one point of a curve

An answer that ends with `$` is padded with zeros to the longest answer that its string can have:
they count in the loss and not in the accuracy, as in the paper. dyck_k has its answers at the
symbols themselves, and no empty steps. Where strings have only odd or even lengths, the next lower
length is used, as in the paper.

Metrics: "accuracy", the fraction of correct answers; "sequence_accuracy", the fraction of rows
without an error; "scaled", (accuracy - chance) / (1 - chance) as in xLSTM: 0 is chance, 1 perfect.

Baseline: the best constant answer, averaged over the lengths: .5 of parity, .2 of bucket_sort;
derived in the file of each family. Solved is .9, the paper's threshold (none where chance alone is
better). For dyck_k both refer to "sequence_accuracy", because its chance by symbols is high.

Deviations: the paper pools the answers of rows of one length, so that a row with more of them
before `$` counts more in its accuracy; here rows count equally. Beck et al. train a language model
on a padded batch and count the answers only. The paper's number for a network is the best of ten
seeds and three learning rates. Traps: its published example script trains 10 000 steps instead of
10^6 and starts its score at length 42; bucket_sort is half solved by counting its answers. The
splits are independent and not disjoint: of 2048 strings of parity in test, 16 % are also among 2048
in train, the short ones. What was never seen is scored by lengths beyond those of train.
"""

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks
from lstmx.tasks import (
    _common,
    _languages_brackets,
    _languages_numbers,
    _languages_regular,
    _languages_stack,
    _languages_strings,
)
from lstmx.tasks._languages import END, Language, take
from lstmx.types import Array, Batch, Key, Metrics, Task, TaskSpec

BIBTEX = """
@inproceedings{deletang2023chomsky,
  author = {Grégoire Delétang and Anian Ruoss and Jordi Grau-Moya and Tim Genewein and Li Kevin
    Wenliang and Elliot Catt and Chris Cundy and Marcus Hutter and Shane Legg and Joel Veness and
    Pedro A. Ortega},
  title = {Neural Networks and the {Chomsky} Hierarchy},
  booktitle = {International Conference on Learning Representations},
  eprint = {2207.02098},
  archiveprefix = {arXiv},
  year = {2023},
}
"""

LANGUAGES: dict[str, Language] = {
    **_languages_regular.LANGUAGES,
    **_languages_stack.LANGUAGES,
    **_languages_brackets.LANGUAGES,
    **_languages_strings.LANGUAGES,
    **_languages_numbers.LANGUAGES,
}
SOLVED = 0.9


def task(
    *,
    batch_size: int = 32,
    split: str = "train",
    language: str = "parity",
    min_length: int = 1,
    length: int = 40,
    encoding: str = "token",
) -> Task:
    """A formal language; inputs tokens [B, T] or one-hot [B, T, X], outputs [B, T, Y].

    T is the length of the longest string with its answers, X the number of symbols including the
    empty one (which dyck_k does not have), Y the number of different answers.

    Args:
        batch_size: examples of a batch.
        split: train, valid or test: independent endless streams.
        language: one of those in the module's docstring.
        min_length: fewest symbols of a string.
        length: most symbols of a string.
        encoding: "token" or "one_hot"; a model with `embed_features=0` treats both alike.

    Raises:
        ValueError: an unknown choice, a size too small, min_length above length, or lengths at
            which a language has only one answer.
    """
    _common.check_split(split)
    checks.one_of("language", language, tuple(LANGUAGES))
    checks.one_of("encoding", encoding, ("token", "one_hot"))
    checks.sizes(1, batch_size=batch_size, min_length=min_length)
    if length < min_length:
        raise ValueError(f"length={length}; expected at least min_length={min_length}")
    lang = LANGUAGES[language]
    natural = [lang.natural(n) for n in range(min_length, length + 1)]
    counts = [lang.count(n) for n in natural]
    longest = max(natural)
    steps = longest if lang.online else max(n + m for n, m in zip(natural, counts))
    chance = float(np.max(lang.chance(natural)))
    if chance == 1:
        raise ValueError(
            f"length={length}; {language} has one answer only up to there, expected more"
        )
    vocabulary = len(lang.symbols) + (not lang.online)
    sizes = np.array([natural, counts], np.int32)
    ends = END in lang.answers

    def batch(key: Key, step: Array | int) -> Batch:
        del step
        key_length, key_string = jax.random.split(_common.split_key(key, split))
        row = jax.random.randint(key_length, (batch_size,), 0, len(natural))
        lengths, count = jnp.asarray(sizes)[:, row]
        tokens, answers = lang.sample(key_string, lengths, longest)
        result = encode(tokens, answers, lengths, count, steps, len(lang.symbols), lang.online)
        if encoding == "token":
            return result
        return result._replace(inputs=jax.nn.one_hot(result.inputs, vocabulary, dtype=jnp.float32))

    def loss(outputs: Array, batch: Batch) -> Metrics:
        nll = _common.cross_entropy(outputs, batch.targets)
        hits = _common.correct(outputs, batch.targets)
        scored = until_end(batch, len(lang.answers) - 1) if ends else batch.weights
        return {
            "loss": _common.weighted(nll, batch.weights),
            "accuracy": _common.weighted(hits, scored),
            "scaled": _common.weighted((hits - chance) / (1 - chance), scored),
            "sequence_accuracy": _common.sequence_accuracy(hits, scored),
        }

    baseline = 0.0 if lang.online else chance
    spec = TaskSpec(
        in_features=vocabulary,
        out_features=len(lang.answers),
        length=steps,
        batch_size=batch_size,
        metric="sequence_accuracy" if lang.online else "accuracy",
        maximize=True,
        baseline=baseline,
        solved=SOLVED if baseline < SOLVED else None,
        inputs="token" if encoding == "token" else "vector",
        maximized=("accuracy", "scaled", "sequence_accuracy"),
    )
    return Task(spec, batch, loss)


def encode(
    tokens: Array,
    answers: Array,
    lengths: Array,
    counts: Array,
    steps: int,
    empty: int,
    online: bool = False,
) -> Batch:
    """The batch with strings as inputs and their answers as targets.

    Args:
        tokens: [B, any]; the first `lengths` [B] of each row are its string.
        answers: [B, any]; the first `counts` [B] of each row are its answers.
        lengths: see tokens.
        counts: see answers.
        steps: T.
        empty: the input at the steps after the string, whose targets are the answers.
        online: whether the answers are the targets at the symbols instead.
    """
    at = jnp.arange(steps)
    start = jnp.zeros_like(lengths) if online else lengths
    place = jnp.broadcast_to(at, (lengths.shape[0], steps)) - start[:, None]
    answered = (place >= 0) & (place < counts[:, None])
    padded = jnp.pad(tokens, ((0, 0), (0, max(0, steps - tokens.shape[1]))))[:, :steps]
    inside = _common.real(lengths, steps)
    share = 1 / jnp.asarray(counts, jnp.float32)
    return Batch(
        inputs=jnp.where(inside, padded, 0 if online else empty),
        targets=jnp.where(answered, take(answers, place), 0),
        weights=jnp.where(answered, share[:, None], 0.0),
        mask=_common.real(start + counts, steps),
        resets=_common.initial_resets(lengths.shape[0], steps),
    )


def until_end(batch: Batch, end: int) -> Array:
    """Weights [B, T] of the answers up to and including the class `end`; a row's sum is 1."""
    stop = (batch.weights > 0) & (batch.targets == end)
    before = jnp.cumsum(jnp.asarray(stop, jnp.int32), axis=1) - jnp.asarray(stop, jnp.int32)
    scored = jnp.asarray((batch.weights > 0) & (before == 0), jnp.float32)
    return scored / jnp.maximum(jnp.sum(scored, axis=1, keepdims=True), 1.0)
