"""The derivatives of a step on the joint state, and their modes.

With s' = F(s, x) of a `System`, J = d s' / d s [D, D] and G = d s' / d x [D, X] belong to the whole
state, (c, h) of an LSTM. Around a fixed point the offset e from it follows e' = J e + G dx. In the
basis of eigenvectors, J R = R diag(values) and L = inv(R), the coordinates a = L e are independent,

    a_k' = values_k a_k + (L G)_k dx

so the rows of L, the left eigenvectors, say what is written along each mode, and the columns of R
what the state then shows of it (Maheswaranathan et al. 2019 read a line attractor in this way).
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from lstmx.analysis._system import System, check_input
from lstmx.types import Array, Params

ENTRIES = 2**24  # of the Jacobians that are computed at once: 64 MiB in float32


class Modes(NamedTuple):
    """Eigenvalues and both kinds of eigenvectors, the largest magnitude first.

    Attributes:
        values: [..., D] complex.
        right: [..., D, D] complex, columns of length 1, J right = right diag(values); the largest
            entry of each is real and positive.
        left: [..., D, D] complex, rows, left right = I; nan where J has no basis of eigenvectors.
        condition: [..., D] |left row| >= 1, by how much a change of J moves this eigenvalue
            (Golub & Van Loan 2013, section 7.2); 1 for a normal J.
    """

    values: np.ndarray
    right: np.ndarray
    left: np.ndarray
    condition: np.ndarray


class Writing(NamedTuple):
    """Which input is written along which mode.

    Attributes:
        gain: [..., D] the largest change of the coordinate of a mode, in units of its right
            eigenvector, by an input of length 1.
        direction: [..., D, X] that input, of length 1; its sign is that of a positive change where
            the mode is real, and arbitrary where it is complex.
        coefficients: [..., D, X] complex, left @ G: what an input of 1 at one feature writes.
    """

    gain: np.ndarray
    direction: np.ndarray
    coefficients: np.ndarray


def state(system: System, params: Params, states: Array, inputs: Any = None) -> Array:
    """Returns J = d s' / d s at each state, [..., D, D]; row i has the derivatives of s'_i.

    >>> import jax.numpy as jnp
    >>> from lstmx import analysis
    >>> step = lambda params, s, x: (params @ s, ())
    >>> A = jnp.array([[0.5, 1.0], [0.0, 0.25]])
    >>> jacobians = state(analysis.system(step, A, state=jnp.zeros(2)), A, jnp.zeros((3, 2)))
    >>> jacobians.shape, jacobians[0].tolist()
    ((3, 2, 2), [[0.5, 1.0], [0.0, 0.25]])

    Args:
        system: of the cell, model or step.
        params: its parameters.
        states: [..., D], the states before the step.
        inputs: of the step, a pytree with the leading axes of `states`; None for a step without.

    Raises:
        ValueError: states that are not [..., D], inputs with other leading axes, or that the step
            does not take.
    """
    return _rows(system, params, states, inputs, _state)


def inputs(system: System, params: Params, states: Array, inputs: Any) -> Array:
    """Returns G = d s' / d x at each state, [..., D, X].

    The floats of inputs that are a pytree count side by side, in the order of its leaves; its other
    leaves, such as a mask of observed values, are held.

    Args:
        system: of the cell, model or step.
        params: its parameters.
        states: [..., D], the states before the step.
        inputs: of the step, a pytree with the leading axes of `states`.

    Raises:
        ValueError: as `state`; inputs without floats, such as tokens.
    """
    if not any(map(_floats, jax.tree.leaves(inputs))):
        raise ValueError("got inputs without floats; expected some, as tokens have no derivative")
    return _rows(system, params, states, inputs, _input)


def modes(jacobians: ArrayLike) -> Modes:
    """Returns eigenvalues and eigenvectors of Jacobians [..., D, D], on the host.

    Raises:
        ValueError: another shape, entries that are not finite.
    """
    J = np.asarray(jacobians)
    if J.ndim < 2 or J.shape[-1] != J.shape[-2]:
        raise ValueError(f"got Jacobians of shape {J.shape}; expected [..., D, D]")
    if not np.isfinite(J).all():
        raise ValueError("got Jacobians with inf or nan; expected finite ones, of finite states")
    values, right = np.linalg.eig(J.astype(float))
    values, right = values.astype(complex), right.astype(complex)
    order = np.argsort(-np.abs(values), axis=-1, kind="stable")
    values = np.take_along_axis(values, order, -1)
    right = np.take_along_axis(right, order[..., None, :], -1)
    largest = np.take_along_axis(right, np.abs(right).argmax(-2)[..., None, :], -2)
    right = right * (np.abs(largest) / largest)
    left = _inverse(right)
    return Modes(values, right, left, np.linalg.norm(left, axis=-1))


def writing(modes: Modes, input_jacobians: ArrayLike) -> Writing:
    """Returns which input is written along which mode: the left eigenvectors applied to G.

    Args:
        modes: of the Jacobians, [..., D].
        input_jacobians: G of `inputs`, [..., D, X], at the same states.

    Raises:
        ValueError: G of another shape.
    """
    G = np.asarray(input_jacobians, float)
    if G.shape[:-1] != modes.values.shape:
        raise ValueError(f"got G of shape {G.shape}; expected [*{modes.values.shape}, X]")
    coefficients = modes.left @ G
    # |w dx|^2 = (Re w dx)^2 + (Im w dx)^2 of a real input dx is largest along the first right
    # singular vector of the two rows.
    parts = np.stack([coefficients.real, coefficients.imag], axis=-2)
    unknown = ~np.isfinite(parts).all((-1, -2))
    _, gain, directions = np.linalg.svd(
        np.where(unknown[..., None, None], 0, parts), full_matrices=False
    )
    direction = directions[..., 0, :]
    written = np.sum(coefficients.real * direction, axis=-1, keepdims=True)
    direction = np.where(written < 0, -direction, direction)
    return Writing(
        np.where(unknown, np.nan, gain[..., 0]),
        np.where(unknown[..., None], np.nan, direction),
        coefficients,
    )


def _inverse(right: np.ndarray) -> np.ndarray:
    """The inverse of each matrix; nan where it has none to working precision."""
    D = right.shape[-1]
    flat = right.reshape(-1, D, D)
    left = np.full_like(flat, np.nan)
    sound = np.linalg.cond(flat) < 1 / np.finfo(float).eps if D else np.zeros(len(flat), bool)
    left[sound] = np.linalg.inv(flat[sound])
    return left.reshape(right.shape)


def _rows(system: System, params: Params, states: Array, inputs: Any, of_one: Any) -> Array:
    """One derivative for each state, a bounded number at once."""
    states = jnp.asarray(states)
    lead = states.shape[:-1]
    if states.ndim < 1 or states.shape[-1] != system.size:
        raise ValueError(f"got states of shape {states.shape}; expected [..., {system.size}]")
    for leaf in jax.tree.leaves(inputs):
        if jnp.shape(leaf)[: len(lead)] != lead:
            raise ValueError(
                f"got inputs of shape {jnp.shape(leaf)} for states {states.shape}; expected "
                f"[*{lead}, ...], one for each state: jnp.broadcast_to repeats an input"
            )
    check_input(system, params, inputs, len(lead))
    count = math.prod(lead)
    flat = jax.tree.map(lambda a: jnp.reshape(a, (count, *a.shape[len(lead) :])), (states, inputs))
    result = _mapped(system, of_one, params, *flat)
    return result.reshape(*lead, *result.shape[1:])


@functools.partial(jax.jit, static_argnums=(0, 1))
def _mapped(system: System, of_one: Any, params: Params, states: Array, inputs: Any) -> Array:
    one = lambda row: of_one(system, params, *row)
    size = max(1, ENTRIES // system.size**2)
    if states.shape[0] <= size:
        return jax.vmap(one)((states, inputs))
    return jax.lax.map(one, (states, inputs), batch_size=size)


def _state(system: System, params: Params, s: Array, x: Any) -> Array:
    return jax.jacfwd(lambda s: system.step(params, s, x)[0])(s)


def _input(system: System, params: Params, s: Array, x: Any) -> Array:
    leaves, tree = jax.tree.flatten(x)
    moving = [leaf for leaf in leaves if _floats(leaf)]

    def step(moving: list[Array]) -> Array:
        given = iter(moving)
        full = [next(given) if _floats(leaf) else leaf for leaf in leaves]
        return system.step(params, s, jax.tree.unflatten(tree, full))[0]

    parts = jax.jacfwd(step)(moving)
    return jnp.concatenate([part.reshape(system.size, -1) for part in parts], axis=-1)


def _floats(leaf: Any) -> bool:
    return bool(jnp.issubdtype(jnp.result_type(leaf), jnp.floating))
