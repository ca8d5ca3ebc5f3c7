"""Wrappers: functions from a cell to a cell. Equal options return the same object.

A wrapper is a public function of a module of this package whose first parameter is `cell`; its name
is its registration. `names()` returns them. Importing this package imports no jax; using one does.

| Module | Extension of the cell |
|---|---|
| `noise`, `update_noise` | noise in training: dropout of units, inputs, states, updates or weights
| | `state` | a learned initial state, a clipped state |
| `time` | elapsed times: decay of the state, and units that update periodically |
| `missing` | missing inputs: marked, predicted, or decayed towards their mean |

Wrappers nest. Those with noise sample it from the key of `unroll` and are off without a key. Those
that read elapsed times or observation masks have `Inputs` as input in place of an array; the dict
`NEEDS` of such a module maps a wrapper to the field of `Inputs` that it requires.

In a config, `model.wrappers = (("zoneout", {"rates": {"h": 0.1}}),)`, where a name may also be
the dotted name of a module that defines `wrapper(cell, *, ...)`.

>>> import jax, lstmx
>>> cell = lstmx.wrappers.zoneout(lstmx.cells.make("lstm", hidden_size=5), {"c": 0.5, "h": 0.05})
>>> params = cell.init(jax.random.key(0), 3)
>>> xs = jax.numpy.ones((2, 7, 3))
>>> lstmx.unroll(cell, params, xs, key=jax.random.key(1)).outputs.shape
(2, 7, 5)
"""

from typing import TYPE_CHECKING, Any

from lstmx import registry

if TYPE_CHECKING:  # for editors; a new wrapper works without a line here
    from lstmx.wrappers._common import Inputs as Inputs
    from lstmx.wrappers.missing import decay_to_mean as decay_to_mean
    from lstmx.wrappers.missing import impute as impute
    from lstmx.wrappers.missing import mask_as_feature as mask_as_feature
    from lstmx.wrappers.noise import variational_dropout as variational_dropout
    from lstmx.wrappers.noise import weight_drop as weight_drop
    from lstmx.wrappers.noise import zoneout as zoneout
    from lstmx.wrappers.state import clip_state as clip_state
    from lstmx.wrappers.state import learned_state as learned_state
    from lstmx.wrappers.time import elapsed_decay as elapsed_decay
    from lstmx.wrappers.time import time_gate as time_gate
    from lstmx.wrappers.update_noise import update_dropout as update_dropout


def names() -> list[str]:
    """Returns the names of all wrappers in lstmx, sorted."""
    return registry.names("wrappers")


__all__ = ["Inputs", "names", *names()]  # noqa: PLE0604  # names of the registry


def __getattr__(name: str) -> Any:
    """A wrapper, or `Inputs`, imported on first use (PEP 562)."""
    if name == "Inputs":
        from lstmx.wrappers import _common

        return _common.Inputs
    if name in __all__:
        return registry.factory("wrappers", name)
    raise AttributeError(f"module 'lstmx.wrappers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
