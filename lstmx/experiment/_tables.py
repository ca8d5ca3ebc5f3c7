"""Vectors of categories, learned with the model: tables beside the parameters of any model.

    x_t = [values_t; W_1[code_t1]; ...; W_Q[code_tQ]]        params["tables"]["table_0"]["W"] [V, E]

A row starts with a length of about 1, as a one-hot category has; row 0, of what is missing or was
unseen in training, starts at 0, the mean of the others. Guo & Berkhahn 2016 (arXiv:1604.06737).
"""

import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from lstmx.embeddings import Coded, Table
from lstmx.types import Array, Inputs, Key, Model, Params, State, Task

PART = "tables"
"""The key of params that has them."""
TAG = zlib.crc32(PART.encode())
"""Folded into the key of the initial parameters: those of the model are as without tables."""


def with_tables(model: Model, task: Task) -> Model:
    """The model with the tables that a task asks for; the model itself without any."""
    tables = [Table(*table) for table in task.spec.tables]
    if not tables:
        return model

    def init(key: Key) -> Params:
        own = jax.random.fold_in(key, TAG)
        found = {
            name(number): {"W": _rows(jax.random.fold_in(own, number), table)}
            for number, table in enumerate(tables)
        }
        return {**model.init(key), PART: found}

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        return model.initial_state(_without(params), batch_shape)

    def read(function: Callable[..., Any] | None) -> Any:
        if function is None:
            return None
        return lambda params, inputs, *args, **options: function(
            _without(params), embedded(params[PART], inputs), *args, **options
        )

    return model._replace(
        init=init,
        initial_state=initial_state,
        apply=read(model.apply),
        hidden=read(model.hidden),
    )


def name(number: int) -> str:
    """The key of a table by its place among those of the task."""
    return f"table_{number}"


def embedded(tables: Params, inputs: Any) -> Any:
    """Inputs whose codes are replaced by vectors: [B, T, X] or `Inputs`.

    Raises:
        ValueError: inputs without codes, or with those of other tables.
    """
    given = inputs.codes.shape[-1] if isinstance(inputs, Coded) else 0
    if given != len(tables):
        raise ValueError(
            f"inputs have the codes of {given} categories; expected lstmx.embeddings.Coded with "
            f"{len(tables)}, for which the model has tables"
        )
    vectors = [jnp.asarray(tables[name(n)]["W"])[inputs.codes[..., n]] for n in range(len(tables))]
    values = inputs.values
    if not isinstance(values, Inputs):
        return jnp.concatenate([values, *vectors], axis=-1)
    more = jnp.concatenate(vectors, axis=-1)
    observed = values.observed
    if observed is not None:
        observed = jnp.concatenate([observed, jnp.ones(more.shape, observed.dtype)], axis=-1)
    joined = jnp.concatenate([values.values, more], axis=-1)
    return values._replace(values=joined, observed=observed)


def _rows(key: Key, table: Table) -> Array:
    rows = jax.random.normal(key, (table.rows, table.features)) / table.features**0.5
    return rows.at[0].set(0.0)


def _without(params: Params) -> Params:
    """The params as the model itself has them."""
    return {key: value for key, value in params.items() if key != PART}
