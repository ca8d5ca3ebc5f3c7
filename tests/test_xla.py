"""XLA computes the right numbers where the launchers and the tests start JAX."""

import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_layers import ROOT

from lstmx import xla

OFF = f"{xla.FLAG}={xla.ONLY}"
PROGRAM = """
from lstmx.parallel import mesh
mesh.use_cores(1)
import sys
sys.path.append("tests")
from test_xla import error
print(error())
"""


def error():
    """Relative error of a batched product with a constant, multiplied and summed; compiled."""
    rows = np.random.default_rng(0).normal(size=(3, 37, 37)).astype(np.float32)
    program = jax.jit(lambda m: ((m @ jnp.full_like(m, 0.5)) * m).sum(-1))
    # (m @ 0.5) has the half sum of its row in every place.
    expected = rows.astype(float).sum(-1) ** 2 / 2
    return float(np.abs(program(rows) - expected).max() / np.abs(expected).max())


def test_product_with_a_constant_is_right_here():
    assert error() < 1e-5  # sums of 37 * 37 terms in float32


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


def test_importing_the_package_leaves_the_flags_alone():
    code = "import os, lstmx.parallel.mesh, lstmx.xla; assert 'XLA_FLAGS' not in os.environ"
    environment = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=60)
