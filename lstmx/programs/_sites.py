"""Which equations of a step form its pre-activations, and what is best computed step by step."""

from collections.abc import Sequence
from typing import Any

from jax.extend.core import Literal

PARAMS, INPUTS, STATE = range(3)
"""Kinds of values. One that depends on nothing counts as one of the parameters."""
PRODUCTS = ("dot_general", "conv_general_dilated")
ADDITIONS = ("add", "add_any", "sub")
REARRANGEMENTS = ("reshape", "squeeze", "transpose", "broadcast_in_dim", "split", "slice")
"""Primitives that move or repeat the entries of one operand."""
COPIES = ("broadcast_in_dim", "iota")
"""Primitives that are computed again wherever their result is read, which costs less than to store
and read a result with an entry for every row."""


def find(
    equations: Sequence[Any], results: Sequence[Any], kinds: dict[Any, int]
) -> tuple[frozenset[int], frozenset[Any]]:
    """Returns the identities of the equations that are part of a site, and the sites."""
    kind = lambda atom: PARAMS if isinstance(atom, Literal) else kinds[atom]
    # 1. From the first equation to the last: products with parameters, what is added to them, and
    # what moves their entries.
    chosen: dict[int, Any] = {}  # number of the equation -> the equation
    inside: set[Any] = set()
    for number, equation in enumerate(equations):
        name, operands = equation.primitive.name, equation.invars
        product = name in PRODUCTS and min(map(kind, operands)) == PARAMS < max(map(kind, operands))
        continued = name in ADDITIONS or _rearranges(equation)
        if product or (continued and any(_within(a, inside) for a in operands)):
            chosen[number] = equation
            inside.update(equation.outvars)
    readers: dict[Any, list[int]] = {}
    for number, equation in enumerate(equations):
        for atom in equation.invars:
            if not isinstance(atom, Literal):
                readers.setdefault(atom, []).append(number)
    # 2. From the last to the first: a rearrangement after the last addition is no part of a site.
    # So a pre-activation of all gates is one array, which the loop splits.
    for number in sorted(chosen, reverse=True):
        if number not in chosen or not _rearranges(chosen[number]):
            continue
        (source,) = (a for a in chosen[number].invars if _within(a, inside))
        after = [n for n in readers[source] if n in chosen]
        last = lambda n: (
            not any(reader in chosen for v in equations[n].outvars for reader in readers.get(v, ()))
        )
        if all(_rearranges(chosen[n]) and last(n) for n in after):
            for n in after:
                inside.difference_update(chosen.pop(n).outvars)
    # 3. A site is what an equation outside of it reads, or the caller.
    returned = {atom for atom in results if not isinstance(atom, Literal)}
    sites = {
        variable
        for equation in chosen.values()
        for variable in equation.outvars
        if variable in returned or any(n not in chosen for n in readers.get(variable, ()))
    }
    return frozenset(map(id, chosen.values())), frozenset(sites)


def _rearranges(equation: Any) -> bool:
    """Whether an equation moves the entries of one operand, or adds a constant to them."""
    constant = equation.primitive.name in ADDITIONS and any(
        isinstance(atom, Literal) for atom in equation.invars
    )
    return constant or equation.primitive.name in REARRANGEMENTS


def expanded(equations: Sequence[Any], of_site: frozenset[int], kinds: dict[Any, int]) -> list[Any]:
    """Returns the values of the inputs that are larger than what they are computed from.

    With them all that is computed from them, and without those that a product of inputs reads.
    """
    kind = lambda atom: PARAMS if isinstance(atom, Literal) else kinds[atom]
    inputs = [e for e in equations if kind(e.outvars[0]) == INPUTS]
    read: set[Any] = set()  # by products of inputs, or by what they read
    for equation in reversed(inputs):
        if id(equation) in of_site or any(v in read for v in equation.outvars):
            read.update(a for a in equation.invars if kind(a) == INPUTS)
    larger: dict[Any, None] = {}
    for equation in inputs:
        if id(equation) in of_site or any(v in read for v in equation.outvars):
            continue
        operands = [a for a in equation.invars if kind(a) == INPUTS]
        size = sum(v.aval.size for v in equation.outvars)
        if size > sum(a.aval.size for a in operands) or any(a in larger for a in operands):
            larger |= dict.fromkeys(equation.outvars)
    return list(larger)


def _within(atom: Any, variables: set[Any]) -> bool:
    return not isinstance(atom, Literal) and atom in variables
