"""Lines that say that a name is unknown, however long it is."""

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST = 200
"""Characters of a name; longer ones are shown in part, and are no module's."""

MOST_KNOWN = 100
"""Names that a message lists, at most."""


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """One line that says that a name is unknown, what was probably meant, and what there is."""
    known = sorted(known)
    near = difflib.get_close_matches(name[:LONGEST], known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if len(known) > MOST_KNOWN:  # the columns of a table may be thousands
        known = [*known[:MOST_KNOWN], f"and {len(known) - MOST_KNOWN} more"]
    return f"unknown {what} {shown(name)}; {hint}known: {repr(', '.join(known))[1:-1]}"


def shown(name: Any) -> str:
    """A name for a message of one line, however long."""
    text = repr(name)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"
