"""Run a notebook's source; print as JSON which of the expressions over its variables do not hold.

`test_notebooks.py` runs it in a fork of a process that has imported everything.
"""

import json
import os
import runpy
import signal
import sys

import jax

from lstmx.runs import group

QUICKLY = {"xla_backend_optimization_level": 0}


def trains_optimised(make):
    """`lstmx.runs.group.make`, whose evaluations run too rarely for XLA's optimisations to pay.

    Initial values stay as a user's run has them to the last bit: training is chaotic.
    """

    def made(*arguments):
        result = make(*arguments)
        return result._replace(
            evaluate=jax.jit(result.evaluate.__wrapped__, compiler_options=QUICKLY)
        )

    return made


if __name__ == "__main__":
    source, claims, cache = sys.argv[1:]
    signal.alarm(0)  # no launcher's limit: the one of pytest ends it
    # The process that this is a fork of has read its variables already.
    jax.config.update("jax_disable_most_optimizations", False)
    jax.config.update("jax_platforms", os.environ["JAX_PLATFORMS"])
    if cache:
        jax.config.update("jax_compilation_cache_dir", cache)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    group.make = trains_optimised(group.make)
    variables = runpy.run_path(source)
    print(json.dumps([c for c in json.loads(claims) if not eval(c, variables)]))
