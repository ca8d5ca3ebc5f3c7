"""Orthogonal starts of many replicas at once: they end, and have the values of each replica alone.

LAPACK's QR of a batch of matrices can wait for ever in some jaxlibs, see `lstmx.initializers`: none
may come to be in what draws a start, however it is mapped.
"""

import ast
import subprocess
import sys

import jax
import numpy as np
import pytest
from helpers import equations
from test_cells import cases, quick
from test_layers import ROOT, report, sources, tree

from lstmx import analysis, cells, initializers
from lstmx.analysis import _search, _tangents

X = 3
FACTORISE = (
    "initializers.py",
    "analysis/_minimise.py",
    "analysis/_tangents.py",
    "analysis/_triangular.py",
)
"""Files of lstmx whose factorisations the tests here look at."""
LIMIT = 120
"""Seconds; on two busy cores the program below needs ten."""
STARTS = """
import jax
from jax.sharding import PartitionSpec as P
from lstmx import cells
from lstmx.parallel import mesh

mesh.use_cores(2)
cell = cells.make("lstm", hidden_size=128, heads=2)
group = mesh.make(6, [4])
spec = P(mesh.REPLICA_AXIS)
starts = {
    "several replicas on each of two devices": mesh.over_replicas(
        lambda key: cell.init(key, 3), group, (spec,), spec, replicas_per_vmap=3
    ),
    "jit of vmap": jax.jit(jax.vmap(lambda key: cell.init(key, 3))),
}
keys = mesh.put(jax.random.split(jax.random.key(0), 6), group, spec)
for name, start in starts.items():
    for _ in range(50):
        jax.block_until_ready(start(keys))
    print("ended:", name)
"""


def batched_factorisations(program):
    """Names of the primitives of LAPACK in a program that take more than one matrix."""
    known = ("qr", "geqrf", "householder", "orgqr", "ormqr", "svd", "eigh", "cholesky", "lu")
    return [
        f"{equation.primitive.name} {equation.invars[0].aval.shape}"
        for equation in equations(program.jaxpr)
        if equation.primitive.name.startswith(known) and equation.invars[0].aval.ndim > 2
    ]


def replicas(cell, count=3):
    keys = jax.random.split(jax.random.key(1), count)
    return jax.make_jaxpr(jax.vmap(lambda key: cell.init(key, X)))(keys)


@pytest.mark.parametrize(("name", "options"), cases(quick))
def test_no_cell_factorises_several_matrices_at_once(name, options):
    assert not batched_factorisations(replicas(cells.make(name, **options)))


def test_nothing_but_the_starts_factorises_in_a_compiled_program():
    """Hence the programs above are all that have to be looked at."""
    report(
        [
            f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
            for path in sources("lstmx", "experiments", "configs")
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute)
            and node.attr in ("linalg", "orthogonal", "delta_orthogonal")
            and not ast.unparse(node).startswith(("np.", "torch."))
            and path.relative_to(ROOT / "lstmx").as_posix() not in FACTORISE
        ]
    )


def test_no_analysis_factorises_several_matrices_at_once():
    cell = cells.make("lstm", hidden_size=5)
    params = cell.init(jax.random.key(0), X)
    system = analysis.system(cell, params)
    states, xs = np.ones((4, system.size), "f"), np.ones((4, 7, X), "f")
    index = _tangents.schedule(xs.shape[1], 0, 1)
    tangents = np.eye(system.size, dtype="f")
    spectra = lambda states: _tangents.follow(
        system, True, True, params, xs, states, tangents, None, index
    )
    points = lambda states: _search._search(
        system, "newton", 10, 0.01, params, states, xs[:, 0], np.float32(1e-10)
    )
    for analyse in (spectra, points):
        program = jax.make_jaxpr(analyse)(states)
        names = {equation.primitive.name for equation in equations(program.jaxpr)}
        assert names & {"qr", "geqrf", "cholesky"}, "it factorises"
        assert not batched_factorisations(program)


def test_a_batched_factorisation_is_seen():
    draw = jax.nn.initializers.orthogonal()
    program = jax.make_jaxpr(jax.jit(jax.vmap(lambda key: draw(key, (4, 4)))))
    assert batched_factorisations(program(jax.random.split(jax.random.key(0), 3)))


@pytest.mark.parametrize("shape", [(5, 5), (5, 3), (3, 7)])
@pytest.mark.parametrize("how", [lambda f: f, jax.jit], ids=["eager", "compiled"])
def test_matrices_are_those_of_jax_to_the_last_bit(shape, how):
    keys = jax.random.split(jax.random.key(2), 3)
    ours = how(lambda key: initializers.orthogonal_fused(key, shape[0], {"f": shape[1]}, 5))
    plain = how(lambda key: jax.nn.initializers.orthogonal()(key, shape, float))
    expected = np.stack([plain(key) for key in keys])
    np.testing.assert_array_equal(np.stack([ours(key) for key in keys]), expected)
    np.testing.assert_array_equal(how(jax.vmap(ours))(keys), expected)


@pytest.mark.slow
@pytest.mark.parametrize("heads", [1, 2])
def test_replica_of_several_starts_as_alone(heads):
    cell = cells.make("lstm", hidden_size=64 * heads, heads=heads)
    keys = jax.random.split(jax.random.key(3), 3)
    together = jax.jit(jax.vmap(lambda key: cell.init(key, X)))(keys)
    alone = [jax.jit(lambda key: cell.init(key, X))(key) for key in keys]
    jax.tree.map(lambda a, *b: np.testing.assert_array_equal(a, np.stack(b)), together, *alone)


@pytest.mark.slow
def test_starts_of_many_replicas_end():
    """With jaxlib 0.10, several QRs at a time wait for ever: here, in the first ten starts."""
    words = [sys.executable, "-c", STARTS]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout.count("ended") == 2, done.stderr
