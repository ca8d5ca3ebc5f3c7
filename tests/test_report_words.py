"""Reports in words: labels of rows, meanings of variants, summaries."""

import fake_runs
import pytest

from lstmx import cells, report, runs
from lstmx import config as cfg
from lstmx.cells import _lstm_spec as lstm
from lstmx.report import ReportSpec, labels, markdown, sections
from lstmx.report import text as words

pytestmark = pytest.mark.no_jax


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
    for row in ("V", "NP", "GRU"):  # one seed each: nothing is tested, and nothing said of tests
        fake_runs.write(tmp_path / "single", row)
    single = report.write(tmp_path / "single").markdown
    assert "Too few seeds" in single
    assert "Against" not in single
    assert "Welch" not in single
    fake_runs.write(tmp_path / "alone", "V")
    assert "Against" not in report.write(tmp_path / "alone").markdown
