"""Comparisons that the checks of cells and models share."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

ROUNDING = {"float32": 1e-4, "float64": 1e-9, "bfloat16": 5e-2, "float16": 5e-3}
"""Type -> largest difference of two orders of summation, relative to an array's largest entry.

Some hundred times the rounding of one operation: states go through `length` steps, and gradients
through as many again.
"""


def string_keyed(params: Any) -> bool:
    """Whether a tree is made of dicts with string keys, and is not a single leaf."""
    paths = [path for path, _ in jax.tree.leaves_with_path(params)]
    keys = [getattr(entry, "key", None) for path in paths for entry in path]
    return all(isinstance(key, str) for key in keys) and all(paths)


def check_floats(what: str, tree: Any) -> None:
    """Raises AssertionError, naming the leaf, unless all leaves are JAX arrays of floats."""
    for path, leaf in jax.tree.leaves_with_path(tree):
        floats = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating)
        name = f"{what}: {jax.tree_util.keystr(path)}"
        require(floats, f"{name} is {getattr(leaf, 'dtype', type(leaf))}; expected a float array")


def difference(got: Any, expected: Any) -> float:
    """The largest difference of two arrays, relative to the largest entry if that is above 1."""
    a, b = np.asarray(got, float), np.asarray(expected, float)
    return float(np.max(np.abs(a - b), initial=0.0)) / max(1.0, np.max(np.abs(b), initial=0.0))


def same(what: str, got: Any, expected: Any) -> None:
    """Raises AssertionError, naming the leaf, if two trees differ by more than rounding."""
    for (path, a), b in zip(jax.tree.leaves_with_path(got), jax.tree.leaves(expected)):
        a, b = np.asarray(a), np.asarray(b)
        error = difference(a, b)
        name = jax.tree_util.keystr(path) or "outputs"
        limit = ROUNDING[str(a.dtype)]
        require(error <= limit, f"{what} {name}: by {error:.1e}, {limit:.0e} is rounding")


def require(holds: bool, line: str) -> None:
    """Raises AssertionError with this message unless a property holds."""
    if not holds:
        raise AssertionError(line)
