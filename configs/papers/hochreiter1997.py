"""Long short-term memory, all of section 5. Hochreiter & Schmidhuber 1997.

The paper's networks, initial weights, learning rates, criteria and numbers of trials: memory blocks
without forget gates, whose gates have recurrent inputs from gates too; a gradient step after every
sequence, on half the squared error of logistic outputs; no momentum, no clipping; the paper's
truncated gradient. A run is a trial and an update is a sequence. Training stops when the paper's
criterion is first true at one of the points where it is evaluated, 50 to 1000 sequences apart.

1      embedded Reber grammar, 3 blocks of 2 cells, rate .5; three sets of strings, 10 trials each
2a     noise-free long lag, p = 100      2b   without local regularity      2c   q = p = 100
3a 3b 3c   two-sequence problem, T = 100, N = 3
4      adding, T = 100                   5    multiplication, T = 100
6a 6b  temporal order with two and three symbols
1-full and 6a-full are 1 and 6a with the complete gradient. The claim 1-symbol is experiment 1 in
another reading, which no mode can have (`experiments.claims.Strings`): weights change after every
symbol, h is as wide as g, within [-2, 2], and training strings are always new, so that some of
those to be predicted are among them. A network succeeds when it predicts all strings of one of the
three pairs of sets for train and test, each once, every 200 strings.

Where the paper leaves a choice: an "average error" is the mean absolute error of an output; in
experiments 4 and 6 it is averaged over the 2000 most recent sequences, like the number of errors,
in experiment 3 over the 256 most recent ones. Experiment 1 is evaluated on all test strings and
1024 samples of the 256 training strings, until the first batch of 16 with an error, every 200
sequences; 2b and 2c on 2560 new sequences where
the paper has 10 000. Input-gate biases of experiment 5 are initialized like weights.

Deviation: in 2a and 2b the paper adds the memory cell and its input gate once the error has stopped
falling; here they are there from the start, with the paper's logistic g and identity as h. Runs of
these two end where the tolerance of three times the published number does. The claims 2a-added and
2b-added have the paper's way (`experiments.claims.Added`): the cell is added when the mean loss of
100 (2b: 200) sequences is not below that of those before; the limit is the same.

Run:     python -m experiments.reproduce --only="1997-*" --workdir=runs --minutes=0
Laptop:  --config=configs/papers/hochreiter1997.py:quick
Expect:  all figures: experiments/measured/claims.md. 2026-11-21, jax 0.10.2, published in brackets:
         6a: 24 320 sequences (31 390), all 20 trials solved, none of 2560 test sequences wrong.
         With the complete gradient 24 026, but one of 20 trials was not solved after 200 000.
         6b: 8 of 10 trials, after 300 150 (571 100, all); two are not solved after two million.
         3a: 54 086 sequences (39 850) in all 10 trials, one of them after 325 056. 3b: 12 282
         (43 250) in all 10, which is faster by more than the factor 3 of the tolerance; so is 3c:
         53 933 (269 650) in all 10, one of them after 356 160. 2c: none of 20 trials within 200 000
         (31 000, all); at the end three of ten sequences are correct. 2026-11-30.
         4: the average error is below .01 after 85 810 sequences (74 000) in all 10 trials, but the
         2000 most recent sequences are all correct in one only, before 300 000; 1 to 3 of them stay
         wrong, with targets near 0 or 1, where a logistic output is flat. Rate 1, the complete
         gradient, or the ranges of g and h exchanged, did not change that within 130 000.
         5: 6 of 10 trials, after 822 567 on average (482 000, all); four are not solved after three
         million. 44 minutes on two busy cores. 2026-11-30.
         1: not as published. 2 of 30 trials succeed within 60 000 sequences with the truncated
         gradient, and 21 with the complete one, after 14 100 on average (8440, all trials); 6 and
         18 with other rounding and other samples of train. 2026-11-30.
         1-symbol: 12 of 30 networks within 60 000 strings, after 18 833 on average (2600 to
         47 000), 9 of them within 30 000. Within 30 000, 14 of 30 other networks; of the first 30,
         9 with input gates without a bias, 8 with recurrent inputs from cells only, and 10 where
         the strings of test are not kept apart from those of train. 2026-11-30.
         In short trials of 8 to 10 networks none of these changed it: distinct strings, targets
         with all legal symbols, ranges exchanged, rates .05 to .2.
         2a-added: 0 of 18 within 15 200 sequences (5040, all), the cell added after 3500 to 6100;
         continued to 41 700, 8 of 18, six of them after 23 100 to 25 300. 2b-added: 0 of 20 within
         17 200 (5680), the cell added after 9200 to 13 000, and none within 31 600. 2026-11-30.
"""

