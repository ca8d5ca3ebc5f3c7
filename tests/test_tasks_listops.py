"""ListOps: values against a reader of its own, distribution, files of the Arena, refusals."""

import collections
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import data, tasks
from lstmx.data import listops as files
from lstmx.tasks import listops
from lstmx.types import Batch, Task

SMALL = {"min_length": 5, "length": 30, "examples": 300, "held_out": 100}


def evaluate(words: list[str]) -> tuple[int, list[int]]:
    """Value of an expression, and the depth of each of its nodes."""
    stack: list[list] = [[]]
    depths = []
    for word in words:
        if word == "]":
            operator, *values = stack.pop()
            assert len(values) >= 2
            value = {
                "[MAX": max(values),
                "[MIN": min(values),
                "[MED": int(np.median(values)),
                "[SM": sum(values) % 10,
            }[operator]
            stack[-1].append(value)
            continue
        depths.append(len(stack))
        if word.startswith("["):
            stack.append([word])
        else:
            stack[-1].append(int(word))
    ((value,),) = stack
    return value, depths


def words(tokens: np.ndarray, length: int) -> list[str]:
    return [files.SYMBOLS[token] for token in tokens[:length]]


def test_values_are_those_of_another_reader():
    expressions = files.generate(500, 5, 30, 5, 4, seed=3)
    operators: collections.Counter = collections.Counter()
    deepest = 0
    for tokens, length, value in zip(*expressions):
        expression = words(tokens, length)
        expected, depths = evaluate(expression)
        assert value == expected
        assert not tokens[length:].any()
        operators.update(word for word in expression if word.startswith("["))
        deepest = max(deepest, *depths)
    assert deepest == 5
    assert set(operators) == set(files.OPERATORS)
    assert (expressions.lengths.min(), expressions.lengths.max()) == (5, 30)
    assert len(np.unique(expressions.tokens, axis=0)) == 500


def test_trees_grow_as_the_arena_grows_them():
    # Depth 2 and any length: an operator over 2 to 4 digits; its size has a uniform arity.
    expressions = files.generate(4000, 2, 6, 2, 4, seed=0)
    sizes = collections.Counter(expressions.lengths.tolist())
    assert set(sizes) == {4, 5, 6}
    # There are 400 different expressions of size 4, so those of size 5 and 6 are to be compared:
    # 4000 of size 5 and 40000 of size 6 exist, and repeats are as often drawn and thrown away.
    draws = -4000 * np.log1p(-sizes[5] / 4000), -40000 * np.log1p(-sizes[6] / 40000)
    assert abs(draws[0] / draws[1] - 1) < 0.15  # three standard errors of two counts of 1900


def test_operators_are_as_frequent_as_the_arena_says():
    # Without a filter by length an inner node is an operator in a quarter of the cases.
    levels, totals = files._grow(np.random.default_rng(0), 2, 10_000, 3, 10)
    inner = levels[1].arity > 0
    assert abs(inner.mean() - 0.25) < 3 * (0.25 * 0.75 / len(inner)) ** 0.5 + 0.005
    arity = levels[1].arity[inner]
    shares = np.bincount(arity, minlength=11)[2:] / len(arity)
    assert abs(shares - 1 / 9).max() < 4 * (1 / 9 * 8 / 9 / len(arity)) ** 0.5
    assert not levels[2].arity.any()
    assert totals.min() >= 4


def draw(task: Task, step: int = 0) -> Batch:
    return jax.device_get(jax.jit(task.batch)(jax.random.key(1), step))


def strings(task: Task) -> set[str]:
    found = set()
    for step in range(task.spec.num_batches or 40):
        batch = draw(task, step)
        lengths = batch.mask.sum(axis=1)
        found |= {" ".join(words(row, n)) for row, n in zip(batch.inputs, lengths) if n}
    return found


def test_splits_share_nothing_and_are_covered_once():
    parts = {
        split: tasks.make("listops", batch_size=64, split=split, **SMALL)
        for split in ("train", "valid", "test")
    }
    assert parts["valid"].spec.num_batches == 2
    found = {split: strings(task) for split, task in parts.items()}
    assert (len(found["valid"]), len(found["test"])) == (100, 100)
    assert not found["train"] & found["valid"]
    assert not found["train"] & found["test"]
    assert not found["valid"] & found["test"]
    assert draw(parts["valid"], 1).weights.sum() == 100 - 64
    more = tasks.make("listops", batch_size=64, split="test", **{**SMALL, "examples": 400})
    np.testing.assert_array_equal(draw(more).inputs, draw(parts["test"]).inputs)


