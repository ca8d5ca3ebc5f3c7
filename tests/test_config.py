"""Configs: keys, types, overrides, ids."""

import json
import subprocess
import sys

import numpy as np
import pytest

from lstmx import config as cfg


@pytest.fixture
def janet(tmp_path, monkeypatch):
    """A user's cell, with an option that may be None."""
    name = f"lab_{tmp_path.name}"
    (tmp_path / f"{name}").mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "janet.py").write_text(
        "def cell(hidden_size: int = 64, *, beta: float = 1.0, projection: int | None = None,"
        " sizes: tuple[int, ...] = ()):\n    return hidden_size\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return f"{name}.janet"


def refused(message):
    return pytest.raises(ValueError, match=message)


def test_base_is_locked_and_valid():
    c = cfg.base()
    cfg.validate(c)
    with pytest.raises(AttributeError, match="learning_rate"):
        c.hparams.learning_rat = 1.0
    with pytest.raises(TypeError, match="steps"):
        c.steps = "ten"


def test_base_needs_no_jax():
    code = (
        "import sys; from lstmx import config as c, sweep; b = c.base(); c.validate(b)\n"
        "c.identity(c.shrink(b)); sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_sections_hold_every_option_and_its_type(janet):
    section = cfg.cell(janet, hidden_size=5, sizes=[1, 2])
    assert section.to_dict() == {
        "name": janet,
        "hidden_size": 5,
        "beta": 1.0,
        "projection": None,
        "sizes": (1, 2),
    }
    with pytest.raises(TypeError, match="projection"):
        section.projection = "three"  # None, but the key has a type
    section.projection = 3
    section.projection = None
    assert section.projection is None
    with refused("unknown option of cell .*'betas'; did you mean 'beta'"):
        cfg.cell(janet, betas=1.0)
    with refused("hidden_size=6.4 has the wrong type; expected int"):
        cfg.cell(janet, hidden_size=6.4)
    with refused("unknown cell 'lstn'; did you mean 'lstm'"):
        cfg.cell("lstn")


@pytest.mark.parametrize("projection", [None, 3])
def test_round_trip_through_json_is_exact(janet, projection):
    c = cfg.base()
    c.model.cell = cfg.cell(janet, beta=0.1 + 0.2, projection=projection, sizes=(3,))
    c.model.hidden_sizes = (5, 7)
    c.model.layers = 2
    c.evals = {"T9": {"length": 9}, "plain": {}}
    c.evals.lock()  # a dict is assigned unlocked, and equality sees locks
    back = cfg.from_dict(json.loads(json.dumps(cfg.to_dict(c))))
    assert back.to_dict() == c.to_dict()
    assert back == c
    assert back.is_locked
    assert cfg.identity(back) == cfg.identity(c)
    with pytest.raises(TypeError, match="projection"):
        back.model.cell.projection = "four"  # the key has kept its type


def test_from_dict_fills_what_an_older_schema_lacked():
    values = cfg.to_dict(cfg.base())
    del values["patience"], values["task"]["length"]
    assert cfg.from_dict(values) == cfg.base()
    with refused("unknown config key 'stps'; did you mean 'steps'"):
        cfg.from_dict({"stps": 1})


def test_resolve_copies_and_checks():
    c = cfg.base()
    changed = cfg.resolve(c, {"hparams.learning_rate": 1, "task.length": np.int64(7)})
    assert c == cfg.base()
    assert changed.hparams.learning_rate == 1.0
    assert type(changed.hparams.learning_rate) is float
    assert type(changed.task.length) is int
    for overrides, message in [
        ({"hparam.learning_rat": 1.0}, "'hparam.learning_rat'; did you mean 'hparams.learning_rat"),
        ({"task.zzzzzz": 1}, "known here: batch_size"),
        ({"steps.deep": 1}, "unknown config key 'steps.deep'"),
        ({"steps": 5.0}, "steps=5.0 has the wrong type; expected int"),
        ({"seed": True}, "seed=True has the wrong type"),
        ({"model": 3}, "model=3 has the wrong type; expected a section"),
        ({"steps": {}}, "expected a single value"),
        ({"task": "addin"}, "unknown task 'addin'; did you mean 'adding'"),
        ({"evals": {"T9": {"lengt": 9}}}, "did you mean 'length'"),
        ({"evals": {"T9": {"length": "9"}}}, "evals.T9.length='9' has the wrong type"),
        ({"evals": {"T9": 9}}, "expected a dict of options"),
    ]:
        with refused(message):
            cfg.resolve(c, overrides)


def test_sections_are_replaced_and_renamed(janet):
    c = cfg.base()
    c.model.cell = cfg.cell("lstm", hidden_size=5)
    assert cfg.resolve(c, {"model.cell": janet}).model.cell == cfg.cell(janet)
    assert cfg.resolve(c, {"model.cell": cfg.cell(janet, beta=2.0)}).model.cell.beta == 2.0
    # Whatever the order, the name comes before the options that it brings.
    renamed = cfg.resolve(c, {"model.cell.beta": 3.0, "model.cell.name": janet})
    assert renamed.model.cell == cfg.cell(janet, hidden_size=5, beta=3.0)
    with refused("'lstm' has no option 'beta', which is set to 3.0; replace the whole section"):
        cfg.resolve(renamed, {"model.cell.name": "lstm"})


def test_parse_reads_texts_in_the_type_of_their_key(janet):
    c = cfg.resolve(cfg.base(), {"model.cell": janet})
    for key, text, value in [
        ("steps", "7", 7),
        ("hparams.learning_rate", "1e-3", 1e-3),
        ("model.bidirectional", "true", True),
        ("model.bidirectional", "False", False),
        ("model.hidden_sizes", "(3, 4)", (3, 4)),
        ("model.hidden_sizes", "3,4", (3, 4)),
        ("model.hidden_sizes", "3", (3,)),
        ("model.hidden_sizes", "()", ()),
        ("model.cell.projection", "3", 3),
        ("model.cell.projection", "None", None),
        ("selection", "None", "None"),
        ("evals", "{'T9': {'length': 9}}", {"T9": {"length": 9}}),
        ("model.cell", "lstm", "lstm"),
    ]:
        read = cfg.parse(c, key, text)
        assert read == value, key
        assert type(read) is type(value), key
    for key, text, message in [
        ("steps", "ten", "steps='ten' has the wrong type; expected int"),
        ("steps", "64.0", "expected int"),
        ("steps", "None", "expected int"),
        ("model.cell.projection", "x", "expected int or None"),
        ("model.bidirectional", "maybe", "expected bool"),
        ("hparams.lr", "1", "unknown config key 'hparams.lr'"),
    ]:
        with refused(message):
            cfg.parse(c, key, text)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"steps": 0}, "steps=0; expected at least 1"),
        ({"log_every": -1}, "log_every=-1; expected at least 1"),
        ({"log_every": 2000}, "steps=1000; expected a multiple of log_every=2000"),
        ({"eval_every": 70}, "eval_every=70; expected a multiple of log_every=50"),
        ({"checkpoint_every": 70}, "checkpoint_every=70; expected a multiple"),
        ({"seed": 2**32}, "seed=4294967296; expected below"),
        ({"hparams.learning_rate": -1.0}, "learning_rate=-1.0; expected 0 or more"),
        ({"hparams.clip_norm": float("nan")}, "clip_norm=nan"),
        ({"hparams.b2": 1.0}, "b2=1.0; expected 0 or more and below 1"),
        ({"model.layers": 0}, "model.layers=0"),
        ({"model.layers": 2**31 - 1}, "model.layers=2147483647; expected at most 1000"),
        ({"model.hidden_sizes": (3, 4)}, "names 2 layers; expected model.layers=1"),
        ({"model.hidden_sizes": (0,)}, "whole numbers of at least 1"),
        ({"model.dropout": 1.0}, "model.dropout=1.0"),
        ({"optimizer.name": "adma"}, "unknown optimizer 'adma'; did you mean 'adam'"),
        ({"optimizer.schedule": "cosin"}, "did you mean 'cosine'"),
        ({"optimizer.decay_factor": 0.0}, "decay_factor=0.0"),
        ({"evals": {}}, "evals is empty"),
        ({"evals": {"a/b": {}}}, "got the name 'a/b'"),
        ({"name": "../x"}, "expected the name of one folder"),
        ({"name": "a\nb"}, r"name='a\\nb'; expected the name of one folder"),
        ({"name": "a" * 300}, r"aaa\.\.\.; expected the name of one folder"),
        ({"steps": 2**31}, "expected a whole number below"),
        ({"hparams.learning_rate": 1e39}, "expected at most 3.4e.38, for float32"),
        ({"stop": (("train/accuracy", float("inf")),)}, "stop=inf; expected a finite number"),
        (
            {"model.hidden_sizes": (2**31,)},
            "hidden_sizes=2147483648; expected a whole number below",
        ),
        ({"evals": {"a": {"length": -(2**31) - 1}}}, "evals.a.length=-2147483649; expected"),
    ],
)
def test_validate_names_key_value_and_remedy(overrides, message):
    with refused(message) as caught:
        cfg.validate(cfg.resolve(cfg.base(), overrides))
    assert "\n" not in str(caught.value)


