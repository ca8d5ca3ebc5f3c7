"""Checks of a cell: the properties that engines, wrappers and training rely on."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import engines, sequence
from lstmx.testing._compare import ROUNDING, check_floats, difference, require, same, string_keyed
from lstmx.testing._loop import QUICKLY, batch_shape, loop
from lstmx.types import Array, Cell, Params, State, Unrolled
from lstmx.wrappers._common import find


class Case(NamedTuple):
    """A cell with everything that an unroll of it needs.

    Attributes:
        cell: the cell.
        params: its parameters.
        xs: inputs [B, T, X].
        state: the state before the first step.
        key: the key of its noise.
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
    """Check that a cell has all properties that lstmx relies on:

    * parameters are a string-keyed dict of float arrays, and a state of float arrays [B, ...];
    * a step keeps the structure, shapes and types of the state, returns outputs [B, H], and names
      its gates as the cell does;
    * the leaf of the state that `Cell.output` names is the output, and a cell whose output is a
      leaf names it;
    * `unroll` equals a Python loop over `step`, with resets (which return to the initial state) and
      with masked steps (which leave the state as it is);
    * examples of a batch do not depend on each other, and steps not on later ones;
    * every parameter gets a gradient;
    * every engine that accepts the cell equals the reference engine, in values and gradients, with
      resets and masked steps;
    * a second call, which continues from the state of the first, compiles nothing.

    Args:
        in_features: width X of random inputs.
        batch_size: rows B of random inputs.
        length: steps T of random inputs.
        xs: inputs [B, T, ...] to use instead, for a cell that needs others.
        engine_names: the engines to check; all that accept the cell if None.
        seed: of parameters and inputs.

    Raises:
        AssertionError: the first property that the cell lacks, in one line.
    """
    key_init, key_xs, key_noise, key_state = jax.random.split(jax.random.key(seed), 4)
    if xs is None:
        xs = jax.random.normal(key_xs, (batch_size, length, in_features))
    params = cell.init(key_init, jax.tree.leaves(xs)[0].shape[-1])
    check_floats("parameters", params)
    require(string_keyed(params), "init must return a dict whose keys are strings")
    shape = jax.tree.leaves(xs)[0].shape
    state = cell.initial_state(params, batch_shape(xs))
    check_floats("initial state", state)
    for path, leaf in jax.tree.leaves_with_path(state):
        require(
            leaf.shape[:1] == shape[:1],
            f"initial_state{jax.tree_util.keystr(path)} is {leaf.shape}; the batch axes come first",
        )
    # From a state as in mid-sequence: zeros would hide what a cell does with its state.
    leaves, tree = jax.tree.flatten(state)
    keys = jax.random.split(key_state, len(leaves))
    shifted = [a + 0.1 * jax.random.normal(k, a.shape, a.dtype) for a, k in zip(leaves, keys)]
    case = Case(cell, params, xs, jax.tree.unflatten(tree, shifted), key_noise)
    _check_step(case)
    run = _check_unroll(case)
    requested = {"resets": True, "mask": True, "return_trace": True}
    accepting = [name for name in engines.names() if not engines.refusal(name, cell, **requested)]
    for name in accepting if engine_names is None else engine_names:
        if name != "scan":
            _check_engine(case, name, run)


def _check_step(case: Case) -> None:
    cell, params, xs, state, _ = case
    x = jax.tree.map(lambda a: a[:, 0], xs)
    noise = cell.prepare(params, None, batch_shape(xs), 1)[1]
    noise = jax.tree.map(lambda a: a[:, 0], noise)
    new, y, gates = jax.eval_shape(cell.step, params, state, x, noise)
    before, after = str(jax.tree.structure(state)), str(jax.tree.structure(new))
    require(before == after, f"a step must return a state like its own: {after}, not {before}")
    for (path, a), b in zip(jax.tree.leaves_with_path(state), jax.tree.leaves(new)):
        require(
            (a.shape, a.dtype) == (b.shape, b.dtype),
            f"a step turns state{jax.tree_util.keystr(path)} from {a.dtype}{list(a.shape)} into "
            f"{b.dtype}{list(b.shape)}; both must be the same",
        )
    expected = (*batch_shape(xs), cell.out_features)
    require(y.shape == expected, f"the output of a step is {y.shape}; out_features says {expected}")
    require(
        set(gates) == set(cell.gates),
        f"a step returns the gates {sorted(gates)}, but cell.gates is {sorted(cell.gates)}",
    )


