"""Wrappers: from any cell, a cell with one thing more. Equal options give the same object.

| Wrapper | What the cell gains |
|---|---|
| `zoneout` | units that stay as they were, at random |
| `variational_dropout` | one mask a sequence on what the gates see of input and state |
| `update_dropout` | dropout on what a step adds, not on what it keeps |
| `weight_drop` | recurrent weights that are missing, others each unroll |
| `learned_state` | a learned start |
| `clip_state` | a state within limits |
| `elapsed_decay` | a state that decays with the time since the step before |
| `time_gate` | units that open in rhythms of their own |
| `mask_as_feature`, `impute`, `decay_to_mean` | three ways with inputs that were not observed |

Wrappers nest. Those that draw noise do it from the key of `unroll` and are off without one. Those
that read elapsed times or what was observed take `Inputs` in place of an array.

>>> import jax, lstmx
>>> cell = zoneout(lstmx.cells.make("lstm", hidden_size=5), {"c": 0.5, "h": 0.05})
>>> params = cell.init(jax.random.key(0), 3)
>>> xs = jax.numpy.ones((2, 7, 3))
>>> lstmx.unroll(cell, params, xs, key=jax.random.key(1)).outputs.shape
(2, 7, 5)
"""

from lstmx.wrappers._common import Inputs
from lstmx.wrappers.missing import decay_to_mean, impute, mask_as_feature
from lstmx.wrappers.noise import variational_dropout, weight_drop, zoneout
from lstmx.wrappers.state import clip_state, learned_state
from lstmx.wrappers.time import elapsed_decay, time_gate
from lstmx.wrappers.update_noise import update_dropout

__all__ = [
    "Inputs",
    "clip_state",
    "decay_to_mean",
    "elapsed_decay",
    "impute",
    "learned_state",
    "mask_as_feature",
    "time_gate",
    "update_dropout",
    "variational_dropout",
    "weight_drop",
    "zoneout",
]