def test_validate_sees_what_an_assignment_let_through():
    c = cfg.base()
    c.evals = {"T9": {"length": 9.5}}
    with refused("evals.T9.length=9.5 has the wrong type"):
        cfg.validate(c)
    with c.unlocked():
        del c.patience
        c.evals = {"T9": {}}
    with refused("config key 'patience' is missing"):
        cfg.validate(c)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("model.cell", "...", r"cell '\.\.\.' is no name of a module"),
        ("model.cell.name", ".lstm", r"cell '\.lstm' is no name of a module"),
        ("model.cell", "a..b", r"cell 'a\.\.b' is no name of a module"),
        ("task", "...", r"task '\.\.\.' is no name of a module"),
        ("curriculum", "{1,2}", r"curriculum: got \{1, 2\} \(set\); expected numbers, texts"),
        ("curriculum", "((0, {'length': {3}}),)", r"curriculum: got \{3\} \(set\)"),
        ("curriculum", "((0, {1: 2}),)", "curriculum: got the key 1; expected text"),
        ("stop", "1+1j", r"stop: got \(1\+1j\) \(complex\)"),
        ("stop", "b'x'", r"stop: got b'x' \(bytes\)"),
        ("stop", "...", r"stop: got Ellipsis \(ellipsis\)"),
        ("model.wrappers", "(('zoneout', {'rates': ...}),)", "model.wrappers: got Ellipsis"),
        ("model", "{'cell': 3}", "model.cell=3 has the wrong type; expected a section"),
        ("model", "{'cell': {}}", "model.cell.name=None has the wrong type; expected str"),
        ("model", "{1: 2}", r"unknown config key 'model\.1'"),
        ("evals", "{1: {}}", "evals: got the name 1"),
        ("evals", "{'a.b': {}}", r"evals: got the name 'a\.b'"),
        ("evals", "{'a\\0': {'lengt': 4}}", r"evals: got the name 'a\\x00'"),
        ("evals", "{'a': {1: 2}}", "unknown option of task 'adding' in evals.a: '1'"),
        ("evals", "(" * 5000, "has the wrong type; expected a section"),
        ("evals", "[" * 5000 + "]" * 5000, "has the wrong type; expected a section"),
        ("evals", "-" * 5000 + "1", "has the wrong type; expected a section"),
        ("evals", "1" + "+1" * 2000, "has the wrong type; expected a section"),
        (
            "stop",
            "(('loss', 0x" + "f" * 5000 + "),)",
            "stop: got a number of 20000 bits; expected at",
        ),
        ("evals", "{[]: 1}", "has the wrong type; expected a section"),
        ("model.hidden_sizes", "3" * 10_001, "a value of 10001 characters; expected at most 10000"),
        ("steps", "9" * 5000, r"steps='9+\.\.\. has the wrong type; expected int"),
    ],
)
def test_what_no_config_can_store_gets_one_line(key, text, message):
    with refused(message) as caught:
        cfg.validate(cfg.resolve(cfg.base(), {key: cfg.parse(cfg.base(), key, text)}))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600  # the names of all tasks take 460


