"""Published claims: measures, criteria, stored results and the table; nearly nothing is trained."""

import functools
import json
import math
import re
from pathlib import Path

import pytest

from experiments import _papers
from experiments import claims as cl
from experiments.claims import figure, reproduce, table, trials
from experiments.claims.papers import Paper, Trials
from experiments.claims.results import NOT, OBSERVED, OPEN, REPRODUCED, Result, Verdict
from lstmx import config as cfg
from lstmx import runs, sweep
from lstmx.data import Missing

pytestmark = pytest.mark.files

NAN = math.nan
METRIC = "eval/valid/mse"
TASK = {"baseline": 0.0, "references": {}, "solved": None}
"""What a run's meta.json says of its task, as far as it is read here."""
SEEDS = 3
RECIPE = '''"""A paper of two experiments."""

from experiments import claims as cl
from lstmx import config as cfg
from lstmx import sweep as sw

MODES = ("short", "quick")


def get_config(mode):
    c = cfg.base()
    c.task = cfg.task("adding", length=3, batch_size=2)
    c.model.cell = cfg.cell("rnn", hidden_size=2)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 4, 2, 2, 1
    c.evals = {"valid": {"split": "valid"}}
    c.stop, c.stop_window = (("train/mse", 100.0),), 2
    return c


def sweep(mode):
    return sw.product({"seed": range(2)})


def claims():
    source = "Doe 1997, Table 1"
    return [
        cl.Claim("1997-a", "It takes 2 updates.", source, 2.0, cl.factor(3), "short", minutes=1.0),
        cl.Claim("1997-b", "It takes days.", source, 2.0, cl.factor(3), "quick", minutes=99.0),
    ]
'''


def base():
    c = cfg.base()
    c.name = "doe1997"
    c.task = cfg.task("adding", length=3, batch_size=2)
    c.steps, c.log_every, c.eval_every = 40, 10, 10
    return c


def claim(name="a", published=25.0, criterion=None, mode="m", **options):
    criterion = criterion or cl.factor(3)
    return cl.Claim(name, "It works.", "Doe 1997, Table 1", published, criterion, mode, **options)


@functools.cache
def modes(name, overrides=()):
    """The runs of two experiments, `m` and `n`, which differ in their length."""
    made = {}
    for mode, length in (("m", 3), ("n", 5)):
        reference = cfg.resolve(base(), {"name": name, "task.length": length, **dict(overrides)})
        axes = {"model.cell.name": ["lstm", "gru"], "seed": range(SEEDS)}
        configs = sweep.resolve(reference, sweep.product(axes))
        made[mode] = Trials(configs, [f"{mode},{sweep.label(reference, c)}" for c in configs])
    return made


def paper(*claims, name="doe1997", **overrides):
    """A paper that claims this; the overrides are of all its runs."""
    path = Path(f"configs/papers/{name}.py")
    return Paper(name, path, list(claims), modes(name, tuple(overrides.items())))


def finish(workdir, config, label, step=30, reason="solved", curve=(0.3, 0.2), files=None):
    """A run directory as training would leave it; without a reason it is not finished."""
    path = runs.directory(workdir, config, label, files or {})
    meta = {"created": "2026-01-02T03:04:05", "selection": METRIC, "maximize": False, "task": TASK}
    meta |= {"devices": "2 x cpu", "machine": "x86_64, Linux", "versions": {"jax": "0.10.2"}}
    runs.create(path, config, meta | {"command": "python -m experiments.reproduce"})
    steps = range(10, step + 1, 10)
    values = [*curve[:1] * (len(steps) - len(curve)), *curve]
    points = [{"step": s, "seconds": 6.0 * s / step, METRIC: v} for s, v in zip(steps, values)]
    runs.append_metrics(path, points)
    if reason:
        done = {"step": step, "reason": reason, "seconds": 6.0, "diverged_at": None}
        runs.write_json(path / "DONE", done)
    return path


def finish_all(workdir, of, mode="m", **how):
    return [finish(workdir, *pair, **how) for pair in zip(*of.modes[mode])]


def measured(of, tmp_path, workdir="runs", **options):
    """Claim's name -> its line of a table as a dict, after the workdir was measured."""
    options = {"train": False, "command": "the command"} | options
    reproduce.run([of], tmp_path / workdir, tmp_path / "out", **options)
    lines = (tmp_path / "out" / "claims.md").read_text().splitlines()
    cells = [[c.strip() for c in line[2:-2].split(" | ")] for line in lines if line[:1] == "|"]
    of_claims = [row for row in cells if row[0] != "claim" and row[0].strip(":-")]
    return {row[0]: dict(zip(cells[0], row)) for row in of_claims}


