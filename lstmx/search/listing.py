"""What a search is going to do, as text; needs no study."""

from lstmx import tables
from lstmx.search.sampling import points
from lstmx.search.space import Choice, described, setting
from lstmx.search.spec import Search, repeats, searched, usual
from lstmx.sweep import show


def listing(search: Search, trials: int | None, count: int = 10) -> str:
    """The space, and the first points where they are known before the results.

    Args:
        search: what is searched.
        trials: their number; None is that of the search.
        count: number of points to show.

    Raises:
        ValueError: more trials than a grid has points.
    """
    total = trials or usual(search)
    pruning = "" if search.pruning == "none" else f", pruning: {search.pruning}"
    lines = [f"{total} trials, sampler: {search.sampler}, seed {search.seed}{pruning}", ""]
    if search.mean_over:
        lines[-1:] = [f"each the mean of runs with {'; '.join(map(show, repeats(search)))}", ""]
    lines.append(tables.aligned([[k, described(axis)] for k, axis in search.space.items()], left=2))
    if search.sampler == "tpe":
        lines += ["", "the points of sampler tpe depend on the results"]
        return "\n".join(lines)
    axes = searched(search)
    rows = [["trial", *axes]]
    for number, values in enumerate(points(search, 0, min(count, total))):
        shown = [_shown(axis, values[key]) for key, axis in axes.items()]
        rows.append([str(number), *shown])
    return "\n".join([*lines, "", tables.aligned(rows, left=0)])


def _shown(axis: object, value: object) -> str:
    if isinstance(axis, Choice):
        return str(value)
    number = setting(axis, value)  # type: ignore[arg-type]
    return f"{number:.4g}" if isinstance(number, float) else str(number)
