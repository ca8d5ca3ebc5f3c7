"""Which trials train together: those of one static part, or of several widths in one program."""

from collections.abc import Callable, Sequence

from lstmx import config as cfg
from lstmx import experiment
from lstmx.config import ConfigDict

PROGRAM = "program"
"""The attribute of a trial with the hidden size of its program; None is its own."""
Blocked = tuple[list[int], list[int | None]]
"""The block of every trial, the number of its first one; and the hidden size of its program."""


def blocks(
    configs: Sequence[ConfigDict],
    first: int,
    size: int,
    *,
    mask: bool,
    say: Callable[[str], None] = lambda line: None,
) -> Blocked:
    """The block of every config, and the hidden size of its program, None for its own.

    Configs of one block share a compiled program; a block has consecutive ones of these.

    Args:
        configs: of consecutive trials.
        first: number of the first one.
        size: the most trials of a block.
        mask: whether hidden sizes share programs.
        say: gets a line on trials whose hidden sizes cannot.
    """
    programs: list[int | None] = [None] * len(configs)
    if mask:
        programs, reasons = experiment.programs(configs)
        for reason in reasons:
            say(f"a program for each hidden size: {reason}")
    members: dict[str, list[int]] = {}
    for number, (config, program) in enumerate(zip(configs, programs)):
        wide = config if program is None else experiment.at_width(config, program)
        members.setdefault(cfg.static_part(wide), []).append(number)
    found = [0] * len(configs)
    for numbers in members.values():
        for n, m in enumerate(numbers):
            found[m] = first + numbers[n - n % size]
    return found, programs
