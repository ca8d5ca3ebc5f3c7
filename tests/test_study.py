"""The report on a study: what its tables hold, what it says, and from which trials."""

import json
import math
import re

import numpy as np
import pandas as pd
import pytest

from lstmx import config as cfg
from lstmx import search, stats
from lstmx.report import study as page
from lstmx.report.rows import Metric
from lstmx.report.study import _forest, _importance
from lstmx.runs.selection import Selection
from lstmx.search import results
from lstmx.search.storage import Place

NLL = Metric("eval/test/nll", Selection("eval/valid/nll", False), False, "nats")
RATE = stats.Dimension("rate", 1e-4, 1e-1, log=True)
NOISE = stats.Dimension("noise", 0.0, 1.0)


def entries(count=12, *, better=0.0, variants=("NP", "V"), failed=()):
    """Trials of which the rate decides; those of NP are lower by `better`."""
    rng = np.random.default_rng(0)
    made = []
    for number in range(count * len(variants)):
        variant = variants[number % len(variants)]
        rate = 10 ** rng.uniform(-4, -1)
        value = 8 + (math.log10(rate) + 2) ** 2 + 0.1 * rng.normal() - better * (variant == "NP")
        bad = number in failed
        made.append(
            page.Entry(
                number,
                variant,
                "diverged" if bad else "steps",
                math.nan if bad else value + 0.01 * rng.normal(),
                math.nan if bad else value,
                {"rate": rate, "noise": rng.uniform()},
                8,
                40,
                1.0,
                100,
                10,
                f"tiny/{number}",
            )
        )
    return made


