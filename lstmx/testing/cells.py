"""The questions that every cell must answer: what engines, wrappers and training rely on."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import engines, sequence
from lstmx.types import Array, Cell, Params, State, Trace, Unrolled, step

ROUNDING = {"float32": 1e-4, "float64": 1e-9, "bfloat16": 5e-2, "float16": 5e-3}
"""By type, what two orders of summation may differ by, relative to the largest entry of an array.

Some hundred times the rounding of one operation: states go through `length` steps, and gradients
through as many again.
"""

QUICKLY = {"xla_backend_optimization_level": 0}
"""For programs that run on a handful of numbers a few times: half the time to compile."""


class Case(NamedTuple):
    """What is asked about.

    Attributes:
        cell: the cell.
        params: its parameters.
        xs: inputs [B, T, X].
        state: where it starts.
        key: of its noise.
    """

    cell: Cell
    params: Params
    xs: Any
    state: State
    key: Array


def check_cell(
    cell: Cell,
    *,
    in_features: int = 3,
    batch_size: int = 2,
    length: int = 7,
    xs: Any = None,
    engine_names: Sequence[str] | None = None,
    seed: int = 0,
) -> None:
    """Ask a cell everything that lstmx relies on; return if all answers are right.

    * parameters are a string-keyed dict of float arrays, and a state of float arrays [B, ...];
    * a step keeps the structure, shapes and types of the state, puts out [B, H], and names its
      gates as the cell does;
    * `unroll` equals a Python loop over `step`, with resets (a reset is a fresh start) and with
      masked steps (which hold the state);
    * examples of a batch know nothing of each other, and steps nothing of later ones;
    * every parameter gets a gradient;
    * every engine that accepts the cell equals the reference engine, in values and gradients, with
      resets and masked steps;
    * a second call, which carries on from the state of the first, compiles nothing.

    Args:
        in_features: width X of random inputs.
        xs: inputs [B, T, ...] to ask with instead, for a cell that wants others.
        engine_names: the engines to ask; all that accept the cell if None.
        seed: of parameters and inputs.

    Raises:
        AssertionError: a wrong answer, in one line.
    """
    key_init, key_xs, key_noise, key_state = jax.random.split(jax.random.key(seed), 4)
    if xs is None:
        xs = jax.random.normal(key_xs, (batch_size, length, in_features))
    params = cell.init(key_init, jax.tree.leaves(xs)[0].shape[-1])
    _check_floats("parameters", params)
    _require(_string_keyed(params), "init must return a dict whose keys are strings")
    shape = jax.tree.leaves(xs)[0].shape
    state = cell.initial_state(params, _batch_shape(xs))
    _check_floats("initial state", state)
    for path, leaf in jax.tree.leaves_with_path(state):
        _require(
            leaf.shape[:1] == shape[:1],
            f"initial_state{jax.tree_util.keystr(path)} is {leaf.shape}; the batch axes come first",
        )
    # Ask from a state in mid-sequence: zeros would hide what a cell does with its state.
    leaves, tree = jax.tree.flatten(state)
    keys = jax.random.split(key_state, len(leaves))
    moved = [a + 0.1 * jax.random.normal(k, a.shape, a.dtype) for a, k in zip(leaves, keys)]
    case = Case(cell, params, xs, jax.tree.unflatten(tree, moved), key_noise)
    _check_step(case)
    run = _check_unroll(case)
    asked = {"resets": True, "mask": True, "return_trace": True}
    accept = [name for name in engines.names() if not engines.refusal(name, cell, **asked)]
    for name in accept if engine_names is None else engine_names:
        if name != "scan":
            _check_engine(case, name, run)


def _check_step(case: Case) -> None:
    cell, params, xs, state, _ = case
    x = jax.tree.map(lambda a: a[:, 0], xs)
    noise = cell.prepare(params, None, _batch_shape(xs), 1)[1]
    noise = jax.tree.map(lambda a: a[:, 0], noise)
    new, y, gates = jax.eval_shape(lambda *a: step(cell, *a), params, state, x, noise)
    before, after = str(jax.tree.structure(state)), str(jax.tree.structure(new))
    _require(before == after, f"a step must return a state like its own: {after}, not {before}")
    for (path, a), b in zip(jax.tree.leaves_with_path(state), jax.tree.leaves(new)):
        _require(
            (a.shape, a.dtype) == (b.shape, b.dtype),
            f"a step turns state{jax.tree_util.keystr(path)} from {a.dtype}{list(a.shape)} into "
            f"{b.dtype}{list(b.shape)}; both must be the same",
        )
    expected = (*_batch_shape(xs), cell.out_features)
    _require(
        y.shape == expected, f"the output of a step is {y.shape}; out_features says {expected}"
    )
    _require(
        set(gates) == set(cell.gates),
        f"update returns the gates {sorted(gates)}, but cell.gates is {sorted(cell.gates)}",
    )


def _check_unroll(case: Case) -> Callable[..., Any]:
    """Ask the reference engine; returns it compiled."""
    params, xs, state = case.params, case.xs, case.state
    run, count = compiled(case, "scan")
    B, T = jax.tree.leaves(xs)[0].shape[:2]
    never, always = np.zeros((B, T), bool), np.ones((B, T), bool)
    (_, plain), gradients = run(params, xs, state, never, always)
    run(params, xs, plain.state, never, always)
    _require(
        count() == 1, f"two calls compiled {count()} times; a step must keep the state's types"
    )
    for path, gradient in jax.tree.leaves_with_path(gradients[0]):
        name = f"params{jax.tree_util.keystr(path)}"
        _require(bool(np.isfinite(gradient).all()), f"the gradient of {name} is not finite")
        _require(bool(np.any(gradient != 0)), f"{name} gets no gradient")
    changed = jax.tree.map(lambda a: _plus(a, np.s_[:1]), xs)
    _same(
        "an example changes with its neighbour in the batch, in",
        run(params, changed, state, never, always)[0][1].outputs[1:],
        plain.outputs[1:],
    )
    changed = jax.tree.map(lambda a: _plus(a, np.s_[:, T // 2 :]), xs)
    _same(
        "a step changes with a later input, in",
        run(params, changed, state, never, always)[0][1].outputs[:, : T // 2],
        plain.outputs[:, : T // 2],
    )
    _same("unroll and a loop over step differ in", plain, _loop(case, state, never, always))

    resets, mask = resets_and_mask(B, T)
    _same(
        "a reset is not a fresh start in",
        run(params, xs, state, resets, always)[0][1],
        _loop(case, state, resets, always),
    )
    _same(
        "a masked step does not hold the state in",
        run(params, xs, state, never, mask)[0][1],
        _loop(case, state, never, mask),
    )
    return run


def _check_engine(case: Case, name: str, reference: Callable[..., Any]) -> None:
    """Ask another engine for the values and gradients of the reference engine."""
    B, T = jax.tree.leaves(case.xs)[0].shape[:2]
    now = (case.params, case.xs, case.state, *resets_and_mask(B, T))
    (_, values), gradients = compiled(case, name)[0](*now)
    (_, expected), of_reference = reference(*now)
    _same(f"engine {name!r} differs from the reference in", values, expected)
    _same(f"engine {name!r} differs from the reference in gradients of", gradients, of_reference)


def resets_and_mask(B: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Examples that reset, and miss steps, at different times: in the middle and at both ends."""
    resets, mask = np.zeros((B, T), bool), np.ones((B, T), bool)
    resets[0, T // 2] = resets[-1, T // 3] = True
    mask[0, T // 3] = mask[-1, -2:] = mask[-1, 0] = False
    return resets, mask


def compiled(case: Case, engine: str) -> tuple[Callable[..., Any], Callable[[], int]]:
    """Loss, results and gradients (of params, xs, state) in one program, and how often it compiled.

    Resets and masks are always there, so that one compilation answers all questions.
    """
    traces = []

    def loss(
        params: Params, xs: Any, state: State, resets: Array, mask: Array
    ) -> tuple[Array, Unrolled]:
        traces.append(engine)
        result = sequence.unroll(
            case.cell,
            params,
            xs,
            state,
            resets=resets,
            mask=mask,
            key=case.key,
            return_trace=True,
            engine=engine,
        )
        parts = (result.outputs, result.state, result.trace)
        return jnp.stack([_weighed(a) for a in jax.tree.leaves(parts)]).sum(), result

    graded = jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)
    run = jax.jit(graded, compiler_options=QUICKLY)
    return run, lambda: len(traces)


def _weighed(array: Array) -> Array:
    """A number on which every entry bears in another way, so that no two errors cancel."""
    weights = jnp.cos(jnp.arange(array.size, dtype=array.dtype)).reshape(array.shape)
    return jnp.sum(weights * array).astype(float)


def _loop(case: Case, state: State, resets: Any, mask: Any) -> Unrolled:
    """What `unroll` must equal: a Python loop over `step`."""
    cell, params, xs, _, key = case
    T = mask.shape[1]
    params, noise = cell.prepare(params, key, _batch_shape(xs), T)
    fresh, xs, noise = jax.tree.map(
        np.asarray, (cell.initial_state(params, _batch_shape(xs)), xs, noise)
    )
    one = jax.jit(functools.partial(step, cell, params), compiler_options=QUICKLY)
    outputs, states, gates = [], [], []
    for t in range(T):
        state = _where(resets[:, t], fresh, state)
        x, now = jax.tree.map(lambda a, t=t: a[:, t], (xs, noise))
        new, y, g = one(state, x, now)
        state = _where(mask[:, t], new, state)
        y, g = _where(mask[:, t], (y, g), jax.tree.map(np.zeros_like, (y, g)))
        outputs.append(y)
        states.append(state)
        gates.append(g)
    series = lambda steps: jax.tree.map(lambda *a: np.stack(a, axis=1), *steps)
    return Unrolled(series(outputs), state, Trace(series(states), series(gates)))


def _where(condition: np.ndarray, a: Any, b: Any) -> Any:
    pick = lambda a, b: np.stack([a[k] if true else b[k] for k, true in enumerate(condition)])
    return jax.tree.map(lambda a, b: pick(np.asarray(a), np.asarray(b)), a, b)


def _plus(array: Array, where: Any) -> np.ndarray:
    changed = np.array(array)
    changed[where] += 1
    return changed


def _batch_shape(xs: Any) -> tuple[int, ...]:
    """Batch and spatial axes of inputs [B, T, spatial..., X]."""
    shape = max(jax.tree.leaves(xs), key=lambda a: a.ndim).shape
    return (shape[0], *shape[2:-1])


def _string_keyed(params: Any) -> bool:
    paths = [path for path, _ in jax.tree.leaves_with_path(params)]
    keys = [getattr(entry, "key", None) for path in paths for entry in path]
    return all(isinstance(key, str) for key in keys) and all(paths)


def _check_floats(what: str, tree: Any) -> None:
    for path, leaf in jax.tree.leaves_with_path(tree):
        floats = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jnp.floating)
        name = f"{what}: {jax.tree_util.keystr(path)}"
        _require(floats, f"{name} is {getattr(leaf, 'dtype', type(leaf))}; expected a float array")


def difference(got: Any, expected: Any) -> float:
    """Largest difference of two arrays, relative to the largest entry where that is above 1."""
    a, b = np.asarray(got, float), np.asarray(expected, float)
    return float(np.max(np.abs(a - b), initial=0.0)) / max(1.0, np.max(np.abs(b), initial=0.0))


def _same(what: str, got: Any, expected: Any) -> None:
    """Raise AssertionError, naming the leaf, where two trees differ by more than rounding."""
    for (path, a), b in zip(jax.tree.leaves_with_path(got), jax.tree.leaves(expected)):
        a, b = np.asarray(a), np.asarray(b)
        error = difference(a, b)
        name = jax.tree_util.keystr(path) or "outputs"
        limit = ROUNDING[str(a.dtype)]
        _require(error <= limit, f"{what} {name}: by {error:.1e}, {limit:.0e} is rounding")


def _require(true: bool, line: str) -> None:
    if not true:
        raise AssertionError(line)
