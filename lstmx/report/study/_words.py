"""What follows from a study and what does not, in sentences."""

import statistics
from collections.abc import Mapping, Sequence

import pandas as pd

from lstmx import stats
from lstmx.report.columns import ALPHA
from lstmx.report.study._importance import MEANINGLESS, Importance
from lstmx.report.study._tables import SETS
from lstmx.report.study._trials import FAILED, PRUNED, Trials, stand_ins, without_value
from lstmx.tables import brief, counted, duration

MOST_NAMED = 12
"""Numbers of trials in a sentence."""


def lead(trials: Trials, variants: pd.DataFrame) -> str:
    """The main result in two sentences."""
    first = variants.iloc[0]
    several = len(variants) > 1
    names = f" of {len(variants)} variants" if several else ""
    baseline = trials.levels.get("baseline")
    trivial = f" (trivial baseline {brief(baseline)})" if baseline is not None else ""
    return (
        f"{counted(len(trials.entries), 'trial')}{names}, "
        f"{duration(sum(e.seconds for e in trials.entries))} of training. "
        f"Best of {int(first['budget'])} trials{' each' * several}, chosen by "
        f"{trials.metric.selection.metric}: {first['variant'] + ' with ' if several else ''}"
        f"{trials.metric.name} {brief(first['expected_best'])}{trivial}."
    )


def follows(trials: Trials, table: pd.DataFrame, share: float) -> list[str]:
    """What the comparisons say, and how sure; nothing where nothing is compared."""
    if not len(table):
        return []
    reference = table["reference"].iloc[0]
    lines = []
    for kind in SETS:
        part = table[table["set"] == kind]
        who = f"the best {100 * share:g} %" if kind == "best" else "all trials"
        groups: dict[str, list[str]] = {"worse": [], "better": [], "open": []}
        for row in part.to_dict("records"):
            sure = row["welch_holm"] < ALPHA  # nan is not
            better = (row["difference"] > 0) == trials.metric.maximize
            groups["better" if sure and better else "worse" if sure else "open"].append(
                row["variant"]
            )
        said = [
            f"{word} than {reference}: {', '.join(groups[word])}"
            for word in ("worse", "better")
            if groups[word]
        ]
        if groups["open"]:
            said.append(f"not told apart from {reference}: {', '.join(groups['open'])}")
        lines.append(f"Of {who} (Welch, p < {ALPHA:g} after Holm): {'; '.join(said)}.")
        lines += [_widest(part, groups["open"], kind)] if groups["open"] else []
        split = [
            row["variant"]
            for row in part.to_dict("records")
            if (row["welch_holm"] < ALPHA) != (row["permutation_holm"] < ALPHA)
            and stats.smallest_p(row["n"], row["m"]) * len(part)
            < ALPHA  # else it finds nothing at all
        ]
        if split:
            lines.append(
                f"The permutation test decides otherwise on {', '.join(split)}: a difference that "
                "depends on the test is no firm one."
            )
    return lines


def _widest(part: pd.DataFrame, open_: list[str], kind: str) -> str:
    """What the variants that were not told apart may still differ by."""
    rows = part[part["variant"].isin(open_)]
    ends = rows[["difference_low", "difference_high"]].abs().max(axis=1).dropna()
    if not len(ends):
        return "One trial each has no interval: nothing follows about their difference."
    return (
        "That is not equality: by the 95 % intervals they may differ by up to "
        f"{brief(float(ends.max()), 2)}."
    )


def does_not(trials: Trials, compared: bool, share: float) -> list[str]:
    """What cannot be concluded from a study of this kind."""
    lines = []
    if compared:
        lines += [
            trials.widths,
            "Variants are compared as tuned by this search: within its ranges, with its number of "
            "trials, its training length and its task. Wider ranges or longer tuning may change "
            "the order.",
            f"The best {100 * share:g} % were selected, so that their values are neither "
            "independent nor normal; their p values, made as in Greff et al. 2017, are a guide. "
            "Those of all trials need no such care, but are about untuned networks.",
        ]
    if trials.metric.key == trials.metric.selection.metric:
        lines.append(
            "There is no separate test split: trials are chosen and reported on the same data, "
            "and the best of them is too good by that."
        )
    if trials.sampler == "tpe":
        lines.append(
            "TPE draws points where earlier ones were good: its trials are not independent. The "
            "tests, the curves of the best of k and the shares of variance, which are those of "
            "random trials, are descriptions here."
        )
    if trials.pruning != "none":
        lines.append(
            "Pruned trials count with their best value before they were ended; with more steps "
            "some would have been better."
        )
    return lines


def warnings(trials: Trials, table: pd.DataFrame) -> list[str]:
    """Too few trials; trials that went wrong or have not ended, with their numbers."""
    lines = []
    for kind, who in zip(SETS, ("among the best", "of all")):
        part = table[table["set"] == kind] if len(table) else table
        if len(part):
            few = stats.warning(
                int(statistics.median_low(part["n"])), int(part["m"].iloc[0]), comparisons=len(part)
            )
            lines += (
                [few.replace("Too few seeds", f"Too few trials {who}").replace("seeds", "trials")]
                if few
                else []
            )
    groups: dict[str, list[int]] = {}
    for entry in trials.entries:
        if entry.outcome in (*FAILED, PRUNED):
            groups.setdefault(entry.outcome, []).append(entry.number)
    missing = without_value(trials)
    for outcome, numbers in groups.items():
        lines.append(f"{counted(len(numbers), 'trial')} {outcome}: {_numbers(numbers)}.")
    if missing:
        lines.append(
            f"{counted(len(missing), 'trial')} without a value of {trials.metric.key} "
            f"({_numbers([e.number for e in missing])}): counted as "
            f"{brief(stand_ins(trials)[0])}, the worst of any trial or of the trivial baseline."
        )
    for outcome, left in trials.left.items():
        if left:
            lines.append(f"{counted(len(left), 'trial')} {outcome}, not counted: {_numbers(left)}.")
    return lines


def importance(trials: Trials, each: Mapping[str, Importance]) -> list[str]:
    """What the forests of the variants agree on."""
    trusted = {v: one for v, one in each.items() if one.shares.r2 >= MEANINGLESS}
    lines = []
    if trusted and len(trials.dimensions) > 1:
        first: dict[str, list[str]] = {}
        for variant, one in trusted.items():
            top = max((d.name for d in trials.dimensions), key=one.single)
            first.setdefault(top, []).append(variant)
        for name, variants in sorted(first.items(), key=lambda item: -len(item[1])):
            found = [trusted[v].single(name) for v in variants]
            several = len(each) > 1
            where = f" in {len(variants)} of {len(each)} variants" if several else ""
            mean = f"{100 * statistics.fmean(found):.0f} %{' on average' * (len(found) > 1)}"
            lines.append(f"{name} has the largest share{where}, {mean}.")
    weak = [v for v in each if v not in trusted]
    if weak:
        lines.append(
            f"R² is below {MEANINGLESS:g}, and nothing follows about what mattered: "
            f"{', '.join(weak)}."
        )
    return lines


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:MOST_NAMED]))
    more = len(numbers) - MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
