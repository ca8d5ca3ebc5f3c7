"""Categories as inputs whose vectors are learned: what a task says of them to a model."""

from typing import Any, NamedTuple

import jax


class Table(NamedTuple):
    """A learned table of vectors, one for each level of a category.

    Attributes:
        name: of the category, for people.
        rows: the levels, and row 0 for what is missing or was unseen in training.
        features: size of a vector.
    """

    name: str
    rows: int
    features: int


class Coded(NamedTuple):
    """Inputs of a task whose spec has tables.

    Attributes:
        values: [B, T, X] floats, or `lstmx.types.Inputs` of such.
        codes: rows of the tables, [B, T, Q] int32, a column for each of Q tables.
    """

    values: Any
    codes: jax.Array
