"""Which runs may compute in the program of a wider model: it is tried, with random weights.

What a cell does with its units, such as normalising over them, is not declared anywhere; and a cell
of your own is no different. So both models run three steps from the same random weights, with noise
too, and have to return the same numbers. Equal values for all weights have equal gradients.
"""

import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from lstmx import config as cfg
from lstmx import precision
from lstmx.config import ConfigDict
from lstmx.experiment._model import make_model
from lstmx.experiment._widths import Narrow, masked
from lstmx.types import Array, Key, Params, Task, TrainState

KEY = "model.cell.hidden_size"
"""The key of a config that is the width."""
STEPS, ROWS = 3, 2
"""Size of the batch with which it is tried."""
TOLERANCE = {"float32": 1e-4, "float64": 1e-10, "bfloat16": 3e-2}
"""By precision: largest difference of the outputs, relative to the largest output. Sums of more
terms, most of them zero, are rounded in another order; a cell that mixes units differs by 0.1."""
OPTIMIZERS = ("adam", "adamw", "keras_adam", "rmsprop", "sgd")
"""Optimizers that compute every entry by itself, but for the norm of clipping, and leave a weight
of 0 whose gradients are 0 as it is."""


def hidden_size(config: Mapping[str, Any]) -> int | None:
    """The width of a config, or of its dict; None where it has none, or one for every layer."""
    if config["model"].get("hidden_sizes"):
        return None
    width = config["model"]["cell"].get("hidden_size")
    return None if width is None else int(width)


def at_width(config: ConfigDict, width: int) -> ConfigDict:
    """The config with another hidden size. Raises ValueError where the cell does not have it."""
    return cfg.resolve(config, {KEY: width})


def family(config: ConfigDict) -> str:
    """The static part of a config without its hidden size; equal texts can share a program."""
    static: dict[str, Any] = json.loads(cfg.static_part(config))
    static.get("model", {}).get("cell", {}).pop("hidden_size", None)
    return json.dumps(static, sort_keys=True)


def refusal(config: ConfigDict, program: int, task: Task) -> str | None:
    """Why a run cannot compute in the program of a wider model, in one line; None where it can.

    Args:
        config: of the run.
        program: the hidden size of the wider model.
        task: that of the config.
    """
    width = hidden_size(config)
    if width is None:
        return "widths differ where model.cell has a hidden_size and model.hidden_sizes is empty"
    if width == program:
        return None
    if width > program:
        return f"hidden_size={width} does not fit into a program of {program}"
    if cfg.regularized(config):
        return "hparams.ar and hparams.tar are means over all units, those that do not exist too"
    if config.optimizer.pruning != "none":
        return "optimizer.pruning ranks all weights, those that do not exist too"
    if config.optimizer.name not in OPTIMIZERS:
        return f"optimizer {config.optimizer.name!r} may mix units; expected one of {OPTIMIZERS}"
    kind = family(config)
    if kind not in _known:
        with precision.scope(config.model.precision):
            _known[kind] = _compared(config, task, width, program)
    return _known[kind]


_known: dict[str, str | None] = {}
"""What was tried in this process: static part without the hidden size -> the refusal, or None."""


def _compared(config: ConfigDict, task: Task, width: int, program: int) -> str | None:
    name = f"model.cell {config.model.cell.name!r}"
    # The plain scan is compiled soonest; what an engine computes is the same for all widths.
    plain = cfg.resolve(config, {"model.engine": "scan"})
    narrow, wide = (make_model(at_width(plain, n).model, task) for n in (width, program))
    wide = masked(wide)
    sample = np.random.default_rng(0)
    like = jax.eval_shape(wide.init, jax.random.key(0))
    shapes = jax.eval_shape(narrow.init, jax.random.key(0))
    params = jax.tree.map(lambda s: sample.normal(0, 0.5, s.shape).astype(s.dtype), shapes)
    inputs = jax.tree.map(
        lambda s: _values(sample, s, task.spec.in_features),
        jax.eval_shape(task.batch, jax.random.key(0), 0).inputs,
    )
    try:
        own = Narrow(narrow, TrainState(0, params, (), ()), width, program)  # type: ignore[arg-type]
        filled = own.widen_params(params, like)
    except ValueError as error:
        return f"{name} stores its units in parts of other sizes: {error}"

    def both(params: Params, filled: Params, key: Key) -> tuple[Array, Array]:
        first = narrow.apply(params, inputs, key=key)[0]
        return first, wide.apply(filled, inputs, key=key)[0]

    pairs = zip(*map(jax.tree.leaves, jax.jit(both)(params, filled, jax.random.key(1))))
    limit = TOLERANCE[config.model.precision]
    if all(np.allclose(a, b, 0, limit * np.max(np.abs(a))) for a, b in pairs):
        return None
    return (
        f"{name} with its wrappers and dropout mixes units or samples noise for all of them: its "
        f"outputs change where hidden_size={width} is masked in {program}"
    )


def _values(sample: np.random.Generator, shape: jax.ShapeDtypeStruct, tokens: int) -> np.ndarray:
    """Random values in the place of an input [B, T, ...], of few rows and steps."""
    size = (ROWS, STEPS, *shape.shape[2:])
    if np.issubdtype(shape.dtype, np.bool_):
        return sample.random(size) < 0.5
    if np.issubdtype(shape.dtype, np.integer):
        return sample.integers(0, tokens, size).astype(shape.dtype)
    return sample.random(size).astype(shape.dtype)
