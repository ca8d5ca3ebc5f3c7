"""Formal languages: every answer against plain Python, chance, lengths, weights, refusals."""

import functools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import tasks
from lstmx.tasks import (
    _languages_brackets,
    _languages_numbers,
    _languages_regular,
    _languages_stack,
    _languages_strings,
    formal_language,
)
from lstmx.tasks._languages import END
from lstmx.types import Batch

ROWS = 1024
LENGTH = 61  # roots of more than one limb, and every small length some 17 times
FAMILIES = (
    _languages_brackets,
    _languages_numbers,
    _languages_regular,
    _languages_stack,
    _languages_strings,
)
CLOSING = {"(": ")", "[": "]"}


def even_pairs(string: str) -> str:
    return str((string.count("01") + string.count("10")) % 2)


def cycle_navigation(string: str) -> str:
    return str((string.count("+") - string.count("-")) % 5)


def arithmetic(string: str) -> str:
    return str(eval(string) % 5)


def solve_equation(string: str) -> str:
    if len(string) < 3:
        assert set(string) == {"0"}
        return "0"
    left, value = string.split("=")
    assert left.count("x") == 1
    solutions = [d for d in "01234" if eval(left.replace("x", d)) % 5 == int(value)]
    assert len(solutions) == 1
    return solutions[0]


def stack_manipulation(string: str) -> str:
    stack = []
    for symbol in string:
        if symbol != "p":
            stack.append({"o": "0", "i": "1"}.get(symbol, symbol))
        elif stack:
            stack.pop()
    return "".join(reversed(stack)) + END


def dyck(string: str) -> str:
    stack, answers = [], ""
    for symbol in string:
        if symbol in CLOSING:
            stack.append(CLOSING[symbol])
        else:
            assert stack.pop() == symbol
        answers += stack[-1] if stack else "-"
    assert not stack
    return answers


def missing_duplicate(string: str) -> str:
    if len(string) == 1:
        assert string == "1"
        return "1"
    half = len(string) // 2
    assert string[2 * half :] == "." * (len(string) % 2)
    gap = string.index("_")
    answer = string[(gap + half) % (2 * half)]
    whole = string.replace("_", answer)
    assert whole[:half] == whole[half : 2 * half]
    return answer


def number(digits: str) -> int:
    return int(digits[::-1], 2)


def binary_addition(string: str) -> str:
    terms = [number(digits) for digits in string.split("+")]
    assert len(string) < 3 or (len(terms) == 2 and all(terms))
    return f"{sum(terms):b}"[::-1] + END


def binary_multiplication(string: str) -> str:
    if len(string) < 3:
        return "0" * (len(string) - 1) + END
    one, two = (number(digits) for digits in string.split("*"))
    assert one * two > 0
    return f"{one * two:b}"[::-1] + END


def compute_sqrt(string: str) -> str:
    assert "1" in string
    return f"{math.isqrt(int(string, 2)):0{math.ceil(len(string) / 2)}b}"


ORACLES = {
    "even_pairs": even_pairs,
    "parity": lambda string: str(string.count("1") % 2),
    "cycle_navigation": cycle_navigation,
    "modular_arithmetic": arithmetic,
    "modular_arithmetic_brackets": arithmetic,
    "solve_equation": solve_equation,
    "stack_manipulation": stack_manipulation,
    "dyck_1": dyck,
    "dyck_2": dyck,
    "reverse_string": lambda string: string[::-1],
    "repetition": lambda string: string,
    "duplicate_string": lambda string: 2 * string,
    "odds_first": lambda string: string[::2] + string[1::2],
    "missing_duplicate": missing_duplicate,
    "bucket_sort": lambda string: "".join(sorted(string)),
    "set": lambda string: "".join(dict.fromkeys(string)) + END,
    "majority": lambda string: str(int(string.count("1") > string.count("0"))),
    "binary_addition": binary_addition,
    "binary_multiplication": binary_multiplication,
    "compute_sqrt": compute_sqrt,
}

QUICK = ("parity", "dyck_1", "reverse_string", "bucket_sort", "binary_addition")
LANGUAGES = [
    name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ORACLES
]


@functools.cache
def drawn(language: str) -> Batch:
    """One batch with rows of every length; every test of a language looks at the same."""
    task = formal_language.task(language=language, batch_size=ROWS, length=LENGTH)
    key = jax.random.key(4, impl="unsafe_rbg")  # half of the compilation is the default generator
    with jax.numpy_dtype_promotion("strict"):
        return jax.device_get(jax.jit(task.batch)(key, 0))


