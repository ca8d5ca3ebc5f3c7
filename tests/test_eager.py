"""Calls outside of jax.jit: compiled once where that changes nothing, and never stale."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import B, H, T, X, close, leaky, weighed

import lstmx
from lstmx import cells, registry, unroll, wrappers

XS = np.random.default_rng(0).normal(size=(B, T, X)).astype("f")
KEY = jax.random.key(0)
_compiled: list[str] = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, *_, **__: _compiled.append(event) if event.endswith("compile_duration") else None
)


def compilations(call):
    """How many programs are compiled in the second of two equal calls, and what it returns."""
    jax.block_until_ready(call())
    before = len(_compiled)
    result = jax.block_until_ready(call())
    return len(_compiled) - before, result


def around(cell):
    return wrappers.zoneout(wrappers.clip_state(cell, limits={"c": 1.0}), rates={"h": 0.5})


@pytest.mark.parametrize(
    "options",
    [
        {"lengths": [3, 7], "return_trace": True, "reverse": True},
        {"resets": np.eye(B, T, dtype=int), "engine": "scan", "remat_every": (4, 2)},
        {"key": KEY, "precision": "bfloat16"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_cell_of_lstmx_is_compiled_once(options):
    cell = around(cells.make("lstm", hidden_size=H))
    params = cell.init(KEY, X)
    number, result = compilations(lambda: unroll(cell, params, XS, **options))
    assert number == 0
    fixed = {k: v for k, v in options.items() if k not in ("lengths", "resets", "key")}
    arrays = {k: jnp.asarray(v) if k != "key" else v for k, v in options.items() if k not in fixed}
    in_jit = jax.jit(lambda params, xs, arrays: unroll(cell, params, xs, **arrays, **fixed))
    close(result, in_jit(params, XS, arrays))


def test_gradients_and_tangents_are_compiled_once():
    cell = cells.make("gru", hidden_size=H)
    params = cell.init(KEY, X)
    loss = lambda params: weighed(unroll(cell, params, XS).outputs)
    number, found = compilations(lambda: jax.grad(loss)(params))
    assert number == 0
    close(found, jax.jit(jax.grad(loss))(params))
    assert compilations(lambda: jax.jvp(loss, (params,), (params,)))[0] == 0


def test_a_cell_of_somebody_else_reads_its_variables_in_every_call():
    slope = 1.0
    own = leaky()
    given = own.step
    cell = own._replace(step=lambda p, s, x, n=(): given(p, s, slope * x, n))
    params = cell.init(KEY, X)
    first = unroll(cell, params, XS).outputs
    slope = 2.0
    close(unroll(cell, params, XS).outputs, unroll(own, params, 2 * XS).outputs)
    assert not np.allclose(first, unroll(cell, params, XS).outputs)


def test_what_is_own_is_told_by_all_that_a_cell_is_made_of():
    cell = cells.make("lstm", hidden_size=H)
    assert registry.is_own(cell)
    assert registry.is_own(around(cell))
    assert not registry.is_own(leaky())
    assert not registry.is_own(cell._replace(step=cell.step))
    changed = cell._replace(step=lambda *now: cell.step(*now))
    assert not registry.is_own(changed)
    assert not registry.is_own(around(changed))


def rnn(params, h, x):
    h = jnp.tanh(x @ params["W"] + h @ params["R"])
    return h, h


def test_scan_compiles_a_function_once_as_lax_scan_does():
    params = {"W": jnp.ones((X, H)), "R": jnp.eye(H) / 2}
    run = lambda params: lstmx.scan(rnn, params, jnp.zeros((B, H)), jnp.swapaxes(XS, 0, 1))
    number, found = compilations(lambda: run(params))
    assert number == 0
    close(found, jax.jit(run)(params))
    slope = jax.grad(lambda params: weighed(run(params)))
    assert compilations(lambda: slope(params))[0] == 0


def test_scan_keeps_nothing_that_a_step_closes_over():
    W = jnp.ones((X, H))
    step = lambda _, h, x: (jnp.tanh(x @ W + h), h)
    lstmx.scan(step, None, jnp.zeros((B, H)), jnp.swapaxes(XS, 0, 1))
    kept = weakref.ref(step)
    del step
    gc.collect()
    assert kept() is None


def test_refusals_of_a_compiled_call_are_one_line():
    cell = cells.make("lstm", hidden_size=H)
    with pytest.raises(ValueError, match="state is") as error:
        unroll(cell, cell.init(KEY, X), XS, state=jnp.zeros((B, H)))
    assert "\n" not in str(error.value)
    assert not getattr(error.value, "__notes__", [])
    with pytest.raises(ValueError, match="the step does not take") as error:
        lstmx.scan(rnn, {"W": jnp.ones((2, H)), "R": jnp.eye(H)}, jnp.zeros((B, H)), XS)
    assert not getattr(error.value, "__notes__", [])
