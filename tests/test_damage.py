"""A damaged run directory is named and mended, or refused in one line; its numbers stay right."""

import json
import shutil
import warnings

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
import reuse
from event_files import check_events
from helpers import same
from test_training import latest, tiny

from lstmx import config as cfg
from lstmx import report, runs
from lstmx.runs import checkpoint
from lstmx.runs import group as groups

pytestmark = pytest.mark.files


@pytest.fixture(scope="module", autouse=True)
def programs():
    """Compiled programs, shared by equal runs: these tests are of files, not of training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "make", reuse.once(groups.make))
        yield


def without_clock(points):
    return [{k: v for k, v in p.items() if k != "seconds"} for p in points]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run with checkpoints of its last two evaluations, and its config."""
    config = tiny(eval_every=3)
    (path,) = runs.train([config], tmp_path_factory.mktemp("whole"), quiet=True)
    return config, path


@pytest.fixture
def copied(finished, tmp_path):
    """The same in a separate folder: (config, workdir, path, the run as it was)."""
    config, path = finished
    there = tmp_path / path.parent.name / path.name
    shutil.copytree(path, there)
    return config, tmp_path, there, runs.load(path)


def go_on(config, workdir):
    """Run the config again; the lines of its log file."""
    runs.train([config], workdir, quiet=True)
    return (workdir / "tiny.log").read_text()


def flip(file, at=0.5):
    """Flip one bit of a file."""
    content = bytearray(file.read_bytes())
    content[int(at * (len(content) - 1))] ^= 16
    file.write_bytes(bytes(content))


def arrays(folder):
    """The largest data file of a checkpoint."""
    return max((folder / "default").rglob("d/*"), key=lambda f: f.stat().st_size)


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


WAYS = {
    "a bit of the arrays": lambda f: flip(arrays(f)),
    "arrays cut": lambda f: cut(arrays(f)),
    "arrays emptied": lambda f: arrays(f).write_bytes(b""),
    "no arrays": lambda f: shutil.rmtree(f / "default"),
    "tree emptied": lambda f: (f / "default" / "_METADATA").write_bytes(b""),
    "no tree": lambda f: (f / "default" / "_METADATA").unlink(),
    "record flipped": lambda f: flip(f / "_CHECKPOINT_METADATA"),
    "no record": lambda f: (f / "_CHECKPOINT_METADATA").unlink(),
    "list of files cut": lambda f: cut(f / "lstmx_files.json"),
    "metric emptied": lambda f: (f / "metrics" / "metrics").write_bytes(b""),
    "all emptied": lambda f: [shutil.rmtree(f), f.mkdir()],
}


@pytest.mark.parametrize("way", WAYS)
def test_damaged_latest_checkpoint_gives_way_to_the_one_before(copied, way):
    config, workdir, path, whole = copied
    (path / "DONE").unlink()
    WAYS[way](path / "checkpoints" / "12")
    message = go_on(config, workdir)
    assert f"{path / 'checkpoints' / '12'}" in message
    assert "resuming at step 9" in message
    again = runs.load(path)
    assert without_clock(again.metrics) == without_clock(whole.metrics)
    same(latest(path), latest(whole.path))
    assert again.done["reason"] == "steps"
    assert list((path / "checkpoints" / "damaged").iterdir()), "it is kept for a person to look at"


def test_every_flipped_bit_is_noticed(copied):
    *_, path, _ = copied
    folder = path / "checkpoints"
    random = np.random.default_rng(0)
    for file in sorted(f for f in (folder / "12").rglob("*") if f.is_file()):
        whole = file.read_bytes()
        flip(file, random.random())
        assert str(folder / "12") in checkpoint.damage(folder, 12), file
        file.write_bytes(whole)
    assert checkpoint.damage(folder, 12) is None


def test_arrays_are_checked_without_the_list_of_files_too(copied):
    *_, path, _ = copied
    folder = path / "checkpoints" / "12"
    (folder / "lstmx_files.json").unlink()  # as a kill before it was written leaves it
    assert checkpoint.damage(folder.parent, 12) is None
    record = folder / "_CHECKPOINT_METADATA"
    text = json.loads(record.read_text())
    digest = text["custom_metadata"]["digest"]
    text["custom_metadata"]["digest"] = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    record.write_text(json.dumps(text))
    assert "its arrays are not those that were written" in checkpoint.damage(folder.parent, 12)


def test_checkpoint_of_another_run_is_not_taken(copied, tmp_path):
    config, workdir, path, whole = copied
    (other,) = runs.train([cfg.resolve(config, {"seed": 5})], tmp_path / "other", quiet=True)
    (path / "DONE").unlink()
    shutil.rmtree(path / "checkpoints" / "12")
    shutil.copytree(other / "checkpoints" / "12", path / "checkpoints" / "12")
    with pytest.warns(runs.DamageWarning, match="is a checkpoint of run .*; expected one of run"):
        runs.params(runs.load(path), "latest")
    assert "is a checkpoint of run" in go_on(config, workdir)
    same(latest(path), latest(whole.path))


