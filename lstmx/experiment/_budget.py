"""Fair comparison: the width at which a model is within a budget of parameters or of state."""

from collections.abc import Sequence

from lstmx import checks, precision
from lstmx.config import ConfigDict
from lstmx.experiment._masking import at_width, family, hidden_size
from lstmx.experiment._model import make_model
from lstmx.experiment._sizes import sizes
from lstmx.experiment._task import make_task
from lstmx.planner import widths

Budget = tuple[str, int]
"""What is bounded, a key of `FIELDS`, and its most."""
FIELDS = {"params": "parameters", "state": "state"}
"""Kind of a budget -> the field of `Sizes` that it bounds."""


def fit(configs: Sequence[ConfigDict], budget: Budget) -> list[ConfigDict]:
    """The configs with the largest hidden size that is within a budget, each of its own model.

    Never above the budget: the nearest width from below. Sizes come from shapes; nothing is
    compiled.

    Args:
        configs: of any models; their hidden sizes do not matter.
        budget: ("params", number of trained parameters), or ("state", floats that a step hands on).

    Raises:
        ValueError: a model without a hidden size, or one whose narrowest is above the budget.
    """
    kind, most = budget
    checks.one_of("budget", kind, FIELDS)
    found: dict[str, int] = {}
    fitted = []
    for config in configs:
        name = family(config)
        if name not in found:
            found[name] = _width(config, kind, most)
        fitted.append(at_width(config, found[name]))
    return fitted


def _width(config: ConfigDict, kind: str, most: int) -> int:
    what = f"--budget_{kind}={most}"
    if hidden_size(config) is None:
        raise ValueError(
            f"{what} chooses model.cell.hidden_size; expected a cell that has one, and an empty "
            "model.hidden_sizes"
        )
    checks.size(f"--budget_{kind}", most)
    task = make_task(config.task)

    def count(width: int) -> int:
        model = make_model(at_width(config, width).model, task)
        with precision.scope(config.model.precision):
            return int(getattr(sizes(model), FIELDS[kind]))

    return widths.within(count, most, f"{what} with cell {config.model.cell.name!r}")
