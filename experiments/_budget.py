"""The flags of a fair comparison, --budget_params and --budget_state, of a sweep or a search."""

from collections.abc import Collection

from absl import flags

from lstmx.search.spec import WIDTH

flags.disclaim_key_flags()  # the flags of this file are those of the launcher


def define(one: str) -> None:
    """Define both flags.

    Args:
        one: what a width is chosen for, such as "trial".
    """
    for kind, unit in (("params", "parameters"), ("state", "floats of state")):
        flags.DEFINE_integer(
            f"budget_{kind}",
            None,
            f"Give each {one} the largest hidden size with at most N {unit}.",
        )


def given(keys: Collection[str]) -> tuple[str, int] | None:
    """The budget of the command line, ("params" or "state", N); None without one.

    Args:
        keys: that vary.

    Raises:
        ValueError: both budgets, one below 1, or a hidden size that varies too.
    """
    values = flags.FLAGS.flag_values_dict()
    budgets = [(k, n) for k in ("params", "state") if (n := values[f"budget_{k}"]) is not None]
    if not budgets:
        return None
    if len(budgets) > 1:
        raise ValueError("--budget_params and --budget_state: expected one of both")
    kind, most = budgets[0]
    if most < 1:
        raise ValueError(f"--budget_{kind}={most}; expected at least 1")
    if WIDTH in keys:
        raise ValueError(
            f"--budget_{kind}={most} chooses {WIDTH}, which varies here; leave one out"
        )
    return kind, most
