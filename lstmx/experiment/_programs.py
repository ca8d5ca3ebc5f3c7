"""Which runs share a program although their hidden sizes differ, and how wide that program is."""

from collections.abc import Sequence

from lstmx.config import ConfigDict
from lstmx.experiment._masking import at_width, family, hidden_size, refusal
from lstmx.experiment._model import make_layers, make_stack
from lstmx.experiment._task import in_precision, make_task
from lstmx.planner import widths


def programs(
    configs: Sequence[ConfigDict], platform: str | None = None
) -> tuple[list[int | None], list[str]]:
    """The hidden size of the program of each run, None for its own; and why some have their own.

    Args:
        configs: of the runs.
        platform: "cpu", "gpu", ...; that of JAX if None.

    Raises:
        ValueError: whatever the task or the cell of a config refuses.
    """
    found: list[int | None] = [None] * len(configs)
    members: dict[str, list[int]] = {}
    for number, config in enumerate(configs):
        members.setdefault(family(config), []).append(number)
    reasons = []
    for numbers in members.values():
        chosen = _of_family([configs[n] for n in numbers], platform)
        if isinstance(chosen, str):
            reasons.append(chosen)
        else:
            for n, program in zip(numbers, chosen):
                found[n] = program
    return found, reasons


def _of_family(configs: Sequence[ConfigDict], platform: str | None) -> Sequence[int | None] | str:
    sizes = [hidden_size(config) for config in configs]
    known = [size for size in sizes if size is not None]
    if len(set(known)) < 2:
        return [None] * len(configs)
    first = configs[sizes.index(min(known))]
    task = in_precision(first.model.precision, make_task(first.task))
    if reason := refusal(first, max(known), task):
        return reason
    spec = task.spec
    features = first.model.embed_features or spec.in_features
    found = widths.chosen(
        known,
        lambda width: make_layers(at_width(first, width).model),
        (spec.batch_size, spec.length, features, spec.out_features),
        first.steps,
        stack=make_stack(first.model),
        platform=platform,
    )
    return [widths.program_for(size, found) for size in known]