@pytest.mark.parametrize(
    ("criterion", "values", "published", "expected"),
    [
        (cl.exactly(), [264.0], 264.0, True),
        (cl.exactly(), [264.0, 265.0], 264.0, False),
        (cl.exactly(), [], 264.0, False),
        (cl.factor(2), [50.0, 149.0], 50.0, True),
        (cl.factor(2), [24.0, 24.0], 50.0, False),
        (cl.factor(2), [50.0, NAN], 50.0, False),
        (cl.factor(2, solved=0.5), [50.0, NAN], 50.0, True),
        (cl.factor(2, solved=0.0), [NAN], 50.0, False),
        (cl.within(0.15), [8.3, 8.5], 8.45, True),
        (cl.within(0.15), [8.3, 8.2], 8.45, False),
        (cl.within(0.15), [8.45], None, False),
        (cl.at_least(0.98), [0.97, 0.99], None, True),
        (cl.at_least(0.98), [0.97, 0.98], None, False),
        (cl.at_most(1.0), [1.0], None, True),
        (cl.at_most(1.0), [1.1], None, False),
        (cl.between(10, 13), [11.6], 90.0, True),
        (cl.between(10, 13), [13.1], 90.0, False),
        (cl.every(0.98), [0.97, 1.0], None, False),
        (cl.every(0.98), [0.98, 1.0], None, True),
        (cl.every(0.98), [NAN, 1.0], None, False),
        (cl.solves(0.5), [3.0, NAN], None, True),
        (cl.solves(), [3.0, NAN], None, False),
        (cl.fails(), [NAN, NAN], None, True),
        (cl.fails(), [3.0, NAN], None, False),
        (cl.fails(), [], None, False),
    ],
)
def test_criteria(criterion, values, published, expected):
    assert criterion.holds(values, published) is expected


def test_a_criterion_states_its_tolerance():
    assert cl.factor(3).text == "within a factor 3"
    assert cl.within(0.15, solved=0.9).text == "±0.15, 90% of trials solved"
    assert cl.factor(3).band(6.0) == (2.0, 18.0)


def run_of(seed, reason="steps", curve=(0.3, 0.1, 0.2), cell="lstm"):
    """A run that is nowhere on a disk."""
    points = [{"step": n, "eval/valid/a": v, "eval/test/b": 10 * v} for n, v in enumerate(curve)]
    meta = {"selection": "eval/valid/a", "maximize": False}
    done = {"step": 7, "reason": reason}
    return runs.Run(None, {"seed": seed, "model": {"cell": {"name": cell}}}, meta, points, done)


def test_measures_see_failed_trials():
    three = [run_of(0, "solved"), run_of(1), run_of(2, "diverged")]
    assert cl.updates_to_stop(three) == pytest.approx([7, NAN, NAN], nan_ok=True)
    assert cl.percent_solved(three) == [100, 0, 0]
    assert cl.at_end("eval/test/b")(three) == pytest.approx([2, 2, NAN], nan_ok=True)
    assert cl.at_best("eval/test/b")([*three, run_of(3, curve=())]) == pytest.approx(
        [1, 1, 1, NAN], nan_ok=True
    )


def test_a_misspelt_metric_is_refused():
    with pytest.raises(ValueError, match="no run logs 'eval/test/c'; known: eval/test/b, eval/va"):
        cl.at_end("eval/test/c")([run_of(0)])


def test_runs_are_compared_seed_by_seed():
    two = [run_of(0, curve=(4.0,)), run_of(1, curve=(9.0,))]
    others = [run_of(1, curve=(3.0,), cell="gru"), run_of(0, curve=(2.0,), cell="gru")]
    sides = {"model.cell.name": "lstm"}, {"model.cell.name": "gru"}
    end = cl.at_end("eval/valid/a")
    assert cl.ratio(end, *sides)(two + others) == [2, 3]
    assert cl.difference(end, *sides)(two + others) == [2, 6]
    with pytest.raises(ValueError, match="several runs of a seed"):
        cl.ratio(end, {}, sides[1])(two + others)


