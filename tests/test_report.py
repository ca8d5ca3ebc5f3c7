"""Reports over written-down runs: counts, ranking, text and figures."""

import json
import re

import fake_runs
import numpy as np
import pandas as pd
import pytest
from test_readme import README

from lstmx import cells, report, runs, stats, tables
from lstmx import config as cfg
from lstmx.cells import _lstm_spec as lstm
from lstmx.report import ReportSpec, columns, figures, labels, markdown, sections, settings
from lstmx.report import text as words

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


def grid(folder, rates, *, rows=("NP", "GRU"), seeds=2, **options):
    """Runs of a grid of learning rates: rate -> level the error falls to, the same for all rows."""
    for rate, level in rates.items():
        for row in rows:
            for seed in range(seeds):
                fake_runs.write(
                    folder, row, seed, learning_rate=rate, level=level, **{"points": 8, **options}
                )


def test_rows_have_all_settings_unless_they_are_grouped(tmp_path):
    grid(tmp_path, {1e-3: None, 1e-2: None}, seeds=1)
    rows = report.write(tmp_path).rows
    assert set(rows["row"]) == {
        f"{row} learning_rate={rate}" for row in ("LSTM", "GRU") for rate in ("0.001", "0.01")
    }
    rates = report.write(tmp_path, spec=ReportSpec(by=["hparams.learning_rate"]))
    assert set(rates.rows["row"]) == {"learning_rate=0.001", "learning_rate=0.01"}
    assert rates.rows["setting"].notna().all()


def test_row_of_a_grid_is_its_best_setting_by_validation(tmp_path):
    """Settings are never counted as seeds: not in means, intervals or tests."""
    grid(tmp_path, {1e-3: 5e-3, 3e-3: 2e-3, 1e-2: 0.1})
    made = report.write(tmp_path, spec=ReportSpec(by=["model.cell"]))
    assert list(made.rows["runs"]) == [2, 2]
    assert set(made.rows["setting"]) == {"learning_rate=0.003"}
    alone = [r for r in made.runs.to_dict("records") if r["setting"] == "learning_rate=0.003"]
    values = {
        row: np.array([r["value"] for r in alone if r["row"] == row]) for row in ("LSTM", "GRU")
    }
    rows = made.rows.set_index("row")
    assert rows.loc["LSTM", "mean"] == pytest.approx(values["LSTM"].mean())
    assert (rows.loc["LSTM", "low"], rows.loc["LSTM", "high"]) == stats.mean_interval(
        values["LSTM"]
    )
    assert rows.loc["GRU", "p_value"] == stats.welch(values["GRU"], values["LSTM"])
    assert "2 models, 4 runs" in made.markdown
    assert "best of 3 learning rates by valid, chosen for each group." in made.markdown
    assert "are in no mean, interval or test" in made.markdown
    assert len(made.runs) == 12, "all are listed"
    assert made.runs["shown"].sum() == 4
    assert "<summary>Every setting (6)</summary>" in made.files[0].read_text()
    written = pd.read_csv(next(f for f in made.files if f.name == "settings.csv"))
    assert written.groupby("row")["chosen"].sum().to_dict() == {"LSTM": 1, "GRU": 1}
    assert not [f for f in made.files if f.stem.endswith("best_of")]


def test_setting_that_diverges_counts_as_the_baseline(tmp_path):
    """One good seed, of many, does not make it the best."""
    grid(tmp_path, {1e-3: 5e-3}, rows=["V"])
    fake_runs.write(tmp_path, "V", 0, learning_rate=0.1, level=1e-4, points=8)
    fake_runs.write(tmp_path, "V", 1, learning_rate=0.1, points=8, status="empty")
    made = report.write(tmp_path, spec=ReportSpec(by=["model.cell.name"]))
    assert list(made.rows["setting"]) == ["learning_rate=0.001"]


def test_choice_without_validation_says_what_chose(tmp_path):
    grid(tmp_path, {1e-3: 5e-3, 1e-2: 1e-3}, rows=["V"])
    for path in runs.find(tmp_path):
        for name, old, new in (
            ("meta.json", '"selection": "eval/valid/', '"selection": "eval/test/'),
            ("config.json", '"valid": {"split": "valid"}, ', ""),
        ):
            (path / name).write_text((path / name).read_text().replace(old, new))
    made = report.write(tmp_path, spec=ReportSpec(by=["model.cell.name"]))
    assert "by test, chosen for each group; there is no validation evaluation" in made.markdown
    assert "chosen and is reported on the same data, which flatters it" in made.markdown


