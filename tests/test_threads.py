"""Exceptions that no code can catch end the process where it would wait for ever."""

import subprocess
import sys

import pytest

START = "import threading; from experiments import _threads; _threads.install(room.append, 2)"


def ended(code):
    program = (
        f"room = type('Room', (), {{'append': staticmethod(lambda *_: None)}})\n{START}\n{code}"
    )
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.no_jax
@pytest.mark.parametrize(
    "code",
    [
        "def fail(): raise MemoryError\nthreading.Thread(target=fail).start()\n",
        "class Fails:\n    def __del__(self): raise MemoryError\nFails()\n",
    ],
)
def test_no_memory_in_a_thread_or_callback_ends_the_process(code):
    done = ended(f"{code}threading.Event().wait(20)")
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "memory" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.no_jax
def test_other_errors_of_threads_are_shown():
    fail = "def fail(): raise ValueError('this')\n"
    done = ended(f"{fail}t = threading.Thread(target=fail)\nt.start(); t.join()")
    assert done.returncode == 0
    assert "ValueError: this" in done.stderr


@pytest.mark.no_jax
def test_a_thread_that_cannot_begin_ends_the_process():
    # Without memory for its first frame a new thread dies before it says that it has started.
    dies = "class Dies(threading.Thread):\n    def _bootstrap(self): pass\n"
    done = ended(f"_threads.PATIENCE = 0.4\n{dies}Dies().start()")
    assert done.returncode == 2
    assert "memory" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.no_jax
def test_threads_that_begin_and_work_on_end_nothing():
    work = "threading.Thread(target=time.sleep, args=(1,)).start()"
    done = ended(f"import time\n_threads.PATIENCE = 0.2\n{work}\ntime.sleep(0.8)")
    assert done.returncode == 0
    assert not done.stderr
