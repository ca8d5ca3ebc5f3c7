"""The keys of pruning: what they mean together, and what is refused."""

from collections.abc import Mapping
from typing import Any

from lstmx import checks
from lstmx.config._base import defaults

KINDS = ("none", "matrix", "global")
"""Of pruning: none, by the magnitude within each matrix, or among all weights."""
KEYS = ("optimizer.pruning_start", "optimizer.pruning_end", "optimizer.pruning_every")
SPARSITY = "hparams.sparsity"


def pruned_until(config: Mapping[str, Any]) -> int:
    """The number of updates after which a network has its final sparsity; 0 without pruning.

    Args:
        config: a config or its dict, which may be of a version that had no pruning.
    """
    options = config.get("optimizer", {})
    if options.get("pruning", "none") == "none":
        return 0
    return int(options["pruning_end"] or config["steps"] // 2)


def check(config: Mapping[str, Any]) -> None:
    """Refuse keys of pruning that nothing reads, and pruning without updates after it.

    Raises:
        ValueError: one line with the key, its value and what was expected.
    """
    options = config["optimizer"]
    checks.one_of("optimizer.pruning", options["pruning"], KINDS)
    if options["pruning"] == "none":
        for key in (*KEYS, SPARSITY):
            section, _, last = key.rpartition(".")
            value, default = config[section][last], defaults()[section][last]
            if value != default:
                raise ValueError(
                    f"{key}={value} is read where optimizer.pruning is 'matrix' or 'global', not "
                    f"with 'none'; leave it at {default}, or set optimizer.pruning=matrix"
                )
        return
    start, end, last = options["pruning_start"], pruned_until(config), config["steps"]
    if not start < end <= last - config["log_every"]:
        raise ValueError(
            f"optimizer.pruning_start={start} and pruning_end={options['pruning_end']} prune from "
            f"update {start} to {end}; expected an end after the start, and at least "
            f"log_every={config['log_every']} of the steps={last} after it, to fine-tune"
        )
