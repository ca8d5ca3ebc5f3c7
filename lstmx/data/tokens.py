"""Texts as tokens, losslessly: vocabularies of words or characters, made from the training part.

A text is cut into pieces that joined are the text again: words and signs with the space before
them, or single characters. A piece that the vocabulary has not is spelled by the bytes of its
UTF-8, so that any text comes back; with `spell=False` it is one token, which stands for all unknown
pieces.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lstmx import checks

KINDS = ("word", "character")
WORDS = re.compile(r" ?\w+| ?[^\w\s]+|\s", re.DOTALL)
"""A word or a row of signs, each with a space before it, or a single white space."""
BYTES = 256
UNKNOWN = 0
"""The token of unknown pieces; those of bytes are 1 to 256, those of pieces follow."""
FIRST = 1 + BYTES


class Vocabulary(NamedTuple):
    """The pieces that have a token of their own.

    Attributes:
        kind: "word" or "character".
        pieces: piece n has the token `FIRST` + n; the most frequent one comes first.
        numbers: piece -> token.
    """

    kind: str
    pieces: tuple[str, ...]
    numbers: dict[str, int]

    @property
    def size(self) -> int:
        """The number of tokens."""
        return FIRST + len(self.pieces)

    def encode(self, text: str, *, spell: bool = True) -> list[int]:
        """The tokens of a text.

        Args:
            text: any text.
            spell: an unknown piece is the tokens of its bytes; else it is `UNKNOWN`.
        """
        tokens: list[int] = []
        for piece in cut(text, self.kind):
            number = self.numbers.get(piece)
            if number is not None:
                tokens.append(number)
            elif spell:
                tokens += [1 + byte for byte in piece.encode("utf-8", "surrogatepass")]
            else:
                tokens.append(UNKNOWN)
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens; `UNKNOWN`, and bytes that are no UTF-8, are U+FFFD.

        Raises:
            ValueError: a token that is not one of this vocabulary.
        """
        parts = bytearray()
        for token in tokens:
            if not 0 <= token < self.size:
                raise ValueError(f"token {token}; expected 0 to {self.size - 1}")
            if token == UNKNOWN:
                parts += "\ufffd".encode()
            elif token < FIRST:
                parts.append(token - 1)
            else:
                parts += self.pieces[token - FIRST].encode("utf-8", "surrogatepass")
        try:
            text = parts.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            text = parts.decode("utf-8", "replace")
        return text[1:] if self.kind == "word" else text


def cut(text: str, kind: str) -> list[str]:
    """The pieces of a text; as words, of the text with a space before it.

    >>> cut("Who, me?", "word")
    [' Who', ',', ' me', '?']
    """
    # The first word of a text is the same token as within a text.
    return WORDS.findall(f" {text}") if kind == "word" else list(text)


def vocabulary(texts: Iterable[str], kind: str, *, least: int = 1, most: int = 0) -> Vocabulary:
    """The vocabulary of the pieces that occur at least `least` times, at most `most` of them.

    Args:
        texts: of the training part.
        kind: "word" or "character".
        least: how often a piece has to occur.
        most: the number of pieces that are kept, the most frequent ones; 0 for all.

    Raises:
        ValueError: an unknown kind, or a count below 1.
    """
    checks.one_of("tokeniser", kind, KINDS)
    checks.size("min_count", least)
    counts = Counter(piece for text in texts for piece in cut(text, kind))
    # Of equally frequent pieces the order is that of their characters: no matter how texts came.
    ordered = sorted((p for p, n in counts.items() if n >= least), key=lambda p: (-counts[p], p))
    pieces = tuple(ordered[: most or None])
    return Vocabulary(kind, pieces, {p: FIRST + n for n, p in enumerate(pieces)})