def test_weights_are_those_of_the_whole_network():
    config = cfg.resolve(base(), {"model.cell": cfg.cell("rnn", hidden_size=5)})
    # 2 inputs and 5 states to 5 units with biases, which one output unit reads.
    assert cl.weights(lambda: config, more=100)([]) == [(2 + 5 + 1) * 5 + 6 + 100]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (claim(mode="o"), "claim 'a' has unknown mode 'o'; known: m, n"),
        (claim(name="a/b"), "claim 'a/b': expected letters, digits"),
        (claim(of={"model.cel.name": "gru"}), "key 'model.cel.name'; did you mean 'model.cell.n"),
        (claim(of={"model.cell.name": "rnn"}), "='rnn' in none of mode 'm'; known: lstm, gru"),
        (claim(of={"seed": 0, "hparams.momentum": 7}), "hparams.momentum=7 in none"),
    ],
)
def test_a_claim_that_cannot_be_measured_is_refused(wrong, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        reproduce.check(paper(wrong), ("m", "n"))
    assert "\n" not in str(caught.value)


def test_names_are_unique_within_and_among_papers():
    with pytest.raises(ValueError, match="occurs twice"):
        reproduce.check(paper(claim(), claim()), ("m", "n"))
    with pytest.raises(ValueError, match="also in paper doe1997"):
        reproduce.select([paper(claim()), paper(claim(), name="roe2000")], ())


def test_claims_are_chosen_by_their_names_and_papers():
    both = [paper(claim("97-a"), claim("97-b")), paper(claim("00-a"), name="roe2000")]

    def chosen(*only):
        return [c.name for selected in reproduce.select(both, only).values() for c in selected]

    assert chosen() == ["97-a", "97-b", "00-a"]
    assert chosen("*-a") == ["97-a", "00-a"]
    assert chosen("roe*", "97-b") == ["97-b", "00-a"]
    with pytest.raises(ValueError, match=r"--only=97-c: no claim or paper .* mean '97-[ab]'"):
        chosen("97-a", "97-c")


def test_runs_become_a_verdict(tmp_path):
    of = {"model.cell.name": "lstm"}
    end = cl.at_end(METRIC)
    sample = paper(
        claim("met", of=of),
        claim("missed", 0.1, cl.within(0.05), measure=end, verified=False, unit="nats"),
        claim("words", None, cl.at_most(1), measure=end),
    )
    finish_all(tmp_path / "runs", sample)
    rows = measured(sample, tmp_path)
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "met": REPRODUCED,
        "missed": NOT,
        "words": REPRODUCED,
    }
    assert rows["met"] == {
        "claim": "met",
        "source": "Doe 1997, Table 1",
        "published": "25",
        "measured": "30",
        "95 % interval": "30 … 30",
        "trials": "3",
        "tolerance": "within a factor 3",
        "verdict": REPRODUCED,
        "cost": "18 s",
    }
    assert rows["missed"]["published"] == "0.1 nats (unverified)"
    assert rows["missed"]["trials"] == "6"
    assert rows["words"]["published"] == table.NONE
    kept = json.loads((tmp_path / "out/claims/met.json").read_text())
    assert kept["values"] == [30, 30, 30]
    assert (kept["mean"], kept["interval"], kept["verdict"]) == (30, [30, 30], REPRODUCED)
    assert (kept["finished"], kept["asked"], kept["seconds"]) == (3, 3, 18)
    assert (kept["date"], kept["machine"]) == ("2026-01-02", "2 x cpu, x86_64, Linux")
    assert kept["command"] == "python -m experiments.reproduce"  # that of the runs


def test_runs_are_told_by_config_and_found_whatever_data_they_read(tmp_path):
    sample = paper(claim(of={"model.cell.name": "lstm", "seed": 0}))
    (config, *_), (label, *_) = sample.modes["m"]
    finish(tmp_path / "runs", cfg.resolve(config, {"hparams.learning_rate": 0.5}), label)
    assert measured(sample, tmp_path)["a"]["verdict"] == "open: never run"
    finish(tmp_path / "runs", config, label, files={"set/file": "0" * 64})
    assert measured(sample, tmp_path)["a"]["verdict"] == REPRODUCED


