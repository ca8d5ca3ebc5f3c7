"""Runs that train together: configs of one static part, or of several widths in one program."""

import heapq
import math
from collections.abc import Sequence
from typing import NamedTuple

from lstmx import config as cfg
from lstmx import experiment


class Family(NamedTuple):
    """Configs that share one compiled program.

    Attributes:
        experiment: of all of them.
        members: their numbers.
        narrow: the model of each member as a part of the program, by number; empty where the
            program is that of the members themselves.
    """

    experiment: experiment.Experiment
    members: Sequence[int]
    narrow: dict[int, experiment.Narrow]


def families(
    configs: Sequence[cfg.ConfigDict], programs: Sequence[int | None] | None
) -> list[Family]:
    """The families of the configs, in order of first appearance.

    Args:
        configs: one a run.
        programs: the hidden size of the program of each run, None for its own; None for all runs.

    Raises:
        ValueError: a run that cannot compute in such a program; an invalid config.
    """
    programs = programs or [None] * len(configs)
    if len(programs) != len(configs):
        raise ValueError(
            f"got {len(programs)} programs for {len(configs)} configs; expected one each"
        )
    members: dict[tuple[str, int | None], list[int]] = {}
    for number, (config, program) in enumerate(zip(configs, programs)):
        wide = config if program is None else experiment.at_width(config, program)
        members.setdefault((cfg.static_part(wide), program), []).append(number)
    found = []
    for (_, program), numbers in members.items():
        try:
            found.append(_family(configs, numbers, program))
        except ValueError as error:
            if len(configs) == 1:
                raise
            raise ValueError(f"run {numbers[0]} of {len(configs)}, from 0: {error}") from error
    return found


def concurrent(replicas: Sequence[int], devices: int) -> int:
    """The number of groups to run at once: `devices` where that takes no more rounds, else 1.

    A round is the training of one replica on each device. In turn, a group spreads over all
    devices: 3 replicas are padded to 4 on two of them, and all devices wait while it compiles.
    Concurrently, every group has one device, and the device with the most replicas ends last.
    """
    rounds_in_turn = sum(math.ceil(n / devices) for n in replicas)
    loads = [0] * devices  # a heap of the replicas on each device, the least first
    for n in replicas:
        heapq.heapreplace(loads, loads[0] + n)  # a free device takes the next group
    return devices if max(loads) <= rounds_in_turn and len(replicas) > 1 else 1


def _family(
    configs: Sequence[cfg.ConfigDict], members: Sequence[int], program: int | None
) -> Family:
    first = configs[members[0]]
    widths = {m: experiment.hidden_size(configs[m]) for m in members}
    if program is None or set(widths.values()) == {program}:
        return Family(experiment.build(first), members, {})
    exp = experiment.build(first, program=program)
    # The narrowest, as the others are nearer to the program.
    least = min(members, key=lambda m: widths[m] or 0)
    if reason := experiment.refusal(configs[least], program, exp.task):
        raise ValueError(f"a program of hidden_size={program}: {reason}")
    distinct = {width: configs[m] for m, width in widths.items()}
    own = {width: experiment.narrow(one, exp, program) for width, one in distinct.items()}
    return Family(exp, members, {m: own[width] for m, width in widths.items()})