def test_choices_are_those_of_the_code_that_takes_them():
    from lstmx import sequence
    from lstmx.config import _checks

    assert _checks.SKIP_CONNECTIONS == sequence.SKIP_CONNECTIONS


def test_identity_speaks_of_what_differs_from_the_defaults(janet):
    c = cfg.base()
    text = '{"config":{"model":{"cell":{"name":"lstm"}},"task":{"name":"adding"}},"schema":1}'
    assert cfg.canonical(c) == text
    # SHA-256 of the text above, computed by sha256sum: ids must never change.
    assert cfg.identity(c) == "417a22a959"
    assert cfg.identity(cfg.resolve(c, {"name": "other"})) == cfg.identity(c)
    ids = {
        cfg.identity(cfg.resolve(c, overrides))
        for overrides in [{}, {"seed": 1}, {"task.length": 9}, {"model.cell": janet}, {"steps": 50}]
    }
    assert len(ids) == 5
    with_file = cfg.identity(c, {"JSB.mat": "ab12"})
    assert with_file not in (cfg.identity(c), cfg.identity(c, {"JSB.mat": "ab13"}))
    assert cfg.identity(c, {}) == cfg.identity(c)


@pytest.mark.parametrize(
    ("overrides", "former", "identity"),
    [
        # SHA-256 by sha256sum, of the texts that these configs had under the former keys.
        ({"model.hidden_sizes": (3,)}, {"widths": [3]}, "27d2375435"),
        ({"model.skip_connections": "residual"}, {"residual": True}, "c9e4599878"),
        ({"model.skip_connections": "highway"}, {"links": "highway"}, "1c6029e552"),
        ({"model.skip_connections": "graves"}, {"links": "skip"}, "876cecaa45"),
    ],
)
def test_renamed_keys_load_and_leave_ids_alone(overrides, former, identity):
    now = cfg.resolve(cfg.base(), overrides)
    model = json.dumps({"cell": {"name": "lstm"}, **former}, sort_keys=True, separators=(",", ":"))
    assert cfg.canonical(now) == (
        f'{{"config":{{"model":{model},"task":{{"name":"adding"}}}},"schema":1}}'
    )
    assert cfg.identity(now) == identity
    stored = cfg.to_dict(cfg.base())
    for key in ("name", "hidden_sizes", "skip_connections"):
        del stored["model"][key]
    stored["model"] |= {"widths": [], "residual": False, "links": "none"} | former
    assert cfg.from_dict(stored) == now
    assert cfg.from_dict(cfg.ConfigDict(stored)) == now
    current = cfg.current(stored)
    assert cfg.flatten(current) == cfg.flatten(now)


