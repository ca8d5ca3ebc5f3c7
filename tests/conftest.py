"""What every test starts from: two CPU devices, little noise, and four fixtures.

`launch` runs command lines; `data_folder` skips where there are no data files; `x64` and `strict`
last for one test.
"""

import contextlib
import gc
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Two processes of tests keep two cores busy, and OpenBLAS, which reads this when it is imported,
# would wait for its other threads in busy loops: 212 s of processor time for the tests of a page of
# figures on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest
from launching import Launchers
from lowering import share_contexts

from lstmx import xla

# Before the first array is made: the mesh tests need two devices, whatever the machine has.
jax.config.update("jax_num_cpu_devices", 2)

# Programs are compiled to be run once or twice: LLVM's dear passes save nothing here. Without them
# the quick tests took 451 s on one core instead of 593 (jax 0.10.2). Command lines inherit both.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "true"
jax.config.update("jax_disable_most_optimizations", True)
# The older emitters, which jaxlib 0.10 still has and which end a process of a jaxlib without them,
# compile the update of a small LSTM in 1.3 s of CPU time instead of 3.0.
if jax.__version_info__ < (0, 11):
    os.environ["XLA_FLAGS"] = (
        f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_use_fusion_emitters=false".strip()
    )
# Two processes of tests keep two cores busy: programs are not cut into parts for more threads (85 s
# of processor time instead of 100 for the tests of engines and tasks). None notes where it is from,
# and the collector need not go through a million objects of JAX every few seconds (228 s instead of
# 263 for the tests of cells, wrappers, engines, tasks and training).
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_parallel_codegen_split_count=1".strip()
)
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"
jax.config.update("jax_traceback_in_locations_limit", 0)
gc.set_threshold(20_000, 20, 50)
xla.use_right_fusions()
xla.use_small_loops()
share_contexts()

# Tests of half a minute and more, which wait for processes: at the end, a core would be idle.
FIRST = ("test_faults", "test_hosts", "test_interruption", "test_claims_trained", "test_notebooks")
SAME_ANSWERS = ("no_jax", "files")
"""Markers of tests that the generation of JAX cannot change."""
BEFORE = pytest.StashKey[int]()
_computed: list[str] = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, *_, **__: _computed.append(event) if "/compile/" in event else None
)

for _noisy in ("absl", "jax", "orbax", "matplotlib"):
    logging.getLogger(_noisy).setLevel(logging.ERROR)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--first-cases`: what CI asks of the other generation of JAX."""
    parser.addoption(
        "--first-cases",
        action="store_true",
        help="of a test with several cases ask the first one only, unless it is marked compiled,"
        f" and none that is marked {' or '.join(SAME_ANSWERS)}",
    )


@pytest.hookimpl(trylast=True)  # after -m and -k have chosen
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Longest files first; deselect what `--first-cases` leaves out."""
    items.sort(key=lambda item: item.path.stem not in FIRST)
    if not config.getoption("first_cases"):
        return
    asked: set[str] = set()
    kept, left = [], []
    for item in items:
        question = item.nodeid.partition("[")[0]
        again = question in asked and item.get_closest_marker("compiled") is None
        same = any(item.get_closest_marker(name) for name in SAME_ANSWERS)
        (left if again or same else kept).append(item)
        asked.add(question)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note what JAX has traced and compiled before the fixtures of a test."""
    item.stash[BEFORE] = len(_computed)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """A test that is marked no_jax fails where it, or a fixture, traces or compiles."""
    done = yield
    computed = _computed[item.stash[BEFORE] :]
    if computed and item.get_closest_marker("no_jax"):
        pytest.fail(f"marked no_jax, but JAX has been used: {computed[0]}")
    return done


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs in pytest's cache folder; `pytest --cache-clear` empties it.

    Compilation dominates the suite: for the tests of unroll and nn, 59 s of CPU time without and
    17 s with programs of an earlier run (2 cores, jax 0.10.2). JAX keys programs by its version.
    """
    cache = getattr(config, "cache", None)
    if cache is not None:
        jax.config.update("jax_compilation_cache_dir", str(cache.mkdir("programs")))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


@pytest.fixture(scope="session")
def launch(request: pytest.FixtureRequest) -> Iterator[Launchers]:
    """Runs command lines of the launchers; compiled programs stay in pytest's cache folder."""
    with kept(request.config, "launchers") as folder:
        launchers = Launchers(folder)
        yield launchers
        launchers.close()


@contextlib.contextmanager
def kept(config: pytest.Config, name: str) -> Iterator[Path]:
    """A folder of pytest's cache; under `-p no:cacheprovider` a temporary one."""
    cache = getattr(config, "cache", None)
    if cache is not None:
        yield cache.mkdir(name)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def data_folder() -> Path:
    """The folder of data files, laid out <set>/<file>: what $LSTMX_DATA names."""
    named = os.environ.get("LSTMX_DATA")
    if not named:
        pytest.skip("needs data files; LSTMX_DATA names no folder")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"needs data files; LSTMX_DATA={named} is not a folder")
    return folder


@pytest.fixture
def x64() -> Iterator[None]:
    """Arrays are float64 unless told otherwise, in this test only."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def strict() -> Iterator[None]:
    """An operation that would promote a dtype raises, in this test only."""
    with jax.numpy_dtype_promotion("strict"):
        yield
