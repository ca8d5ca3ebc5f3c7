"""Reports of grids: settings are no seeds, the best one by validation stands for a row."""

import fake_runs
import numpy as np
import pandas as pd
import pytest

from lstmx import report, runs, stats
from lstmx.report import ReportSpec, figures, labels, sections, settings
from lstmx.report import text as words

pytestmark = pytest.mark.no_jax


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


def test_the_name_of_an_optimizer_is_its_value():
    config = {"model.cell.name": "gru", "optimizer.name": "adam", "readout.name": "linear"}
    keys = ["model.cell.name", "optimizer.name", "readout.name"]
    assert labels.label(config, keys) == "GRU optimizer=adam readout=linear"


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
