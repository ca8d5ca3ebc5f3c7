"""Some leaves of a tree, by their number: what changes while the rest stands still."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from lstmx.types import Array

Leaves = dict[int, Array]


def changed(tangents: Any) -> Leaves:
    """The tangents of a tree that are not known to be zero."""
    leaves = enumerate(jax.tree.leaves(tangents))
    return {k: d for k, d in leaves if not isinstance(d, SymbolicZero)}


def instantiated(tangents: Any, tree: Any) -> Any:
    """All tangents of a tree, as zeros where they are only known to be zero."""
    zero = lambda d, a: jnp.zeros_like(a) if isinstance(d, SymbolicZero) else d
    return jax.tree.map(zero, tangents, tree)


def at(tree: Any, numbers: Iterable[int]) -> Leaves:
    """The leaves of these numbers."""
    leaves = jax.tree.leaves(tree)
    return {k: leaves[k] for k in numbers}


def replaced(tree: Any, leaves: Leaves) -> Any:
    """The tree with these leaves in place of its own."""
    old, structure = jax.tree.flatten(tree)
    return jax.tree.unflatten(structure, [leaves.get(k, leaf) for k, leaf in enumerate(old)])