import functools
import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from experiments.claims import Added, Claim, Strings, at_end, at_least, exactly, factor, weights
from lstmx import config as cfg
from lstmx import sweep as sw

MODES = (
    "6a",
    "6a-full",
    "6b",
    "1",
    "1-full",
    "2a",
    "2b",
    "2c",
    "3a",
    "3b",
    "3c",
    "4",
    "5",
    "quick",
)
TRIALS = {"2a": 18, "2b": 20, "2c": 20, "6a": 20, "6a-full": 20}


def get_config(mode: str = "6a") -> Any:
    """An experiment of the paper; "quick" takes a few steps of 6a."""
    c = cfg.base()
    c.log_every = 100
    c.stop_window = 2000
    c.optimizer.name = "sgd"
    c.hparams.momentum = 0.0
    c.hparams.clip_norm = 0.0
    c.replicas_per_vmap = 10
    experiment, _, form = ("6a" if mode == "quick" else mode).partition("-")
    _EXPERIMENTS[experiment[0]](c, experiment)
    c.model.cell.truncated = form != "full"
    c.checkpoint_every = 50 * c.log_every
    c.selection = f"eval/test/{'sequence_accuracy' if experiment[0] in '12' else 'correct'}"
    return cfg.shrink(c) if mode == "quick" else c


def sweep(mode: str) -> list[dict[str, Any]]:
    """As many trials as in the paper."""
    sets = {"task.string_seed": range(3)} if mode in ("1", "1-full") else {}
    return sw.product({**sets, "seed": range(TRIALS.get(mode, 10))})


PAPER = "Hochreiter & Schmidhuber 1997"
SEQUENCES = {
    "1": ("Embedded Reber grammar, 3 blocks of 2, rate .5", "Table 1", 8440, 2, 28 / 30, 2),
    "1-full": ("Embedded Reber grammar, complete gradient", "Table 1", 8440, 2, 28 / 30, 3),
    "2a": ("Noise-free lag of 100 steps", "Table 2", 5040, 3, 1, 5),
    "2b": ("Lag of 100 without local regularity", "section 5.2", 5680, 3, 1, 5),
    "2c": ("Lag of 100 with 100 distractors", "Table 3", 31_000, 3, 1, 18),
    "3a": ("Two sequences, T = 100, N = 3", "Table 4", 39_850, 3, 1, 10),
    "3b": ("Two sequences with noisy signal", "Table 5", 43_250, 3, 1, 10),
    "3c": ("Two sequences with noisy targets", "Table 6", 269_650, 3, 1, 4),
    "4": ("Adding, T = 100", "Table 7", 74_000, 3, 1, 12),
    "5": ("Multiplication, T = 100, at most 140 of 2000 wrong", "Table 8", 482_000, 3, 1, 60),
    "6a": ("Temporal order of two symbols", "Table 9", 31_390, 3, 1, 8),
    "6a-full": ("Temporal order of two, complete gradient", "Table 9", 31_390, 3, 1, 8),
    "6b": ("Temporal order of three symbols", "Table 9", 571_100, 3, 1, 17),
}
"""Mode -> task, place in the paper, sequences, tolerance, fraction solved, minutes."""
WRONG = {"4": 3, "6a": 3}
"""Mode -> the largest number of wrong sequences, of 2560 in test, of the paper's networks."""


def until_small_error(runs: Sequence[Any]) -> list[float]:
    """Sequences until the mean error of the 2000 most recent ones is below .01."""
    sequences = []
    for run in runs:
        errors = [point["train/error"] for point in run.metrics]
        count = 2000 // run.config["log_every"]
        below = [n for n in range(count, len(errors) + 1) if fmean(errors[n - count : n]) < 0.01]
        sequences.append(float(run.metrics[below[0] - 1]["step"]) if below else math.nan)
    return sequences


