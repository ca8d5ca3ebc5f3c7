"""The plan of the fused engine for an unroll: chosen from shapes, printed, overridden by name.

The rules were found by measuring on two cores of a CPU, at H from 48 to 650. An engine named
"fused:block=50,save=boundaries" follows the rules except for these two fields.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax

from lstmx import checks
from lstmx.engines._blocks import Remat, levels
from lstmx.programs import Program

SAVE = ("results", "sites", "states", "boundaries")
"""What the forward pass may save of a step; see `Plan`."""
RENAMED = {"all": "results"}
"""Choices of `save` by which stored runs may name one of today's."""

FEW_ROWS, WIDE = 4, 400
"""With so few rows, or so wide a layer, products are bound by reading the weights: then fewer and
larger products win, and blocks, which read and write the weights' gradients each time, lose."""
SHORT = 500_000
"""Numbers, T B H, of outputs whose pre-activations and cotangents need no blocks to stay cached,
and up to which it pays to save the results of tanh. Of a longer sequence, writing and reading them
takes longer than computing them again: at B=128, T=100, H=128, on one core, an LSTM is 1.4 instead
of 1.3 times as fast as the plain scan, and a JANET 1.9 instead of 1.3 times."""
SMALL, MANY_ROWS, LONG = 40_000, 16, 100_000
"""Up to so many weights, and from so many rows and T B H numbers on, their gradients stay in the
cache and are added up step by step: cheaper than to write the cotangents of the pre-activations of
all steps and read them again. CPU time of the gradients of an LSTM on one busy core, of 7 to 9
alternating turns each, smallest, whole sequence and step by step: T=100 B=64 X=10 H=50 14.0 and
12.2 ms, T=100 B=32 X=2 H=64 9.1 and 7.7, T=35 B=128 X=64 H=64 15.0 and 13.9; a GRU of the second
size 6.3 and 5.4. Beyond: T=28 B=64 X=28 H=128 13.8 and 14.8, T=100 B=8 X=4 H=64 2.2 and 2.4."""
BLOCK_ROWS = 1000
"""Rows, K B, of a block: enough for a large product, and few enough for the cache."""
LARGE = 8_000_000
"""Numbers, T B H, of outputs above which saving everything, some seven arrays of that size in an
LSTM, no longer pays: writing and reading it takes as long as computing it again."""


class Plan(NamedTuple):
    """How an unroll is computed.

    Attributes:
        hoist: compute all that depends on inputs and parameters only before the loop, for all
            steps at once, not step by step in it.
        block: number of steps whose parameter gradients are one product, and whose cotangents of
            the pre-activations are in memory at once.
        save: what is saved of every step for the reverse pass, as far as the derivative reads it:
            "results", the state and the results of tanh, exp and the like, so that nothing costly
            is computed twice; "sites", the state and the pre-activations; "states", the state, from
            which all else is computed again, block by block, in large products; "boundaries", one
            state for a block, which runs the block again.
        turn: transpose the weights before the reverse loop, not in its products.
        outer: with save="boundaries", number of steps of an outer block: of the forward pass only
            one state for each of these is saved, from which the states before its blocks are
            computed again. 0: no outer blocks.
    """

    hoist: bool
    block: int
    save: str
    turn: bool
    outer: int = 0

    def __str__(self) -> str:
        fields = [f"{k}={str(v).lower()}" for k, v in self._asdict().items() if k != "outer" or v]
        return f"fused:{','.join(fields)}"


def plan(
    length: int,
    batch_size: int,
    hidden_size: int,
    *,
    recurrent: bool = True,
    weights: int | None = None,
    platform: str = "cpu",
) -> Plan:
    """The plan for a layer.

        >>> from lstmx import engines
        >>> str(engines.plan(length=784, batch_size=32, hidden_size=128))
        'fused:hoist=false,block=28,save=sites,turn=true'

    Args:
        length: number of steps T.
        batch_size: rows B that one device computes, spatial positions among them.
        hidden_size: width H of the output.
        recurrent: whether the step has products with the state. Without any, most of its work can
            be done before the loop.
        weights: number of weights in its matrices; without it they are taken as many.
        platform: "cpu", or an accelerator, for which nothing is measured yet.
    """
    numbers = length * batch_size * hidden_size
    few = platform != "cpu" or hidden_size >= WIDE or batch_size <= FEW_ROWS
    hoist, turn = few or not recurrent, not few
    save = "results" if numbers <= SHORT else "sites" if numbers <= LARGE else "boundaries"
    whole = numbers <= SHORT or (few and numbers <= LARGE)
    block = length if whole else even(length, BLOCK_ROWS // max(batch_size, 1))
    cached = weights is not None and weights <= SMALL and batch_size >= MANY_ROWS
    if cached and recurrent and not few and LONG <= numbers <= SHORT:
        block = 1
    return Plan(hoist, block, save, turn)


def plan_step(
    program: Program,
    length: int,
    size: tuple[int, int] | None = None,
    *,
    settings: Mapping[str, Any] = {},
    remat_every: Remat = None,
) -> Plan:
    """The plan for a traced step on the backend of this process.

    Args:
        length: number of steps T.
        size: (rows, width); None for those of the step's products.
        settings: fields that overrule the plan.
        remat_every: save one state every so many steps only, whatever the plan.
    """
    rows, width = size or program.size
    platform = jax.default_backend()
    weights = sum(math.prod(w.aval.shape) for w in program.weights if w.aval.ndim > 1)
    chosen = plan(
        length, rows, width, recurrent=program.recurrent, weights=weights, platform=platform
    )
    chosen = chosen._replace(**settings)
    if remat_every is not None:
        outer, block = levels(remat_every)
        chosen = chosen._replace(block=block, outer=outer, save="boundaries")
    return chosen


def parse(text: str) -> dict[str, Any]:
    """The settings in "block=50,save=states", by name.

    Raises:
        ValueError: an unknown setting, or a value that it cannot have.
    """
    truth = {"true": True, "false": False}
    values: dict[str, dict[str, Any]] = {
        "hoist": truth,
        "save": dict(zip(SAVE, SAVE)) | RENAMED,
        "turn": truth,
    }
    settings: dict[str, Any] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        checks.one_of("setting of engine 'fused'", name, Plan._fields)
        if name in ("block", "outer"):
            if not value.isdigit() or int(value) < 1:
                raise ValueError(f"engine 'fused': {name}={value}; expected a number of steps")
            settings[name] = int(value)
        elif value not in values[name]:
            choices = ", ".join(value for value in values[name] if value not in RENAMED)
            raise ValueError(f"engine 'fused': {name}={value}; expected one of {choices}")
        else:
            settings[name] = values[name][value]
    return settings


def even(length: int, size: int) -> int:
    """The divisor of `length` nearest to `size`, within a factor of 2; `size` if there is none.

    A shorter block at the end is a second copy of the program, twice the time to compile.
    """
    size = max(1, min(size, length))
    near = [k for k in range(math.ceil(size / 2), min(2 * size, length) + 1) if length % k == 0]
    return min(near, key=lambda k: abs(math.log(k / size)), default=size)
