"""Options and metrics that were renamed: stored configs, logs and ids keep working."""

import json

import pytest

from lstmx import config as cfg
from lstmx import runs, sweep
from lstmx.runs import checkpoint, resume

# Written by the version before the renaming: changes, id.
STORED = {
    "c4a20bf652": {
        "curriculum": [[0, {"carry": True, "restart": 0.5}]],
        "evals": {"test": {"split": "test"}, "valid": {"carry": True, "split": "valid"}},
        "selection": "eval/valid/bpc",
        "task": {"carry": False, "name": "characters", "restart": 0.25},
    },
    "c00163395c": {
        "selection": "eval/valid/recall",
        "stop": [["train/recall", 0.9], ["eval/valid/loss", 0.1]],
        "task": {"length": 4, "name": "copy_memory"},
    },
    "a5a8491c86": {
        "selection": "eval/valid/whole",
        "stop": [["train/whole", 0.9]],
        "task": {"name": "reber"},
    },
}


@pytest.mark.parametrize("identity", STORED)
def test_a_stored_config_loads_and_keeps_its_id(identity):
    config = cfg.from_dict(STORED[identity])
    assert cfg.identity(config) == identity
    text = json.dumps(cfg.to_dict(config))
    assert not any(f'"{old}"' in text or f"/{old}" in text for old in OLD)
    assert cfg.from_dict(cfg.to_dict(config)) == config
    assert cfg.from_dict(cfg.stored(cfg.to_dict(config))) == config


OLD = ("carry", "restart", "recall", "whole")


def test_renamed_options_arrive_in_all_places():
    config = cfg.from_dict(STORED["c4a20bf652"])
    assert (config.task.stateful, config.task.state_reset_prob) == (False, 0.25)
    assert config.evals.valid.stateful is True
    assert config.curriculum == ((0, {"stateful": True, "state_reset_prob": 0.5}),)


def test_names_of_other_tasks_stay():
    """`adding` has no metric "whole"; a task of a user may have one that means something else."""
    config = cfg.from_dict({"task": {"name": "adding"}, "selection": "eval/valid/whole"})
    assert config.selection == "eval/valid/whole"
    assert "eval/valid/sequence_accuracy" not in cfg.canonical(config)
    other = cfg.resolve(cfg.base(), {"selection": "eval/valid/sequence_accuracy"})
    assert "eval/valid/sequence_accuracy" in cfg.canonical(other)


def test_an_override_with_an_old_key_names_the_new_one():
    config = cfg.resolve(cfg.base(), {"task": "words"})
    for key, new in (("task.carry", "task.stateful"), ("task.restart", "task.state_reset_prob")):
        with pytest.raises(ValueError, match=f"unknown config key '{key}'; it is now '{new}'"):
            cfg.resolve(config, {key: 0})
        with pytest.raises(ValueError, match=f"'{key}'; it is now '{new}'"):
            cfg.parse(config, key, "0")
    with pytest.raises(ValueError, match=r"'evals\.valid\.carry'; it is now"):
        cfg.resolve(config, {"evals.valid.carry": False})
    with pytest.raises(ValueError, match="task 'words': 'carry'; it is now 'stateful'"):
        cfg.task("words", carry=False)
    with pytest.raises(ValueError, match="unknown option of task 'adding': 'carry'; known"):
        cfg.task("adding", carry=False)


def test_a_config_with_both_names_is_refused():
    values = {"task": {"name": "words", "carry": False, "stateful": True}}
    with pytest.raises(ValueError, match="'carry'; it is now 'stateful'"):
        cfg.from_dict(values)


def test_a_run_with_a_renamed_option_has_the_directory_it_had():
    config = cfg.resolve(cfg.base(), {"task": "words"})
    changed = cfg.resolve(config, {"task.state_reset_prob": 0.5})
    assert sweep.label(config, changed) == "restart=0.5,seed=0"


@pytest.mark.files
def test_a_run_stored_with_old_names_is_read_and_resumed(tmp_path, monkeypatch):
    """Config, meta, log and the log in the checkpoints, as the version before wrote them."""
    options = {
        "task": cfg.task("copy_memory", length=3, batch_size=2),
        "model.cell.hidden_size": 3,
        "selection": "eval/valid/accuracy",
        "stop": (("train/accuracy", 2.0),),
        "steps": 4,
        "log_every": 2,
        "eval_every": 2,
        "eval_batches": 1,
    }
    config = cfg.resolve(cfg.base(), options)
    (path,) = runs.train([config], tmp_path, quiet=True)
    new = runs.load(path)
    for name in ("config.json", "meta.json", "metrics.jsonl"):
        text = (path / name).read_text()
        assert "accuracy" in text
        (path / name).write_text(text.replace("accuracy", "recall"))
    record = checkpoint.record

    def old_record(folder, step):
        loaded = record(folder, step)
        names = [{k.replace("accuracy", "recall"): v for k, v in p.items()} for p in loaded.points]
        return loaded._replace(points=names)

    monkeypatch.setattr(checkpoint, "record", old_record)
    old = runs.load(path)
    assert old.config["selection"] == old.meta["selection"] == "eval/valid/accuracy"
    assert old.meta["task"]["maximized"] == old.meta["evals"]["valid"]["maximized"] == ["accuracy"]
    assert old.metrics == new.metrics
    assert old.remarks == ()
    assert runs.best_step(old) == runs.best_step(new)

    remarks = []
    assert resume._log(path, 4, config, remarks) == new.metrics
    assert remarks == []

    monkeypatch.undo()  # digests are of what the checkpoints really contain
    (path / "DONE").unlink()
    assert runs.train([config], tmp_path, quiet=True) == [path]
    assert runs.load(path).metrics == new.metrics
    assert "recall" not in (path / "metrics.jsonl").read_text()
