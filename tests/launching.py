"""Command lines as a user types them, without the seconds that importing jax takes.

`Launchers` keeps one process that has imported everything and started no backend. Every command
line is run in a fork of it: the launcher's own module as `__main__`, its own flags, its own jax.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TIMEOUT = 300


class Ended(NamedTuple):
    """How a command line ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


class Launchers:
    """Runs `python -m experiments.<name>` command lines; a class because it owns a process."""

    def __init__(self, cache):
        """Start the process; compiled programs are kept in the folder `cache`."""
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
        environment.pop("LSTMX_DATA", None)
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __call__(self, words, cwd, **environment):
        """Run "train --config=..." in a folder, with these environment variables added."""
        name, *arguments = words.split() if isinstance(words, str) else words
        asked = [name, list(map(str, arguments)), str(cwd), environment]
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(*json.loads(self._process.stdout.readline()))

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait()


def _serve():
    import tempfile
    import threading
    import warnings

    import lstmx.evaluation
    import lstmx.report
    import lstmx.runner  # noqa: F401

    shown = list(warnings.filters)
    warnings.simplefilter("ignore")  # of the fork: no backend has started, jax has no thread yet
    for line in sys.stdin:
        name, arguments, cwd, environment = json.loads(line)
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            child = os.fork()
            if not child:
                warnings.filters[:] = shown
                _become(name, arguments, cwd, environment, out, err)
            clock = threading.Timer(TIMEOUT, os.kill, (child, 9))
            clock.start()
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            clock.cancel()
            clock.join()
            texts = [file.seek(0) or file.read() for file in (out, err)]
        print(json.dumps([code, *texts]), flush=True)


def _become(name, arguments, cwd, environment, out, err):
    """The forked process: run the launcher as `python -m` would, and end."""
    import runpy
    import traceback

    code = 1
    try:
        os.chdir(cwd)
        os.environ.update(environment)
        sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.argv = ["", *arguments]
        runpy.run_module(f"experiments.{name}", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
