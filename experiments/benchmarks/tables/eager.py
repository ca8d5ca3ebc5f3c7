"""Calls outside of `jax.jit`, as in a notebook: what the second call with the same shapes costs."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
from jax.experimental.compilation_cache import compilation_cache

from experiments.benchmarks import draw, layers, peers, text, timing
from experiments.benchmarks.contestant import Layer, Size
from experiments.benchmarks.tables import Part, Settings
from lstmx import cells, tables

TITLE = "Calls outside of jax.jit"
SIZE, QUICK = Size(32, 100, 64, 64), Size(4, 5, 2, 3)
COMPILING, TURN = 20.0, 8.0  # seconds: all programs; a turn of all contestants
COMPILED = "lstmx.unroll in jax.jit"
PASSES: dict[str, Callable[[Layer], timing.Call]] = {
    "outputs": lambda layer: layer.forward,
    "gradients": lambda layer: layer.gradients,
}


class Row(NamedTuple):
    """A way to call an LSTM.

    Attributes:
        name: of the contestant.
        direction: "outputs", or "gradients" with respect to the parameters and the inputs.
        size: of the layer.
        times: of a call.
        over_compiled: time over that of `lstmx.unroll` in `jax.jit`.
    """

    name: str
    direction: str
    size: Size
    times: timing.Measured
    over_compiled: timing.Ratio | None


KEYS = {"size": "*", "times": "*", "over_compiled": "over jax.jit"}


def parts(settings: Settings) -> list[Part]:
    """One part: all contestants are compared with the program in `jax.jit`."""
    return [Part("all", lambda: measure(settings), COMPILING + settings.repeats * TURN)]


def measure(settings: Settings) -> list[Row]:
    """A row per contestant and direction."""
    size = QUICK if settings.quick else SIZE
    cell, by_hand = cells.make("lstm", hidden_size=size.H), layers.by_hand(size)
    others = {"flax nnx.RNN": ("flax", "eager_lstm"), "torch": peers.LAYERS["torch"]}
    contestants: dict[str, Layer | str | None] = {
        COMPILED: layers.ours(cell, size),
        "lstmx.unroll": layers.ours(cell, size, eager=True),
        "lstmx.scan": layers.of_step(by_hand, size, eager=True),
        "jax.lax.scan": layers.of_step(by_hand, size, plain=True, eager=True),
        **peers.make(others, size, layers.inputs(size), settings.device),
    }
    rows = []
    for direction, call in PASSES.items():
        calls = {k: call(m) if isinstance(m, Layer) else str(m) for k, m in contestants.items()}
        with _no_programs_on_disk():
            found = timing.interleaved(calls, settings.repeats)
        rows += [
            Row(name, direction, size, times, timing.ratio(times, found[COMPILED]))
            for name, times in found.items()
        ]
    return rows


@contextlib.contextmanager
def _no_programs_on_disk() -> Iterator[None]:
    """A context in which JAX compiles as in a notebook that has asked for no cache."""
    config: Any = jax.config
    before = config.jax_enable_compilation_cache
    try:
        jax.config.update("jax_enable_compilation_cache", False)
        compilation_cache.reset_cache()  # it decides once a process whether it is used
        yield
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
        compilation_cache.reset_cache()


def markdown(rows: Sequence[Row]) -> str:
    """A line per contestant."""
    size = rows[0].size
    caption = (
        f"An LSTM at {size.label} (batch, steps, inputs, hidden), called again with the same "
        "shapes: its outputs, and gradients with respect to parameters and inputs. Without "
        "`jax.jit`, but for the first line, and without a cache of programs on disk; torch "
        "compiles nothing. Milliseconds: median (minimum) of a call; times as long as in `jax.jit`."
    )
    by_name: dict[str, list[str]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).extend(
            [text.times(row.times), text.ratio(row.over_compiled)]
        )
    heads = [head for name in PASSES for head in (f"{name}, ms", "ratio")]
    table = tables.markdown(["", *heads], [[name, *line] for name, line in by_name.items()])
    return "\n\n".join([caption, table, text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Milliseconds of a call by contestant and direction."""
    lines: dict[str, dict[str, float]] = {}
    for row in rows:
        if not isinstance(row.times, str):
            lines.setdefault(row.name, {})[row.direction] = row.times.median
    return {"eager": draw.dots(lines, "milliseconds per call")}
