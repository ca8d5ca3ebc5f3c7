"""Mutations of a sample: flips, cuts, insertions, splices, and some that know what fields are."""

import re

NUMBERS = (-1, 0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63)
WORDS = (
    b"nan",
    b"NaT",
    b"-inf",
    b"1e999",
    b"1e-999",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x1f\x8b",
)
WORDS += (
    b'"',
    b"'",
    b"\\",
    b"\r",
    b"\n\n",
    b"../../x",
    "é٣".encode(),
    b"9" * 400,
    b"[" * 60,
    b"(" * 60,
)


def mutated(random, sample, others, tokens=()):
    """The sample after one to four mutations.

    Args:
        random: a `random.Random`, or what hypothesis gives in its place.
        sample: bytes.
        others: samples to splice with.
        tokens: words of the format, to be inserted.
    """
    content = bytearray(sample)
    for _ in range(random.choice((1, 1, 2, 4))):
        random.choice(KINDS)(random, content, others, tokens)
    return bytes(content)


def _place(random, content):
    return random.randrange(len(content) + 1)


def _span(random, content):
    begin = _place(random, content)
    return begin, min(len(content), begin + random.choice((1, 1, 2, 4, 8, 64, 1024)))


def flip(random, content, others, tokens):
    """One bit is another one."""
    if content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)


def byte(random, content, others, tokens):
    """One byte is another one."""
    if content:
        content[random.randrange(len(content))] = random.randrange(256)


def cut(random, content, others, tokens):
    """Some bytes are gone."""
    begin, end = _span(random, content)
    del content[begin:end]


def truncate(random, content, others, tokens):
    """The end is gone."""
    del content[_place(random, content) :]


def insert(random, content, others, tokens):
    """Some bytes more."""
    place = _place(random, content)
    content[place:place] = bytes(random.randrange(256) for _ in range(random.choice((1, 2, 8))))


def repeat(random, content, others, tokens):
    """Some bytes are there twice, or a hundred times."""
    begin, end = _span(random, content)
    content[begin:begin] = content[begin:end] * random.choice((1, 1, 2, 100))


def splice(random, content, others, tokens):
    """A part of another sample."""
    other = random.choice(others)
    begin, end = _span(random, content)
    first, last = _span(random, other)
    content[begin:end] = other[first:last]


def token(random, content, others, tokens):
    """A word of the format, or one that is trouble anywhere."""
    place = _place(random, content)
    content[place : place + random.choice((0, 0, 1, 4))] = random.choice((*tokens, *WORDS))


def number(random, content, others, tokens):
    """A number in figures is another one."""
    found = list(re.finditer(rb"-?\d+", bytes(content)))
    if found:
        begin, end = random.choice(found).span()
        content[begin:end] = str(random.choice(NUMBERS)).encode()


def integer(random, content, others, tokens):
    """A number in bytes is another one."""
    size = random.choice((1, 2, 4, 8))
    if len(content) >= size:
        place = random.randrange(len(content) - size + 1)
        value = random.choice(NUMBERS) % 256**size
        content[place : place + size] = value.to_bytes(size, random.choice(("little", "big")))


KINDS = (flip, byte, cut, truncate, insert, repeat, splice, token, number, integer)
