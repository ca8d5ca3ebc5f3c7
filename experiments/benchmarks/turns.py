"""Training in a child process, one turn per request of the parent.

`Trainer` starts the process, which runs python -m experiments.benchmarks.turns <case as JSON>.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

TIMEOUT = 600.0  # seconds from the start to the end of a process; the longest takes a minute
WARM = 2  # calls before the first timed one


class Trainer:
    """A child process that has compiled its program and waits for its turns.

    Attributes:
        groups: number of groups of several products that XLA's program gives to the YNN library.

    Raises:
        ChildProcessError: the process ended early; the message is its last line on stderr.
    """

    def __init__(self, case: Mapping[str, Any], flags: str) -> None:
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        # A file: a full pipe that no one reads would block the process. `close` closes it.
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, json.dumps(case)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "XLA_FLAGS": flags},
        )
        self._clock = threading.Timer(TIMEOUT, self._process.kill)
        self._clock.start()
        try:
            self.groups = int(self._read())
        except BaseException:
            self.close()
            raise

    def turn(self, calls: int) -> list[float]:
        """The seconds of each of `calls` calls in the process."""
        with contextlib.suppress(OSError):  # the process has ended; `_read` raises its error
            print(calls, file=self._process.stdin, flush=True)
        return list(self._read())

    def close(self) -> None:
        """Kill the process, and close its files."""
        self._clock.cancel()
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines() or [f"exit code {code}"]
        raise ChildProcessError(lines[-1])


class Turns(NamedTuple):
    """What a process measured.

    Attributes:
        groups: see `Trainer`.
        seconds: of each of its calls.
    """

    groups: int
    seconds: list[float]


def alternate(
    started: Mapping[str, tuple[Mapping[str, Any], str]], turns: int, calls: int
) -> dict[str, Turns]:
    """What processes measure that take turns, each of them first in half of the turns.

    Args:
        started: name -> (case, XLA_FLAGS) of a process.
        turns: of each process.
        calls: in a turn.

    Raises:
        ChildProcessError: a process ended early.
    """
    with contextlib.ExitStack() as stack:
        trainers: dict[str, Trainer] = {}
        for name, (case, flags) in started.items():
            trainers[name] = Trainer(case, flags)
            stack.callback(trainers[name].close)
        found = {name: Turns(trainer.groups, []) for name, trainer in trainers.items()}
        for turn in range(turns):
            for name in list(trainers) if turn % 2 else list(trainers)[::-1]:
                found[name].seconds.extend(trainers[name].turn(calls))
        return found


def program(case: Mapping[str, Any]) -> tuple[Callable[[], Any], str]:
    """(function that trains all runs of a case for its steps, text of the compiled program)."""
    import jax

    from lstmx import experiment
    from lstmx.runs import group as groups

    configs = _of_recipe(case) if "recipe" in case else _of_task(case)
    group = groups.make(experiment.build(configs[0]), configs)
    state = group.init(group.hparams, group.seeds)
    compiled = group.chunks[0].lower(state, group.hparams, group.seeds).compile()
    chunks = case["steps"] // configs[0].log_every

    def run() -> Any:
        nonlocal state
        for _ in range(chunks):
            state, metrics = compiled(state, group.hparams, group.seeds)
        evaluated = group.evaluate(state.params, group.seeds) if case.get("evaluated") else None
        return jax.block_until_ready((metrics, evaluated))

    return run, compiled.as_text() or ""


def _of_task(case: Mapping[str, Any]) -> list[Any]:
    """The configs of runs with Adam, which differ in the seed; a chunk is all steps."""
    from lstmx import config as cfg

    config = cfg.base()
    config.task = cfg.task(case["task"], **case["task_options"])
    config.model.cell = cfg.cell(case["cell"], hidden_size=case["H"])
    config.steps = config.log_every = config.eval_every = case["steps"]
    config.evals = {}
    return [cfg.resolve(config, {"seed": seed}) for seed in range(case["runs"])]


def _of_recipe(case: Mapping[str, Any]) -> list[Any]:
    """The configs of the first runs of a recipe of a checkout, with other settings."""
    from lstmx import config as cfg

    recipe = importlib.import_module(f"configs.{case['recipe']}")
    config = recipe.get_config(case["mode"])
    points = recipe.sweep(case["mode"])[: case["runs"]]
    return [cfg.resolve(config, {**point, **case["settings"]}) for point in points]


def main(case: Mapping[str, Any]) -> None:
    """Compile, print the number of groups, and run as many calls as each line of stdin requests."""
    xla_flags = os.environ["XLA_FLAGS"]
    from lstmx import xla
    from lstmx.parallel import mesh

    mesh.use_cores()
    # `use_cores` has switched the fusion off; XLA has not read the variable yet.
    os.environ["XLA_FLAGS"] = xla_flags
    run, text = program(case)
    for _ in range(WARM):
        run()
    print(xla.groups(text), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start_time = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start_time)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    try:
        main(json.loads(sys.argv[1]))
    except Exception as error:  # the parent shows the last line of stderr in its table
        lines = str(error).strip().splitlines() or [""]
        sys.exit(f"{type(error).__name__}: {lines[0]}")
