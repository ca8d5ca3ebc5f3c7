"""The words of a command line: overrides of a config apart from flags, and the text of --help."""

import re
import sys
from typing import NoReturn

from absl import flags

INSTALLED = "lstmx.launchers"
"""The name of this package where the command `lstmx` runs it, see `lstmx/_command.py`."""
HELP = ("--help", "-help", "-h", "-?")


def split(words: list[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """(words that are not overrides, overrides as (dotted key, text)); of a key the last one."""
    rest: list[str] = []
    overrides: dict[str, str] = {}
    queue = list(words)
    while queue:
        word = queue.pop(0)
        match = re.fullmatch(r"--?(no)?config\.([^=]+)(=(.*))?", word, re.DOTALL)
        if word == "--":
            return [*rest, word, *queue], list(overrides.items())
        if not match:
            rest.append(word)
            continue
        negated, key, given, text = match.groups()
        if negated:
            if given:
                raise ValueError(f"{word!r:.80}: --noconfig takes no value")
            text = "False"
        elif not given:
            text = queue.pop(0) if queue and not queue[0].startswith("--") else "True"
        overrides[key] = text
    return rest, list(overrides.items())


def names() -> list[str]:
    """The names of the launcher's flags, without those of libraries."""
    return [flag.name for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0])]


def print_help(config: bool) -> NoReturn:
    """Print what a launcher does and its flags with their defaults, and end the process."""
    main = sys.modules["__main__"]
    print(named((main.__doc__ or "").strip()) + "\n\nFlags:")
    # Only the first line: below it absl adds to a multi-flag's help that it may be repeated.
    lines = {name: (flags.FLAGS[name].help or "").split(";\n")[0] for name in names()}
    lines = {name: f"{line}{_default(name, line)}" for name, line in lines.items()}
    if config:
        lines["config.<key>"] = "Override a key of the config, such as --config.steps=100."
    width = max(map(len, lines))
    for name, line in sorted(lines.items()):
        print(f"  --{name:<{width}}  {line}")
    sys.stdout.flush()
    sys.exit(0)


def _default(name: str, line: str) -> str:
    """The default of a flag as the end of its line; "" where the line says it or it is nothing."""
    value = flags.FLAGS[name].default
    if "default" in line or value in (None, False, "", []):
        return ""
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f" [{text.lower() if isinstance(value, bool) else text}]"


def installed() -> bool:
    """Whether the command `lstmx` runs this launcher, not `python -m` in a checkout."""
    return __package__ == INSTALLED


def named(text: str) -> str:
    """The text with launchers named as the user of this process has called them.

    `python -m experiments.train` stays in a checkout; the installed command is `lstmx train`, and
    its recipes have names in place of paths.
    """
    if not installed():
        return text
    text = re.sub(r"\bconfigs/([\w/]+)\.py", r"\1", text)
    return re.sub(r"(?:python -m )?\b(?:experiments|lstmx\.launchers)\.([a-z]+)", r"lstmx \1", text)