def test_interval_is_shown_from_low_to_high(tmp_path):
    sample = paper(claim(of={"model.cell.name": "lstm"}))
    for pair, step in zip(zip(*sample.modes["m"]), (20, 40, 30), strict=False):
        finish(tmp_path / "runs", *pair, step=step)
    row = measured(sample, tmp_path)["a"]
    assert (row["measured"], row["95 % interval"]) == ("30", "5.159 … 54.84")
    kept = json.loads((tmp_path / "out/claims/a.json").read_text())
    # Student's t with two degrees of freedom: 4.3027 standard errors of 10 / sqrt(3).
    assert kept["interval"] == pytest.approx([30 - 24.841, 30 + 24.841], abs=1e-3)


def test_failed_trials_are_counted(tmp_path):
    sample = paper(claim(of={"seed": 0}))
    pairs = list(zip(*sample.modes["m"]))
    finish(tmp_path / "runs", *pairs[0])
    finish(tmp_path / "runs", *pairs[SEEDS], step=40, reason="steps")
    row = measured(sample, tmp_path)["a"]
    assert (row["trials"], row["measured"], row["verdict"]) == ("1 of 2", "30", NOT)


def test_an_open_claim_says_why(tmp_path):
    too_long = {"minutes": 120.0}
    sample = paper(
        claim("never", mode="n"),
        claim("long", mode="n", **too_long),
        claim("begun", **too_long, of={"model.cell.name": "gru"}),
        claim("some", of={"model.cell.name": "lstm"}),
        claim("lacks", mode="n", lacks="the photos"),
        claim("wordless", mode="", lacks="the photos"),
        claim("wrong", of={"seed": 0}, measure=cl.at_end("eval/valid/acuracy")),
    )
    pairs = list(zip(*sample.modes["m"]))
    finish(tmp_path / "runs", *pairs[0])
    finish(tmp_path / "runs", *pairs[1], step=20, reason="", curve=(0.3,))
    finish(tmp_path / "runs", *pairs[SEEDS])
    cost = "takes about 120 min on 2 CPU cores, more than --minutes=30"
    measured(sample, tmp_path)
    page = (tmp_path / "out" / "claims.md").read_text()
    reasons = re.findall(r"### (\w+)\n(?:.|\n)*?: open: (.*)\.\n", page)
    assert dict(reasons) == {
        "never": "never run",
        "long": cost,
        "begun": f"1 of 3 runs finished, 2 not begun; {cost}",
        "some": "1 of 3 runs finished, 1 at step 20 of 40, 1 not begun",
        "lacks": "lacks the photos",
        "wordless": "lacks the photos",
        "wrong": f"cannot be measured: no run logs 'eval/valid/acuracy'; known: {METRIC}",
    }
    kept = json.loads((tmp_path / "out/claims/some.json").read_text())
    assert (kept["verdict"], kept["values"]) == (OPEN, [30])


def test_a_claim_at_reduced_size_stands_apart(tmp_path):
    sample = paper(claim("met"), claim("small", reduced="2 units instead of 200"))
    finish_all(tmp_path / "runs", sample)
    rows = measured(sample, tmp_path)
    assert rows["small"]["verdict"] == REPRODUCED
    page = (tmp_path / "out" / "claims.md").read_text()
    said = "2 claims: of 1 that are trained 1 reproduced; of 1 at reduced size 1 reproduced."
    assert said in page
    whole, _, smaller = page.partition("## At reduced size")
    assert "| met" in whole
    assert "| small" not in whole
    assert "| small" in smaller.partition("##")[0]
    assert "Reduced: 2 units instead of 200." in page.partition("### small")[2]
    kept = json.loads((tmp_path / "out/claims/small.json").read_text())
    assert kept["reduced"] == "2 units instead of 200"


def test_an_observation_has_no_verdict_and_is_counted_apart(tmp_path):
    sample = paper(claim("met"), claim("beside", observation=True), claim("weighs", mode=""))
    sample = sample._replace(
        claims=[*sample.claims[:2], sample.claims[2]._replace(measure=lambda _: [25.0])]
    )
    finish_all(tmp_path / "runs", sample)
    rows = measured(sample, tmp_path)
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "met": REPRODUCED,
        "weighs": REPRODUCED,
        "beside": OBSERVED,
    }
    page = (tmp_path / "out" / "claims.md").read_text()
    assert (
        "3 claims: of 1 that are trained 1 reproduced; of 1 counts of weights 1 reproduced; "
        "1 observation without a verdict."
    ) in page
    observations = page.partition("## Observations")[2].partition("##")[0]
    assert "| beside" in observations
    assert "| met" not in observations
    assert "Observation: observed." in page.partition("### beside")[2]
    assert json.loads((tmp_path / "out/claims/beside.json").read_text())["verdict"] == OBSERVED


