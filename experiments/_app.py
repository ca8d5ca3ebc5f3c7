"""The start of every launcher: flags, the config file, and errors in one line.

A launcher defines its flags and a `main(launch)`, and ends in `run(main)`. Before
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
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from absl import app, flags, logging

from lstmx import config as cfg
from lstmx import machine

from . import _flags, _recipe, _signals, _threads
from ._launch import Launch

flags.disclaim_key_flags()  # the flags of this file are those of the launcher

WRONG_USAGE = 2
_reserve = bytearray(4 << 20)
"""Freed when memory runs out, so that there is room for the error message."""


def run(
    main: Callable[[Launch], None],
    *,
    config: bool = True,
    workdir: bool | str = True,
    hosts: bool = False,
    words: bool = False,
    resumes: bool = False,
) -> None:
    """Parse the command line, call `main`, and end the process.

    Args:
        main: the launcher's function of the parsed command line.
        config: whether it has a required flag --config.
        workdir: True requires --workdir, a folder is its default; with False only
            `Launch.workdir` requires it.
        hosts: whether several processes may run it as one job.
        words: whether it takes words beside flags, and no folders; see `Launch.words`.
        resumes: whether the same command goes on where one that was interrupted ended.
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
    launch = Launch(resumes=resumes)

    def parse(argv: list[str]) -> list[str]:
        with _one_line(launch, verbose="--traceback" in argv):
            if any(word in _flags.HELP for word in argv[1:]):
                _flags.print_help(config)
            _parse(launch, argv, config=config, workdir=bool(workdir), words=words)
            if flags.FLAGS["verbosity"].using_default_value:
                # Else absl raises it to INFO, and the user reads the notes of every library.
                flags.FLAGS.verbosity = logging.WARNING  # type: ignore[assignment]
            return argv[:1]

    def start(argv: list[str]) -> None:
        del argv
        _signals.watch(launch.interrupt, resumes=resumes)
        _threads.watch(end)
        with _one_line(launch, verbose=flags.FLAGS.traceback):
            main(launch)
            sys.stdout.flush()

    app.run(start, flags_parser=parse)


def _parse(launch: Launch, argv: list[str], *, config: bool, workdir: bool, words: bool) -> None:
    """Set the flags of this process, and what `launch` holds of the command line."""
    given = flags.FLAGS.read_flags_from_files(argv[1:], force_gnu=False)
    rest, overrides = _flags.split(given) if config else (given, [])
    try:
        stray = flags.FLAGS([argv[0], *rest])[1:]
    except flags.UnrecognizedFlagError as error:
        names = sorted(_flags.names())
        near = difflib.get_close_matches(error.flagname, names, n=1)
        hint = f"did you mean --{near[0]}?" if near else f"known: --{', --'.join(names)}"
        raise ValueError(f"unknown flag --{error.flagname}; {hint}") from None
    if stray and not words:
        raise ValueError(f"unexpected argument {stray[0]!r}; flags are written --name=value")
    launch.words = tuple(stray)
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
        launch.recipe, launch.resolved = recipe, resolved
        if flags.FLAGS.print_config:
            from ._show import printed

            print(printed(recipe, resolved), flush=True)
            sys.exit(0)
    if workdir and not flags.FLAGS.workdir:
        raise ValueError("--workdir is missing; expected a folder, such as --workdir=runs")
    if not words and flags.FLAGS.data_dir:
        os.environ["LSTMX_DATA"] = os.path.expanduser(flags.FLAGS.data_dir)


@contextlib.contextmanager
def _one_line(launch: Launch, *, verbose: bool) -> Iterator[None]:
    """Turn an error of the user into one line and an exit code."""
    try:
        yield
    except BrokenPipeError:
        # Who reads the output has read enough, such as `head -1`. Python would say so at the exit,
        # when it writes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(128 + getattr(signal, "SIGPIPE", 13), at_once=launch.joined)
    except (ValueError, OSError, flags.Error) as error:
        _reserve.clear()
        if verbose:
            traceback.print_exc()
        print(f"error: {_flags.named(_message(error))}", file=sys.stderr)
        # A ValueError is about the job: all its processes raise it and leave together.
        _leave(WRONG_USAGE, at_once=launch.joined and not isinstance(error, ValueError))
    except (MemoryError, RuntimeError, ImportError) as error:
        _reserve.clear()
        line = machine.out_of_memory(error)
        if line is None or verbose:
            raise
        print(f"error: {line}", file=sys.stderr)
        _leave(WRONG_USAGE, at_once=launch.joined)
    except KeyboardInterrupt:
        if not launch.interrupt.requested:  # before `_signals.watch`: nothing to save
            _signals.leave(signal.SIGINT, resumes=launch.resumes)
        threading.Event().wait()  # all is saved; the thread of `_signals` ends the process


def _leave(code: int, *, at_once: bool) -> NoReturn:
    """End the process; at once where other processes of the job go on: JAX would wait for them."""
    if at_once:
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