def test_baselines_are_those_of_their_predictors():
    task = tasks.make("listops", batch_size=100, split="valid", **SMALL)
    batch = draw(task)
    values = batch.targets[batch.weights > 0]
    behind = collections.defaultdict(collections.Counter)
    for first, value in zip(batch.inputs[:, 0], values):
        behind[first][value] += 1
    assert task.spec.baseline == max(collections.Counter(values).values()) / 100
    best = sum(max(counts.values()) for counts in behind.values()) / 100
    assert task.spec.references["first operator"] == best
    assert task.spec.baseline > 0.1
    outputs = 100.0 * jax.nn.one_hot(batch.targets, 10)
    metrics = task.loss(outputs, batch)
    assert metrics["accuracy"].total == metrics["accuracy"].count == 100


def example(text: str) -> tuple[list[int], int]:
    tokens = [files.SYMBOLS.index(word) for word in text.split()]
    return tokens, evaluate(text.split())[0]


def test_example_of_the_docstring():
    text = re.search(r"(?m)^    input +(.+)$", listops.__doc__)[1]
    tokens, value = example(text)
    assert value == int(re.search(r"(?m)^    class +(\d),", listops.__doc__)[1]) == 9
    batch = listops.encode(jnp.array([[*tokens, 3]]), jnp.array([9]), jnp.array([value]))
    np.testing.assert_array_equal(batch.inputs, [[10, 2, 9, 11, 4, 7, 14, 0, 14, 0]])
    np.testing.assert_array_equal(batch.targets, [[0, 0, 0, 0, 0, 0, 0, 0, 9, 0]])
    np.testing.assert_array_equal(batch.weights, [[0, 0, 0, 0, 0, 0, 0, 0, 1, 0]])


ARENA = """Source\tTarget
( ( ( ( [MAX 2 ) 9 ) ( ( ( [MIN 4 ) 7 ) ] ) ) ] )\t9
( ( ( [SM 8 ) 7 ) ] )\t5
"""


def test_files_of_the_arena_are_read(tmp_path, monkeypatch):
    folder = tmp_path / "listops"
    folder.mkdir()
    for name in files.FILES.values():
        (folder / name).write_text(ARENA, "utf-8")
    monkeypatch.setenv("LSTMX_DATA", str(tmp_path))
    options = {"source": "arena", "split": "test", "batch_size": 2}
    task = tasks.make("listops", min_length=4, length=9, **options)
    batch = draw(task)
    found = [" ".join(words(row, n)) for row, n in zip(batch.inputs, batch.mask.sum(axis=1))]
    assert found == ["[MAX 2 9 [MIN 4 7 ] ]", "[SM 8 7 ]"]
    assert batch.targets.max(axis=1).tolist() == [9, 5]
    assert list(task.spec.files) == ["basic_test.tsv"]
    short = draw(tasks.make("listops", min_length=4, length=4, **options))
    assert short.weights.sum() == 1
    with pytest.raises(ValueError, match="but of 4 to 8; set min_length"):
        tasks.make("listops", **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Target\tSource\n", "first line is not Source, Target"),
        ("Source\tTarget\nMAX 2 9\t9\n", "line 2: unknown symbol 'MAX'; its brackets are lost"),
        ("Source\tTarget\n[MAX 2 x ]\t9\n", "unknown symbol 'x'; expected one of 0 1"),
        ("Source\tTarget\n[MAX 2 9 ]\t12\n", "expected an expression, a tab and a digit"),
        ("Source\tTarget\n[MAX 2 9\t9\n", "not every operator has its bracket"),
    ],
)
def test_wrong_files_get_one_line(text, message, tmp_path):
    place = tmp_path / "basic_train.tsv"
    place.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message) as refused:
        files.parse(place)
    assert "\n" not in str(refused.value)


def test_a_missing_file_says_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.setenv("LSTMX_DATA", str(tmp_path))
    with pytest.raises(data.Missing, match=r"basic_train.tsv does not exist.*listops-1000"):
        tasks.make("listops", source="arena")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "lra"}, "unknown source 'lra'; .*known: arena, generated"),
        ({"length": 10}, "length=10; expected at least 20"),
        ({"min_length": 1, "length": 3}, "length=3; expected at least 4"),
        ({"max_args": 1}, "max_args=1; expected at least 2"),
        ({"min_length": 4, "length": 4, "examples": 999}, "expected 4999"),
    ],
)
def test_wrong_options_get_one_line(options, message):
    with pytest.raises(ValueError, match=message) as refused:
        tasks.make("listops", **options)
    assert "\n" not in str(refused.value)
