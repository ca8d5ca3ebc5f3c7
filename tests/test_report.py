"""Reports over written-down runs: values, ranking, tests of significance, text and page."""

import json
import re

import fake_runs
import numpy as np
import pandas as pd
import pytest
from test_readme import README

from lstmx import report, runs, stats, tables
from lstmx.report import ReportSpec, columns, figures, sections

pytestmark = pytest.mark.no_jax


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """Every variant with three seeds; three of the runs went wrong."""
    folder = tmp_path_factory.mktemp("runs")
    wrong = {("NOAF", 1): "diverged", ("FGR", 2): "unfinished", ("NIG", 0): "empty"}
    for row in fake_runs.ROWS:
        for seed in range(3):
            fake_runs.write(folder, row, seed, status=wrong.get((row, seed), "steps"))
    return folder


@pytest.fixture(scope="module")
def made(workdir):
    return report.write(workdir)


def row_of(made, name):
    (row,) = made.rows[made.rows["row"] == name].to_dict("records")
    return row


def test_rows_are_ranked_best_first(made):
    assert list(made.rows["rank"]) == list(range(1, 12))
    assert made.rows["mean"].is_monotonic_increasing
    assert made.rows["row"].iloc[0] == "GRU"
    assert set(made.rows["row"]) == set(fake_runs.ROWS)


def test_rows_of_an_accuracy_are_ranked_the_other_way(tmp_path):
    for row, level in (("V", 0.97), ("GRU", 0.99), ("RNN", 0.6)):
        for seed in range(2):
            fake_runs.write(tmp_path, row, seed, maximize=True, level=level)
    made = report.write(tmp_path)
    assert list(made.rows["row"]) == ["GRU", "LSTM V", "RNN"]
    assert list(made.rows["solved"]) == [2, 2, 0]
    assert (made.rows["best"] >= made.rows["worst"]).all()
    # The trivial baseline stands below what beats it, here at the very end.
    lines = [line for line in made.markdown.splitlines() if line.startswith("|")]
    assert "baseline" in lines[-1]


def test_value_is_the_test_metric_where_validation_is_best(made):
    run = made.runs[(made.runs["row"] == "V") & (made.runs["seed"] == 1)].iloc[0]
    with open(f"{run['path']}/metrics.jsonl") as file:
        lines = [json.loads(line) for line in file]
    best = min(lines, key=lambda line: line["eval/valid/mse"])
    assert run["value"] == best["eval/test/mse"]
    assert run["best_step"] == best["step"]
    assert run["final"] == lines[-1]["eval/test/mse"]
    assert run["steps_to_solve"] == next(x["step"] for x in lines if x["eval/test/mse"] <= 0.01)


def test_among_equal_values_the_latest_line_counts(tmp_path):
    path = fake_runs.write(tmp_path, "V", 0, points=3)
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    for line, valid, test in zip(lines, (0.1, 0.1, 0.2), (0.3, 0.4, 0.5)):
        line |= {"eval/valid/mse": valid, "eval/test/mse": test}
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = report.write(tmp_path).runs.iloc[0]
    assert (run["best_step"], run["value"]) == (200, 0.4)


def drawn_lengths(tmp_path, evals):
    """Lengths on the axis of the figure, None where it is left out; evals: name -> (config, T)."""
    path = fake_runs.write(tmp_path, "V", 0)
    for name, change in {
        "config.json": {n: over for n, (over, _) in evals.items()},
        "meta.json": {n: {"length": length} for n, (_, length) in evals.items()},
    }.items():
        stored = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps(stored | {"evals": change}))
    (section,) = sections.sections([runs.load(path)])
    panels = {d.name: d for d in figures.of(section)}
    if "lengths" not in panels:
        return None
    axis = panels["lengths"].plot(False).axes[0]
    return max((sorted(map(float, line.get_xdata())) for line in axis.lines), key=len)


def test_lengths_are_drawn_of_one_split_and_only_where_an_eval_sets_one(tmp_path):
    evals = {"valid": ({"split": "valid"}, 150), "test": ({}, 100)}
    longer = {"T200": ({"split": "test", "length": 200}, 200)}
    assert drawn_lengths(tmp_path / "a", evals | longer) == [100, 200]
    # The parts of a stored data set differ in length by nature.
    assert drawn_lengths(tmp_path / "b", evals) is None
    parts = {"T400": ({"split": "test"}, 400)}
    assert drawn_lengths(tmp_path / "c", evals | parts) is None