def _check_unroll(case: Case) -> Callable[..., Any]:
    """Check the reference engine; returns the compiled unroll of `compiled`."""
    params, xs, state = case.params, case.xs, case.state
    run, count = compiled(case, "scan")
    B, T = jax.tree.leaves(xs)[0].shape[:2]
    never, always = np.zeros((B, T), bool), np.ones((B, T), bool)
    (_, plain), gradients = run(params, xs, state, never, always)
    run(params, xs, plain.state, never, always)
    require(count() == 1, f"two calls compiled {count()} times; a step must keep the state's types")
    for path, gradient in jax.tree.leaves_with_path(gradients[0]):
        name = f"params{jax.tree_util.keystr(path)}"
        require(bool(np.isfinite(gradient).all()), f"the gradient of {name} is not finite")
        require(bool(np.any(gradient != 0)), f"{name} gets no gradient")
    changed = jax.tree.map(lambda a: _plus(a, np.s_[:1]), xs)
    same(
        "an example changes with its neighbour in the batch, in",
        run(params, changed, state, never, always)[0][1].outputs[1:],
        plain.outputs[1:],
    )
    changed = jax.tree.map(lambda a: _plus(a, np.s_[:, T // 2 :]), xs)
    same(
        "a step changes with a later input, in",
        run(params, changed, state, never, always)[0][1].outputs[:, : T // 2],
        plain.outputs[:, : T // 2],
    )
    _check_output(case.cell, plain)
    by_step = loop(*case)
    same("unroll and a loop over step differ in", plain, by_step(never, always))

    resets, mask = resets_and_mask(B, T)
    same(
        "a reset is not a fresh start in",
        run(params, xs, state, resets, always)[0][1],
        by_step(resets, always),
    )
    same(
        "a masked step does not hold the state in",
        run(params, xs, state, never, mask)[0][1],
        by_step(never, mask),
    )
    return run


def _check_output(cell: Cell, run: Unrolled) -> None:
    """Check that the output is the leaf of the state that the cell names, but for rounding.

    XLA may compute it twice, once for each result, with sums in another order.
    """
    assert run.trace is not None
    outputs = np.asarray(run.outputs)
    if cell.output is not None:
        leaf = np.asarray(find(run.trace.states, cell.output))
        require(
            difference(leaf, outputs) <= ROUNDING[str(outputs.dtype)],
            f"cell.output is {cell.output!r}, but the output differs from this leaf of the state",
        )
        return
    for path, leaf in jax.tree.leaves_with_path(run.trace.states):
        name = getattr(path[-1], "name", None) if path else None
        same = np.array_equal(np.asarray(leaf), outputs)
        require(
            not same or name is None,
            f"the output is the leaf {name!r} of the state; expected Cell(..., output={name!r})",
        )


def _check_engine(case: Case, name: str, reference: Callable[..., Any]) -> None:
    """Compare values and gradients of an engine with those of the reference engine."""
    B, T = jax.tree.leaves(case.xs)[0].shape[:2]
    now = (case.params, case.xs, case.state, *resets_and_mask(B, T))
    (_, values), gradients = compiled(case, name)[0](*now)
    (_, expected), of_reference = reference(*now)
    same(f"engine {name!r} differs from the reference in", values, expected)
    same(f"engine {name!r} differs from the reference in gradients of", gradients, of_reference)


def resets_and_mask(B: int, T: int) -> tuple[np.ndarray, np.ndarray]:
    """Resets and mask, [B, T] bool: resets and masked steps in the middle and at both ends."""
    resets, mask = np.zeros((B, T), bool), np.ones((B, T), bool)
    resets[0, T // 2] = resets[-1, T // 3] = True
    mask[0, T // 3] = mask[-1, -2:] = mask[-1, 0] = False
    return resets, mask


def compiled(case: Case, engine: str) -> tuple[Callable[..., Any], Callable[[], int]]:
    """A compiled unroll with its gradients, and the number of its compilations so far.

    Resets and masks are always arguments, so that one compilation serves all checks.

    Returns:
        (params, xs, state, resets, mask) -> ((loss, Unrolled), gradients of the first three); and
        () -> number of compilations.
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
    """A sum with a different weight for every entry, so that no two errors cancel."""
    weights = jnp.cos(jnp.arange(array.size, dtype=array.dtype)).reshape(array.shape)
    return jnp.sum(weights * array).astype(float)


def _plus(array: Array, where: Any) -> np.ndarray:
    changed = np.array(array)
    changed[where] += 1
    return changed
