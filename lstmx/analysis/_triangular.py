"""Orthonormal tangents and determinants, of small matrices without LAPACK.

A factorisation by LAPACK is a call outside the compiled program, which XLA's threads for CPUs must
not batch (they can block one another), and which costs more than it computes for a few rows. Up to
`SMALL` rows the factorisation is written out in products, which every backend batches.
"""

import jax.numpy as jnp

from lstmx.types import Array

SMALL = 8  # rows; a program of 8 rows has about 100 products


def orthonormal(rows: Array) -> tuple[Array, Array]:
    """Orthonormal rows [K, D] of the same spans, and log |R_ii| [K]: -inf where a row adds nothing.

    Args:
        rows: [K, D] linearly independent, or not: the other rows stay right.
    """
    if rows.shape[0] <= SMALL:
        return _gram_schmidt(rows)
    Q, R = jnp.linalg.qr(rows.T)
    return Q.T, jnp.log(jnp.abs(jnp.diagonal(R)))


def log_det(matrix: Array) -> Array:
    """log |det| of a matrix [D, D], -inf of a singular one."""
    if matrix.shape[0] <= SMALL:
        return jnp.sum(_gram_schmidt(matrix)[1])
    return jnp.linalg.slogdet(matrix)[1]


def _gram_schmidt(rows: Array) -> tuple[Array, Array]:
    """Modified Gram-Schmidt, every row three times.

    Twice is enough for rows that are independent to working precision (Giraud et al. 2005). The
    third time, after it has been scaled, is for a row of rounding errors, of a singular matrix.
    """
    found: list[Array] = []
    sizes: list[Array] = []
    for row in rows:
        rest, first = _unit(_without(_without(row, found), found))
        sizes.append(first)
        found.append(_unit(_without(rest, found))[0])
    return jnp.stack(found), jnp.stack(sizes)


def _without(row: Array, others: list[Array]) -> Array:
    """The row less its projections on the others, one after the other."""
    for other in others:
        row = row - jnp.sum(other * row) * other
    return row


def _unit(row: Array) -> tuple[Array, Array]:
    """The row over its length, and the log of that; (0, -inf) for 0."""
    largest = jnp.max(jnp.abs(row))  # squares of small numbers would vanish
    scaled = row / jnp.where(largest == 0, 1, largest)
    length = jnp.sqrt(jnp.sum(scaled * scaled))
    unit = scaled / jnp.where(largest == 0, 1, length)
    return unit, jnp.log(largest) + jnp.where(largest == 0, 0, jnp.log(length))