def study_of(made, **changes):
    variants = tuple(dict.fromkeys(e.variant for e in made))
    given = {
        "name": "tiny",
        "by": "model.cell.variant",
        "metric": NLL,
        "levels": {"baseline": 11.0, "solved": None, "references": {}},
        "dimensions": (RATE, NOISE),
        "entries": made,
        "variants": variants,
        "left": {"running": [], "waiting": []},
        "defaults": {},
        "widths": "Equal hidden size, 5.",
        "sampler": "random",
        "pruning": "none",
        "facts": {"command": "c"},
    }
    return page.Trials(**{**given, **changes})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report on a study of which two trials diverged and one waits."""
    fast = sorted(entries(24), key=lambda e: -e.point["rate"])
    failed = sorted(next(e.number for e in fast if e.variant == v) for v in ("NP", "V"))
    made = entries(24, better=0.5, failed=failed)
    trials = study_of(
        made, left={"waiting": [48], "running": []}, defaults={"V": [9.0, 9.2], "NP": [8.6]}
    )
    folder = tmp_path_factory.mktemp("report")
    return made, folder, page.write(trials, folder, best=0.25)


@pytest.mark.no_jax
def test_the_tables_hold_what_the_statistics_say(written):
    made, _, found = written
    worst = max([e.value for e in made if e.outcome == "steps"] + [11.0])
    of = {
        v: np.array([worst if e.outcome == "diverged" else e.value for e in made if e.variant == v])
        for v in ("NP", "V")
    }
    by = {
        v: np.array(
            [np.inf if math.isnan(e.chosen_by) else e.chosen_by for e in made if e.variant == v]
        )
        for v in of
    }
    best = {v: of[v][np.argsort(by[v])[:6]] for v in of}  # a quarter of 24, by validation
    rows = found.variants.set_index("variant")
    assert list(rows.index) == ["NP", "V"], "the best first"
    for v in of:
        assert rows.loc[v, "expected_best"] == pytest.approx(best[v][0])
        assert rows.loc[v, "best_mean"] == pytest.approx(best[v].mean())
        assert rows.loc[v, "iqm"] == pytest.approx(np.sort(of[v])[6:18].mean())
        assert (rows.loc[v, "budget"], rows.loc[v, "few"]) == (24, 6)
    assert rows.loc["V", "default_mean"] == pytest.approx(9.1)
    few = stats.expected_best(by["V"].clip(max=99), [6], maximize=False, reported=of["V"])
    assert rows.loc["V", "gain"] == pytest.approx(9.1 - few.mean[0])
    assert list(rows["failed"]) == [1, 1]
    against = found.comparisons.set_index("set")
    for kind, sample in (("best", best), ("all", of)):
        row = against.loc[kind]
        assert row["difference"] == pytest.approx(sample["NP"].mean() - sample["V"].mean())
        assert row["welch"] == pytest.approx(stats.welch(sample["NP"], sample["V"]))
        assert row["welch_holm"] == row["welch"] == row["welch_bonferroni"], "one comparison"
        assert row["permutation"] == stats.permutation(sample["NP"], sample["V"])
        ours, theirs = sample["NP"][:, None], sample["V"][None, :]
        wins = np.mean((ours < theirs) + 0.5 * (ours == theirs))
        assert row["improvement"] == pytest.approx(wins)
        assert row["improvement_low"] <= row["improvement"] <= row["improvement_high"]


@pytest.mark.no_jax
def test_no_trial_is_dropped_in_silence(written):
    made, _, found = written
    failed = ", ".join(str(e.number) for e in made if e.outcome == "diverged")
    assert f"2 trials diverged: {failed}." in found.markdown
    assert f"2 trials without a value of eval/test/nll ({failed})" in found.markdown
    assert "1 trial waiting, not counted: 48." in found.markdown
    assert len(found.trials) == 48


@pytest.mark.no_jax
def test_the_rate_explains_the_trials(written):
    _, _, found = written
    shares = found.shares[found.shares["variant"] == "V"].set_index("names")["share"]
    assert shares["rate"] > 0.6 > 0.3 > shares["noise"]
    assert re.search(r"rate has the largest share in [12] of 2 variants", found.markdown)
    whole = found.shares[found.shares["variant"] == "all variants"]
    assert "variant" in set(whole["names"])


@pytest.mark.no_jax
def test_the_page_is_self_contained_and_has_every_figure(written):
    _, folder, found = written
    text = (folder / "study.html").read_text("utf-8")
    assert not re.search(r'(src|href)="https?:', text)
    figures = {file.stem for file in found.files if file.suffix == ".png"}
    assert figures == {
        "boxes", "best_boxes", "best_of", "tunability", "importance", "marginals", "parallel",
        "history",
    }  # fmt: skip
    assert text.count("<figure>") == len(figures)
    assert all(file.stat().st_size for file in found.files)
    assert set(re.findall(r"!\[.*\]\((\w+)\.png\)", found.markdown)) == figures
    frame = pd.read_csv(folder / "comparisons.csv")
    assert list(frame["set"]) == ["best", "all"]


@pytest.mark.no_jax
def test_words_say_what_follows_and_what_does_not():
    from lstmx.report.study import _tables, _words

    apart = study_of(entries(better=2.0))
    table = _tables.comparisons(apart, "V", 0.5)
    said = " ".join(_words.follows(apart, table, 0.5))
    assert "Of the best 50 % (Welch, p < 0.05 after Holm): better than V: NP." in said
    alike = study_of(
        entries(), sampler="tpe", pruning="median", metric=NLL._replace(key="eval/valid/nll")
    )
    table = _tables.comparisons(alike, "V", 0.1)
    said = " ".join(_words.follows(alike, table, 0.1))
    assert "not told apart from V: NP" in said
    assert "That is not equality" in said
    warned = " ".join(_words.warnings(alike, table))
    assert "Too few trials among the best: with 2 against 2" in warned
    limits = " ".join(_words.does_not(alike, True, 0.1))
    for word in ("Equal hidden size", "TPE draws", "Pruned trials", "no separate test split"):
        assert word in limits


@pytest.mark.no_jax
def test_more_may_be_better_and_the_selection_may_be_of_the_other_sign():
    from lstmx.report.study import _tables

    made = [e._replace(value=-e.value) for e in entries(failed=(3,))]
    accuracy = Metric("eval/test/accuracy", Selection("eval/valid/nll", False), True, "")
    rows = _tables.variants(study_of(made, metric=accuracy, levels={}), 0.25).set_index("variant")
    of = [e for e in made if e.variant == "NP"]
    first = min(of, key=lambda e: e.chosen_by)
    assert rows.loc["NP", "chosen_trial"] == first.number
    assert rows.loc["NP", "expected_best"] == first.value
    assert rows.loc["V", "without_value"] == 1


@pytest.mark.no_jax
def test_a_wrong_report_is_refused_in_one_line(tmp_path):
    for changes, options, message in (
        ({"entries": []}, {}, "no trial of study 'tiny' has ended"),
        ({}, {"reference": "VV"}, "unknown reference 'VV'; did you mean 'V'"),
        ({}, {"best": 0.0}, "got best=0; expected a share above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            page.write(
                study_of(entries(), **{"variants": ("NP", "V"), **changes}), tmp_path, **options
            )
    assert not list(tmp_path.iterdir())


@pytest.mark.no_jax
def test_defaults_that_diverged_count_as_trials_do(tmp_path):
    """The worst value of any trial or of the baseline: else a default is better by diverging."""
    worst = max(11.0, *(e.value for e in entries()))
    one, other = (
        page.write(study_of(entries(), defaults={"NP": values, "V": (9.0,)}), tmp_path / str(n))
        for n, values in enumerate(((8.5, math.nan, math.nan), (8.5, worst, worst)))
    )
    row, same = (found.variants.set_index("variant").loc["NP"] for found in (one, other))
    assert row.default_runs == 3
    assert row.default_mean == pytest.approx((8.5 + 2 * worst) / 3)
    assert row.gain > 0
    assert row.gain == pytest.approx(same.gain)


@pytest.mark.no_jax
def test_variants_beyond_those_drawn_are_not_said_to_be_unexplained():
    variants = tuple(f"v{n}" for n in range(11))
    made = entries(20, variants=variants)
    trials = study_of(made)
    _, each = _importance.importances(trials)
    assert min(one.shares.r2 for one in each.values()) > 0.3
    (part,) = _forest.marginals(trials, each)
    assert part.says[-1] == "Not drawn, as 9 fill the figure: v9, v10."
    assert not any("R²" in line for line in part.says)


@pytest.mark.no_jax
def test_one_variant_and_few_trials_are_reported_too(tmp_path):
    made = entries(3, variants=("all",))
    found = page.write(study_of(made, by="", dimensions=(NOISE,)), tmp_path)
    assert not len(found.comparisons)
    assert not len(found.shares)
    assert "3 trials, 3.0 s of training" in found.markdown


# From a study and its runs.


def tiny(cell="lstm"):
    c = cfg.base()
    c.name, c.steps = "tiny", 500
    c.model.cell = cfg.cell(cell, hidden_size=5)
    c.evals = {"valid": {"split": "valid"}, "test": {"split": "test"}}
    return c


def run_directory(folder, config, valid, test):
    """A run with a log of two evaluations, of which the first is the better."""
    folder.mkdir(parents=True)
    about = {"metric": "mse", "maximize": False, "unit": "", "baseline": 0.167, "solved": 0.01,
             "references": {}, "length": 7}  # fmt: skip
    meta = {"id": folder.name, "parameters": 141, "selection": "eval/valid/mse", "maximize": False,
            "task": {"name": "adding", **about}, "evals": {"valid": about, "test": about},
            "created": "2026-01-01T00:00", "command": ["python"], "replicas": 1}  # fmt: skip
    points = [
        {"step": 250, "seconds": 1.0, "eval/valid/mse": valid, "eval/test/mse": test},
        {"step": 500, "seconds": 2.0, "eval/valid/mse": valid + 1, "eval/test/mse": 0.0},
    ]
    (folder / "config.json").write_text(json.dumps(cfg.to_dict(config)))
    (folder / "meta.json").write_text(json.dumps(meta))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(p) + "\n" for p in points))
    done = {"step": 500, "reason": "steps", "seconds": 2.0, "diverged_at": None}
    (folder / "DONE").write_text(json.dumps(done))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A study of four trials, of which three ended; two default runs lie beside them."""
    from lstmx.search import study as studies

    folder = tmp_path_factory.mktemp("trained")
    cells = {"A": cfg.cell("lstm", hidden_size=5), "B": cfg.cell("gru", hidden_size=5)}
    asked = search.Search(
        {
            "model.cell": search.choice(cells, balanced=True),
            "hparams.b1": search.one_minus(search.log_uniform(0.01, 1.0)),
            "seed": search.numbered(),
        },
        trials=4,
    )
    place = Place(folder, "tiny")
    made = studies.join(
        place, asked, tiny(), trials=None, block=1, most=1, metric=("eval/valid/mse", False)
    )
    for number in range(3):
        trial = made.optuna.get_trials()[number]
        config = cfg.checked(tiny(), search.point(asked, trial.params, number))
        run_directory(folder / "tiny" / f"r{number}", config, 0.1 * (number + 1), 0.2 + number)
        made.storage.set_trial_state_values(made.trial_id(number), results.TrialState.RUNNING)
        about = {"outcome": "steps", "step": 500, "best_step": 250, "seconds": 2.0,
                 "parameters": 141, "state_size": 10, "hidden_size": 5,
                 "run": f"tiny/r{number}"}  # fmt: skip
        made.storage.set_trial_user_attr(made.trial_id(number), results.RESULT, about)
        made.optuna.tell(number, 0.1 * (number + 1))
    for seed in (7, 8):
        config = cfg.checked(tiny(), {"seed": seed})
        run_directory(folder / "tiny" / f"default{seed}", config, 0.5, float(seed))
    return made