def test_checkpoint_under_the_name_of_another_step_is_not_taken(copied):
    config, workdir, path, whole = copied
    folder = path / "checkpoints"
    (path / "DONE").unlink()
    before = checkpoint.steps(folder)[-2]
    shutil.rmtree(folder / str(before))
    (folder / "12").rename(folder / str(before))
    assert "is the checkpoint of step 12" in checkpoint.damage(folder, before)
    go_on(config, workdir)
    assert without_clock(runs.load(path).metrics) == without_clock(whole.metrics)
    same(latest(path), latest(whole.path))


def test_params_of_a_run_fall_back_and_name_what_is_damaged(copied):
    *_, path, _ = copied
    run = runs.load(path)
    folder = path / "checkpoints"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        best = run.params
    first, *others = checkpoint.steps(folder)
    for step in others:
        flip(arrays(folder / str(step)))
    with pytest.warns(runs.DamageWarning, match=f"step {first} is used instead"):
        same(run.params, checkpoint.restore(folder, first)["params"])
    with pytest.raises(checkpoint.Damaged, match=r"checkpoints/12/.* is damaged"):
        runs.params(run, 12)
    flip(arrays(folder / str(first)))
    with pytest.raises(ValueError, match="has no checkpoint that can be used"):
        runs.params(run)
    assert jax.tree.leaves(best)


SPOIL = {
    "emptied": lambda file: file.write_bytes(b""),
    "gone": lambda file: file.unlink(),
    "a line broken": lambda file: file.write_text(file.read_text().replace('"step": 6', '"ste', 1)),
    "a digit changed": lambda file: file.write_text(file.read_text().replace("0.", "1.", 1)),
    "not text": lambda file: file.write_bytes(b"\xff\xfe\x00" * 99),
}


@pytest.mark.parametrize("way", SPOIL)
def test_log_is_restored_from_the_checkpoint(copied, way):
    config, workdir, path, whole = copied
    SPOIL[way](path / "metrics.jsonl")
    read = runs.load(path)
    assert read.metrics == whole.metrics
    assert any("metrics.jsonl is damaged" in remark for remark in read.remarks)
    (path / "DONE").unlink()
    shutil.rmtree(path / "checkpoints" / "12")
    assert "metrics.jsonl was damaged" in go_on(config, workdir)
    again = runs.load(path)
    assert without_clock(again.metrics) == without_clock(whole.metrics)
    assert not again.remarks


def as_before_version_0_2(path):
    """Take the digests and the log out of all checkpoints of a run."""
    for folder in (path / "checkpoints").iterdir():
        (folder / "lstmx_files.json").unlink()
        file = folder / "_CHECKPOINT_METADATA"
        file.write_text(json.dumps({**json.loads(file.read_text()), "custom_metadata": {}}))


def test_checkpoints_of_earlier_versions_load_and_resume(copied):
    config, workdir, path, whole = copied
    as_before_version_0_2(path)
    same(runs.load(path).params, whole.params)
    shutil.rmtree(path / "checkpoints" / "12")
    (path / "DONE").unlink()
    go_on(config, workdir)
    assert without_clock(runs.load(path).metrics) == without_clock(whole.metrics)
    same(latest(path), latest(whole.path))


def test_points_that_no_file_has_are_named_and_never_reported_as_whole(copied):
    config, workdir, path, _ = copied
    as_before_version_0_2(path)
    SPOIL["a line broken"](path / "metrics.jsonl")
    read = runs.load(path)
    assert read.lost == (6,)
    assert "1 of 4 log points are lost, from step 6 to 6" in read.remarks[0]
    assert "log points are lost" in runs.summary(read)
    made = report.write(workdir, workdir / "report")
    assert "1 of 1 have lost log points" in made.markdown
    assert "1 of 4 log points are lost" in made.markdown
    (path / "DONE").unlink()
    with pytest.raises(ValueError, match=r"has lost 1 of 4 log points.*--force starts it over"):
        runs.train([config], workdir, quiet=True)


@pytest.mark.parametrize("content", ["", "[1, 2]", '{"name"', "null", "9" * 5000])
@pytest.mark.parametrize("name", ["config.json", "meta.json", "DONE"])
def test_damaged_files_of_a_run_are_named_and_written_anew(copied, name, content):
    config, workdir, path, whole = copied
    (path / name).write_text(content)
    loaded, remarks = runs.load_all([path])
    assert remarks
    assert all(str(path / name) in line and "\n" not in line for line in remarks)
    assert len(loaded) == (name == "DONE")
    assert name in go_on(config, workdir)
    again = runs.load(path)
    assert not again.remarks
    assert again.done["step"] == 12
    assert again.config == whole.config
    assert without_clock(again.metrics) == without_clock(whole.metrics)


def test_meta_that_is_gone_is_written_anew(copied):
    config, workdir, path, whole = copied
    (path / "meta.json").unlink()
    with pytest.raises(ValueError, match=r"meta\.json is missing; the command that made the run"):
        runs.load(path)
    go_on(config, workdir)
    assert runs.load(path).meta["identity"] == whole.meta["identity"]


