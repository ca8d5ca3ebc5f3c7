"""Any step function over time: `scan`, for cells of any library and for steps written by hand."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks, engines, programs
from lstmx.engines import fused
from lstmx.engines._blocks import Remat, levels, rematerialised
from lstmx.engines._plan import plan_step
from lstmx.engines._step import first
from lstmx.sequence import _checks
from lstmx.sequence._eager import compiled_once, is_eager

Step = Callable[[Any, Any, Any], tuple[Any, Any]]


class ScanPlan(NamedTuple):
    """How `scan` computes a step over time; printed in one line.

    Attributes:
        engine: such as "fused:hoist=false,block=100,save=results,turn=true", or "scan", the plain
            `lax.scan`.
        reason: what was found in the step.
    """

    engine: str
    reason: str

    def __str__(self) -> str:
        return f"{self.engine} ({self.reason})"


def scan(
    step: Step,
    params: Any,
    state: Any,
    xs: Any,
    *,
    length: int | None = None,
    reverse: bool = False,
    remat_every: Remat = None,
    engine: str = "auto",
) -> tuple[Any, Any]:
    """Applies a step function over time: `jax.lax.scan` with faster derivatives.

    Values and derivatives of any order and mode equal those of

        jax.lax.scan(lambda state, x: step(params, state, x), state, xs)

    The step may be any JAX function, such as the cell of another library. The gradients of what its
    matrix products read of `params`, or of values that it closes over, are taken for many steps at
    once; see `lstmx.engines.fused`. A step without such products is computed by `lax.scan`, and a
    product inside a loop or a branch (`lax.scan`, `lax.cond`) is differentiated as JAX does it. A
    function that `lax.scan` has seen before is not traced again; so it is here with a function that
    closes over nothing, which should read no global variable that changes between calls.

        >>> import jax, jax.numpy as jnp, lstmx
        >>> def rnn(params, h, x):
        ...     h = jnp.tanh(x @ params["W"] + h @ params["R"])
        ...     return h, h
        >>> params = {"W": jnp.ones((3, 5)), "R": jnp.eye(5)}
        >>> h, hs = lstmx.scan(rnn, params, jnp.zeros((2, 5)), jnp.ones((7, 2, 3)))
        >>> hs.shape
        (7, 2, 5)

    Args:
        step: (params, state, x) -> (state, y), pytrees of arrays; the new state has the structure,
            shapes and dtypes of the old one.
        params: a pytree of arrays.
        state: before the first step.
        xs: pytree of arrays with time leading, [T, ...]; None with `length`.
        length: number of steps T; needed where `xs` is None.
        reverse: run from the last step to the first; ys have the positions of their inputs.
        remat_every: save the state every so many steps only, and compute the steps in between again
            in the backward pass; of two numbers see `lstmx.engines.scan.run`.
        engine: "auto"; "scan" for the plain `lax.scan`; or "fused:block=50,..." with fields of
            `lstmx.engines.Plan` that overrule the plan. `scan_plan` tells what "auto" is.

    Raises:
        ValueError: inputs of different lengths, a state that a step does not return as it was, an
            unknown engine, `remat_every` below 1.

    Returns:
        the last state, and y of every step, leaves [T, ...].
    """
    arrays = (params, state, xs)
    # A step that holds values would keep them in memory as long as its program.
    once = inspect.isfunction(step) and step.__closure__ is None and is_eager(arrays)
    run = _compiled if once else _run
    return run(arrays, step, length, reverse, remat_every, engine)


def _run(
    arrays: tuple[Any, Any, Any],
    step: Step,
    length: int | None,
    reverse: bool,
    remat_every: Remat,
    engine: str,
) -> tuple[Any, Any]:
    """`scan` of (params, state, xs)."""
    step, params, state, xs = _checked(step, *arrays, length, remat_every)
    name, settings = _engine(engine)
    if reverse:
        xs = jax.tree.map(lambda a: jnp.flip(a, 0), xs)
    if name == "scan" or _choose(step, params, state, xs).engine == "scan":
        one = lambda state, x: step(params, state, x)
        state, ys = rematerialised(one, state, xs, remat_every)
    else:
        steps = jax.tree.leaves(xs)[0].shape[0]
        choose = lambda program: plan_step(
            program, steps, settings=settings, remat_every=remat_every
        )
        state, ys = fused.scan(step, params, state, xs, choose)
    return state, jax.tree.map(lambda a: jnp.flip(a, 0), ys) if reverse else ys


_compiled = compiled_once(_run, (1, 2, 3, 4, 5))


def scan_plan(
    step: Step, params: Any, state: Any, xs: Any, *, length: int | None = None
) -> ScanPlan:
    """Returns how `scan` computes a step; arguments as for `scan`, or their shapes and dtypes.

    >>> import jax, jax.numpy as jnp, lstmx
    >>> step = lambda R, h, x: (jnp.tanh(h @ R + x), h)
    >>> plan = lstmx.scan_plan(step, jnp.eye(5), jnp.zeros((8, 5)), jnp.ones((70, 8, 5)))
    >>> plan.engine
    'fused:hoist=false,block=70,save=results,turn=true'
    >>> plan.reason
    '1 pre-activation, of 1 product with parameters'
    """
    return _choose(*_checked(step, params, state, xs, length, None))


def _choose(step: Step, params: Any, state: Any, xs: Any) -> ScanPlan:
    program, _, _ = programs.trace(step, params, state, first(xs))
    if program.effects:
        return ScanPlan("scan", "the step has effects, such as to print")
    products = sum(
        e.primitive.name in programs.PRODUCTS and program.in_site(e) for e in program.equations
    )
    if not products:
        return ScanPlan("scan", "no product with parameters outside of loops and branches")
    sites = len(program.sites)
    reason = (
        f"{sites} pre-activation{'s' * (sites > 1)}, of {products} "
        f"product{'s' * (products > 1)} with parameters"
    )
    length = jax.tree.leaves(xs)[0].shape[0]
    return ScanPlan(str(plan_step(program, length)), reason)


def _engine(engine: str) -> tuple[str, dict[str, Any]]:
    """Returns the name of an engine and its settings."""
    name, _, settings = engine.partition(":")
    if name not in ("auto", "scan", "fused") or (settings and name != "fused"):
        raise ValueError(checks.unknown("engine", engine, ["auto", "fused", "scan"]))
    return name, engines.parse(settings) if settings else {}


def _checked(
    step: Step, params: Any, state: Any, xs: Any, length: int | None, remat_every: Remat
) -> tuple[Step, Any, Any, Any]:
    """Returns the step and its arguments; raises ValueError for what does not fit together."""
    if remat_every is not None:
        levels(remat_every)
    shape = lambda a: tuple(getattr(a, "shape", None) or np.shape(a))
    lengths = {shape(a)[0] if shape(a) else None for a in jax.tree.leaves(xs)}
    if length is not None:
        lengths.add(length)
    if len(lengths) != 1 or None in lengths:
        shapes = ", ".join(str(shape(a)) for a in jax.tree.leaves(xs)) or "no arrays"
        raise ValueError(
            f"xs are {shapes} and length is {length}; expected arrays [T, ...] of one length T"
        )
    if not jax.tree.leaves(xs):  # the engines count steps by an input
        given, step = step, lambda params, state, _: given(params, state, None)
        xs = jnp.zeros(length, bool)
    # `scan_plan` may be given shapes and dtypes.
    as_array = lambda a: a if isinstance(a, jax.ShapeDtypeStruct) else jnp.asarray(a)
    state = jax.tree.map(as_array, state)
    try:
        new = jax.eval_shape(step, params, state, first(xs))
    except TypeError as error:  # what JAX says of shapes that do not fit together
        line = (str(error).splitlines() or [""])[0]
        shapes = ", ".join(
            f"{name} {_shapes(tree)}"
            for name, tree in (("params", params), ("state", state), ("x", first(xs)))
        )
        raise ValueError(f"the step does not take {shapes}: {line}") from error
    if not (isinstance(new, tuple) and len(new) == 2):
        raise ValueError(f"a step returned {type(new).__name__}; expected (state, y)")
    before, after = jax.tree.structure(state), jax.tree.structure(new[0])
    if str(before) != str(after):
        raise ValueError(f"a step returns a state {after}; expected that of the state, {before}")
    _checks.check_kept(state, new[0])
    return step, params, state, xs


def _shapes(tree: Any) -> str:
    """The shapes of the leaves of a tree, by path."""
    found = (
        f"{jax.tree_util.keystr(path, simple=True, separator='/')} {jnp.shape(leaf)}".lstrip()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    )
    return "; ".join(found) or "nothing"