def test_interval_contains_the_mean(made):
    rows = made.rows[made.rows["values"] > 1]
    assert len(rows) == 11
    assert ((rows["low"] <= rows["mean"]) & (rows["mean"] <= rows["high"])).all()
    assert ((rows["best"] <= rows["mean"]) & (rows["mean"] <= rows["worst"])).all()


def test_interval_is_shown_from_low_to_high(made):
    head, _, *lines = [line for line in made.markdown.splitlines() if line.startswith("|")]
    names = [cell.strip() for cell in head.split("|")]
    rows = [dict(zip(names, (cell.strip() for cell in line.split("|")))) for line in lines]
    intervals = [r["95 % interval"].split("…") for r in rows if "…" in r["95 % interval"]]
    assert len(intervals) == 11
    assert all(float(low) < float(high) for low, high in intervals)


def test_nothing_is_dropped(made):
    assert (row_of(made, "NOAF")["diverged"], row_of(made, "NOAF")["values"]) == (1, 3)
    assert (row_of(made, "FGR")["unfinished"], row_of(made, "FGR")["runs"]) == (1, 3)
    assert (row_of(made, "NIG")["unfinished"], row_of(made, "NIG")["values"]) == (1, 2)
    assert made.rows["runs"].sum() == len(made.runs) == 33
    for text in (
        "NOAF: 1 of 3 diverged at step 1,600",
        "FGR: 1 of 3 unfinished",
        "NIG: 1 of 3 without a log line, only 2 of 3 have a value",
    ):
        assert text in made.markdown
        assert text in made.files[0].read_text()


def test_final_of_a_diverged_run_is_no_number(made):
    runs = made.runs[made.runs["status"] == "diverged"]
    assert runs["final"].isna().all()
    assert runs["value"].notna().all()


def test_solved_counts_runs_and_steps(made):
    assert row_of(made, "V")["solved"] == 3
    assert row_of(made, "RNN")["solved"] == 0
    assert pd.isna(row_of(made, "RNN")["steps_to_solve"])
    runs = made.runs[made.runs["row"] == "V"]
    assert row_of(made, "V")["steps_to_solve"] == runs["steps_to_solve"].astype(float).median()


def test_one_entry_makes_a_column_of_every_table(workdir, tmp_path, monkeypatch):
    """In rows.csv, in the Markdown and on the page, as wide as the page."""
    middle = columns.Column(
        "middle", "median over the runs", lambda s: float(np.median(s.values)), "mid", minor=True
    )
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, middle))
    change = columns.Column(
        "change",
        "mean less that of {reference}",
        lambda s, reference: s.values.mean() - reference.values.mean(),
        "less {reference}",
        in_text=False,
        adjust=lambda values: [value / 2 for value in values],
    )
    monkeypatch.setattr(columns, "COMPARISONS", (*columns.COMPARISONS, change))
    made = report.write(workdir, tmp_path)
    row, reference = row_of(made, "GRU"), row_of(made, "V")
    values = made.runs[made.runs["row"] == "GRU"]["value"]
    assert row["middle"] == values.median()
    assert row["change"] == pytest.approx((row["mean"] - reference["mean"]) / 2)
    head, _, first, *_ = [line for line in made.markdown.splitlines() if line.startswith("|")]
    cells = dict(zip(*([cell.strip() for cell in line.split("|")] for line in (head, first))))
    assert cells["mid"] == tables.score(row["middle"])
    assert "less V" not in cells
    page = made.files[0].read_text()
    assert '<th class="minor" title="median over the runs">mid</th>' in page
    assert '<th class="" title="mean less that of V">less V</th>' in page
    assert f'<td class="">{tables.score(row["change"])}</td>' in page


def test_rows_are_tested_against_the_vanilla_one(workdir, made, tmp_path):
    assert pd.isna(row_of(made, "V")["p_value"])
    assert row_of(made, "RNN")["p_value"] < 0.05
    assert row_of(made, "GRU")["probability_of_improvement"] == 1
    other = report.write(workdir, tmp_path, ReportSpec(reference="GRU"))
    assert "p vs GRU" in other.markdown
    assert pd.isna(row_of(other, "GRU")["p_value"])


