"""Programs of runs, made once for all tests of a file that asks about something else."""

import jax

from lstmx import config as cfg


def once(make):
    """`lstmx.runs.group.make`, whose groups take over programs that an equal group has.

    They are traced and read from the cache of compiled programs once, and not in each run: more
    than half of the time of a run of a dozen steps.
    """
    made = {}

    def again(experiment, configs, devices=None):
        group = make(experiment, configs, devices)
        place = tuple(devices or jax.devices())
        first = made.setdefault((cfg.static_part(configs[0]), len(configs), place), group)
        return group._replace(init=first.init, chunks=first.chunks, evaluate=first.evaluate)

    again.__wrapped__ = make
    return again


def plain(make):
    """What `once` was given."""
    return make.__wrapped__
