"""All runs of a folder as one table, and the log of a run as another."""

import json
import math
import subprocess
import sys

import fake_runs
import pandas as pd
import pytest

from lstmx import runs
from lstmx.runs.files import portable

pytestmark = pytest.mark.no_jax


@pytest.fixture
def workdir(tmp_path):
    """Five runs: two cells, two seeds, one of another learning rate, one stopped, one diverged."""
    fake_runs.write(tmp_path, "V", 0, points=6)
    fake_runs.write(tmp_path, "V", 1, points=6, learning_rate=0.01)
    fake_runs.write(tmp_path, "GRU", 0, points=6, status="unfinished")
    fake_runs.write(tmp_path, "GRU", 1, points=6, status="diverged")
    fake_runs.write(tmp_path, "NIG", 0, points=6, status="empty")
    return tmp_path


def test_a_table_has_a_row_for_each_run_and_what_tells_them_apart(workdir):
    table = runs.table(workdir)
    assert len(table) == 5
    lead = ["name", "label", "task", "cell", "seed"]
    varied = ["model.cell.variant", "hparams.learning_rate"]
    assert list(table)[:5] == lead
    assert set(list(table)[5:7]) == set(varied)
    counts = ["parameters", "state_size", "reason", "step", "best_step", "seconds"]
    assert list(table)[7:13] == counts
    assert list(table)[-1] == "path"
    assert set(table["cell"]) == {"lstm", "gru"}
    assert table["model.cell.variant"].isna().sum() == 2  # a GRU has none
    rows = {(r["cell"], r["seed"], r["reason"]): r for r in table.to_dict("records")}
    slow, fast = rows["lstm", 0, "steps"], rows["lstm", 1, "steps"]
    assert (slow["hparams.learning_rate"], fast["hparams.learning_rate"]) == (0.001, 0.01)
    assert (slow["parameters"], slow["step"], slow["seconds"]) == (17_217, 600, 0.31 * 6)
    stopped, empty = rows["gru", 0, "unfinished"], rows["lstm", 0, "no log lines"]
    assert stopped["step"] == 200
    assert empty["step"] == 0
    assert pd.isna(empty["best_step"])
    assert math.isnan(empty["seconds"])
    assert math.isnan(empty["last/eval/valid/mse"])
    assert not any("steps_per_second" in name for name in table)


def test_best_is_by_the_selection_metric_and_last_by_the_log(workdir):
    for row in runs.table(workdir).to_dict("records"):
        run = runs.load(row["path"])
        if not run.metrics:
            continue
        assert row["best_step"] == runs.best_step(run)
        (at_best,) = [p for p in run.metrics if p["step"] == row["best_step"]]
        for key in ("eval/valid/mse", "eval/T400/mse", "train/loss"):
            assert row[f"best/{key}"] == pytest.approx(at_best[key], nan_ok=True)
            assert row[f"last/{key}"] == pytest.approx(run.metrics[-1][key], nan_ok=True)
        if row["reason"] == "diverged":
            assert row["best_step"] < row["step"]
            assert math.isnan(row["last/eval/valid/mse"])


def test_rows_can_be_grouped_by_a_key_that_is_a_list(workdir):
    for path in runs.find(workdir):
        config = json.loads((path / "config.json").read_text())
        wide = config["seed"] == 1
        config["model"]["hidden_sizes"] = [8, 4] if wide else []
        (path / "config.json").write_text(json.dumps(config))
    counts = runs.table(workdir).groupby("model.hidden_sizes").size()
    assert dict(counts) == {"[8, 4]": 2, "[]": 3}


def test_damaged_runs_are_named_and_left_out(workdir):
    torn, hurt = sorted(workdir.glob("*/*GRU*"))
    (torn / "meta.json").write_text("{")
    (hurt / "DONE").write_text("no JSON")
    with pytest.warns(runs.DamageWarning) as told:
        table = runs.table(workdir)
    assert len(table) == 4
    lines = [str(warning.message) for warning in told]
    assert any(str(torn) in line and "left out" in line for line in lines)
    assert any(str(hurt) in line and "unfinished" in line for line in lines)
    assert all(warning.filename == __file__ for warning in told)
    with pytest.raises(ValueError, match=r"no runs found in .*nowhere"):
        runs.table(workdir / "nowhere")
    for path in runs.find(workdir):
        (path / "config.json").write_text("{")
    with pytest.warns(runs.DamageWarning), pytest.raises(ValueError, match="can be read"):
        runs.table(workdir)


def test_the_frame_of_a_run_is_its_log(workdir):
    (path,) = workdir.glob("*/*GRU,seed=1*")
    run = runs.load(path)
    frame = run.frame
    assert list(frame.index) == [100 * k for k in range(1, 7)]
    assert frame.index.name == "step"
    assert set(frame) == {key for point in run.metrics for key in point} - {"step"}
    assert set(map(str, frame.dtypes)) == {"float64"}
    assert frame["eval/valid/mse"].notna().sum() == 3  # then it diverged
    (empty,) = workdir.glob("*/*NIG*")
    assert runs.load(empty).frame.empty


def test_training_imports_no_pandas():
    code = "import sys; from lstmx import runs; runs.train, runs.open, runs.evaluate; "
    done = subprocess.run([sys.executable, "-c", code + "sys.exit('pandas' in sys.modules)"])
    assert done.returncode == 0


@pytest.mark.no_jax
def test_the_command_of_a_run_names_no_folder_of_its_machine():
    said = "python -m experiments.train --config=configs/adding.py:quick --workdir="
    assert portable(f"{said}/data/me/runs --steps=3") == f"{said}runs --steps=3"
    assert portable([*said.split(), "/data/x.csv"]).endswith("--workdir= x.csv")
    assert portable(f"{said}runs") == f"{said}runs"
