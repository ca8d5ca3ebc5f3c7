"""Wrappers: from any cell, a cell with one thing more. Equal options give the same object.

A wrapper is a public function of a module of this package whose first parameter is `cell`; its name
is its registration. `names()` lists them. Importing this package imports no jax; using one does.

| Module | What the cell gains |
|---|---|
| `noise`, `update_noise` | noise in training: units, inputs, states, updates or weights dropped |
| `state` | a start that is learned, a state within limits |
| `time` | elapsed times that count: decay, and units that open in rhythms of their own |
| `missing` | inputs that were not observed: marked, predicted, or drawn towards their mean |

Wrappers nest. Those that draw noise do it from the key of `unroll` and are off without one. Those
that read elapsed times or what was observed take `Inputs` in place of an array; such a module names
its wrappers, and the field of `Inputs` without which they mean nothing, in a dict `NEEDS`.

In a config, `model.wrappers = (("zoneout", {"rates": {"h": 0.1}}),)`, where the dotted name of a
module of your own, which defines `wrapper(cell, *, ...)`, is a name too.

>>> import jax, lstmx
>>> cell = lstmx.wrappers.zoneout(lstmx.cells.make("lstm", hidden_size=5), {"c": 0.5, "h": 0.05})
>>> params = cell.init(jax.random.key(0), 3)
>>> xs = jax.numpy.ones((2, 7, 3))
>>> lstmx.unroll(cell, params, xs, key=jax.random.key(1)).outputs.shape
(2, 7, 5)
"""

from typing import TYPE_CHECKING, Any

from lstmx import registry

if TYPE_CHECKING:  # for editors; a new wrapper is found without a line here
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
    """The names of all wrappers that lstmx ships, sorted."""
    return registry.names("wrappers")


__all__ = ["Inputs", "names", *names()]  # noqa: PLE0604  # names found, not written


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