def test_many_settings_have_a_curve_and_unequal_numbers_a_remark(tmp_path):
    rates = {1e-4: 0.1, 1e-3: 5e-3, 3e-3: 2e-3, 1e-2: 0.05}
    grid(tmp_path, rates, rows=["V"])
    grid(tmp_path, {1e-3: 1e-3}, rows=["GRU"])
    (section,) = sections.sections(
        runs.load_all(runs.find(tmp_path))[0], ReportSpec(by=["model.cell.name"])
    )
    found = settings.curves(section.settings, section.metric)
    own = section.settings.table[section.settings.table["row"] == section.rows["row"].iloc[1]]
    expected = stats.expected_best(own["chosen_by"], maximize=False, reported=own["mean"])
    assert [len(curve.mean) for curve in found.values()] == [4, 1]
    assert next(iter(found.values())).mean == pytest.approx(expected.mean)
    assert expected.mean[-1] == pytest.approx(section.rows["mean"].iloc[1]), "all of them: the row"
    assert [p.name for p in figures.of(section)] == ["ranking", "curves", "best_of", "lengths"]
    assert "The best of many is better than the best of few" in words.caption(section)
    assert "best of 1 to 4 learning rates" in words.summary(section)


def test_what_is_asked_makes_rows_and_is_not_chosen(tmp_path):
    """A report by model does not choose the easiest task."""
    for length in (50, 100):
        fake_runs.write(tmp_path / str(length), "NP", 0, length=length)
    rows = report.write(tmp_path, spec=ReportSpec(by=["model.cell.name"])).rows
    assert {row.split()[1] for row in rows["row"]} == {"task.length=50", "task.length=100"}
    assert (rows["setting"] == "").all()


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


def test_labels_compare_options_within_a_family_only():
    lstm = {"model.cell.name": "lstm", "model.cell.variant": "V", "model.cell.peepholes": "full"}
    gru = {"model.cell.name": "gru", "model.cell.reset_after": True}
    rnn = {"model.cell.name": "rnn", "model.cell.activation": "tanh"}
    # Options that have one name and different defaults are no difference either.
    lstm, gru = lstm | {"model.cell.bias": 1.0}, gru | {"model.cell.bias": 0.0}
    keys = cfg.varying([lstm, gru, rnn])
    assert keys == ["model.cell.name"]
    assert [labels.label(c, keys) for c in (lstm, gru, rnn)] == ["LSTM V", "GRU", "RNN"]
    keys = cfg.varying([lstm, lstm | {"model.cell.peepholes": "none"}])
    assert labels.label(lstm, keys) == "peepholes=full"


def test_cells_have_the_name_that_people_call_them_by():
    for name in cells.names():
        told = labels.label({"model.cell.name": name}, ["model.cell.name"])
        assert told.lower().replace(" ", "").startswith(name.replace("_", ""))
        assert told != name


def test_variants_are_named_where_they_are_compared_only(tmp_path):
    key, name = "model.cell.variant", "model.cell.name"
    ours = {name: "lstm", key: "NP"}
    assert labels.label(ours, [name]) == "LSTM"
    assert labels.label(ours | {key: "NIG"}, [name]) == "LSTM NIG"
    assert labels.label(ours | {key: "NIG"}, [name], [key]) == "LSTM", "one of several tried"
    assert labels.label(ours, [name, key]) == labels.setting(ours, [key]) == "NP"
    assert labels.label({name: "my_lab.cells.mine"}, [name]) == "my_lab.cells.mine"
    assert set(lstm.MEANINGS) == set(lstm.VARIANTS)
    for row in ("NP", "NIG", "GRU"):
        fake_runs.write(tmp_path, row, points=2)
    text = report.write(tmp_path).markdown
    assert "NIG: no input gate" in text
    assert "NP: no peepholes, what is usually called the LSTM" in text
    assert "NOG" not in text


def test_summary_of_many_rows_is_short_and_a_list_has_all(tmp_path):
    for seed in range(3):
        for k in range(20):
            level = 2e-3 if k == 0 else 1e-2 if k < 8 else 1e-4 * k if k < 14 else 0.1
            fake_runs.write(tmp_path, "NP", seed, learning_rate=k, points=4, level=level)
    (section,) = sections.sections(
        runs.load_all(runs.find(tmp_path))[0], ReportSpec(reference="learning_rate=0")
    )
    summary, lines = words.summary(section), words.found(section)
    assert len(summary) < 400, summary
    groups = words._groups(section)
    assert sum(map(len, groups.values())) == 19
    assert max(map(len, groups.values())) > 3
    for names, line in zip(groups.values(), lines):
        assert line.endswith(f"learning_rate=0: {', '.join(names)}.")
    assert f"worse: {len(groups['worse'])}, the worst {groups['worse'][-1]}, " in summary
    assert f"- {lines[0]}\n" in markdown.section(section)


def test_summary_says_which_rows_differ_from_the_reference(tmp_path):
    for seed in range(6):
        for row in ("V", "NP", "GRU", "RNN"):
            fake_runs.write(tmp_path, row, seed, level=2e-3 if row == "NP" else None)
    lines = [line for line in report.write(tmp_path).markdown.splitlines() if "Against" in line]
    assert len(lines) == 1
    assert "Against V (p < 0.05 after Holm) better: GRU; worse: RNN; not told apart: NP" in lines[0]
    assert lines[0].endswith("(which does not make them equal).")
    fake_runs.write(tmp_path / "alone", "V")
    assert "Against" not in report.write(tmp_path / "alone").markdown


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