def claims() -> list[Claim]:
    """Sequences to success, errors afterwards, and the weights of the networks."""
    learned = [
        _claim(mode, "", f"learned after {published:,} sequences on average".replace(",", " "))
        for mode, (_, _, published, *_) in SEQUENCES.items()
    ]
    added = [
        _claim(
            mode,
            "-added",
            "the cell is added when the error has stopped falling; learned after "
            f"{published:,} sequences on average".replace(",", " "),
            protocol=Added(functools.partial(_small_tests, mode), TRIALS[mode]),
            minutes=10,
            note="As in the paper, unlike 1997-" + mode + ", whose cell is there from the start. "
            "The recipe says what came out later than the tolerance allows.",
        )
        for mode, published in (("2a", 5040), ("2b", 5680))
    ]
    small = _claim(
        "4",
        "-error",
        "the average error alone is below .01 by then",
        measure=until_small_error,
        observation=True,
        note="The paper's number is that of two conditions, of which this is the weaker one; it "
        "was separated after the result.",
    )
    by_symbol = Claim(
        "1997-1-symbol",
        "Embedded Reber grammar, updates after every symbol, h within [-2, 2], new strings: "
        "learned after 8 440 strings on average.",
        f"{PAPER}, Table 1",
        8440.0,
        factor(2, 28 / 30),
        protocol=Strings(_wide_reber),
        unit="strings",
        minutes=5,
        note="A reading of the paper beside the literal one, 1997-1. The recipe says which others "
        "were tried.",
    )
    tested = [
        _claim(
            mode,
            "-test",
            "1 of 2560 test sequences is wrong afterwards",
            published=1 - 1 / 2560,
            criterion=at_least(1 - most / 2560),
            measure=at_end("eval/test/correct"),
            unit="correct",
        )
        for mode, most in WRONG.items()
    ]
    counted = [
        Claim(
            f"1997-weights-{name}",
            f"The network of experiment {name} has {count} weights.",
            f"{PAPER}, section 5",
            float(count),
            exactly(),
            measure=weights(make),
            unit="weights",
        )
        for name, (make, count) in _networks().items()
    ]
    return [*learned, *added, by_symbol, small, *tested, *counted]


def _claim(mode: str, suffix: str, says: str, **changes: Any) -> Claim:
    task, where, published, times, solved, minutes = SEQUENCES[mode]
    usual: dict[str, Any] = {
        "published": float(published),
        "criterion": factor(times, solved),
        "unit": "sequences",
        "mode": "" if "protocol" in changes else mode,
        "minutes": minutes,
    }
    return Claim(
        f"1997-{mode}{suffix}",
        f"{task}: {says}.",
        f"{PAPER}, {where}",
        **usual | changes,
    )


def _networks() -> dict[str, tuple[Any, int]]:
    """Experiment -> config of its network, and the number of weights in the paper."""

    def of(mode: str, **changes: Any) -> Any:
        return lambda: cfg.resolve(get_config(mode), changes)

    four = {"model.cell.hidden_size": 4, "model.cell.block_size": 1}
    four |= {"model.cell.output_bias": (-1.0, -2.0, -3.0, -4.0)}
    printed = {50: 364, 100: 664, 200: 1264, 500: 3064, 1000: 6064}
    return {
        "1-4x1": (of("1", **four), 264),
        "1-3x2": (of("1"), 276),
        "2a": (of("2a"), 10_504),
        **{f"2c-{p}": (of("2c", **{"task.distractors": p}), n) for p, n in printed.items()},
        "3": (of("3a"), 102),
        "4": (of("4"), 93),
        "6a": (of("6a"), 156),
        "6b": (of("6b"), 308),
    }


def _reber(c: Any, experiment: str) -> None:
    c.task = cfg.task("reber", batch_size=1)
    c.model.cell = cfg.cell(
        "lstm1997",
        hidden_size=6,
        block_size=2,
        biases="gates",
        output_bias=(-1.0, -2.0, -3.0),
        weight_range=0.2,
    )
    _readout(c, 0.2, bias=False)
    c.hparams.learning_rate = 0.5
    c.steps = 60_000
    c.log_every = 200
    c.eval_every = 200
    c.eval_batches = 64
    c.stop = (("eval/train/sequence_accuracy", 1.0), ("eval/test/sequence_accuracy", 1.0))
    c.stop_window = 0
    c.eval_fail_fast = True
    c.evals = {
        "train": {"split": "train", "batch_size": 16},
        "test": {"split": "test", "batch_size": 16},
    }


def _wide_reber() -> Any:
    """The network of experiment 1 whose h is as wide as its g."""
    return cfg.resolve(get_config("1"), {"model.cell.output_activation": "wide"})


