"""Text that a language model writes, symbol after symbol, from the state that it carries."""

import codecs
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lstmx import checks, decoding, models, precision
from lstmx.data import bytepairs, text
from lstmx.data.bytepairs import BytePairs
from lstmx.runs.opened import Opened

TASKS = ("characters", "words", "bytepairs")


class Alphabet(NamedTuple):
    """The symbols of a run, and how they are put together.

    Attributes:
        symbols: the character or word of every token.
        words: whether they are words, which spaces separate.
        pairs: the tokeniser where they are byte pairs.
    """

    symbols: tuple[str, ...]
    words: bool
    pairs: BytePairs | None = None

    def encode(self, prompt: str) -> list[int]:
        """The tokens of a prompt; an empty one is the end of a line, with which texts go on.

        Raises:
            ValueError: a symbol that the run has not seen, and no `<unk>` for it; no symbol.
        """
        if self.pairs is not None:
            return self.pairs.encode(prompt or "\n")
        line = text.END_OF_LINE if self.words else "\n"
        if self.words:
            parts: Sequence[str] = prompt.replace("\n", f" {line} ").split()
        else:
            parts = prompt
        number = {symbol: n for n, symbol in enumerate(self.symbols)}
        tokens = []
        for part in parts or [line if line in number else self.symbols[0]]:
            token = number.get(part, number.get(text.UNKNOWN))
            if token is None:
                raise ValueError(checks.unknown("symbol of --prompt", part, number))
            tokens.append(token)
        return tokens

    def writer(self) -> Callable[[int], str]:
        """A function from each token of a text, in order, to what it adds to the text.

        Of byte pairs a token may end within a character, which the next one then adds.
        """
        if self.pairs is None:
            return self.decode
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        pieces = self.pairs.pieces
        return lambda token: decoder.decode(pieces[token])

    def decode(self, token: int) -> str:
        """The text of a token, with the space or the end of a line that follows a word."""
        symbol = self.symbols[token]
        if not self.words:
            return symbol
        return "\n" if symbol == text.END_OF_LINE else f"{symbol} "


def alphabet(opened: Opened) -> Alphabet:
    """The symbols of a run of a language model, from the text that it was trained on.

    Byte pairs are those that the run has kept: they need no text.

    Raises:
        ValueError: a run of another task, a file that is missing or wrong.
    """
    task = opened.config.task
    if task.name not in TASKS:
        raise ValueError(
            f"{opened.run.path}: a run of task {task.name!r}; expected one of {', '.join(TASKS)}"
        )
    if task.name == "bytepairs":
        pairs = bytepairs.kept(opened.run.meta["task"], "text", str(opened.run.path))
        return Alphabet((), False, pairs)
    keys = ["file", "valid_fraction", "test_fraction"]
    words = task.name == "words"
    read = text.words if words else text.characters
    options = {key: task[key] for key in [*keys, *(["vocabulary"] if words else [])]}
    return Alphabet(read(task.source, **options).symbols, words)


def generate(
    opened: Opened,
    prompt: str = "",
    *,
    length: int = 500,
    temperature: float = 1.0,
    top_p: float = 1.0,
    seed: int = 0,
) -> Iterator[str]:
    """Yields the text of `length` tokens that follow the prompt, one token at a time.

    The prompt is read in one unroll from the initial state; then each token is sampled, and read in
    one step. Arguments are checked at the call, before the first token is asked for.

    Args:
        opened: a run of the task "characters", "words" or "bytepairs".
        prompt: the text before.
        length: number of tokens.
        temperature: see `lstmx.decoding.sample`; 0 takes the most probable token.
        top_p: see there.
        seed: of the samples.

    Raises:
        ValueError: a run of another task, a bidirectional model, a symbol that the run has not
            seen, a number out of range.
    """
    checks.size("length", length)
    checks.number("temperature", temperature, least=0)
    checks.number("top_p", top_p, above=0, most=1)
    own = alphabet(opened)
    tokens = own.encode(prompt)
    mode = opened.config.model.precision
    with precision.scope(mode):
        stream = models.stream(opened.model)

    @jax.jit
    def first(params: Any, tokens: Any) -> Any:
        outputs, state, _ = opened.model.apply(params, tokens, stream.start(params, 1))
        return state, outputs[:, -1]

    @jax.jit
    def following(params: Any, state: Any, logits: Any, key: Any) -> Any:
        token = decoding.sample(logits, key, temperature=temperature, top_p=top_p)
        return token, *stream.step(params, state, token)

    def written() -> Iterator[str]:
        with precision.scope(mode):
            state, logits = first(opened.params, jnp.asarray([tokens]))
        key, writes = jax.random.key(seed), own.writer()
        for n in range(length):
            # Not around the loop: whoever reads the text computes in between.
            with precision.scope(mode):
                at = jax.random.fold_in(key, n)
                token, state, logits = following(opened.params, state, logits, at)
            yield writes(int(token[0]))

    return written()
