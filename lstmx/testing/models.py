"""Checks of a model: the properties that training, evaluation and streaming rely on."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx.testing._compare import check_floats, require, same, string_keyed
from lstmx.testing._loop import QUICKLY
from lstmx.types import Model, Params, State


class Case(NamedTuple):
    """A model with its parameters and inputs.

    Attributes:
        model: the model; in most checks with `apply` compiled.
        params: its parameters.
        inputs: a pytree of arrays [B, T, ...].
        mask: [B, T] bool, all True.
        resets: [B, T] bool, all False.
    """

    model: Model
    params: Params
    inputs: Any
    mask: np.ndarray
    resets: np.ndarray

    def apply(self, inputs: Any, state: State, **options: Any) -> tuple[Any, State]:
        """Outputs and last state, without a key; `options` replace `mask` and `resets`."""
        options = {"mask": self.mask, "resets": self.resets, **options}
        outputs, state, _ = self.model.apply(self.params, inputs, state, **options)
        return outputs, state


def check_model(
    model: Model,
    inputs: Any = None,
    *,
    in_features: int = 3,
    batch_size: int = 2,
    length: int = 7,
    causal: bool = True,
    seed: int = 0,
) -> None:
    """Check that a model has the properties that lstmx relies on:

    * parameters are a string-keyed dict of float arrays, and `init` is a function of its key;
    * a state is a pytree of arrays [B, ...], and `apply` keeps its structure, shapes and types;
    * outputs are arrays [B, T, ...], finite and with finite gradients;
    * `apply` is pure: without a key it returns the same when it is called again or compiled;
    * examples of a batch do not depend on each other;
    * T steps equal two calls, the second of which continues from the state of the first;
    * a masked step leaves the state as it is, and its inputs do not matter;
    * a reset before a step equals a start there from the initial state;
    * `hidden`, where there is one, returns the outputs and the state of `apply`.

    A model whose state has no leaves, such as an encoder with a decoder, has nothing to continue
    from or to reset: the checks of two calls, masks and resets are then left out.

    Args:
        inputs: a pytree of arrays [B, T, ...]; random floats [B, T, X] if None.
        in_features: size X of random inputs.
        batch_size: rows B of random inputs.
        length: steps T of random inputs, 4 or more.
        causal: False for a bidirectional model, whose outputs depend on later steps. The check of
            two calls is then left out; those of masks and resets are not.
        seed: of parameters and inputs.

    Raises:
        AssertionError: the first property that the model lacks, in one line.
    """
    key_init, key_inputs = jax.random.split(jax.random.key(seed))
    if inputs is None:
        inputs = jax.random.normal(key_inputs, (batch_size, length, in_features))
    B, T = jax.tree.leaves(inputs)[0].shape[:2]
    params = model.init(key_init)
    require(string_keyed(params), "init must return a dict whose keys are strings")
    check_floats("parameters", params)
    same("init with the same key returns other parameters, in", model.init(key_init), params)
    mask, resets = np.ones((B, T), bool), np.zeros((B, T), bool)
    # Mask and resets are always arguments, so that one compilation serves all checks of a length.
    compiled = model._replace(apply=jax.jit(model.apply, compiler_options=QUICKLY))
    case = Case(compiled, params, inputs, mask, resets)
    initial = model.initial_state(params, (B,))
    for path, leaf in jax.tree.leaves_with_path(initial):
        require(
            leaf.shape[:1] == (B,),
            f"initial_state{jax.tree_util.keystr(path)} is {leaf.shape}; expected [B={B}, ...]",
        )
    outputs, state = case.apply(inputs, initial)
    _check_results(case, initial, outputs, state)
    _check_gradients(case._replace(model=model), initial)
    _check_purity(case._replace(model=model), case, initial)
    _check_examples(case, initial, outputs)
    if jax.tree.leaves(initial):
        if causal:
            _check_two_halves(case, initial, outputs, state)
        _check_mask(case, initial)
        _check_resets(case, initial, causal=causal)
    if model.hidden is not None:
        h_outputs, h_state, _ = model.hidden(params, inputs, initial, mask=mask, resets=resets)
        same("hidden and apply differ in", (h_outputs, h_state), (outputs, state))


def _check_results(case: Case, initial: State, outputs: Any, state: State) -> None:
    """Check shapes and types of outputs and state."""
    B, T = case.mask.shape
    before, after = str(jax.tree.structure(initial)), str(jax.tree.structure(state))
    require(
        before == after, f"apply must return a state like the initial one: {after}, not {before}"
    )
    for (path, a), b in zip(jax.tree.leaves_with_path(initial), jax.tree.leaves(state)):
        require(
            (a.shape, a.dtype) == (b.shape, b.dtype),
            f"apply turns state{jax.tree_util.keystr(path)} from {a.dtype}{list(a.shape)} into "
            f"{b.dtype}{list(b.shape)}; both must be the same",
        )
    for path, leaf in jax.tree.leaves_with_path(outputs):
        name = f"outputs{jax.tree_util.keystr(path)}"
        require(leaf.shape[:2] == (B, T), f"{name} are {leaf.shape}; expected [B={B}, T={T}, ...]")
        require(bool(np.isfinite(leaf).all()), f"{name} are not finite")


def _check_gradients(case: Case, initial: State) -> None:
    """Check that the gradients of all parameters are finite."""

    def loss(params: Params) -> jax.Array:
        results = case.model.apply(
            params, case.inputs, initial, mask=case.mask, resets=case.resets
        )[0]
        return jnp.stack(
            [jnp.sum(jnp.sin(a)).astype(float) for a in jax.tree.leaves(results)]
        ).sum()

    gradients = jax.jit(jax.grad(loss), compiler_options=QUICKLY)(case.params)
    for path, gradient in jax.tree.leaves_with_path(gradients):
        name = f"params{jax.tree_util.keystr(path)}"
        require(bool(np.isfinite(gradient).all()), f"the gradient of {name} is not finite")


def _check_purity(plain: Case, compiled: Case, initial: State) -> None:
    """Check that results of `apply` depend on its arguments alone, compiled or not."""
    first = plain.apply(plain.inputs, initial)
    # Not compiled: a counter, a clock or a generator would be a constant of a compiled program.
    again = plain.apply(plain.inputs, initial)
    same("apply without a key returns other results when called again, in", again, first)
    same("apply and jax.jit(apply) differ in", compiled.apply(plain.inputs, initial), first)


def _check_examples(case: Case, initial: State, outputs: Any) -> None:
    """Check that the outputs of an example do not depend on its neighbours or on its row."""
    flipped = jax.tree.map(lambda a: a[::-1], case.inputs)
    reordered = case.apply(flipped, jax.tree.map(lambda a: a[::-1], initial))[0]
    # A sum over the batch is the same in any order; with one row repeated it is another one.
    repeated = jax.tree.map(lambda a: jnp.broadcast_to(a[:1], a.shape), case.inputs)
    start = jax.tree.map(lambda a: jnp.broadcast_to(a[:1], a.shape), initial)
    what = "an example depends on the others in its batch, in"
    same(what, jax.tree.map(lambda a: a[::-1], reordered), outputs)
    row = lambda tree: jax.tree.map(lambda a: a[:1], tree)
    same(what, row(case.apply(repeated, start)[0]), row(outputs))


def _check_two_halves(case: Case, initial: State, outputs: Any, state: State) -> None:
    """Check that T steps equal two calls, where the second continues from the first's state."""
    half = case.mask.shape[1] // 2
    parts, carried = [], initial
    for steps in (np.s_[:, :half], np.s_[:, half:]):
        xs = jax.tree.map(lambda a, steps=steps: a[steps], case.inputs)
        y, carried = case.apply(xs, carried, mask=case.mask[steps], resets=case.resets[steps])
        parts.append(y)
    joined = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), *parts)
    same("T steps at once and in two calls differ in outputs", joined, outputs)
    same("T steps at once and in two calls differ in the last state", carried, state)