@pytest.mark.files
def test_a_study_is_read_with_its_runs(trained):
    from lstmx.search import reporting

    found = reporting.trials(trained)
    assert (found.by, found.variants) == ("model.cell", ("A", "B"))
    assert [e.variant for e in found.entries] == ["A", "B", "A"], "in turn"
    assert [e.value for e in found.entries] == [0.2, 1.2, 2.2], "test where valid is best"
    assert [e.best_step for e in found.entries] == [250] * 3
    assert found.metric.key == "eval/test/mse"
    assert [d.name for d in found.dimensions] == ["1 - b1"]
    assert found.dimensions[0].log
    assert found.entries[0].point["1 - b1"] == pytest.approx(
        search.points(trained.search, 0, 1)[0]["hparams.b1"]
    )
    assert found.left["waiting"] == [3]
    assert found.defaults == {"A": [7.0, 8.0]}, "runs that differ from the config in the seed only"
    assert found.widths == "Equal hidden size, 5."
    assert {e.state_size for e in found.entries} == {10}, "c and h of 5 units"
    assert reporting.trials(trained, by="").variants == ("all",)
    with pytest.raises(ValueError, match="unknown --by 'seed'"):
        reporting.trials(trained, by="seed")
    assert reporting.folder(trained) == trained.workdir / "tiny" / "report"


@pytest.mark.files
def test_a_run_that_is_gone_is_named(trained, tmp_path):
    from lstmx.search import reporting

    moved = trained._replace(workdir=tmp_path)
    with pytest.raises(ValueError, match="no run of study 'tiny' can be read below"):
        reporting.trials(moved)
