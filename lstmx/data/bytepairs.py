"""Byte pairs: tokens that are learned by joining, again and again, the most frequent pair.

Sennrich, Haddow & Birch 2016 (arXiv:1508.07909), over the bytes of UTF-8 as Radford et al. 2019 do,
so that every text has tokens and comes back, and none is unknown. Texts are first cut into words
with the space before them, numbers and signs; no pair spans two of these. Pairs are learned from
the training part by the library `tokenizers`, which is deterministic: equal texts in any order give
equal pairs.

    bytes first ... first + 255     pairs, in the order in which they were learned: first + 256 ...

A run keeps the pairs that it learned in its meta.json, and `recalled` hands them to whatever reads
the run: another version of the library may learn others.
"""

import contextlib
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from lstmx import checks

BYTES = 256
USUAL = 4000
"""Number of tokens where an option says 0."""
BLOCK = 1 << 16
"""Longest text that is cut into words at once, in characters."""
RECORD = "bytepairs"
"""The key of the pairs in the record of a task."""


def _signs() -> tuple[str, ...]:
    """The character that stands for each byte in the library, as in GPT-2: none is white space."""
    plain = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(BYTES, 2 * BYTES))
    return tuple(chr(byte if byte in plain else next(others)) for byte in range(BYTES))


SIGNS = _signs()


@dataclass(frozen=True)
class BytePairs:
    """A tokeniser that was learned.

    Attributes:
        pairs: "left right" for each pair, written in `SIGNS`, in the order of learning.
        first: the token of byte 0; smaller ones are for whoever uses it.
    """

    pairs: tuple[str, ...]
    first: int = 0

    @functools.cached_property
    def pieces(self) -> tuple[bytes, ...]:
        """The bytes of every token, those below `first` empty."""
        number = {sign: byte for byte, sign in enumerate(SIGNS)}
        text = [bytes(number[sign] for sign in piece) for piece in self._numbers]
        return (*[b""] * self.first, *text)

    @property
    def size(self) -> int:
        """The number of tokens."""
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text.

        Raises:
            ValueError: a lone surrogate, which is no character; `tokenizers` is not installed.
        """
        return self.encode_all([text])[0]

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text; raises as `encode`."""
        for text in texts:
            _check(text)
        first = self.first
        return [[first + n for n in one.ids] for one in self._tokenizer.encode_batch(texts)]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens; bytes that are no UTF-8 are U+FFFD.

        Raises:
            ValueError: a token that is not one of this tokeniser.
        """
        parts = bytearray()
        for token in tokens:
            if not 0 <= token < self.size:
                raise ValueError(f"token {token}; expected 0 to {self.size - 1}")
            parts += self.pieces[token]
        return parts.decode("utf-8", "replace")

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        numbers = {sign: byte for byte, sign in enumerate(SIGNS)}
        for pair in self.pairs:
            # Two pairs may join to the same piece, which has one number.
            numbers.setdefault(pair.replace(" ", ""), len(numbers))
        return numbers

    @functools.cached_property
    def _tokenizer(self) -> Any:
        library = _library()
        pairs = [tuple(pair.split(" ")) for pair in self.pairs]
        tokenizer = library.Tokenizer(library.models.BPE(self._numbers, pairs))
        tokenizer.pre_tokenizer = _words(library)
        return tokenizer


def learn(
    name: str, texts: Sequence[str], vocabulary: int = 0, *, least: int = 1, first: int = 0
) -> BytePairs:
    """The byte pairs of texts, or those that a run recalls under this name.

    Args:
        name: of the texts, where a task has several: "text", "source", "target".
        texts: of the training part.
        vocabulary: most tokens, `first` and the bytes included; 0 is `USUAL`.
        least: how often a pair has to occur.
        first: see `BytePairs`.

    Raises:
        ValueError: a number of tokens that leaves no pair, `tokenizers` that is not installed.
    """
    checks.size("min_count", least)
    size = vocabulary or USUAL
    if size <= first + BYTES:
        raise ValueError(
            f"vocabulary={size} of byte pairs; expected more than the {first + BYTES} tokens of "
            "single bytes"
        )
    if name in (known := _recalled.get()):
        return BytePairs(tuple(known[name]), first)
    return BytePairs(_learned(tuple(texts), size - first, least), first)


def record(**named: BytePairs) -> dict[str, Any]:
    """What the record of a task has of tokenisers, by their names."""
    return {RECORD: {name: list(one.pairs) for name, one in named.items()}}


def kept(task: Mapping[str, Any], name: str, path: str) -> BytePairs:
    """The byte pairs that a run has learned, by the section "task" of its meta.json.

    Raises:
        ValueError: it has none.
    """
    pairs = (task.get("record") or {}).get(RECORD, {}).get(name)
    if not isinstance(pairs, list):
        raise ValueError(f"{path}: its meta.json has no byte pairs; train the run again")
    return BytePairs(tuple(pairs))


_recalled: ContextVar[Mapping[str, Sequence[str]]] = ContextVar(
    "recalled", default=MappingProxyType({})
)


@contextlib.contextmanager
def recalled(task: Mapping[str, Any]) -> Iterator[None]:
    """Within this context `learn` returns the byte pairs that a run has learned.

    Args:
        task: the section "task" of the run's meta.json.
    """
    token = _recalled.set((task.get("record") or {}).get(RECORD, {}))
    try:
        yield
    finally:
        _recalled.reset(token)


def blocks(text: str) -> Iterator[str]:
    """The lines of a text with their ends, cut where they are longer than `BLOCK`."""
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        yield from (line[n : n + BLOCK] for n in range(0, len(line), BLOCK))


@functools.lru_cache(maxsize=8)
def _learned(texts: tuple[str, ...], size: int, least: int) -> tuple[str, ...]:
    """The pairs of texts, cached as train, valid and test of a run ask for the same ones."""
    for text in texts:
        _check(text)
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    tokenizer.pre_tokenizer = _words(library)
    trainer = library.trainers.BpeTrainer(
        vocab_size=size, min_frequency=least, initial_alphabet=list(SIGNS), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return tuple(" ".join(pair) for pair in merges)


def _words(library: Any) -> Any:
    """How texts are cut before pairs are joined: as in GPT-2."""
    return library.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def _check(text: str) -> None:
    """Refuse what is no Unicode text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"a text is no Unicode: {error}") from None


def _library() -> Any:
    try:
        import tokenizers
    except ImportError:
        raise ValueError(
            "tokenizers, which learns byte pairs, is not installed; pip install 'lstmx[text]'"
        ) from None
    return tokenizers
