"""Pages about the inside of trained networks: figures, sentences and numbers that agree."""

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

import lstmx
from lstmx import config as cfg
from lstmx import runs
from lstmx.analysis import lyapunov
from lstmx.report import inspection
from lstmx.report.inspection import _dynamics, _flow
from lstmx.report.inspection._subject import open_subject

pytestmark = pytest.mark.files

SIZE = {"task.length": 12, "task.batch_size": 8, "model.cell.hidden_size": 4}


def tiny(**overrides):
    c = cfg.base()
    c.name = "tiny"
    c.task, c.model.cell = cfg.task("adding"), cfg.cell("lstm")
    c.steps, c.log_every, c.eval_every, c.eval_batches = 2, 2, 2, 1
    c.evals = {"valid": {"split": "valid"}, "test": {"split": "test"}}
    return cfg.resolve(cfg.resolve(c, SIZE), overrides)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs of an LSTM, a bidirectional RNN and an LSTM on tokens."""
    workdir = tmp_path_factory.mktemp("inspected")
    both = {"model.bidirectional": True, "model.cell.name": "rnn"}
    tokens = tiny(task=cfg.task("copy_memory", length=4, num_symbols=2, batch_size=8))
    for config, label in ((tiny(), "one"), (tiny(**both), "both"), (tokens, "tokens")):
        runs.train([config], workdir, labels=[label], quiet=True)
    return workdir


def path(folder, label):
    return next(folder.glob(f"tiny/{label}~*"))


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    """The page of one run with all of its figures."""
    lines = []
    out = tmp_path_factory.mktemp("page")
    return inspection.write([path(folder, "one")], out, tell=lines.append), lines


def test_page_has_every_figure_with_its_numbers(page):
    written, lines = page
    html = written.files[0].read_text("utf-8")
    # Weights at one step only, and one run.
    expected = {*inspection.FIGURES, "speeds"} - {"position", "representations", "dynamics"}
    assert set(written.numbers["figure"]) == expected - {"fixed_points"}
    assert {f.stem.removeprefix("one_") for f in written.files if f.suffix == ".png"} == expected
    assert html.count("<figure>") == len(expected)
    assert not re.search(r"<(link|script)[^>]+(href|src)=", html)  # self-contained
    assert [line.partition(":")[0] for line in lines[1:-2]] == [
        name for name in inspection.FIGURES if name not in ("representations", "dynamics")
    ]


def test_sentences_say_the_numbers_of_the_table(page):
    written, _ = page
    stored = pd.read_csv(written.files[2])
    assert np.allclose(stored["value"], written.numbers["value"], equal_nan=True)
    whole = stored[stored["quantity"] == "mse at sparsity 0.00"]["value"].item()
    assert f"mse {whole:.4g} with all weights" in written.markdown
    assert f"mse | {whole:.4g} on these sequences" in re.sub(" +", " ", written.markdown)
    error = stored[stored["quantity"] == "completeness error"]["value"].item()
    assert abs(error) < 1e-3


def test_figure_that_a_run_cannot_have_says_why(folder, tmp_path):
    names = ["gradient_reach", "plane", "saliency"]
    written = inspection.write([path(folder, "both")], tmp_path, figures=names)
    assert "a bidirectional model cannot stream" in written.markdown
    count = int(re.search(r": (\d+) sequences, ", written.markdown)[1])
    assert f"The states of {min(count, 12)} sequences in the plane" in written.markdown
    assert {f.stem for f in written.files if f.suffix == ".png"} == {"both_plane", "both_saliency"}


def test_directions_have_their_own_parameters(folder):
    subject = open_subject(path(folder, "both"), "both")
    batch = subject.batch
    for side in ("forward", "backward"):
        cell, params, trace = subject.layers[f"layer_0 {side}"]
        own = {"mask": batch.mask, "resets": batch.resets, "reverse": side == "backward"}
        found = lstmx.unroll(cell, params, batch.inputs, **own).outputs
        here = np.asarray(batch.mask)
        np.testing.assert_allclose(trace.states.h[here], found[here], atol=1e-5)
    assert next(iter(subject.layers)) == "layer_0 forward"


def test_a_mistyped_run_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="no run"):
        inspection.write([tmp_path / "typo"], tmp_path / "typo" / "inspect")
    assert not (tmp_path / "typo").exists()


def test_what_follows_a_sequence_is_refused_where_the_state_is_reset(folder):
    subject = open_subject(path(folder, "one"), "one")
    broken = subject.batch.resets.at[0, 5].set(True)
    broken = dataclasses.replace(subject, batch=subject.batch._replace(resets=broken))
    for figure in (_flow.reach, _dynamics.spectrum):
        found = figure([broken])
        assert found.plot is None
        assert found.missing == ("one: its state is reset within the sequences.",)


def test_the_mean_curve_of_exponents_holds_the_last_estimate_of_short_sequences():
    times = np.array([[10.0, 20, 20], [10, 20, 40]])
    curve = np.array([[[1.0], [2], [2]], [[3], [4], [8]]])
    empty = np.zeros((2, 1))
    found = lyapunov.Spectrum(empty, empty, curve, times, *[empty] * 5)
    grid, mean = _dynamics._mean_curve(found)
    np.testing.assert_array_equal(grid, [10, 20, 40])
    np.testing.assert_array_equal(mean, [[2], [3], [5]])


def test_tokens_are_occluded_and_decoded(folder, tmp_path):
    written = inspection.write(
        [path(folder, "tokens")], tmp_path, figures=["saliency", "decoding", "fixed_points"]
    )
    assert "has the largest attribution" in written.markdown
    assert "tokens: accuracy " in written.markdown
    assert "not at tokens" in written.markdown


def test_a_run_beside_itself_is_the_same(folder, tmp_path):
    copies = []
    for name in ("first", "second"):
        copies.append(tmp_path / name)
        copies[-1].symlink_to(path(folder, "one"))
    with pytest.raises(ValueError, match="named twice"):
        inspection.write(copies, tmp_path)


def test_several_runs_stand_in_one_figure_and_pairs_are_compared(folder, tmp_path):
    import shutil

    one = path(folder, "one")
    other = tmp_path / "copy"
    shutil.copytree(one, other)
    written = inspection.write(
        [one, other], tmp_path / "page", figures=["time_scales", "representations", "dynamics"]
    )
    numbers = written.numbers.groupby("figure")["value"]
    assert numbers.get_group("representations").item() == pytest.approx(1, abs=1e-5)
    assert numbers.get_group("dynamics").item() == pytest.approx(0, abs=1e-6)
    assert sum(f.suffix == ".png" for f in written.files) == 3


def test_numbers_of_many_runs_are_summarised_by_group(folder, tmp_path):
    paths = [path(folder, label) for label in ("one", "both")]
    figures = ["time_scales", "gradient_reach", "lyapunov"]
    written = inspection.write_groups(
        paths, tmp_path, by=["model.cell.name", "model.bidirectional"], figures=figures
    )
    alone = inspection.write(paths[:1], tmp_path / "alone", figures=figures).numbers
    group = "LSTM bidirectional=False"
    lstm = written.numbers[written.numbers["group"] == group]
    assert list(lstm["value"]) == list(alone["value"])
    assert list(lstm["quantity"]) == list(alone["quantity"])
    # One exponent of eight, and what a bidirectional network has none of.
    assert written.markdown.count("exponent") == 3
    assert re.search(r"both~\w+: lyapunov: .+bidirectional", written.markdown)
    exponent = alone[alone["quantity"] == "exponent 1"]["value"].item()
    assert f"| {group} |" in written.markdown
    assert f"{exponent:.4g}" in written.markdown
    html = written.files[0].read_text("utf-8")
    assert html.count("<figure>") == html.count("<table>") == written.markdown.count("![")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("", "--run is missing"),
        ("--run={run} --by=model.cell", "--run excludes --workdir and --by"),
        ("--workdir={run}/nothing --out={run}/page", "no runs; expected"),
        ("--workdir={run} --out={run}/page --by=model.cel", "unknown key to group by"),
        ("--run=nowhere", "nowhere is no run directory"),
        ("--run={run} --run={run}", "--out is missing"),
        ("--run={run} --run={run} --out={run}/page", "a run is named twice"),
        ("--run={run} --figures=gate", "did you mean 'gates'"),
        ("--run={run} --step=7", "has no such checkpoint"),
    ],
)
def test_wrong_input_is_one_line(folder, launch, words, line):
    ended = launch(f"inspect {words.format(run=path(folder, 'one'))}", folder)
    assert ended.code == 2
    assert line in ended.err
    assert len(ended.err.splitlines()) == 1


def test_an_encoder_with_a_decoder_is_refused(folder, monkeypatch):
    opened = runs.open(path(folder, "one"))
    writes = dataclasses.replace(opened, model=opened.model._replace(decoder=()))
    monkeypatch.setattr(runs, "open", lambda *_, **__: writes)
    with pytest.raises(ValueError, match="reads one sequence and writes another") as error:
        open_subject(path(folder, "one"), "one")
    assert "\n" not in str(error.value)
