"""The start of every launcher: flags, the config file, and errors in one line.

A launcher defines its flags and a `main()` without arguments, and ends in `run(main)`. Before
`main` the flags are parsed and the config is loaded, overridden and checked, all without jax. A
mistake of the user prints one line on stderr and exits with code 2; `--traceback` shows its origin.

Overrides keep the syntax of ml_collections' config_flags (`--config.a.b=value`, `--config.a value`,
`--config.flag`, `--noconfig.flag`), but are applied by `lstmx.config.resolve`, the same way as the
points of a sweep: None is a value, and `--config.model.cell.name=gru` brings the options of the
GRU along.
"""

import contextlib
import difflib
import os
import re
import shlex
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from absl import app, flags, logging
from ml_collections import ConfigDict

from lstmx import config as cfg
from lstmx import machine, sweep
from lstmx.interrupt import Interrupt
from lstmx.search import Search

from . import _flags, _recipe, _signals, _threads

flags.disclaim_key_flags()  # the flags of this file are those of the launcher

WRONG_USAGE = 2
_started: dict[str, Any] = {}
_interrupt = Interrupt()
_reserve = bytearray(4 << 20)
"""Freed when memory runs out, so that there is room for the error message."""


def run(
    main: Callable[[], None],
    *,
    config: bool = True,
    workdir: bool | str = True,
    hosts: bool = False,
    words: bool = False,
) -> None:
    """Parse the command line, call `main`, and end the process.

    Args:
        main: the launcher's function.
        config: whether it has a required flag --config.
        workdir: True requires --workdir, a folder is its default; with False only `workdir()`
            requires it.
        hosts: whether several processes may run it as one job.
        words: whether it takes words beside flags, and no folders; see `words`.
    """
    if config:
        flags.DEFINE_string("config", None, "File, or name of a recipe, such as adding[:quick].")
        flags.DEFINE_bool("print_config", False, "Print config and differences; run nothing.")
    if not words:
        folder = workdir if isinstance(workdir, str) else None
        flags.DEFINE_string("workdir", folder, "Folder of the run directories.")
        flags.DEFINE_string("data_dir", None, "Folder of the data sets; else $LSTMX_DATA.")
    flags.DEFINE_bool("traceback", False, "Show where an error arose.")
    if hosts:
        flags.DEFINE_string("coordinator_address", None, "host:port of process 0 of several.")
        flags.DEFINE_integer(
            "num_processes", None, "Number of processes; default: that of the Slurm step."
        )
        flags.DEFINE_integer("process_id", None, "Number of this process, from 0.")
        flags.DEFINE_integer("initialization_timeout", 300, "Seconds to wait for the others.")

    end = _threads.ends(_reserve.clear, WRONG_USAGE)
    _threads.install(end)
    logging.get_absl_handler().addFilter(lambda record: "orbax" not in record.pathname)
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"

    def parse(argv: list[str]) -> list[str]:
        with _one_line("--traceback" in argv):
            if any(word in _flags.HELP for word in argv[1:]):
                _flags.print_help(config)
            rest = _parse(argv, config=config, workdir=bool(workdir), words=words)
            if flags.FLAGS["verbosity"].using_default_value:
                # Else absl raises it to INFO, and the user reads the notes of every library.
                flags.FLAGS.verbosity = logging.WARNING  # type: ignore[assignment]
            return rest

    def start(argv: list[str]) -> None:
        del argv
        _signals.watch(_interrupt)
        _threads.watch(end)
        with _one_line(flags.FLAGS.traceback):
            main()
            sys.stdout.flush()

    app.run(start, flags_parser=parse)


def config() -> ConfigDict:
    """The config of --config with the command line's overrides, checked."""
    return _started["config"]


def words() -> list[str]:
    """The words of the command line that are no flags."""
    return _started["words"]


def points() -> list[sweep.Point]:
    """The points of the config file's sweep.

    Raises:
        ValueError: the file has none; an override on the command line that the sweep would undo.
    """
    return _recipe.points(_started["recipe"], config())


def search() -> Search:
    """The search of the config file.

    Raises:
        ValueError: the file has none; an override on the command line that the search would undo.
    """
    return _recipe.search(_started["recipe"], config())


def study() -> str:
    """The name of the config file's study: that of the config, and of a mode other than "full"."""
    mode = _started["recipe"].mode
    return config().name + ("" if mode == "full" else f"-{mode}")


def workdir() -> Path:
    """The folder of --workdir. Raises ValueError without one."""
    if not flags.FLAGS.workdir:
        raise ValueError("--workdir is missing; expected a folder, such as --workdir=runs")
    return machine.local_folder(flags.FLAGS.workdir, "--workdir")


def interrupt() -> Interrupt:
    """The interrupt that a signal requests; a job that takes it saves before the process ends."""
    return _interrupt


def record() -> dict[str, Any]:
    """What meta.json keeps of the config file."""
    return _recipe.record(_started["recipe"])


def label(resolved: ConfigDict) -> str:
    """The differences of a config from that of --config as text: the name of its run directory."""
    return _recipe.label(_started["recipe"], resolved)