def _long_lag(c: Any, experiment: str) -> None:
    c.task = cfg.task("long_lag", form=experiment, lag=100, batch_size=1)
    if experiment == "2c":
        c.model.cell = cfg.cell("lstm1997", hidden_size=2, biases="none", weight_range=0.2)
    else:
        c.model.cell = cfg.cell(
            "lstm1997",
            hidden_size=1,
            output_gate=False,
            recurrence="none",
            biases="none",
            input_activation="sigmoid",
            output_activation="identity",
            weight_range=0.2,
        )
    shortcut = experiment != "2c"
    _readout(c, 0.2, bias=False, shortcut=shortcut)
    c.hparams.learning_rate = 0.01 if experiment == "2c" else 1.0
    # 2a and 2b: where the tolerance of three times the published number ends.
    c.steps = {"2a": 15_200, "2b": 17_200, "2c": 200_000}[experiment]
    c.eval_every = {"2a": 100, "2b": 200, "2c": 1000}[experiment]
    c.stop = (("eval/test/sequence_accuracy", 1.0),)
    c.evals = {"test": {"split": "test", "batch_size": 256}}
    c.eval_batches = 1 if experiment == "2a" else 10  # 2a has only two sequences


def _small_tests(mode: str) -> Any:
    """The network of 2a or 2b, tested in batches that are small, since the first error ends a test.

    The two sequences of 2a need no batch of 256.
    """
    c = get_config(mode)
    c.evals = {"test": {"split": "test", "batch_size": 32 if mode == "2a" else 64}}
    c.eval_batches = 1 if mode == "2a" else 40
    return c


def _two_sequence(c: Any, experiment: str) -> None:
    c.task = cfg.task("two_sequence", form=experiment, length=100, informative=3, batch_size=1)
    c.model.cell = cfg.cell(
        "lstm1997",
        hidden_size=3,
        input_bias=(-1.0, -3.0, -5.0),
        output_bias=(-2.0, -4.0, -6.0),
        weight_range=0.1,
    )
    _readout(c, 0.1, bias=False)
    c.hparams.learning_rate = 0.1 if experiment == "3c" else 1.0
    c.log_every, c.stop_window = 64, 256
    c.steps = 15_625 * c.log_every
    error, wrong = {"3a": (0.01, 0), "3b": (0.04, 5), "3c": (0.015, 0)}[experiment]
    c.stop = (("train/error", error), ("train/correct", 1 - wrong / 256))
    _test(c)


def _arithmetic(c: Any, experiment: str) -> None:
    if experiment == "4":
        c.task = cfg.task("adding", convention="1997", length=100, batch_size=1)
        biases, c.hparams.learning_rate = (-3.0, -6.0), 0.5
    else:
        c.task = cfg.task("multiplication", length=100, batch_size=1)
        biases, c.hparams.learning_rate = (), 0.1
    c.model.cell = cfg.cell(
        "lstm1997", hidden_size=4, block_size=2, input_bias=biases, weight_range=0.1
    )
    _readout(c, 0.1, bias=True)
    c.steps = 300_000 if experiment == "4" else 3_000_000
    # In experiment 5 the paper stops at two numbers of errors; this is the first.
    c.stop = (
        (("train/error", 0.01), ("train/correct", 1.0))
        if experiment == "4"
        else (("train/correct", 1 - 140 / 2000),)
    )
    _test(c)


def _temporal_order(c: Any, experiment: str) -> None:
    symbols = 2 if experiment == "6a" else 3
    c.task = cfg.task("temporal_order", symbols=symbols, loss="logistic", batch_size=1)
    c.model.cell = cfg.cell(
        "lstm1997",
        hidden_size=2 * symbols,
        block_size=2,
        input_bias=(-2.0, -4.0, -6.0)[:symbols],
        weight_range=0.1,
    )
    _readout(c, 0.1, bias=True)
    c.hparams.learning_rate = 0.5 if experiment == "6a" else 0.1
    c.steps = 200_000 if experiment == "6a" else 2_000_000
    c.stop = (("train/error", 0.1), ("train/correct", 1.0))
    _test(c)


def _readout(c: Any, weight_range: float, *, bias: bool, shortcut: bool = False) -> None:
    c.model.readout.weight_range = weight_range
    c.model.readout.bias = bias
    c.model.readout.shortcut = shortcut


def _test(c: Any) -> None:
    """Evaluate on 2560 new sequences at the end of training."""
    c.eval_every = c.steps
    c.evals = {"test": {"split": "test", "batch_size": 256}}
    c.eval_batches = 10


_EXPERIMENTS = {
    "1": _reber,
    "2": _long_lag,
    "3": _two_sequence,
    "4": _arithmetic,
    "5": _arithmetic,
    "6": _temporal_order,
}