def test_results_record_the_commits_of_their_runs(tmp_path):
    sample = paper(claim(of={"model.cell.name": "lstm"}))
    for number, path in enumerate(finish_all(tmp_path / "runs", sample)):
        meta = json.loads((path / "meta.json").read_text())
        commit = "0123456789abcdef+" if number < 4 else "fedcba9876543210"
        (path / "meta.json").write_text(json.dumps(meta | {"git": commit}))
    measured(sample, tmp_path)
    kept = json.loads((tmp_path / "out/claims/a.json").read_text())
    assert kept["commit"] == "0123456789abcdef+"
    assert ", commit 0123456789ab+, with" in (tmp_path / "out" / "claims.md").read_text()
    del kept["commit"]  # as an earlier version wrote it
    (tmp_path / "out/claims/a.json").write_text(json.dumps(kept))
    assert measured(sample, tmp_path, "elsewhere")["a"]["verdict"] == REPRODUCED


def test_results_of_an_earlier_machine_are_shown_until_there_are_better_ones(tmp_path):
    sample = paper(claim(of={"model.cell.name": "lstm"}))
    pairs = list(zip(*sample.modes["m"]))
    for pair in pairs[:2]:
        finish(tmp_path / "runs", *pair)
    first = measured(sample, tmp_path)["a"]
    assert first["verdict"].startswith("open: 2 of 3")
    assert measured(sample, tmp_path, "elsewhere")["a"] == first
    finish(tmp_path / "elsewhere", *pairs[0], step=40)
    assert measured(sample, tmp_path, "elsewhere")["a"] == first  # one is fewer than two
    for pair in pairs[1:SEEDS]:
        finish(tmp_path / "elsewhere", *pair, step=40)
    assert measured(sample, tmp_path, "elsewhere")["a"]["measured"] == "40"
    assert measured(sample, tmp_path)["a"]["measured"] == "40"


def test_results_of_another_recipe_do_not_count(tmp_path):
    finish_all(tmp_path / "runs", paper())
    assert measured(paper(claim()), tmp_path)["a"]["verdict"] == REPRODUCED
    changed = paper(claim(), **{"hparams.learning_rate": 0.5})
    row = measured(changed, tmp_path)["a"]
    assert row["verdict"] == "open: measured with an earlier recipe only"
    assert row["measured"] == table.NONE


def test_a_criterion_of_today_applies_to_results_of_yesterday(tmp_path):
    finish_all(tmp_path / "runs", paper())
    assert measured(paper(claim()), tmp_path)["a"]["verdict"] == REPRODUCED
    stricter = paper(claim(criterion=cl.factor(1.1)))
    assert measured(stricter, tmp_path, "elsewhere")["a"]["verdict"] == NOT


def test_a_foreign_file_among_the_results_is_refused(tmp_path):
    (tmp_path / "out/claims").mkdir(parents=True)
    (tmp_path / "out/claims/a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json is no result of a claim; remove it"):
        measured(paper(claim()), tmp_path)


def test_the_page_shows_commands_notes_and_the_figure(tmp_path):
    sample = paper(claim("a-b", criterion=cl.Criterion("x | y", lambda *_: True), note="N."))
    finish_all(tmp_path / "runs", sample)
    measured(sample, tmp_path)
    page = (tmp_path / "out" / "claims.md").read_text()
    assert "x \\| y" in page
    assert "1 claim: 1 reproduced." in page
    assert "![measured / published, by claim](claims.png)" in page
    assert (tmp_path / "out" / "claims.png").stat().st_size > 1000
    section = page.partition("### a-b")[2]
    assert "It works. Doe 1997, Table 1.\n\nN.\n" in section
    assert "Measured 2026-01-02 on 2 x cpu, x86_64, Linux; jax 0.10.2, with" in section
    assert "    python -m experiments.reproduce --only=a-b --minutes=0\n" in section
    assert "`configs/papers/doe1997.py:m`" in section


def result(*values):
    return Result(list(values), 1, 1, "", [], "", 0.0, {}, "", "")