def texts(language: str) -> list[tuple[str, str]]:
    """Every row as its string and its answers."""
    chosen, batch = formal_language.LANGUAGES[language], drawn(language)
    symbols = np.array([*chosen.symbols, "E"])[batch.inputs]
    answers = np.array([*chosen.answers])[batch.targets]
    asked = batch.weights > 0
    rows = []
    for row in range(ROWS):
        shown = batch.mask[row] & (chosen.online | ~asked[row])
        rows.append(("".join(symbols[row, shown]), "".join(answers[row, asked[row]])))
    return rows


def test_every_language_has_an_oracle():
    assert set(ORACLES) == set(formal_language.LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_are_those_of_plain_python(language):
    chosen = formal_language.LANGUAGES[language]
    for string, answers in texts(language):
        expected = ORACLES[language](string)
        filler = chosen.answers[0] * (chosen.count(len(string)) - len(expected))
        assert answers == expected + filler, string
        assert not filler or END in expected
    natural = {chosen.natural(n) for n in range(1, LENGTH + 1)}
    assert {len(string) for string, _ in texts(language)} == natural


def examples() -> list[tuple[str, str, str]]:
    text = "\n".join(family.__doc__ for family in FAMILIES)
    return re.findall(r"(?m)^    (\w+) +(\S+) -> (\S+)", text)


def test_every_language_has_an_example():
    assert {name for name, *_ in examples()} == set(ORACLES)


@pytest.mark.parametrize(("language", "string", "answers"), examples())
def test_examples_of_the_docstrings(language, string, answers):
    assert ORACLES[language](string) == answers
    assert set(string) <= set(formal_language.LANGUAGES[language].symbols)


@pytest.mark.parametrize("language", LANGUAGES)
def test_chance_is_the_best_constant_answer(language):
    task = formal_language.task(language=language, batch_size=ROWS, length=LENGTH)
    chosen, batch = formal_language.LANGUAGES[language], drawn(language)
    scored = batch.weights
    if END in chosen.answers:
        end = np.array(chosen.answers.index(END))
        scored = np.asarray(formal_language.until_end(batch, end))
    lengths = [chosen.natural(n) for n in range(1, LENGTH + 1)]
    chance = chosen.chance(lengths)
    assert chance.sum() == pytest.approx(1)
    for answer, share in enumerate(chance):
        found = np.sum(scored * (batch.targets == answer), axis=1)
        three_errors = 3 * (found.std() / ROWS**0.5 + 0.002)
        assert abs(found.mean() - share) < three_errors, chosen.answers[answer]
    if not chosen.online:
        assert task.spec.baseline == max(chance)


@pytest.mark.parametrize("language", ["reverse_string", "stack_manipulation", "dyck_2"])
def test_rows_weigh_the_same_and_steps_are_in_place(language):
    chosen, batch = formal_language.LANGUAGES[language], drawn(language)
    np.testing.assert_allclose(batch.weights.sum(axis=1), 1, rtol=1e-5)
    steps = np.array([len(s) + (0 if chosen.online else len(a)) for s, a in texts(language)])
    np.testing.assert_array_equal(batch.mask, np.arange(batch.mask.shape[1]) < steps[:, None])
    empty = batch.inputs == len(chosen.symbols)
    if not chosen.online:
        np.testing.assert_array_equal(empty[batch.mask], (batch.weights > 0)[batch.mask])


def encode(name: str, string: str, answers: str, steps: int) -> Batch:
    """The batch of one row that shows a string and asks for these answers."""
    chosen = formal_language.LANGUAGES[name]
    tokens = jnp.array([[chosen.symbols.index(symbol) for symbol in string]])
    classes = jnp.array([[chosen.answers.index(answer) for answer in answers]])
    sizes = jnp.array([len(string)]), jnp.array([len(answers)])
    empty = len(chosen.symbols)
    made = formal_language.encode(tokens, classes, *sizes, steps, empty, chosen.online)
    return jax.device_get(made)


def test_example_of_the_docstring():
    batch = encode("reverse_string", "011", "110", steps=8)
    np.testing.assert_array_equal(batch.inputs, [[0, 1, 1, 2, 2, 2, 2, 2]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 1, 1, 0, 0, 0]])
    np.testing.assert_allclose(batch.weights, [[0, 0, 0, 1 / 3, 1 / 3, 1 / 3, 0, 0]])
    np.testing.assert_array_equal(batch.mask, [6 * [True] + 2 * [False]])
    np.testing.assert_array_equal(batch.resets, [[True] + 7 * [False]])


