"""XLA computes the right numbers where the launchers and the tests start JAX."""

import functools
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from test_layers import ROOT

from experiments import _fusions as fusions
from lstmx import cells, xla
from lstmx.sequence import unroll

SMALL = f"{xla.EXTRA}={xla.SMALL_LOOPS}"
OFF = f"{xla.FLAG}={xla.ONLY}"
PROGRAM = """
from lstmx.parallel import mesh
mesh.use_cores(1)
from experiments import _fusions as fusions
print(fusions.known_error())
"""


def test_product_with_a_constant_is_right_here():
    assert fusions.known_error() < 1e-5  # sums of 37 * 37 terms in float32


@pytest.mark.slow
@pytest.mark.parametrize("given", ["", "--xla_cpu_multi_thread_eigen=false"])
def test_product_with_a_constant_is_right_where_a_launcher_starts_jax(given):
    """In a process with the flags of the user, and without those of this suite."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "XLA_FLAGS": given, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert float(done.stdout) < 1e-5, done.stderr


@pytest.mark.parametrize(
    ("version", "given", "expected"),
    [
        ((0, 10, 2), "", OFF),
        (
            (0, 12, 0),
            "--xla_cpu_multi_thread_eigen=false",
            f"--xla_cpu_multi_thread_eigen=false {OFF}",
        ),
        ((0, 12, 0), OFF, OFF),
        ((0, 12, 0), f"{xla.FLAG}=dot", f"{xla.FLAG}=dot"),
        ((0, 10, 1), "", ""),
        ((0, 13, 0), "", ""),
    ],
)
def test_flag_is_given_where_it_is_needed_and_known_and_nothing_is_said(version, given, expected):
    assert xla.flags(version, given) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", SMALL),
        (OFF, f"{OFF} {SMALL}"),
        (f"{xla.EXTRA}=a=1 {OFF}", f"{OFF} {xla.EXTRA}=a=1,{xla.SMALL_LOOPS}"),
        (SMALL.replace("262144", "7"), SMALL.replace("262144", "7")),
    ],
)
def test_the_option_for_small_loops_joins_those_that_are_given(given, expected):
    assert xla.with_small_loops(given) == expected


@pytest.mark.compiled
def test_the_loop_of_a_small_network_is_one_function():
    """Its products are sums, as there is one row; several rows have products of matrices."""
    cell = cells.make("lstm", hidden_size=8)
    params = cell.init(jax.random.key(0), 3)
    small, rows = (
        jax.jit(functools.partial(unroll, cell)).lower(params, jnp.ones((n, 50, 3))).compile()
        for n in (1, 8)
    )
    assert "xla_cpu_small_call" in small.as_text()
    assert "xla_cpu_small_call" not in rows.as_text()


def test_importing_the_package_leaves_the_flags_alone():
    code = "import os, lstmx.parallel.mesh, lstmx.xla; assert 'XLA_FLAGS' not in os.environ"
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=60)


@pytest.mark.parametrize(
    ("version", "given", "expected"),
    [
        ((0, 10, 2), "", {"off": OFF, "on": ""}),
        ((0, 12, 0), f"--a=1 {xla.FLAG}=dot", {"off": f"--a=1 {OFF}", "on": "--a=1"}),
        ((0, 10, 1), f"--a=1 {OFF}", {"on": "--a=1"}),
        ((0, 13, 0), "", {"on": ""}),
    ],
)
def test_settings_differ_in_the_fusion_alone_where_there_is_a_wrong_one(version, given, expected):
    assert xla.settings(version, given) == expected


GROUP = """
%both (a: f32[3,37,37], b: f32[3,37,37]) -> f32[3,37] {
  %a = f32[3,37,37]{2,1,0} parameter(0)
  %b = f32[3,37,37]{2,1,0} parameter(1)
  %dot.1 = f32[3,37,37]{2,1,0} dot(%a, %b), lhs_batch_dims={0}, rhs_batch_dims={0}
  ROOT %sum = f32[3,37]{1,0} reduce(%dot.1), dimensions={2}, to_apply=%add
}

%single (a: f32[37,37], b: f32[37,37]) -> f32[37,37] {
  %a = f32[37,37]{1,0} parameter(0)
  %b = f32[37,37]{1,0} parameter(1)
  ROOT %dot.2 = f32[37,37]{1,0} dot(%a, %b), lhs_contracting_dims={1}
}

ENTRY %main (a: f32[3,37,37]) -> f32[3,37] {
  %one = f32[3,37] fusion(%a), kind=kCustom, calls=%both, backend_config={"kind":"__ynn_fusion"}
  %two = f32[37,37] fusion(%a), kind=kCustom, calls=%single, backend_config={"kind":"__ynn_fusion"}
  ROOT %three = f32[3,37] fusion(%a), kind=kLoop, calls=%both
}
"""


def test_groups_are_those_of_the_library_that_hold_more_than_a_product():
    assert xla.groups(GROUP) == 1
    assert xla.groups(GROUP.replace("calls=%both, backend", "calls=%single, backend")) == 0
    two = "ROOT %sums = (f32[3,37]{1,0}, f32[3]{0}) reduce(%dot.1, %dot.1), dimensions={2}"
    assert xla.groups(GROUP.replace("ROOT %sum = f32[3,37]{1,0} reduce(%dot.1)", two)) == 1