def test_effects_and_both_tests_are_in_the_csv(made):
    values = {n: made.runs[made.runs["row"] == n]["value"].to_numpy() for n in ("RNN", "V")}
    row = row_of(made, "RNN")
    assert row["difference"] == pytest.approx(values["RNN"].mean() - values["V"].mean())
    assert row["difference_low"] < row["difference"] < row["difference_high"]
    assert row["hedges_g"] > 10
    assert (row["cliffs_delta"], row["cliffs_delta_high"]) == (1, 1)
    # 3 against 3 seeds: .1 for each of ten comparisons.
    assert row["p_permutation"] == 1
    assert row["p_bonferroni"] == pytest.approx(10 * stats.welch(values["RNN"], values["V"]))
    assert (row["low"], row["high"]) == stats.t_interval(values["RNN"])


def test_few_seeds_are_warned_of(made, tmp_path):
    assert "- Too few seeds: with 3 against 3" in made.markdown
    assert "10 comparisons" in made.markdown
    for row in ("V", "RNN"):
        for seed in range(7):
            fake_runs.write(tmp_path, row, seed)
    enough = report.write(tmp_path).markdown
    assert "Too few" not in enough
    assert "(Student's t, corrected for skewness)" in enough


def test_markdown_fits_a_terminal_and_says_what_it_shows(made):
    table = [line for line in made.markdown.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    assert len(table[0]) <= 120
    assert "eval/test/mse; lower is better" in made.markdown
    assert "where eval/valid/mse is lowest" in made.markdown
    assert "Mean over seeds with a 95 % interval (Student's t). " in made.markdown
    assert re.search(r"\| +baseline +\| +0\.167", made.markdown)


def test_without_a_test_eval_the_same_data_chose(tmp_path):
    fake_runs.write(tmp_path, "V", 0, test=False)
    made = report.write(tmp_path)
    assert "eval/valid/mse" in made.markdown
    assert "chosen and reported on the same data" in made.markdown
    assert pd.isna(made.rows["low"]).all()
    assert re.search(r"\| all runs \| +\S+ \| +– \|", made.markdown)


def test_page_is_self_contained(made):
    page = made.files[0].read_text()
    assert not re.search(r"(?:src|href|xlink:href)=[\"'](?!#)", page)
    assert not re.search(r"@import|url\((?!#)", page)
    assert page.count("<svg") >= 6
    for heading in ("Ranking", "Learning curves", "Other lengths", "How this was run"):
        assert f"<h3>{heading}</h3>" in page
    for text in ("python -m experiments.sweep", "jax 0.10.2", "2 x cpu", "0123abc"):
        assert text in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_page_escapes_what_it_is_told(tmp_path):
    path = fake_runs.write(tmp_path, "V", 0)
    meta = json.loads((path / "meta.json").read_text())
    (path / "meta.json").write_text(json.dumps(meta | {"git": "<script>alert(1)</script>"}))
    assert "<script>alert" not in report.write(tmp_path).files[0].read_text()


def test_files_are_written_and_read_back(made):
    assert all(file.stat().st_size > 0 for file in made.files)
    assert {"report.html", "report.md", "runs.csv", "rows.csv"} < {f.name for f in made.files}
    assert len(pd.read_csv(made.files[2])) == 33
    assert list(pd.read_csv(made.files[3])["row"]) == list(made.rows["row"])


def test_configs_make_sections(tmp_path):
    fake_runs.write(tmp_path, "V", 0)
    fake_runs.write(tmp_path, "V", 0, name="digits", maximize=True, level=0.99)
    made = report.write(tmp_path, tmp_path / "elsewhere" / "deep")
    assert "## adding\n" in made.markdown
    assert "## digits (adding)\n" in made.markdown
    assert (tmp_path / "elsewhere" / "deep" / "report.html").exists()


@pytest.mark.parametrize(
    ("option", "values", "baselines", "titles"),
    [
        ("form", ("even", "odd"), (0.167, 0.5), ["adding (adding, even)", "adding (adding, odd)"]),
        ("form", ("even", "odd"), (0.167, 0.167), ["adding"]),  # a way to state it
        ("extra", (3, 4), (0.167, 0.5), ["adding"]),  # such as a length
    ],
)
def test_tasks_that_cannot_be_compared_make_sections(tmp_path, option, values, baselines, titles):
    for row, value, baseline in zip(("V", "NP"), values, baselines):
        path = fake_runs.write(tmp_path, row, 0)
        for file, changes in (("config", {option: value}), ("meta", {"baseline": baseline})):
            stored = json.loads((path / f"{file}.json").read_text())
            stored["task"] |= changes
            (path / f"{file}.json").write_text(json.dumps(stored))
    found = sections.sections([runs.load(path) for path in runs.find(tmp_path)])
    assert [one.title for one in found] == titles


def stored_with(path, *keys):
    """Set (section, key, value) in the config.json of a run."""
    file = path / "config.json"
    stored = json.loads(file.read_text())
    for section, key, value in keys:
        stored[section][key] = value
    file.write_text(json.dumps(stored))


def test_values_that_are_close_are_rows_of_their_own(tmp_path):
    """A row is of runs with equal values, not of values with equal first digits."""
    for seed, rate in ((0, 0.10001), (1, 0.10001), (0, 0.10004), (1, 0.10004)):
        path = fake_runs.write(tmp_path / str(rate), "V", seed)
        stored_with(path, ("hparams", "learning_rate", rate))
    made = report.write(tmp_path)
    assert sorted(made.rows["row"]) == ["learning_rate=0.10001", "learning_rate=0.10004"]
    assert set(made.rows["runs"]) == {2}
    page = (tmp_path / "report" / "report.html").read_text()
    assert "0.10001, 0.10004" in page


def test_sections_whose_name_says_both_tasks_are_told_apart(tmp_path):
    """Each has its own title and files."""
    for task in ("adding", "copy_memory"):
        for row in ("V", "NP"):
            path = fake_runs.write(tmp_path / task, row, 0, name="adding_or_copy_memory")
            stored_with(path, ("task", "name", task))
    made = report.write(tmp_path)
    titles = ["adding_or_copy_memory (adding)", "adding_or_copy_memory (copy_memory)"]
    assert sorted(set(made.rows["section"])) == titles
    assert len(set(made.files)) == len(made.files)
    assert sum("ranking" in file.name for file in made.files) == 2


def test_runs_without_any_value_still_make_a_report(tmp_path):
    for row in ("V", "RNN"):
        fake_runs.write(tmp_path, row, 0, status="empty")
    made = report.write(tmp_path)
    assert "none of them has a value yet" in made.markdown
    assert made.rows["rank"].isna().all()
    assert made.files[0].stat().st_size > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["model.cel.variant"]}, "did you mean 'model.cell.variant'"),
        ({"metric": "eval/test/mae"}, "expected one of: eval/T200/mse"),
        ({"reference": "v"}, "expected a row: .*V"),
    ],
)
def test_wrong_wishes_get_one_line(workdir, tmp_path, options, message):
    with pytest.raises(ValueError, match=message) as error:
        report.write(workdir, tmp_path / "out", ReportSpec(**options))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_another_metric_ranks_when_asked(workdir, tmp_path):
    made = report.write(workdir, tmp_path, ReportSpec(metric="eval/T400/mse"))
    assert "eval/T400/mse; lower is better" in made.markdown
    assert made.rows["mean"].min() > 0.0015


def test_an_empty_workdir_is_one_line(tmp_path):
    with pytest.raises(ValueError, match=r"no runs found in .*experiments\.train") as error:
        report.write(tmp_path)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_the_readme_shows_a_table_of_this_form(made):
    """Columns and rows of the main job; the numbers are those of one machine."""
    cells = lambda text: [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    table = re.search(r"(?ms)^```\n(\|  # .*?)^```$", README)
    head, _, *shown = cells(table[1])
    own_head, _, *own = cells(made.markdown)
    assert head == own_head
    assert {row[1] for row in shown} == {row[1] for row in own} == {*fake_runs.ROWS, "baseline"}
    solved = {row[1]: row[5] for row in shown}
    assert all(re.fullmatch(r"\d+/12", solved[name]) for name in fake_runs.ROWS)