def test_former_keys_are_refused_with_their_names_of_today():
    for key, name in (
        ("model.widths", "model.hidden_sizes"),
        ("model.links", "model.skip_connections"),
        ("model.residual", "model.skip_connections"),
    ):
        line = f"unknown config key '{key}'; it is now '{name}'"
        with refused(line):
            cfg.parse(cfg.base(), key, "3")
        with refused(line):
            cfg.resolve(cfg.base(), {key: 3})
    with refused(
        "model.links='skip' and model.skip_connections='residual' are both set; expected only"
    ):
        cfg.from_dict({"model": {"residual": True, "links": "skip"}})
    with refused("unknown skip_connections 'skipp'; known"):
        cfg.validate(cfg.from_dict({"model": {"links": "skipp"}}))


def test_a_model_has_its_own_options_among_the_common_keys(tmp_path, monkeypatch):
    lab = f"lab_{tmp_path.name}"
    (tmp_path / lab).mkdir()
    (tmp_path / lab / "heads.py").write_text(
        "def model(backbone, *, heads: int = 2, scale: float | None = None):\n    return heads\n"
    )
    (tmp_path / lab / "clash.py").write_text("def model(backbone, *, layers: int = 2): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    c = cfg.resolve(cfg.base(), {"model.layers": 2})
    before = cfg.identity(c)
    stored = {**cfg.to_dict(c), "model": {"name": f"{lab}.heads", "heads": 3}}
    with refused(f"model '{lab}.heads' is a module that a file names"):
        cfg.from_dict(stored)
    # Whatever the order, the name comes before the options that it brings.
    named = cfg.resolve(c, {"model.heads": 3, "model.name": f"{lab}.heads"})
    assert (named.model.heads, named.model.scale, named.model.layers) == (3, None, 2)
    assert cfg.from_dict(json.loads(json.dumps(cfg.to_dict(named)))) == named
    changed = cfg.changes(named)["model"]
    assert changed == {"cell": {"name": "lstm"}, "heads": 3, "layers": 2, "name": f"{lab}.heads"}
    assert cfg.parse(named, "model.scale", "None") is None
    assert cfg.parse(named, "model.scale", "2") == 2.0
    assert cfg.renames("model.name")
    with refused("has no option 'heads', which is set to 3; set model.heads to its default, 2"):
        cfg.resolve(named, {"model.name": "sequence"})
    back = cfg.resolve(cfg.resolve(named, {"model.heads": 2}), {"model.name": "sequence"})
    assert cfg.identity(back) == before
    for overrides, line in [
        ({"model.name": "sequenc"}, "unknown model 'sequenc'; did you mean 'sequence'"),
        ({"model.name": f"{lab}.clash"}, "option 'layers' is a key that every model has"),
        ({"model.name": f"{lab}.heads", "model.head": 3}, "did you mean 'model.heads'"),
        ({"model.name": f"{lab}.heads", "model.heads": "3"}, "heads='3' has the wrong type"),
    ]:
        with refused(line):
            cfg.resolve(c, overrides)


def test_a_new_option_leaves_old_ids_alone(janet, tmp_path):
    c = cfg.resolve(cfg.base(), {"model.cell": cfg.cell(janet, beta=2.0)})
    before, stored = cfg.identity(c), cfg.to_dict(c)
    source = tmp_path.joinpath(*janet.split(".")).with_suffix(".py")
    source.write_text(source.read_text().replace("sizes:", "fresh: bool = False, sizes:"))
    assert cfg.from_dict(stored).model.cell.fresh is False
    assert cfg.identity(cfg.from_dict(stored)) == before


def test_static_part_leaves_out_what_is_traced():
    c = cfg.base()
    for overrides in ({"seed": 1}, {"hparams.clip_norm": 0.5}, {"name": "x"}):
        assert cfg.static_part(cfg.resolve(c, overrides)) == cfg.static_part(c)
    weak, strong = (cfg.resolve(c, {"hparams.tar": weight}) for weight in (1.0, 2.0))
    assert cfg.static_part(weak) == cfg.static_part(strong) != cfg.static_part(c)
    for overrides in ({"steps": 50}, {"task.batch_size": 3}, {"model.cell.hidden_size": 3}):
        assert cfg.static_part(cfg.resolve(c, overrides)) != cfg.static_part(c)


def test_difference_is_by_dotted_key(janet):
    a = cfg.base()
    b = cfg.resolve(a, {"model.cell": janet, "seed": 2, "evals": {"T9": {"length": 9}}})
    differences = cfg.difference(a, json.loads(json.dumps(cfg.to_dict(b))))
    assert differences["seed"] == (0, 2)
    assert differences["model.cell.name"] == ("lstm", janet)
    assert differences["model.cell.beta"] == (cfg.ABSENT, 1.0)
    assert differences["evals.T9.length"] == (cfg.ABSENT, 9)
    assert "steps" not in differences
    assert cfg.difference(a, cfg.to_dict(a)) == {}


def test_shrink_is_small_and_valid():
    c = cfg.resolve(cfg.base(), {"optimizer.warmup_steps": 500, "evals": {"T": {"length": 400}}})
    small = cfg.shrink(c)
    cfg.validate(small)
    assert (small.steps, small.task.batch_size, small.evals.T.length) == (20, 8, 100)
    assert c.steps == 1000
    assert small.is_locked


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("T (degC)", ("T (degC)",)),
        ("T (degC),p (mbar)", ("T (degC)", "p (mbar)")),
        ("(a) x,(b)", ("(a) x", "(b)")),
        ("2016", ("2016",)),
        ("2016, 017", ("2016", "017")),
        ("('co2')", ("co2",)),
        ("('a, b', 'c')", ("a, b", "c")),
        ("(a, b)", ("a", "b")),
        ("it's", ("it's",)),
        ("()", ()),
        ("", ()),
    ],
)
def test_names_of_columns_come_from_the_command_line_as_they_are(text, names):
    config = cfg.resolve(cfg.base(), {"task": cfg.task("forecast")})
    assert cfg.parse(config, "task.target_columns", text) == names
