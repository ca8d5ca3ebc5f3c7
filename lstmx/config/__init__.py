"""Configs: their keys and defaults, checks, storage and run ids; imports no jax.

A config file starts from `base()`, fills its sections with `task(name, **options)` and
`cell(name, **options)`, and returns a locked ConfigDict. `resolve` applies overrides from
flags, a sweep or a notebook; `identity` returns the id of the run.

>>> from lstmx import config as cfg
>>> c = cfg.base()
>>> c.task = cfg.task("adding", length=20)
>>> c = cfg.resolve(c, {"hparams.learning_rate": 0.01, "model.layers": 2})
>>> cfg.canonical(c)
'{"config":{"hparams":{"learning_rate":0.01},"model":{"cell":{"name":"lstm"},"layers":2},"task":{"length":20,"name":"adding"}},"schema":1}'
"""

from ml_collections import ConfigDict

from lstmx.config._base import base, cell, task, wrapper
from lstmx.config._checks import WHOLE, checked, shrink, validate
from lstmx.config._identity import (
    ABSENT,
    SCHEMA,
    canonical,
    changes,
    difference,
    flatten,
    identity,
    regularized,
    static_part,
)
from lstmx.config._parse import parse
from lstmx.config._pruning import pruned_until
from lstmx.config._renamed import current, current_meta, current_points, stored
from lstmx.config._values import from_dict, renames, resolve, to_dict
from lstmx.config._varying import varying

__all__ = [
    "ABSENT",
    "SCHEMA",
    "WHOLE",
    "ConfigDict",
    "base",
    "canonical",
    "cell",
    "changes",
    "checked",
    "current",
    "current_meta",
    "current_points",
    "difference",
    "flatten",
    "from_dict",
    "identity",
    "parse",
    "pruned_until",
    "regularized",
    "renames",
    "resolve",
    "shrink",
    "static_part",
    "stored",
    "task",
    "to_dict",
    "validate",
    "varying",
    "wrapper",
]
