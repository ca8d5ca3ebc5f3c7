"""Some leaves of a tree by number: those with a tangent, apart from those that are constant.

A derivative taken in a few leaves of the parameters costs nothing for the others. A dict from the
number of a leaf to its array is a pytree, so `jax.jvp` can differentiate in it, and `replaced` puts
it back into the whole tree inside the function.
"""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from lstmx.types import Array

Leaves = dict[int, Array]
"""Number of a leaf in `jax.tree.leaves` of a tree -> array."""


def changed(tangents: Any) -> Leaves:
    """The tangents that are not symbolic zeros."""
    leaves = enumerate(jax.tree.leaves(tangents))
    return {k: d for k, d in leaves if not isinstance(d, SymbolicZero)}


def instantiated(tangents: Any, tree: Any) -> Any:
    """The tangents of a tree with arrays of zeros in place of symbolic zeros."""
    zero = lambda d, a: jnp.zeros_like(a) if isinstance(d, SymbolicZero) else d
    return jax.tree.map(zero, tangents, tree)


def at(tree: Any, numbers: Iterable[int]) -> Leaves:
    """The leaves of a tree with these numbers."""
    leaves = jax.tree.leaves(tree)
    return {k: leaves[k] for k in numbers}


def replaced(tree: Any, leaves: Leaves) -> Any:
    """The tree with these leaves in place of those of the same number."""
    old, structure = jax.tree.flatten(tree)
    return jax.tree.unflatten(structure, [leaves.get(k, leaf) for k, leaf in enumerate(old)])
