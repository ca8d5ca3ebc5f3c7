"""A finished run with more steps goes on where it ended, as if it had been planned so long."""

import json

import pytest
import reuse
from helpers import same
from test_training import curve, latest, tiny

from lstmx import config as cfg
from lstmx import runs
from lstmx.runs import checkpoint
from lstmx.runs import group as groups

pytestmark = pytest.mark.files


@pytest.fixture(scope="module", autouse=True)
def programs():
    """Compiled programs, shared by equal runs: these tests are of files, not of training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "make", reuse.once(groups.make))
        yield


def log(workdir):
    return (workdir / "tiny.log").read_text()


NEVER = {"stop": (("train/loss", 1e-9),), "stop_window": 3}
TRAINED = {"stop": (("train/loss", 1e9), ("eval/valid/mse", 1e-9)), "stop_window": 3}


@pytest.mark.parametrize(("end", "stop"), [(12, {}), (9, {}), (9, NEVER), (9, TRAINED)])
def test_longer_run_equals_one_that_was_planned_so_long(tmp_path, end, stop):
    """9 is between two evaluations: the last step of a run is evaluated, others need not be.

    Unless the criteria on training are met: then each is.
    """
    short, long = tiny(steps=end, **stop), tiny(steps=24, **stop)
    (whole,) = runs.train([long], tmp_path / "whole", quiet=True)
    (before,) = runs.train([short], tmp_path, quiet=True)
    expected = curve(before)
    (after,) = runs.train([long], tmp_path, quiet=True)
    assert f"continues {before.name}, finished with {end} steps" in log(tmp_path)
    assert f"resuming at step {end}" in log(tmp_path)
    assert after.name != before.name
    assert curve(after) == curve(whole)
    assert checkpoint.steps(after / "checkpoints") == checkpoint.steps(whole / "checkpoints")
    same(latest(after), latest(whole))
    same(runs.load(after).params, runs.load(whole).params)
    assert runs.load(after).done["step"] == 24
    assert runs.load(after).meta["continues"] == before.name
    assert curve(before) == expected, "the shorter run stays as it is"


def test_run_that_was_stored_with_former_keys_goes_on(tmp_path):
    small = {"model.layers": 2, "model.skip_connections": "graves"}
    (short,) = runs.train([tiny(**small)], tmp_path, quiet=True)
    now = runs.load(short).config
    stored = json.loads((short / "config.json").read_text())
    for key in ("name", "hidden_sizes", "skip_connections"):
        del stored["model"][key]
    stored["model"] |= {"widths": [], "residual": False, "links": "skip"}
    (short / "config.json").write_text(json.dumps(stored))
    assert cfg.flatten(runs.load(short).config) == cfg.flatten(now)
    (again,) = runs.train([tiny(**small)], tmp_path, quiet=True)
    assert again == short
    (after,) = runs.train([tiny(steps=18, **small)], tmp_path, quiet=True)
    assert runs.load(after).meta["continues"] == short.name


def test_group_goes_on_as_a_group(tmp_path):
    configs = [tiny(seed=seed) for seed in range(2)]
    longer = [cfg.resolve(c, {"steps": 18}) for c in configs]
    whole = runs.train(longer, tmp_path / "whole", quiet=True)
    runs.train(configs, tmp_path, quiet=True)
    after = runs.train(longer, tmp_path, quiet=True)
    for a, b in zip(after, whole, strict=True):
        assert curve(a) == curve(b)
        same(latest(a), latest(b))


def test_schedule_that_spans_all_steps_starts_anew_and_says_so(tmp_path):
    short = tiny(**{"optimizer.schedule": "cosine"})
    long = cfg.resolve(short, {"steps": 18})
    (whole,) = runs.train([long], tmp_path / "whole", quiet=True)
    runs.train([short], tmp_path, quiet=True)
    (after,) = runs.train([long], tmp_path, quiet=True)
    assert "optimizer.schedule=cosine spans all steps" in log(tmp_path)
    assert "it starts from step 0" in log(tmp_path)
    assert curve(after) == curve(whole)
    fixed = cfg.resolve(short, {"optimizer.decay_steps": 18})  # as of `long`: one compilation less
    runs.train([fixed], tmp_path, quiet=True)
    (longer,) = runs.train([cfg.resolve(fixed, {"steps": 18})], tmp_path, quiet=True)
    assert "continues" in runs.load(longer).meta


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"hparams.learning_rate": 0.1},
        {"task.length": 8},
        {"patience": 1, "hparams.learning_rate": 0.0, "eval_every": 3},
    ],
)
def test_other_runs_are_not_continued(tmp_path, change):
    """A run that ended early would end there again."""
    runs.train([tiny(**change)], tmp_path, quiet=True)
    long = tiny(steps=18, **(change if "patience" in change else {}))
    (path,) = runs.train([long], tmp_path, quiet=True)
    assert "continues" not in runs.load(path).meta


def test_run_that_started_from_other_parameters_is_continued_from_the_same_only(tmp_path):
    (other,) = runs.train([tiny(seed=7)], tmp_path / "other", quiet=True)
    runs.train([tiny()], tmp_path, init_from=other, quiet=True)
    (extended,) = runs.train([tiny(steps=18)], tmp_path, quiet=True)
    assert "continues" not in runs.load(extended).meta
    (again,) = runs.train([tiny(steps=24)], tmp_path, init_from=other, quiet=True)
    assert "continues" in runs.load(again).meta
