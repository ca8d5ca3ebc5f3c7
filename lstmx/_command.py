"""The console command `lstmx`: its first word names a launcher, such as `lstmx train`.

The launchers are the modules of `experiments/` in a checkout. A wheel has them as
`lstmx.launchers`, and in a checkout the same name stands for that folder: a package `experiments`
of the user, in the current folder or installed, is neither hidden nor needed.
"""

import ast
import difflib
import importlib
import importlib.util
import os
import runpy
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

NAME = "lstmx.launchers"
CHECKOUT_ONLY = ("benchmark", "certify", "coverage")
"""Launchers that measure lstmx itself, and need its tests or its sources."""
WRONG_USAGE = 2
HELP = ("--help", "-help", "-h", "help")


def main() -> None:
    """Run the launcher that the command line names; without one, list them."""
    words = sys.argv[1:]
    if not sys.flags.safe_path:
        # As for `python -m`: cells, tasks and models of the user may be in the current folder.
        sys.path[0] = os.getcwd()
    known = launchers()
    if not words or words[0] in HELP:
        _print(table(known))
    elif words[0] == "--version":
        from lstmx import __version__

        _print(f"lstmx {__version__}")
    elif words[0] not in known:
        near = difflib.get_close_matches(words[0], known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        names = ", ".join(known)
        print(f"error: unknown command {words[0]!r}; {hint}known: {names}", file=sys.stderr)
        sys.exit(WRONG_USAGE)
    else:
        sys.argv = [sys.argv[0], *words[1:]]
        runpy.run_module(f"{NAME}.{words[0]}", run_name="__main__", alter_sys=True)


def launchers() -> dict[str, str]:
    """Name -> the first line of its docstring, of every launcher; imports none of them."""
    folder = _mounted()
    lines = {}
    for path in sorted(folder.glob("[!_]*.py")):
        if path.stem not in CHECKOUT_ONLY:
            text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
            lines[path.stem] = text.splitlines()[0].partition(": python -m")[0].rstrip(".")
    return lines


def table(known: dict[str, str]) -> str:
    """What `lstmx` alone prints."""
    width = max(map(len, known))
    lines = [f"  {name:<{width}}  {line}" for name, line in known.items()]
    return "\n".join(
        ["usage: lstmx COMMAND --flag=value ...", "", *lines, "", "lstmx COMMAND --help has flags."]
    )


def _mounted() -> Path:
    """The folder of the launchers, which `lstmx.launchers` stands for from now on.

    Raises:
        SystemExit: neither a wheel nor a checkout.
    """
    here = Path(__file__).resolve().parent
    if (here / "launchers").is_dir():
        return here / "launchers"
    folder = here.parent / "experiments"
    if not (folder / "_app.py").is_file():
        sys.exit(f"error: {here} has no launchers; install lstmx from a wheel or a checkout")
    spec = ModuleSpec(NAME, None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules.setdefault(NAME, importlib.util.module_from_spec(spec))
    return folder


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # such as `lstmx | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
