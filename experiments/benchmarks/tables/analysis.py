"""Analysis of dynamics: `lstmx.analysis` beside the same in plain loops of NumPy and torch."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.benchmarks import draw, loops, peers, text, timing
from experiments.benchmarks.tables import Part, Settings
from lstmx import analysis, cells, tables
from lstmx.analysis import fixed_points, lyapunov

TITLE = "Analysis of dynamics"
FEATURES = 3
GAIN = 2.0  # of R in the search: with many fixed points and slow regions, not one attractor
EVERY = 2  # steps between two QR: in float32 all exponents of this network stay above rounding
TARGET, ITERATIONS = 1e-12, 100  # of the damped Newton method
RATE = 0.01
AGREED = 0.02  # largest mean difference of exponents, in nats; of logs of speeds


class Sizes(NamedTuple):
    """How much is computed; loops do a part of it, and their time is scaled.

    Attributes:
        H: hidden size for the spectrum, of whose 2 H exponents all are computed.
        steps: of the spectrum.
        few_steps: of the loops.
        searched: hidden size for the search.
        starts: of the search.
        few_starts: of the loop.
        descents: iterations of gradient descent.
    """

    H: int
    steps: int
    few_steps: int
    searched: int
    starts: int
    few_starts: int
    descents: int


FULL, QUICK = Sizes(128, 10_000, 100, 64, 1000, 50, 500), Sizes(5, 40, 20, 5, 12, 6, 10)


class Contestant(NamedTuple):
    """A way to compute an analysis.

    Attributes:
        compute: () -> a summary that all contestants of a part share, an array.
        share: of the whole that it computes, at most 1.
    """

    compute: Callable[[], np.ndarray]
    share: float = 1.0


Contestants = dict[str, Contestant | str]
"""Name -> contestant, or why there is none; the first is the reference."""


class Row(NamedTuple):
    """A contestant of an analysis.

    Attributes:
        name: of the contestant.
        analysis: name of the part.
        size: as text.
        share: of the whole that was computed.
        times: of the whole.
        over_lstmx: time over that of lstmx.
    """

    name: str
    analysis: str
    size: str
    share: float
    times: timing.Measured
    over_lstmx: timing.Ratio | None


KEYS = {"times": "*", "over_lstmx": "over lstmx"}


def parts(settings: Settings) -> list[Part]:
    """One part per analysis; seconds are those of all contestants on two cores."""
    turns = _count(settings)
    sizes = QUICK if settings.quick else FULL
    starts = f"H={sizes.searched}, {sizes.starts:,} starts"
    made: dict[str, tuple[Callable[[Sizes], Contestants], str, int]] = {
        "spectrum": (_spectra, f"H={sizes.H}, {sizes.steps:,} steps", 60),
        "search, Newton": (_newton, starts, 10),
        "search, descent": (_descents, f"{starts}, {sizes.descents} iterations", 10),
    }
    return [
        Part(name, functools.partial(measure, name, make, sizes, size, turns), (turns + 3) * cost)
        for name, (make, size, cost) in made.items()
    ]


def measure(
    name: str, make: Callable[[Sizes], Contestants], sizes: Sizes, size: str, turns: int
) -> list[Row]:
    """A row per contestant, the time scaled to the whole; the first is the reference."""
    contestants = make(sizes)
    calls: dict[str, timing.Call | str] = {}
    reference, expected = next(iter(contestants)), None
    for who, given in contestants.items():
        if isinstance(given, str):
            calls[who] = given
            continue
        got = given.compute()
        expected = got if expected is None else expected
        gap = _gap(got, expected)
        calls[who] = given.compute
        if not gap <= AGREED:  # NaN too
            calls[who] = f"not measured: differs from {reference} by {gap:.2g}"
    found = timing.interleaved(calls, turns)
    shares = {who: 1.0 if isinstance(c, str) else c.share for who, c in contestants.items()}
    times = {who: timing.of_one(found[who], share) for who, share in shares.items()}
    return [
        Row(who, name, size, shares[who], times[who], timing.ratio(times[who], times[reference]))
        for who in contestants
    ]


def _gap(got: np.ndarray, expected: np.ndarray) -> float:
    """The mean difference of what both have computed, which begins alike."""
    least = min(len(got), len(expected))
    return float(np.mean(np.abs(got[:least] - expected[:least])))


def _count(settings: Settings) -> int:
    """A few turns: a call takes seconds, and varies less than short ones."""
    return max(1, settings.repeats // 3)


def _network(H: int, gain: float) -> tuple[Any, Any, loops.Weights]:
    """(system, parameters, the same for the loops)."""
    cell = cells.make("lstm", hidden_size=H)
    drawn = dict(jax.device_get(cell.init(jax.random.key(0), FEATURES)))
    drawn["R"] = np.float32(gain) * drawn["R"]
    W, R = (np.array(drawn[name].reshape(-1, 4 * H)) for name in ("W", "R"))
    weights = loops.Weights(W, R, np.array(drawn["b"].reshape(-1)))
    return analysis.system(cell, drawn), drawn, weights


def _inputs(rows: int, length: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, length, FEATURES), np.float32)


def _spectra(sizes: Sizes) -> Contestants:
    """All exponents of a driven LSTM, from the same tangents; they are compared after few steps."""
    system, params, weights = _network(sizes.H, 1.0)
    xs = _inputs(1, sizes.steps)
    few = xs[0, : sizes.few_steps]
    start = np.random.default_rng(0).standard_normal((2 * sizes.H, 2 * sizes.H))
    tangents = np.linalg.qr(start)[0].astype(np.float32)
    share = sizes.few_steps / sizes.steps
    short = lyapunov.spectrum(system, params, few[None], qr_every=EVERY, check=False)

    def ours(check: bool) -> np.ndarray:
        found = lyapunov.spectrum(system, params, xs, qr_every=EVERY, check=check)
        if found.code[0] != lyapunov.Code.RESOLVED:
            raise RuntimeError(f"exponents are {lyapunov.Code(found.code[0]).name}")
        return np.asarray(short.exponents[0])

    def torch() -> np.ndarray:
        from experiments.benchmarks.peers import torch_dynamics

        return torch_dynamics.lyapunov(weights, few, EVERY, tangents)

    numpy = functools.partial(loops.lyapunov, weights, few, EVERY, tangents)
    return {
        "lstmx": Contestant(lambda: ours(False)),
        "lstmx, checked": Contestant(lambda: ours(True)),
        "numpy": Contestant(numpy, share),
        "torch": peers.MISSING if peers.missing("torch") else Contestant(torch, share),
    }


def _search(sizes: Sizes) -> tuple[Any, Any, loops.Weights, np.ndarray]:
    """(system, parameters, weights, starts): states that inputs lead to, with noise."""
    system, params, weights = _network(sizes.searched, GAIN)
    states, _ = analysis.trajectory(system, params, _inputs(20, 100))
    return system, params, weights, fixed_points.sample(states, sizes.starts, noise=0.1)


def _newton(sizes: Sizes) -> Contestants:
    """Fixed points at the input 0 by the same method, start by start."""
    system, params, weights, starts = _search(sizes)
    zero = np.zeros((1, FEATURES), np.float32)
    few = starts[: sizes.few_starts]

    def ours() -> np.ndarray:
        q = fixed_points.search(system, params, starts, zero, steps=ITERATIONS).q[0]
        return _summary(q[: sizes.few_starts])

    def numpy() -> np.ndarray:
        return _summary(loops.newton(weights, few, zero[0], TARGET, ITERATIONS))

    share = sizes.few_starts / sizes.starts
    return {"lstmx": Contestant(ours), "numpy": Contestant(numpy, share)}


def _descents(sizes: Sizes) -> Contestants:
    """The same number of iterations from all starts, none of which stops before."""
    system, params, weights, starts = _search(sizes)
    zero = np.zeros((1, FEATURES), np.float32)
    options: dict[str, Any] = {"method": "adam", "steps": sizes.descents, "rate": RATE}

    def ours() -> np.ndarray:
        found = fixed_points.search(system, params, starts, zero, tolerance=1e-30, **options)
        return np.log10(np.sort(found.q[0]))

    def torch() -> np.ndarray:
        from experiments.benchmarks.peers import torch_dynamics

        q = torch_dynamics.adam(weights, starts, zero[0], sizes.descents, RATE)
        return np.log10(np.sort(q))

    return {
        "lstmx": Contestant(ours),
        "torch": peers.MISSING if peers.missing("torch") else Contestant(torch),
    }


def _summary(q: np.ndarray) -> np.ndarray:
    """The share of starts that led to a fixed point: where exactly one ends is chaotic."""
    return np.array([0.1 * np.mean(q <= fixed_points.TOLERANCE["float32"])])


def markdown(rows: Sequence[Row]) -> str:
    """A line per analysis and contestant."""
    caption = (
        "Analyses of an LSTM with X=3 in float32: all 2 H Lyapunov exponents along normal inputs, "
        f"tangents factorised every {EVERY} steps (checked: with the mean of log |det J| too); "
        "fixed and slow points, by a damped Newton method and by gradient descent, at the input 0 "
        f"of a network with initial weights, R times {GAIN:g}, from visited states. The loops of "
        "NumPy (Jacobians by hand, one state after the other) and torch (its own derivatives) use "
        "the same methods and the same types. Seconds are medians (minima), compilation not "
        "counted; where the part is below 100 %, so much was computed, and its time divided by it."
    )
    lines = [
        [
            row.analysis,
            row.size,
            row.name,
            f"{100 * row.share:g} %",
            text.times(row.times, lambda ms: tables.number(ms / 1e3)),
            text.ratio(row.over_lstmx),
        ]
        for row in rows
    ]
    heads = ["analysis", "size", "", "part", "seconds", "over lstmx"]
    return "\n\n".join([caption, tables.markdown(heads, lines), text.notes(rows)]).strip()


def figures(rows: Sequence[Row]) -> dict[str, draw.Figure]:
    """Seconds by analysis and contestant."""
    lines: dict[str, dict[str, float]] = {}
    for row in rows:
        if not isinstance(row.times, str):
            lines.setdefault(row.analysis, {})[row.name] = row.times.median / 1e3
    return {"analysis": draw.dots(lines, "seconds")} if lines else {}
