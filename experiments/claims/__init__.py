"""Published claims: what a paper reports, which runs measure it, and when it is reproduced.

A paper is a recipe, `configs/papers/<paper>.py`: its modes are its experiments, and `claims()`
lists what they should reproduce. `experiments.claims.reproduce` measures the claims and applies
their criteria.

    Claim(
        "1997-4", "The adding problem with T = 100 takes 74 000 sequences.",
        "Hochreiter & Schmidhuber 1997, Table 7", 74_000.0, factor(3), mode="adding100",
    )

A trial is a run. Measures return one value per trial, NaN for a trial that failed; criteria take
the values of all trials. Importing this module imports no jax, so recipes may import it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .criteria import (
    Criterion,
    at_least,
    at_most,
    between,
    every,
    exactly,
    factor,
    fails,
    solves,
    within,
)
from .measures import (
    Measure,
    at_best,
    at_end,
    difference,
    percent_solved,
    ratio,
    selects,
    updates_to_stop,
    weights,
)
from .protocols import Added, Orders, Protocol, Streams, Strings

__all__ = [
    "Added",
    "Claim",
    "Criterion",
    "Measure",
    "Orders",
    "Protocol",
    "Streams",
    "Strings",
    "at_best",
    "at_end",
    "at_least",
    "at_most",
    "between",
    "difference",
    "every",
    "exactly",
    "factor",
    "fails",
    "percent_solved",
    "ratio",
    "selects",
    "solves",
    "updates_to_stop",
    "weights",
    "within",
]


class Claim(NamedTuple):
    """One statement of a paper that runs can test.

    Attributes:
        name: unique among all papers, such as "1997-6a"; a file's name too.
        says: the claim in one sentence.
        source: authors, year and place, such as "Hochreiter & Schmidhuber 1997, Table 9".
        published: the number, in the measure's unit; None for a claim without a number.
        criterion: the condition under which it counts as reproduced.
        mode: the mode of the recipe whose runs measure it; "" where nothing is trained.
        of: dotted config key -> value, selects the mode's runs that count; {} is all of them.
        measure: (finished runs) -> one value per trial; takes [] where nothing is trained.
        unit: of the number, such as "sequences".
        verified: whether the number was read in the source; else the table marks it "unverified".
        minutes: estimated cost of the mode's runs on 2 CPU cores.
        lacks: what is missing, such as "the original files of CIFAR-10"; the claim stays open
            unless the recipe finds its data.
        note: further remarks for the reader.
        protocol: one that no run can have, which measures the claim instead of runs.
        observation: whether it is no test of the paper: a condition that was chosen after the
            result, a setting that the paper does not have, or a failure beside networks that
            should succeed and fail too. It is shown apart, without a verdict.
        reduced: how its runs are smaller than the paper's, such as "64 units instead of 256". The
            verdict is on this form alone, and stands apart.
    """

    name: str
    says: str
    source: str
    published: float | None
    criterion: Criterion
    mode: str = ""
    of: Mapping[str, Any] = {}
    measure: Measure = updates_to_stop
    unit: str = ""
    verified: bool = True
    minutes: float = 0.0
    lacks: str = ""
    note: str = ""
    protocol: Protocol | None = None
    observation: bool = False
    reduced: str = ""

    @property
    def trains(self) -> bool:
        """Whether anything is trained to measure it."""
        return bool(self.mode) or self.protocol is not None