def _check_mask(case: Case, initial: State) -> None:
    """Check that steps at the end that are masked change nothing, whatever their inputs are."""
    half = case.mask.shape[1] // 2
    mask = case.mask.copy()
    mask[:, half:] = False
    changed = jax.tree.map(lambda a: _shifted(a, np.s_[:, half:]), case.inputs)
    (y, state), (other_y, other) = (
        case.apply(xs, initial, mask=mask) for xs in (case.inputs, changed)
    )
    same("the inputs of a masked step matter, in outputs", other_y, y)
    same("the inputs of a masked step matter, in the last state", other, state)
    shorter = jax.tree.map(lambda a: a[:, :half], case.inputs)
    cut = {"mask": mask[:, :half], "resets": case.resets[:, :half]}
    short_y, expected = case.apply(shorter, initial, **cut)
    same("masked steps change the last state,", state, expected)
    same(
        "masked steps change the outputs of earlier ones, in",
        jax.tree.map(lambda a: a[:, :half], y),
        short_y,
    )


def _check_resets(case: Case, initial: State, *, causal: bool) -> None:
    """Check that a reset separates the steps before it from those after it."""
    half = case.mask.shape[1] // 2
    resets = case.resets.copy()
    resets[:, half] = True
    y, state = case.apply(case.inputs, initial, resets=resets)
    later = jax.tree.map(lambda a: a[:, half:], case.inputs)
    cut = {"mask": case.mask[:, half:], "resets": case.resets[:, half:]}
    expected_y, expected = case.apply(later, initial, **cut)
    same(
        "a reset does not restart from the initial state, in outputs",
        jax.tree.map(lambda a: a[:, half:], y),
        expected_y,
    )
    if causal:  # the last state of a backward layer is that of the first step
        same("a reset does not restart from the initial state, in the last state", state, expected)


def _shifted(array: Any, where: Any) -> np.ndarray:
    """A copy with other values in some places: floats plus 1, tokens replaced by the first one."""
    changed = np.array(array)
    if np.issubdtype(changed.dtype, np.integer):
        changed[where] = changed.flat[0]
    else:
        changed[where] += 1
    return changed