def command() -> str:
    """The command line of this process."""
    spec = sys.modules["__main__"].__spec__
    program = _flags.named(f"python -m {spec.name}") if spec else f"python {sys.argv[0]}"
    return f"{program} {shlex.join(sys.argv[1:])}".rstrip()


def start_jax() -> None:
    """Import jax, with a device per CPU core and a cache of compiled programs on disk.

    With the flags of `hosts`, or as one of several tasks of a Slurm step, join the other processes;
    a launcher without `hosts` is on its own there.
    """
    from lstmx.parallel import mesh

    mesh.use_cores()
    mesh.cache_programs()
    values = flags.FLAGS.flag_values_dict()
    given = [values.get(name) for name in ("coordinator_address", "num_processes", "process_id")]
    step = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) if "process_id" in values else 1
    if any(v is not None for v in given) or step > 1:
        _started["joined"] = True
        mesh.connect(*given, timeout=values["initialization_timeout"])


def explained(resolved: ConfigDict) -> str:
    """The memory and time that a run of a config will need, as a table; starts jax."""
    start_jax()
    from ._explain import explain

    return explain(resolved)


def _parse(argv: list[str], *, config: bool, workdir: bool, words: bool) -> list[str]:
    given = flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False)
    rest, overrides = _flags.split(given) if config else (given, [])
    try:
        stray = flags.FLAGS([argv[0], *rest])[1:]
    except flags.UnrecognizedFlagError as error:
        names = sorted(_flags.names())
        near = difflib.get_close_matches(error.flagname, names, n=1)
        hint = f"did you mean --{near[0]}?" if near else f"known: --{', --'.join(names)}"
        raise ValueError(f"unknown flag --{error.flagname}; {hint}") from None
    _started["words"] = stray if words else []
    if stray and not words:
        raise ValueError(f"unexpected argument {stray[0]!r}; flags are written --name=value")
    if config:
        if not flags.FLAGS.config:
            raise ValueError(
                "--config is missing; expected a file, such as configs/adding.py, or the name of a "
                "recipe, such as adding"
            )
        recipe = _recipe.recipe(flags.FLAGS.config)
        values: dict[str, Any] = {}
        current = recipe.config
        # Names of members first: they determine which options other overrides may set.
        for key, text in sorted(overrides, key=lambda pair: not cfg.renames(pair[0])):
            values[key] = cfg.parse(current, key, text)
            if cfg.renames(key):
                current = cfg.resolve(current, {key: values[key]})
        resolved = cfg.checked(recipe.config, values)
        _started.update(recipe=recipe, config=resolved)
        if flags.FLAGS.print_config:
            from ._show import printed

            print(printed(recipe, resolved), flush=True)
            sys.exit(0)
    if workdir and not flags.FLAGS.workdir:
        raise ValueError("--workdir is missing; expected a folder, such as --workdir=runs")
    if not words and flags.FLAGS.data_dir:
        os.environ["LSTMX_DATA"] = os.path.expanduser(flags.FLAGS.data_dir)
    return argv[:1]


@contextlib.contextmanager
def _one_line(verbose: bool) -> Iterator[None]:
    """Turn an error of the user into one line and an exit code."""
    try:
        yield
    except BrokenPipeError:
        # Who reads the output has read enough, such as `head -1`. Python would say so at the exit,
        # when it writes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(128 + getattr(signal, "SIGPIPE", 13), alone=True)
    except (ValueError, OSError, flags.Error) as error:
        _reserve.clear()
        if verbose:
            traceback.print_exc()
        print(f"error: {_flags.named(_message(error))}", file=sys.stderr)
        # A ValueError is about the job: all its processes raise it and leave together.
        _leave(WRONG_USAGE, alone=not isinstance(error, ValueError))
    except (MemoryError, RuntimeError, ImportError) as error:
        _reserve.clear()
        line = machine.out_of_memory(error)
        if line is None or verbose:
            raise
        print(f"error: {line}", file=sys.stderr)
        _leave(WRONG_USAGE, alone=True)
    except KeyboardInterrupt:
        if not _interrupt.requested:  # before `_signals.watch`: nothing to save
            _signals.leave(signal.SIGINT)
        threading.Event().wait()  # all is saved; the thread of `_signals` ends the process


def _leave(code: int, *, alone: bool) -> NoReturn:
    """End the process; at once if other processes of the job go on, as JAX would wait for them."""
    if alone and "joined" in _started:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _message(error: Exception) -> str:
    """An exception in one line."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        folder = isinstance(error, NotADirectoryError | FileExistsError | PermissionError)
        hint = "; expected a folder that can be written" if folder else ""
        return f"{error.filename}: {error.strerror}{hint}"
    text = str(error)
    if isinstance(error, flags.Error):
        # absl prefixes one of its messages, and shows another as a tuple of its parts.
        text = re.sub(r"\('([^']+)', .*\)$", r"\1", text.removeprefix("ERROR:: "))
    lines = text.strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines) == 1 else f"{lines[0]} (more with --traceback)"
