"""What stopped new users: one test for each."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import fake_runs
import numpy as np
import pytest
from launching import ROOT

from lstmx import cells, machine, plots, report, runs
from lstmx.interop import torch
from lstmx.report import lengths, sections
from lstmx.runs.progress import Progress

CONFIG = """
from lstmx import config as cfg

def get_config():
    c = cfg.base()
    c.task = cfg.task("adding", length=4, batch_size=4)
    c.model.cell = cfg.cell("rnn", hidden_size=3)
    c.steps = c.log_every = c.eval_every = 2
    c.eval_batches = 1
    return c
"""
files, no_jax = pytest.mark.files, pytest.mark.no_jax


@no_jax
def test_home_folder_is_meant_by_a_tilde(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert machine.local_folder("~/runs", "--workdir") == tmp_path / "runs"
    assert machine.local_folder("runs/seed=0~1", "--run") == Path("runs/seed=0~1")


@files
def test_wrappers_by_name_alone_are_refused_in_a_whole_sentence(launch, tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    ended = launch("train --config=tiny.py --config.model.wrappers=zoneout", tmp_path)
    assert ended.err == (
        "error: model.wrappers: got 'zoneout'; expected pairs of a name and its options, such as "
        "(('zoneout', {'rates': {'h': 0.1}}),)\n"
    )


@files
def test_reader_of_the_output_may_leave():
    words = [sys.executable, "-m", "experiments.train", "--help"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(words, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipe)
    process.stdout.close()  # before anything is written, so that the first write fails
    assert process.stderr.read() == b""
    assert process.wait() == 128 + 13


@no_jax
def test_help_names_the_defaults(launch, tmp_path):
    printed = launch("reproduce --help", tmp_path).out
    assert re.search(r"--papers +Folder of the recipes with claims\. \[configs/papers\]", printed)
    assert re.search(r"--list +Print the claims, their cost and state; run nothing\.\n", printed)
    assert re.search(r"--wait +.* \[true\]", launch("search --help", tmp_path).out)


@files
@pytest.mark.parametrize("engine", ["cudnn", "associative"])
def test_engine_is_refused_before_anything_is_written(launch, tmp_path, engine):
    (tmp_path / "tiny.py").write_text(CONFIG)
    words = f"train --config=tiny.py --workdir=runs --config.model.engine={engine}"
    ended = launch(f"{words} --config.model.cell=lstm", tmp_path)
    assert re.fullmatch(f"error: .*{engine}.*\n", ended.err), ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.py"]


@files
def test_runs_without_a_checkpoint_are_skipped_by_an_evaluation_of_a_folder(launch, tmp_path):
    (tmp_path / "tiny.py").write_text(CONFIG)
    assert launch("train --config=tiny.py --workdir=runs", tmp_path).code == 0
    (trained,) = runs.find(tmp_path / "runs")
    empty = trained.with_name("a" + trained.name)  # found first
    empty.mkdir()
    for name in ("config.json", "meta.json"):
        (empty / name).write_text((trained / name).read_text())
    ended = launch("evaluate --run=runs --lengths=4,5", tmp_path)
    assert ended.code == 0, ended.err
    assert re.search(f"skipped: .*{empty.name} has no checkpoint", ended.err)
    (curve,) = json.loads((tmp_path / "runs" / "lengths.json").read_text())["curves"]
    assert curve["path"].endswith(trained.name)
    (tmp_path / "runs" / "lengths.json").unlink()
    alone = launch(f"evaluate --run={empty} --lengths=4", tmp_path)
    assert (alone.code, alone.err.count("error: ")) == (2, 1)


@no_jax
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, 0.95, 0.8], "solved up to 20"),
        ([1.0, 1.0, 1.0], "solved up to 40"),
        ([0.8, 1.0, 0.95], "solved at 20, 40 only"),
        ([0.8, 0.8, 0.8], "solved at none of them"),
    ],
)
def test_solved_lengths_are_named_where_a_shorter_one_is_not_solved(values, words):
    one = lengths.Curve("x/y", "gru", "accuracy", [10, 20, 40], values, [0.5] * 3, 0.9, True)
    assert lengths.table([one]).endswith(f", {words}")


@no_jax
def test_progress_leaves_compilation_out_and_names_no_missing_number(tmp_path, monkeypatch):
    monkeypatch.setattr("lstmx.runs.progress.PLAIN_EVERY", 0.0)
    with Progress(100, tmp_path / "log", quiet=True, side_by_side=2) as progress:
        progress.advance(10, "a", {"loss": 0.5})  # compiled
        progress.advance(10, "b", {"loss": 0.5, "mse": 0.25}, 2.0)
    first, second = (tmp_path / "log").read_text().splitlines()
    assert first.endswith("10%  a  loss 0.5  ? steps/s  ? left")
    assert second.endswith("20%  b  loss 0.5  mse 0.25  10 steps/s  0:08 left")


@no_jax
def test_reference_is_the_first_of_the_sweep(tmp_path):
    loaded = []
    for number, row in enumerate(("RNN", "GRU", "CIFG")):  # not in the order of their names
        path = fake_runs.write(tmp_path, row)
        meta = json.loads((path / "meta.json").read_text())
        (path / "meta.json").write_text(json.dumps({**meta, "created": "now", "number": number}))
        loaded.append(runs.load(path))
    (section,) = sections.sections(loaded)
    assert section.reference == "RNN"


@no_jax
def test_columns_that_matter_come_first_and_the_table_scrolls(tmp_path):
    for row in ("V", "NP"):
        fake_runs.write(tmp_path, row)
    page = report.write(tmp_path).files[0].read_text()
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", page.partition("</thead>")[0])
    assert heads[2:9] == ["model", "mse", "95 % interval", "p vs V", "P(better)", "solved", "steps"]
    assert '<div class="wide" tabindex="0"><table class="ranked">' in page
    assert re.search(r"\.wide \{\s+overflow-x: auto", page)


@no_jax
@pytest.mark.parametrize("narrow", [False, True])
def test_list_of_rows_without_values_covers_nothing(narrow):
    rows = {"V": [([1, 2], [0.5, 0.2])], **{f"without any value {k}": [] for k in range(6)}}
    figure = plots.learning_curves(rows, ylabel="mse", narrow=narrow)
    figure.draw_without_rendering()
    (note,), axis = figure.texts, figure.axes[0].xaxis.label
    assert note.get_window_extent().y1 < axis.get_window_extent().y0
    assert note.get_window_extent().x1 < figure.bbox.x1


def test_parameters_of_a_whole_model_are_refused_with_the_part_to_pass():
    cell = cells.make("lstm", hidden_size=3)
    whole = {"layers": {"layer_0": {}}, "readout": {}}
    for layers in (cell, [cell]):
        with pytest.raises(ValueError, match=r'pass params\["layers"\]'):
            torch.dump(layers, whole)


def test_inputs_of_another_width_are_refused_by_scan():
    import jax.numpy as jnp

    import lstmx

    step = lambda W, h, x: (jnp.tanh(x @ W), h)
    with pytest.raises(ValueError, match=r"params \(3, 5\), state \(2, 5\), x \(2, 4\): dot_gen"):
        lstmx.scan(step, jnp.ones((3, 5)), jnp.zeros((2, 5)), np.ones((7, 2, 4)))


@no_jax
def test_summary_says_when_chance_decides(tmp_path):
    path = fake_runs.write(tmp_path)
    meta, config = (json.loads((path / f"{n}.json").read_text()) for n in ("meta", "config"))
    meta["evals"]["valid"] |= {"batch_size": 8, "num_batches": None}
    meta["maximize"] = False
    (path / "meta.json").write_text(json.dumps(meta))
    for batches, few in ((8, True), (80, False)):
        (path / "config.json").write_text(json.dumps({**config, "eval_batches": batches}))
        assert ("only 64 sequences: chance is large" in runs.summary(runs.load(path))) == few