def test_the_figure_has_a_row_for_every_claim_with_a_number():
    rows = [
        (claim("met"), result(25.0, 26.0), Verdict(REPRODUCED)),
        (claim("far"), result(2500.0), Verdict(NOT)),
        (claim("failed"), result(NAN), Verdict(NOT)),
        (claim("open"), None, Verdict(OPEN, "never run")),
        (claim("words", None), result(1.0), Verdict(REPRODUCED)),
    ]
    (axes,) = figure.forest(rows).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["met", "far", "failed", "open"]
    labels = [t.get_text() for t in axes.texts]
    assert labels == ["25.5 / 25", "2,500 / 25", "failed / 25", "open / 25"]
    low, high = axes.get_xlim()
    assert low < 1 / 3 < 3 < high  # the tolerance is seen whole
    assert high < 30  # and one that is far off does not push the others together
    assert figure.forest(rows[-1:]) is None


@pytest.fixture
def trained(monkeypatch):
    """Calls of the runner, which finishes at once what it is asked for."""
    calls = []

    def fake(configs, workdir, *, labels, force, command, interrupt):
        calls.append((configs[0].name, labels[0].partition(",")[0], len(configs), force))
        if configs[0].name == "lost2000":
            raise Missing(f"data file {workdir}/photos/train.gz does not exist")
        if configs[0].name == "odd2000":
            raise ValueError("no such cell")
        if configs[0].name == "slow2000":
            finish(workdir, configs[0], labels[0])
            raise KeyboardInterrupt
        for config, label in zip(configs, labels):
            finish(workdir, config, label)

    monkeypatch.setattr(runs, "train", fake)
    return calls


