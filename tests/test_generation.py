"""Text that a language model writes: sampling, and streaming against one unroll."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from lstmx import config as cfg
from lstmx import decoding, runs
from lstmx.report import generation

TEXT = "to be, or not to be: that is the question.\n" * 40


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A run of one update: what it writes is no text, but it is determined."""
    folder = tmp_path_factory.mktemp("writer")
    (folder / "play.txt").write_text(TEXT, "utf-8")
    c = cfg.base()
    c.name = "writer"
    c.task = cfg.task("characters", source="file", file=str(folder / "play.txt"), batch_size=2)
    c.model.cell = cfg.cell("gru", hidden_size=5)
    c.steps = c.log_every = c.eval_every = 1
    c.evals = {"valid": {"split": "valid"}}
    (path,) = runs.train([c], folder, quiet=True)
    return runs.open(path, step="latest")


def test_the_nucleus_is_the_smallest_set_of_that_probability():
    p = np.array([[0.1, 0.4, 0.2, 0.3], [0.05, 0.05, 0.8, 0.1]])
    for top_p, kept in [
        (0.35, [{1}, {2}]),
        (0.6, [{1, 3}, {2}]),
        (0.85, [{1, 2, 3}, {2, 3}]),
        (1.0, [{0, 1, 2, 3}, {0, 1, 2, 3}]),
    ]:
        found = decoding.nucleus(jnp.log(p), top_p)
        assert [set(np.flatnonzero(np.isfinite(row)).tolist()) for row in found] == kept


def test_samples_have_the_probabilities_of_the_temperature():
    logits = jnp.tile(jnp.log(jnp.array([0.1, 0.2, 0.3, 0.4])), (20000, 1))
    tokens = decoding.sample(logits, jax.random.key(0), temperature=0.5, top_p=0.9)
    p = np.array([0, 4, 9, 16]) / 29  # squares; the first is outside of the nucleus
    # Four standard deviations of a mean of 20 000.
    np.testing.assert_allclose(np.bincount(tokens, minlength=4) / 20000, p, atol=0.014)
    assert np.all(decoding.sample(logits, jax.random.key(0), temperature=0) == 3)


def test_streaming_at_temperature_zero_is_the_argmax_of_one_unroll(opened):
    prompt, length = "to be", 20
    written = "".join(generation.generate(opened, prompt, length=length, temperature=0))
    assert len(written) == length
    own = generation.alphabet(opened)
    tokens = own.encode(prompt + written)
    outputs = opened.model.apply(opened.params, jnp.asarray([tokens[:-1]]))[0]
    following = outputs[0, len(prompt) - 1 :].argmax(-1)
    assert "".join(own.decode(int(token)) for token in following) == written


def test_a_seed_writes_one_text(opened):
    texts = ["".join(generation.generate(opened, length=30, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_words_are_separated_and_lines_end():
    own = generation.Alphabet(("<eos>", "a", "b", "<unk>"), True)
    assert own.encode("a b\nc") == [1, 2, 0, 3]
    assert own.encode("") == [0]
    assert "".join(map(own.decode, (1, 0, 2))) == "a \nb "


def test_wrong_input_is_refused_in_one_line(opened):
    for options, complaint in [
        ({"prompt": "to be?"}, r"unknown symbol of --prompt '\?'"),
        ({"top_p": 0.0}, "top_p=0.0; expected a number above 0"),
        ({"temperature": -1.0}, "temperature=-1.0"),
        ({"length": 0}, "length=0; expected at least 1"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            generation.generate(opened, **options)
