"""Command lines as a user types them, without the seconds that importing jax takes.

`Launchers` keeps one process that has imported everything and started no backend. Every command
line is run in a fork of it: the launcher's own module as `__main__`, its own flags, its own jax.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
TIMEOUT = 300
SIGNALS = {signal.SIGINT, signal.SIGTERM}


class Ended(NamedTuple):
    """How a command line ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


class Started(NamedTuple):
    """A command line that runs on its own."""

    launchers: "Launchers"
    process: int

    def runs(self):
        """Whether it has not ended yet."""
        return self.launchers.ask("runs", self.process)

    def send(self, signal):
        """Send it a signal."""
        os.kill(self.process, signal)

    def wait(self):
        """Wait for its end."""
        return Ended(*self.launchers.ask("wait", self.process))


class Launchers:
    """Runs `python -m experiments.<name>` command lines; a class because it owns a process."""

    def __init__(self, cache, limit=TIMEOUT):
        """Start the process; compiled programs are kept in the folder `cache`.

        A command line that takes longer than `limit` seconds is ended.
        """
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
        environment.pop("LSTMX_DATA", None)
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def __call__(self, words, cwd, **environment):
        """Run "train --config=..." in a folder, with these environment variables added.

        The first word is the name of a launcher, or a path that ends in ".py".

        WITHOUT="os.sched_getaffinity" is no variable: the process lacks it, as on other systems.
        """
        return self.start(words, cwd, **environment).wait()

    def start(self, words, cwd, core=None, **environment):
        """The same without waiting for its end, and tied to one core if that is named."""
        name, *arguments = map(str, words.split() if isinstance(words, str) else words)
        return Started(self, self.ask("start", name, arguments, str(cwd), core, environment))

    def ask(self, *request):
        """What the process answers to a request."""
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        """End the process."""
        self._process.stdin.close()
        self._process.wait()


def _serve():
    import gc
    import tempfile
    import warnings

    from lowering import share_contexts

    import lstmx.report
    import lstmx.runs.evaluation
    import lstmx.runs.loop  # noqa: F401

    share_contexts()
    gc.freeze()  # what is imported: no fork need go through it, and with that copy it
    shown = list(warnings.filters)
    warnings.simplefilter("ignore")  # of the fork: no backend has started, jax has no thread yet
    printed = {}

    def start(name, arguments, cwd, core, environment):
        files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        # A signal that comes before the fork has become the launcher waits until it has.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        child = os.fork()
        if child:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        else:
            warnings.filters[:] = shown
            _become(name, arguments, cwd, core, environment, *files)
        printed[child] = files
        return child

    def runs(child):
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def wait(child):
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        texts = []
        for file in printed.pop(child):
            with file:
                texts.append(file.seek(0) or file.read())
        return [code, *texts]

    answers = {"start": start, "runs": runs, "wait": wait}
    for line in sys.stdin:
        request, *arguments = json.loads(line)
        print(json.dumps(answers[request](*arguments)), flush=True)


def _become(name, arguments, cwd, core, environment, out, err):
    """The forked process: run the launcher as `python -m` would, and end."""
    import runpy
    import traceback

    code, reserve = 1, bytearray(1 << 20)  # to print an error in when memory ran out
    try:
        signal.alarm(int(sys.argv[1]))
        # A shell in the background has its children ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(cwd)
        if core is not None:
            os.sched_setaffinity(0, {core})
        for absent in environment.pop("WITHOUT", "").split():
            module, _, function = absent.partition(".")
            vars(sys.modules[module]).pop(function, None)
        os.environ.update(environment)
        sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        sys.argv = ["", *arguments]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        if name.endswith(".py"):
            runpy.run_path(name, run_name="__main__")
        else:
            runpy.run_module(f"experiments.{name}", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        reserve.clear()
        traceback.print_exc()
    finally:
        reserve.clear()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
