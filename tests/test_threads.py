"""Exceptions that no code can catch end the process where it would wait for ever."""

import subprocess
import sys

import pytest

START = "import threading; from experiments import _threads; end = _threads.ends(list, 2)"


def ended(code):
    program = [sys.executable, "-c", f"{START}\n_threads.install(end)\n{code}"]
    return subprocess.run(program, capture_output=True, text=True)


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
    done = ended(f"_threads.PATIENCE = 0.4\n_threads.watch(end)\n{dies}Dies().start()")
    assert done.returncode == 2
    assert "memory" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.no_jax
def test_threads_that_begin_and_work_on_end_nothing():
    work = "threading.Thread(target=time.sleep, args=(1,)).start()"
    done = ended(
        f"import time\n_threads.PATIENCE = 0.2\n_threads.watch(end)\n{work}\ntime.sleep(0.8)"
    )
    assert done.returncode == 0
    assert not done.stderr


@pytest.mark.no_jax
@pytest.mark.skipif(sys.platform == "win32", reason="no limit of the address space")
def test_waiting_without_memory_ends_the_process():
    limit = "import resource; from lstmx import machine\nmachine.memory_left()\n"
    limit += "used = __import__('psutil').Process().memory_info().vms + (32 << 20)\n"
    limit += "resource.setrlimit(resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))\n"
    # The watching thread takes memory too; the rest is taken here, down to a few megabytes.
    rest = "kept = bytearray(int(machine.memory_left()) - (9 << 20))\n"
    wait = "threading.Event().wait(20)"
    done = ended(f"_threads.PATIENCE = 0.4\n{limit}_threads.watch(end)\n{rest}{wait}")
    assert done.returncode == 2
    assert "its address space is used up" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    enough = ended(
        f"_threads.PATIENCE = 0.2\n{limit}_threads.watch(end)\nimport time; time.sleep(1)"
    )
    assert enough.returncode == 0


@pytest.mark.no_jax
@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_signal_ends_a_process_whose_output_nobody_reads():
    wait = (
        "import time\nfrom experiments import _signals\nfrom lstmx.interrupt import Interrupt\n"
        "_signals.watch(Interrupt(), resumes=False)\nprint('ready', flush=True)\ntime.sleep(20)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", wait], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    process.stderr.close()
    process.terminate()
    assert process.wait() == 143