def test_one_damaged_run_does_not_stop_a_report(copied):
    config, workdir, path, _ = copied
    (healthy,) = runs.train([cfg.resolve(config, {"seed": 3})], workdir, quiet=True)
    (path / "meta.json").write_text("")
    made = report.write(workdir, workdir / "report")
    assert list(made.runs["path"]) == [str(healthy)]
    assert f"{path / 'meta.json'} is damaged" in made.markdown
    assert "Damaged files" in (workdir / "report" / "report.html").read_text()
    (healthy / "meta.json").write_text("")
    with pytest.raises(ValueError, match=r"no run below .* can be read: .*meta\.json is damaged"):
        report.write(workdir, workdir / "report")


def test_resumed_run_has_one_event_file_whatever_the_clock_says(copied):
    """Readers order event files by the times in their names."""
    config, workdir, path, _ = copied
    (path / "DONE").unlink()
    (path / "events.out.tfevents.9999999999.elsewhere").write_bytes(b"of a clock that was set back")
    go_on(config, workdir)
    assert len(list(path.glob("events.out.*"))) == 1
    check_events(runs.load(path))


def test_done_without_its_checkpoint_is_not_believed(copied):
    config, workdir, path, whole = copied
    shutil.rmtree(path / "checkpoints" / "12")
    assert "DONE names step 12, but there is no checkpoint of it" in go_on(config, workdir)
    same(latest(path), latest(whole.path))


def test_done_of_an_earlier_step_is_not_believed(copied):
    config, workdir, path, whole = copied
    done = json.loads((path / "DONE").read_text())
    (path / "DONE").write_text(json.dumps({**done, "step": 9}))  # of it there is a checkpoint
    assert runs.load(path).done is None
    assert f"{path / 'DONE'} is damaged (step 9 of 12): the run goes on" in go_on(config, workdir)
    assert runs.load(path).done["step"] == 12
    same(latest(path), latest(whole.path))


def test_points_of_steps_at_which_a_run_did_not_log_are_left_out(copied):
    *_, path, whole = copied
    shutil.rmtree(path / "checkpoints")  # as of a run that diverged: nothing else has the log
    runs.append_metrics(path, [{"step": 4, "train/loss": 0.5}, {"step": 15, "train/loss": 0.1}])
    read = runs.load(path)
    assert read.metrics == whole.metrics
    assert read.remarks == (
        f"{path}: metrics.jsonl is damaged; 2 of its points are of steps at which this run did not "
        "log, and are left out",
    )


def test_a_checkpoint_that_cannot_be_written_is_told_in_one_line(tmp_path, monkeypatch):
    # What tensorstore says when a disk is full, of which there is more.
    message = (
        'RESOURCE_EXHAUSTED: Error opening "zarr" driver: Error writing "W/.zarray" in OCDBT '
        "database: Failed to write 166 bytes to file 24: No space left on device [tensorstore_spec="
        "'{\"context\":{\"cache_pool\":{}}}'] [os_error_code='28']"
    )

    def full(*_, **__):
        raise ValueError(message)

    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    with pytest.raises(OSError, match=r"/3 could not be written \(No space left on device\)$"):
        runs.train([tiny(eval_every=3)], tmp_path, quiet=True)
    assert not list(tmp_path.rglob("DONE"))


def test_run_that_was_killed_before_done_ends_where_it_had_ended(tmp_path):
    config = tiny(**{"hparams.learning_rate": 0.0, "patience": 2, "eval_every": 3, "steps": 15})
    (path,) = runs.train([config], tmp_path, quiet=True)
    before = runs.load(path)
    assert before.done["reason"] == "patience"
    (path / "DONE").unlink()
    runs.train([config], tmp_path, quiet=True)
    assert runs.load(path).done == before.done


@pytest.mark.parametrize("way", ["removed", "renamed", "log removed", "log changed"])
def test_run_whose_folder_is_taken_away_does_not_end_as_finished(tmp_path, monkeypatch, way):
    from lstmx.runs.follow import Followed

    note, calls = Followed.note, []

    def taken(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            {
                "removed": lambda: shutil.rmtree(self.path),
                "renamed": lambda: self.path.rename(tmp_path / "elsewhere"),
                "log removed": lambda: (self.path / "metrics.jsonl").unlink(),
                "log changed": lambda: (self.path / "metrics.jsonl").write_text("{}\n" * 3),
            }[way]()
        note(self, *arguments)

    monkeypatch.setattr(Followed, "note", taken)
    with pytest.raises(OSError, match=r"metrics\.jsonl was removed or changed by something else"):
        runs.train([tiny()], tmp_path, quiet=True)
    assert not list(tmp_path.rglob("DONE"))


def test_two_processes_do_not_write_one_run(tmp_path):
    config = tiny(steps=3, eval_every=3)
    (path,) = runs.train([config], tmp_path, quiet=True)
    (path / "DONE").unlink()
    with (
        runs.locked(path),
        pytest.raises(ValueError, match="is being written by another process"),
    ):
        runs.train([config], tmp_path, quiet=True)
