"""`lstmx.scan` against `jax.lax.scan`: values, derivatives, transformations, refusals, plans."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, near, weighed
from jax import lax
from jax.sharding import PartitionSpec as P

import lstmx
from experiments.benchmarks import peers
from experiments.benchmarks.contestant import Size

SIZES = {"W": (X, 4 * H), "R": (H, 4 * H), "b": (4 * H,), "U": (H, H)}
ENGINES = (
    "fused:block=3,save=results,hoist=true,turn=true",
    "fused:block=3,save=sites,hoist=false,turn=false",
    "fused:block=2,save=states",
    "fused:block=3,save=boundaries",
    "scan",
)


def drawn(shapes, seed=0):
    """A pytree of normal numbers in float64, with standard deviation 1/2, for a tree of arrays."""
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(rng.standard_normal(np.shape(a)) / 2), shapes)


def inputs():
    """(params, state, xs) of the steps that are written here."""
    zeros = {name: np.zeros(shape) for name, shape in SIZES.items()}
    state = (np.zeros((B, H)), np.zeros((B, H)))
    return drawn((zeros, state, np.zeros((T, B, X))))


def lstm(params, state, x):
    c, h = state
    i, f, z, o = jnp.split(x @ params["W"] + h @ params["R"] + params["b"], 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(z)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (c, h), h


def plain(step, params, state, xs, *, remat_every=None, engine="scan", **options):
    """`lax.scan` with the arguments of `lstmx.scan`."""
    return lax.scan(lambda state, x: step(params, state, x), state, xs, **options)


# What is compared: functions (scan, params, state, xs) -> results


def by_hand(scan, *at):
    return scan(lstm, *at)


def closing_over_parameters(scan, params, state, xs):
    return scan(lambda _, state, x: lstm(params, state, x), None, state, xs)


def closing_over_some_parameters(scan, params, state, xs):
    some = {"R": params["R"]}
    return scan(lambda some, state, x: lstm({**params, **some}, state, x), some, state, xs)


def product_in_a_loop(scan, *at):
    def step(params, state, x):
        (c, h), _ = lstm(params, state, x)
        h, _ = lax.scan(lambda h, _: (jnp.tanh(h @ params["U"]), None), h, length=2)
        return (c, h), h

    return scan(step, *at)


def product_in_a_branch(scan, *at):
    def step(params, state, x):
        (c, h), _ = lstm(params, state, x)
        h = lax.cond(x[0, 0] > 0, lambda h: h @ params["U"], lambda h: 2 * h, h)
        return (c, h), h

    return scan(step, *at)


def without_products(scan, *at):
    def step(params, state, x):
        c, h = state
        h = jnp.tanh(params["b"][:H] * h + x[:, :1] * c)
        return (jnp.sin(c) * h, h), h

    return scan(step, *at)


def with_a_counter(scan, params, state, xs):
    def step(params, state, x):
        state, n = state
        (c, h), y = lstm(params, state, x * jnp.cos(n))
        return ((c, h), n + 1), (y, n * 1.0)

    (state, n), ys = scan(step, params, (state, jnp.int32(0)), xs)
    return state, n * 1.0, ys


def backwards(scan, *at):
    return scan(lstm, *at, reverse=True)


def rematerialised(scan, *at):
    return scan(lstm, *at, remat_every=3)


def rematerialised_without_products(scan, *at):
    return without_products(functools.partial(scan, remat_every=3), *at)


def without_inputs(scan, params, state, xs):
    step = lambda params, state, _: lstm(params, state, xs[0])
    return scan(step, params, state, None, length=T, reverse=True)


def scan_in_a_scan(scan, *at):
    def step(params, state, x):
        (c, h), _ = scan(lstm, params, state, jnp.stack([x, -x]))
        return (c, h @ params["U"]), h

    return scan(step, *at)


BY_HAND = (
    by_hand,
    closing_over_parameters,
    closing_over_some_parameters,
    product_in_a_loop,
    product_in_a_branch,
    without_products,
    with_a_counter,
    backwards,
    rematerialised,
    rematerialised_without_products,
    without_inputs,
    scan_in_a_scan,
)


EVERY = (0, 1, 2)


def along(at):
    """A direction in which to differentiate: the gradient of `weighed`."""
    return jax.grad(weighed)(at)


def of_examples(gradient, params, state, xs):
    """The gradient of every example by itself."""

    def of_example(state, xs):
        state = jax.tree.map(lambda a: a[None], state)
        return gradient(params, state, xs[:, None])

    return jax.vmap(of_example, (0, 1))(state, xs)


def everything(case, scan, at, *, modes=True):
    """Values and derivatives of a case with respect to params, state and xs; compiled once.

    Without `modes`, only values, the gradient, the tangent and a Hessian-vector product.
    """
    run = functools.partial(case, scan)
    loss = lambda *at: weighed(run(*at))

    def results(*at):
        params, state, xs = at
        gradient = jax.grad(loss, EVERY)
        values, tangent = jax.jvp(run, at, along(at))
        several = jax.tree.map(lambda a: jnp.stack([a, -a]), params)
        found = {
            "values": values,
            "gradient": gradient(*at),
            "tangent": tangent,
            "Hessian-vector product": jax.jvp(gradient, at, along(at))[1],
        }
        if not modes:
            return found
        return found | {
            "gradient of params alone": jax.grad(loss)(*at),
            "gradient of xs alone": jax.grad(loss, 2)(*at),
            "jacobian": jax.jacfwd(run, 1)(*at),
            "reverse over reverse": jax.grad(lambda *at: weighed(gradient(*at)), EVERY)(*at),
            "over params": jax.vmap(gradient, (0, None, None))(several, state, xs),
            "over examples": of_examples(gradient, *at),
            "in a checkpoint": jax.grad(jax.checkpoint(loss), EVERY)(*at),
        }

    return jax.jit(results)(*at)


def expected(case, at, *, modes=True):
    """What `everything` finds, by `lax.scan`: numbers that have to be equal are computed once."""
    run = functools.partial(case, plain)
    gradient = jax.grad(lambda *at: weighed(run(*at)), EVERY)

    @jax.jit
    def results(*at):
        values, tangent = jax.jvp(run, at, along(at))
        slopes, hessian = jax.jvp(gradient, at, along(at))
        found = {
            "values": values,
            "gradient": slopes,
            "tangent": tangent,
            "Hessian-vector product": hessian,
        }
        if not modes:
            return found
        return found | {
            "jacobian": jax.jacfwd(run, 1)(*at),
            "over examples": of_examples(gradient, *at),
        }

    found = results(*at)
    if not modes:
        return found
    slopes = found["gradient"]
    negative = results(jax.tree.map(jnp.negative, at[0]), *at[1:])["gradient"]
    return found | {
        "gradient of params alone": slopes[0],
        "gradient of xs alone": slopes[2],
        "reverse over reverse": found["Hessian-vector product"],  # along `weighed` both
        "over params": jax.tree.map(lambda *a: jnp.stack(a), slopes, negative),
        "in a checkpoint": slopes,
    }


def test_a_scan_equals_that_of_jax_in_values_and_gradients(x64):
    def both(*at):
        loss = lambda scan: lambda *at: weighed(by_hand(scan, *at))
        pair = lambda scan: (by_hand(scan, *at), jax.grad(loss(scan), (0, 1, 2))(*at))
        return pair(lstmx.scan), pair(plain)

    near(*jax.jit(both)(*inputs()), 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("case", BY_HAND, ids=lambda case: case.__name__)
def test_a_scan_equals_that_of_jax_with_all_derivatives(x64, case):
    at = inputs()
    near(everything(case, lstmx.scan, at), expected(case, at), 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_every_way_to_compute_a_scan_is_equal(x64, engine):
    at, scan = inputs(), functools.partial(lstmx.scan, engine=engine)
    got = everything(by_hand, scan, at, modes=False)
    near(got, expected(by_hand, at, modes=False), 1e-12)


LIBRARIES = (
    *((name, where) for name, where in peers.STEPS.items()),
    ("flax linen MGUCell", ("flax", "linen_step", "MGUCell")),
    ("flax nnx OptimizedLSTMCell", ("flax", "nnx_step", "OptimizedLSTMCell")),
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "where"), LIBRARIES, ids=[name for name, _ in LIBRARIES])
def test_a_cell_of_another_library_has_all_derivatives(x64, monkeypatch, name, where):
    pytest.importorskip(where[0])
    monkeypatch.setitem(peers.STEPS, name, where)
    made = peers.step(name, Size(B, T, X, H))
    case = lambda scan, *at: scan(made.step, *at)
    at = drawn((made.params, made.state(B), np.zeros((T, B, X))))
    assert lstmx.scan_plan(made.step, *at).engine.startswith("fused:")
    modes = name in ("flax nnx LSTMCell", "equinox GRUCell")  # all of them take minutes
    got = everything(case, lstmx.scan, at, modes=modes)
    near(got, expected(case, at, modes=modes), 1e-12)


@pytest.mark.parametrize("check_vma", [False, True])
def test_a_scan_over_the_rows_of_a_shard_equals_that_of_all_rows(x64, check_vma):
    params, state, xs = inputs()
    mesh = jax.make_mesh((2,), ("batch",), (jax.sharding.AxisType.Auto,), devices=jax.devices()[:2])
    rows, all_rows = P("batch"), P(None, "batch")
    total = lambda tree: tree if check_vma else lax.psum(tree, "batch")

    def sharded(function, in_specs, out_specs):
        return jax.shard_map(
            function, mesh=mesh, in_specs=in_specs, out_specs=out_specs, check_vma=check_vma
        )

    def from_zeros(params, xs):
        zeros = jnp.zeros((xs.shape[1], H))  # equal on all devices; a step returns what is not
        return lstmx.scan(lstm, params, (zeros, zeros), xs)

    def inside(params, state, xs):
        loss = lambda params, xs: jnp.sum(jnp.sin(lstmx.scan(lstm, params, state, xs)[1]))
        of_params, of_xs = jax.grad(loss, (0, 1))(params, xs)
        return total(of_params), of_xs

    def got(params, state, xs):
        zeros_run = sharded(from_zeros, (P(), all_rows), (rows, all_rows))
        loss = lambda *at: weighed(zeros_run(*at))
        values, tangent = jax.jvp(zeros_run, (params, xs), (params, xs))
        gradient = jax.grad(loss, (0, 1))(params, xs)
        within = sharded(inside, (P(), rows, all_rows), (P(), all_rows))(params, state, xs)
        return values, tangent, gradient, within

    def of_all_rows(params, state, xs):
        zeros = jax.tree.map(jnp.zeros_like, state)
        run = lambda params, xs: plain(lstm, params, zeros, xs)
        values, tangent = jax.jvp(run, (params, xs), (params, xs))
        gradient = jax.grad(lambda *at: weighed(run(*at)), (0, 1))(params, xs)
        loss = lambda params, xs: jnp.sum(jnp.sin(plain(lstm, params, state, xs)[1]))
        return values, tangent, gradient, jax.grad(loss, (0, 1))(params, xs)

    near(*(jax.jit(f)(params, state, xs) for f in (got, of_all_rows)), 1e-12)


def plan_of(case):
    """The plan of the scan in a case; nothing is computed."""
    plans = []

    def scan(step, *at, reverse=False, **options):
        plans.append(lstmx.scan_plan(step, *at, **options))
        return plain(step, *at, **options)

    jax.eval_shape(functools.partial(case, scan), *inputs())
    return plans[0]


def test_a_plan_says_what_was_found_in_the_step():
    found = "fused:hoist=true,block=7,save=results,turn=false"
    assert plan_of(by_hand) == (found, "1 pre-activation, of 2 products with parameters")
    assert plan_of(closing_over_parameters) == plan_of(by_hand)
    assert plan_of(product_in_a_loop) == plan_of(product_in_a_branch) == plan_of(by_hand)
    none = "no product with parameters outside of loops and branches"
    assert plan_of(without_products) == ("scan", none)
    assert str(plan_of(without_products)) == f"scan ({none})"


def test_a_plan_follows_from_shapes_and_dtypes():
    params, state, xs = jax.eval_shape(inputs)
    assert lstmx.scan_plan(lstm, params, state, xs) == plan_of(by_hand)
    assert plan_of(without_inputs).engine.startswith("fused:")
    without = lambda params, state, _: (state, state[1] @ params["U"])
    assert "block=9," in lstmx.scan_plan(without, params, state, None, length=9).engine


def returns(change):
    """A step that does to the state what a new state may not be."""
    return lambda params, state, x: (change(*state), x)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step": returns(lambda c, h: (c[:1], h))}, r"state\[0\] from float32\[2, 5\] into fl"),
        ({"step": returns(lambda c, h: (c, h > 0))}, r"state\[1\] from .* into bool\[2, 5\]; exp"),
        ({"step": returns(lambda c, h: h)}, r"returns a state PyTreeDef\(\*\); expected that of"),
        ({"step": lambda params, state, x: state[0]}, r"returned .*; expected \(state, y\)"),
        (
            {"xs": (np.zeros((7, 2)), np.zeros((3, 2)))},
            r"xs are \(7, 2\), \(3, 2\) and length is N",
        ),
        ({"length": 6}, r"xs are \(7, 2, 3\) and length is 6; expected arrays \[T, ...\] of one"),
        ({"xs": None}, "xs are no arrays and length is None; expected arrays"),
        ({"engine": "fussed"}, "unknown engine 'fussed'; did you mean 'fused'"),
        ({"engine": "scan:block=3"}, "unknown engine 'scan:block=3'"),
        ({"engine": "fused:blocks=3"}, "unknown setting of engine 'fused' 'blocks'"),
        ({"remat_every": 0}, "remat_every=0; expected at least 1"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(options, message):
    params, state, xs = jax.tree.map(lambda a: np.asarray(a, np.float32), inputs())
    at = {"step": lstm, "params": params, "state": state, "xs": xs, **options}
    with pytest.raises(ValueError, match=message) as refused:
        lstmx.scan(**at)
    assert "\n" not in str(refused.value)


def test_a_step_may_print(capfd):
    def step(params, state, x):
        jax.debug.print("x is {}", x[0, 0])
        return lstm(params, state, x)

    params, state, xs = jax.tree.map(jnp.ones_like, inputs())
    lstmx.scan(step, params, state, xs)
    jax.effects_barrier()
    assert capfd.readouterr().out == T * "x is 1.0\n"


@pytest.mark.parametrize("hidden", ["plain", "loop", "branch", "call"])
def test_a_derivative_of_ones_own_is_applied_to_parameters_at_every_step(x64, hidden):
    """Wherever it stands: a nested one was applied once, to the sum over the steps."""
    clipped = jax.custom_vjp(lambda a: a)
    clipped.defvjp(lambda a: (a, None), lambda _, g: (jnp.clip(g, -0.01, 0.01),))
    own = {
        "plain": clipped,
        "loop": lambda U: jax.lax.scan(lambda c, _: (clipped(c), None), U, None, length=2)[0],
        "branch": lambda U: jax.lax.cond(U[0, 0] > -9, clipped, jnp.zeros_like, U),
        "call": jax.jit(lambda U: jax.checkpoint(clipped)(U)),
    }[hidden]
    step = lambda params, h, x: (jnp.tanh(h @ own(params["U"])), h)
    params, (_, h), xs = inputs()

    def gradient(scan):
        return jax.grad(lambda params: weighed(scan(step, params, h, xs)))(params)["U"]

    near(gradient(lstmx.scan), gradient(plain), 1e-12)
