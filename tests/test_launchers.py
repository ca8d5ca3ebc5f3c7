"""The launchers from train to report, as a user types them, in one working folder."""

import csv
import json
import re

import pytest

from lstmx import runs

pytestmark = pytest.mark.slow

CONFIG = """
from lstmx import config as cfg
from lstmx import sweep as sw

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=10, batch_size=8)
    c.model.cell = cfg.cell("lstm", hidden_size=4)
    c.steps, c.log_every, c.eval_every, c.eval_batches = 40, 10, 20, 2
    c.evals = {"valid": {"split": "valid"}, "T20": {"length": 20, "batch_size": 4}}
    return c

def sweep():
    return sw.product({"model.cell.name": ["lstm", "rnn"], "seed": [0, 1]})
"""
TRAIN = "train --config=tiny.py --workdir=single --profile"
SWEEP = "sweep --config=tiny.py --workdir=swept"


@pytest.fixture(scope="module")
def lab(launch, tmp_path_factory):
    """A folder with a trained run in `single` and a finished sweep in `swept` and the output."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "tiny.py").write_text(CONFIG)
    return folder, launch(TRAIN, folder), launch(SWEEP, folder)


def single(folder):
    """The run of `train`."""
    (path,) = runs.find(folder / "single")
    return runs.load(path)


def test_training_prints_a_summary_and_plain_progress(lab):
    folder, ended, _ = lab
    run = single(folder)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == str(run.path)
    assert re.fullmatch(r"ended   steps at step 40, [\d.]+ s, 117 parameters", lines[1])
    assert re.fullmatch(r"best    step \d0: .*eval/T20/mse .*eval/valid/mse .*", lines[2])
    assert lines[3:] == [
        "compare eval/valid/mse with trivial 0.1667; solved from 0.01"
        "; only 16 sequences: chance is large"
    ]
    told = ended.err.splitlines()
    assert told[0] == "[1/1] lstm NP: compiling"
    assert re.fullmatch(r"\[1/1\] lstm NP: done in .* s  loss .*  eval/valid/mse .*", told[-1])
    # Between them at most a line every ten seconds: nothing that belongs on a terminal.
    assert "\x1b" not in ended.err
    assert "\r" not in ended.err
    assert all(re.search(r"\d+%  .* steps/s  [\d:?]+ left$", line) for line in told[1:-1])
    assert run.meta["command"] == f"python -m experiments.{TRAIN}"


def test_profile_is_written_on_request(lab):
    folder, _, _ = lab
    assert list((single(folder).path / "profile").rglob("*.xplane.pb"))
    assert not [p for p in runs.find(folder / "swept") if (p / "profile").exists()]


def test_same_command_again_skips_what_is_finished(lab, launch):
    folder, _, _ = lab
    files = [p for p in folder.rglob("*") if p.is_file() and p.suffix != ".log"]
    before = {p: p.stat().st_mtime_ns for p in files}
    for words, message in ((TRAIN, "1 of 1 runs are finished already: skipped"), (SWEEP, "4 of 4")):
        ended = launch(words, folder)
        assert ended.code == 0
        assert ended.err.startswith(message)
        assert ended.err.count("\n") == 1
    assert {p: p.stat().st_mtime_ns for p in before} == before


def test_sweep_lists_its_points_by_group_and_runs_nothing(launch, tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    ended = launch(f"{SWEEP} --list", tmp_path)
    assert ended.out.splitlines() == [
        "group 0: seed=0",
        "group 0: seed=1",
        "group 1: cell=rnn,seed=0",
        "group 1: cell=rnn,seed=1",
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["tiny.py"]


def test_sweep_says_where_its_runs_are_and_what_comes_next(lab):
    folder, _, ended = lab
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        f"4 runs in {folder / 'swept' / 'tiny'}",
        "report: python -m experiments.report --workdir=swept",
    ]
    assert ended.err.count(": done in ") == 2
    assert all(runs.load(p).done for p in runs.find(folder / "swept"))


def test_report_prints_a_ranked_table_and_writes_it(lab, launch):
    folder, _, _ = lab
    ended = launch("report --workdir=swept", folder)
    assert ended.code == 0, ended.err
    assert ended.err == ""
    table = [line for line in ended.out.splitlines() if line.startswith("|")]
    assert len(table) == 5  # a head, a rule, two rows and the trivial baseline
    written = folder / "swept" / "report"
    with (written / "rows.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    ranked = [re.match(r"\| +(\d) \| (LSTM|RNN) ", line) for line in table[2:]]
    assert [match[1] for match in ranked if match] == ["1", "2"]
    assert any("| baseline |" in line for line in table[2:])
    with (written / "runs.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 4
    page = (written / "report.html").read_text()
    assert "<svg" in page or "data:image/png" in page
    assert not re.search(r'(src|href)="https?:', page)  # self-contained
    assert f"wrote {'swept/report/report.html'}" in ended.out


def test_evaluation_repeats_the_logged_metrics(lab, launch):
    folder, _, _ = lab
    run = single(folder)
    ended = launch(f"evaluate --run={run.path} --step=latest --json", folder)
    assert ended.code == 0, ended.err
    rows = json.loads(ended.out)
    assert [row["name"] for row in rows] == ["T20", "valid"]
    for row in rows:
        for metric, value in row["metrics"].items():
            # The run had its batch on two devices: sums in another order.
            logged = run.metrics[-1][f"eval/{row['name']}/{metric}"]
            assert value == pytest.approx(logged, rel=1e-5)


def test_evaluation_takes_other_lengths_and_leaves_the_run_alone(lab, launch):
    folder, _, _ = lab
    run = single(folder)
    before = sorted(p for p in run.path.rglob("*"))
    ended = launch(f"evaluate --run={run.path} --set length=15 --set length=5,split=valid", folder)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert re.match(r"length=15 +loss .*mse .*\(trivial mse 0.1667, solved at 0.01\)", lines[0])
    assert lines[1].startswith("length=5,split=valid ")
    alone = launch(f"evaluate --run={run.path} --set length=15", folder)  # on the test split only
    # The first column is as wide as its widest name.
    assert alone.out.split() == lines[0].split(), alone.err
    assert sorted(p for p in run.path.rglob("*")) == before


def test_evaluation_goes_through_lengths_and_writes_curves(lab, launch):
    folder, _, _ = lab
    run = single(folder)
    ended = launch(f"evaluate --run={run.path} --lengths=5:15:5 --out=curves", folder)
    assert ended.code == 0, ended.err
    assert "mean mse" in ended.out.splitlines()[0]
    assert "over lengths 5 to 15 (trivial 0.1667), solved at none of them" in ended.out
    (curve,) = json.loads((folder / "curves" / "lengths.json").read_text())["curves"]
    assert curve["lengths"] == [5, 10, 15]
    alone = launch(f"evaluate --run={run.path} --set length=15,split=test --json", folder)
    assert json.loads(alone.out)[0]["metrics"]["mse"] == curve["values"][2]
    assert (folder / "curves" / "lengths.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--lengths=9:5", "expected ascending lengths"),
        ("--lengths=20,x", "expected ascending lengths"),
        ("--lengths=5 --set length=7", "exclude each other"),
        ("--out=somewhere", "--out belongs to --lengths"),
    ],
)
def test_wrong_lengths_are_refused_in_one_line(lab, launch, flags, message):
    folder, _, _ = lab
    ended = launch(f"evaluate --run={single(folder).path} {flags}", folder)
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert message in ended.err


def test_help_names_every_flag(launch, tmp_path):
    for name in ("train", "sweep", "report", "evaluate"):
        ended = launch(f"{name} --help", tmp_path)
        assert ended.code == 0
        assert ended.err == ""
        assert f"python -m experiments.{name}" in ended.out
        assert "--workdir" in ended.out