def test_claims_of_a_mode_share_its_runs_and_cheap_modes_come_first(trained, tmp_path, capsys):
    sample = paper(
        claim("dear", mode="n", minutes=20.0, of={"seed": 0}),
        claim("a", of={"model.cell.name": "lstm"}, minutes=2.0),
        claim("b", of={"seed": 0}, minutes=2.0),
        claim("long", minutes=31.0),
    )
    rows = measured(sample, tmp_path, train=True, force=True)
    assert trained == [("doe1997", "m", SEEDS + 1, True), ("doe1997", "n", 2, True)]
    assert [row["verdict"].split(":")[0] for row in rows.values()] == 3 * [REPRODUCED] + [OPEN]
    trained.clear()
    capsys.readouterr()
    measured(sample, tmp_path, train=True, minutes=0.0, only=["long"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "1 claim: 1 reproduced."  # the page shows the others too
    assert [line.split()[1] for line in printed[4:]] == ["long"]
    assert [(mode, count) for _, mode, count, _ in trained] == [("m", 2 * SEEDS)]


def test_one_paper_that_fails_does_not_stop_the_others(trained, tmp_path, capsys):
    names = {"lost2000": {}, "odd2000": {}, "shut2000": {"lacks": "the photos"}, "doe1997": {}}
    papers = [paper(claim(f"{n}-a", **o), name=n) for n, o in names.items()]
    papers[2] = papers[2]._replace(modes=papers[0].modes)  # its data are missing too
    reproduce.run(papers, tmp_path / "runs", tmp_path / "out", command="c")
    page = (tmp_path / "out" / "claims.md").read_text()
    assert "1 reproduced, 3 open" in page
    assert "open: lacks data file photos/train.gz." in page
    assert "open: failed: no such cell." in page
    assert "open: lacks the photos." in page
    assert str(tmp_path) not in page.partition("## How")[2]
    assert f"data file {tmp_path}/runs/photos/train.gz does not exist" in capsys.readouterr().err


def test_an_interruption_leaves_what_was_measured(trained, tmp_path):
    sample = paper(claim(), name="slow2000")
    with pytest.raises(KeyboardInterrupt):
        reproduce.run([sample], tmp_path / "runs", tmp_path / "out", command="c")
    assert "1 of 6 runs finished" in (tmp_path / "out" / "claims.md").read_text()
    assert (tmp_path / "out" / "claims" / "a.json").exists()


def test_without_training_the_runner_is_left_alone(trained, tmp_path):
    measured(paper(claim(), claim("w", 7.0, cl.exactly(), "", measure=lambda _: [7.0])), tmp_path)
    assert trained == []
    kept = json.loads((tmp_path / "out" / "claims" / "w.json").read_text())
    assert (kept["verdict"], kept["values"], kept["command"]) == (REPRODUCED, [7.0], "the command")
    assert "jax" in kept["versions"]


def test_the_list_shows_cost_and_state_and_writes_nothing(tmp_path):
    sample = paper(claim(minutes=3.0), claim("w", 7.0, cl.exactly(), "", measure=lambda _: 1 / 0))
    shown = reproduce.listing([sample], tmp_path / "runs", tmp_path / "out", only=["doe1997"])
    first, second = shown.splitlines()[2:4]
    assert re.fullmatch(
        r"\| a +\| configs/papers/doe1997.py:m \| +6 \| +3 \| open: never run \|", first
    )
    assert re.fullmatch(r"\| w +\| +\| +– \| +– \| open: never run \|", second)
    assert not list(tmp_path.iterdir())


def test_recipes_are_read_and_broken_ones_are_named(tmp_path):
    (tmp_path / "doe1997.py").write_text(RECIPE)
    (tmp_path / "mute.py").write_text("def get_config():\n    return 1\n")
    readable, broken = _papers.papers(tmp_path)
    assert [(p.name, [c.name for c in p.claims]) for p in readable] == [
        ("doe1997", ["1997-a", "1997-b"])
    ]
    assert readable[0].modes["short"].labels == ["short,seed=0", "short,seed=1"]
    assert broken == [
        f"{tmp_path}/mute.py claims nothing; expected a function claims() that returns "
        "experiments.claims.Claim"
    ]
    with pytest.raises(ValueError, match=r"--papers=.*nowhere has no paper: expected a folder"):
        _papers.papers(tmp_path / "nowhere")


@pytest.fixture
def lab(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "doe1997.py").write_text(RECIPE)
    return tmp_path


@pytest.mark.slow
def test_the_launcher_says_in_a_line_what_is_wrong(launch, lab):
    for words, message in (
        ("--papers=papers --only=1997-c", "--only=1997-c: no claim or paper has this name; did"),
        ("--papers=nowhere", "--papers=nowhere has no paper: expected a folder of recipes"),
        ("--papers=papers --minute=3", "unknown flag --minute; did you mean --minutes?"),
    ):
        ended = launch(f"reproduce {words}", lab)
        assert ended.code == 2
        assert ended.err.startswith(f"error: {message}")
        assert ended.err.count("\n") == 1
    assert [path.name for path in lab.iterdir()] == ["papers"]


@pytest.mark.slow
def test_the_launcher_shares_the_runs_of_a_sweep(launch, lab):
    ended = launch("sweep --config=papers/doe1997.py:short --workdir=runs", lab)
    assert ended.code == 0, ended.err
    ended = launch("reproduce --papers=papers --workdir=runs --out=there", lab)
    assert ended.code == 0, ended.err
    assert "[1/1] doe1997:short, for 1997-a" in ended.err
    assert "2 of 2 runs are finished already: skipped" in ended.err
    assert "2 claims: 1 reproduced, 1 open." in ended.out
    assert ended.out.endswith("\nwrote there/claims.md\nwrote there/claims.png\n")
    listed = launch("reproduce --papers=papers --workdir=runs --out=there --list", lab)
    assert re.search(r"1997-a .*:short +\| +2 \| +1 \| reproduced", listed.out), listed.err


class Finished:
    """A protocol without runs, which is finished."""

    digest = "0123456789"

    def __init__(self, *values):
        self.values = list(values)

    def measure(self, folder, *, train, interrupt=None):
        return self.values, 1.0


def test_what_is_read_again_keeps_its_date_and_commit(tmp_path):
    """They are those of the training, which a finished protocol without runs does not know."""
    measured(paper(claim(mode="", protocol=Finished(2.0, NAN))), tmp_path)
    file = tmp_path / "out" / "claims" / "a.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"commit": "abc"}))
    measured(paper(claim(mode="", protocol=Finished(2.0, NAN))), tmp_path)
    assert json.loads(file.read_text())["commit"] == "abc"
    measured(paper(claim(mode="", protocol=Finished(3.0, NAN))), tmp_path)
    assert json.loads(file.read_text())["commit"] != "abc"


def test_the_record_of_a_claim_names_no_folder_of_this_machine():
    claim = cl.Claim("one", "It is 1.", "here", 1.0, cl.exactly(), measure=lambda runs: [1.0])
    result = trials.of_nothing(claim, "python -m experiments.reproduce --workdir=/data/me/runs")
    assert result.command == "python -m experiments.reproduce --workdir=runs"