def test_dyck_answers_at_the_symbols():
    batch = encode("dyck_2", "([])", ")])-", steps=6)
    np.testing.assert_array_equal(batch.inputs, [[0, 2, 3, 1, 0, 0]])
    np.testing.assert_array_equal(batch.targets, [[1, 2, 1, 0, 0, 0]])
    np.testing.assert_allclose(batch.weights, [[0.25, 0.25, 0.25, 0.25, 0, 0]])


def test_what_follows_the_end_counts_in_the_loss_alone():
    batch = encode("stack_manipulation", "01p", "0$00", steps=8)
    scored = formal_language.until_end(batch, np.array(2))
    np.testing.assert_allclose(scored, [[0, 0, 0, 0.5, 0.5, 0, 0, 0]])
    task = formal_language.task(language="stack_manipulation", batch_size=1, length=4)
    right = 50.0 * np.eye(3)[batch.targets]
    wrong = right.copy()
    wrong[0, 5] = 50.0 * np.eye(3)[1]
    for outputs, loss in ((right, 0.0), (wrong, 50 / 4)):
        metrics = jax.device_get(task.loss(jnp.asarray(outputs), batch))
        value = {name: float(mean.total / mean.count) for name, mean in metrics.items()}
        assert value["loss"] == pytest.approx(loss, abs=1e-5)
        assert value["accuracy"] == value["sequence_accuracy"] == pytest.approx(1)
        assert value["scaled"] == pytest.approx(1)


def test_scaled_accuracy_is_nothing_at_chance():
    task = formal_language.task(language="binary_addition", batch_size=ROWS, length=LENGTH)
    batch = drawn("binary_addition")
    ones = np.broadcast_to(np.eye(3, dtype=np.float32)[1], (*batch.targets.shape, 3))
    metrics = jax.device_get(jax.jit(task.loss)(ones, batch))
    scaled = metrics["scaled"].total / metrics["scaled"].count
    assert float(metrics["scaled"].count) == pytest.approx(ROWS, rel=1e-5)
    assert abs(scaled) < 0.02  # twice three standard errors: that of chance itself comes to it
    assert metrics["sequence_accuracy"].total == 0


def test_one_hot_inputs_say_the_same_and_splits_differ():
    options = {"language": "odds_first", "batch_size": 5, "min_length": 3, "length": 7}
    made = [
        formal_language.task(**options, **more)
        for more in ({}, {"encoding": "one_hot"}, {"split": "valid"}, {"split": "test"})
    ]
    draw = jax.jit(lambda key: [task.batch(key, 0) for task in made])
    token, one_hot, valid, test = jax.device_get(draw(jax.random.key(2, impl="unsafe_rbg")))
    np.testing.assert_array_equal(one_hot.inputs, np.eye(3)[token.inputs])
    assert (made[1].spec.inputs, made[1].spec.in_features) == ("vector", 3)
    inputs = [batch.inputs for batch in (token, valid, test)]
    assert not any(np.array_equal(inputs[i], inputs[i - 1]) for i in range(3))
    lengths = np.sum(token.inputs < 2, axis=1)
    assert lengths.min() >= 3
    assert token.inputs.shape == (5, 14)


def test_balanced_strings_of_one_length_are_uniform():
    chosen = formal_language.LANGUAGES["dyck_1"]
    draw = jax.jit(lambda key: chosen.sample(key, jnp.full(ROWS, 6), 6)[0])
    tokens = jax.device_get(draw(jax.random.key(1, impl="unsafe_rbg")))
    strings, counts = np.unique(np.array([*"()"])[tokens], axis=0, return_counts=True)
    words = {"".join(string) for string in strings}
    assert words == {"()()()", "(())()", "()(())", "(()())", "((()))"}
    # Chi squared with four degrees of freedom: above 13.3 once in a hundred.
    assert np.sum((counts - ROWS / 5) ** 2 / (ROWS / 5)) < 13.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "parrity"}, "did you mean 'parity'"),
        ({"encoding": "onehot"}, "did you mean 'one_hot'"),
        ({"min_length": 0}, "min_length=0; expected at least 1"),
        ({"min_length": 9, "length": 8}, "length=8; expected at least min_length=9"),
        ({"language": "even_pairs", "length": 1}, "even_pairs has one answer only"),
        ({"split": "dev"}, "unknown split"),
    ],
)
def test_wrong_options_get_one_line(options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make("formal_language", **options)
    assert "\n" not in str(refused.value)
