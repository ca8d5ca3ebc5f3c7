"""Wrappers, optimizers and schedules are members: by name, with options, in one file each."""

import json
import pickle
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from lstmx import cells, experiment, registry, sweep, wrappers
from lstmx import config as cfg
from lstmx.config import _base, _checks, _values
from lstmx.train import optimizer

WRAPPER = '''
    """Units scaled by a number for each leaf."""
    from collections.abc import Mapping

    from lstmx import Cell

    def wrapper(cell: Cell, factors: Mapping[str, float], *, shift: float = 0.0) -> Cell:
        def step(*arguments):
            state, y, gates = cell.step(*arguments)
            return state, y * factors["h"] + shift, gates

        return cell._replace(step=step, output=None)
'''

LION = '''
    """Lion. Chen et al. 2023."""
    import optax

    def optimizer(b1: float, b2: float, floor: float = 0.5, *, flip: bool = False):
        return optax.scale_by_lion(b1, b2), optax.scale(-floor if flip else floor)
'''

HALF = '''
    """Half the rate from the middle on."""

    def schedule(decay_steps: int, ratio: float = 0.5):
        return lambda step: 1.0 - (1.0 - ratio) * (2 * step >= decay_steps)
'''


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Writes a module of a user's package, to which nobody has consented; returns its name."""
    folder = tmp_path / f"lab_{tmp_path.name}"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_trusted", set())

    def write(member, source):
        (folder / f"{member}.py").write_text(textwrap.dedent(source))
        return f"{folder.name}.{member}"

    return write


def refused(message):
    return pytest.raises(ValueError, match=message)


def test_a_wrapper_of_ones_own_goes_by_its_dotted_name(lab):
    name = lab("scaled", WRAPPER)
    stored = cfg.to_dict(cfg.base())
    stored["model"]["wrappers"] = [[name, {"factors": {"h": 2}}]]
    with refused("is a module that a file names .*--trust"):
        cfg.from_dict(stored)
    config = cfg.from_dict(stored, trust=True)
    assert config.model.wrappers == ((name, {"factors": {"h": 2}}),)
    (cell,) = experiment.make_layers(config.model)
    assert experiment.make_layers(config.model)[0] is cell
    assert pickle.loads(pickle.dumps(cell)) is cell
    assert {cell: 1}[cell]  # static arguments are hashed
    inner = cells.make("lstm")
    params, x = inner.init(jax.random.key(0), 3), jnp.ones((2, 3))
    state = inner.initial_state(params, (2,))
    np.testing.assert_array_equal(
        cell.step(params, state, x)[1], 2 * inner.step(params, state, x)[1]
    )


def test_options_of_a_wrapper_are_checked_when_it_is_named(lab):
    name = lab("scaled", WRAPPER)
    assert cfg.wrapper(name, factors={"h": 1.0}) == (name, {"factors": {"h": 1.0}})
    for options, line in [
        ({}, "needs a value for 'factors'"),
        ({"factors": 1.0}, "factors=1.0 has the wrong type; expected dict"),
        ({"factors": {}, "shift": "far"}, "shift='far' has the wrong type; expected float"),
        ({"factors": {}, "shft": 1.0}, "unknown option of wrapper .*'shft'; did you mean 'shift'"),
    ]:
        with refused(line) as error:
            cfg.wrapper(name, **options)
        assert "\n" not in str(error.value)


def test_every_public_function_on_a_cell_is_a_wrapper():
    assert wrappers.names() == registry.names("wrappers")
    assert wrappers.zoneout is registry.factory("wrappers", "zoneout")
    assert {"zoneout", "clip_state", "time_gate", "impute", "update_dropout"} < set(dir(wrappers))
    with pytest.raises(AttributeError, match="zonout"):
        _ = wrappers.zonout


def test_an_optimizer_of_ones_own_brings_its_keys(lab):
    name = lab("lion", LION)
    base = cfg.base()
    overrides = {"hparams.floor": 0.25, "optimizer.flip": True, "optimizer.name": name}
    config = cfg.resolve(base, overrides)
    cfg.validate(config)
    assert (config.hparams.floor, config.optimizer.flip) == (0.25, True)
    again = cfg.from_dict(json.loads(json.dumps(cfg.to_dict(config))))
    assert again == config
    assert cfg.identity(again) == cfg.identity(config)
    plain = cfg.resolve(base, {"optimizer.name": name})
    assert cfg.changes(plain)["optimizer"] == {"name": name}  # defaults are not in the id
    assert "hparams" not in cfg.changes(plain)
    assert cfg.parse(plain, "hparams.floor", "1e-1") == 0.1
    assert cfg.parse(plain, "optimizer.flip", "true") is True
    assert cfg.resolve(plain, {"optimizer.name": "adam"}) == base
    with refused("'adam' has no option 'floor', which is set to 0.25"):
        cfg.resolve(config, {"optimizer.name": "adam"})
    with refused("floor='x' has the wrong type"):
        cfg.resolve(plain, {"hparams.floor": "x"})

    def step(hparams):
        made = optimizer.make(config.optimizer, {**dict(config.hparams), **hparams}, 100)
        gradients = {"a": jnp.array([3.0, -4.0])}
        return made.update(gradients, made.init(gradients), gradients)[0]["a"]

    moved = jax.jit(step)({"floor": 0.25})  # a float is traced, and swept in one program
    np.testing.assert_allclose(moved, 1e-3 * 0.25 * np.sign([3.0, -4.0]), rtol=1e-6)


def test_a_schedule_of_ones_own_goes_by_its_dotted_name(lab):
    name = lab("half", HALF)
    config = cfg.resolve(cfg.base(), {"optimizer.schedule": name, "optimizer.ratio": 0.25})
    cfg.validate(config)
    shape = optimizer.schedule(config.optimizer, 100)
    assert [float(shape(step)) for step in (0, 49, 50)] == [1.0, 1.0, 0.25]
    stored = cfg.to_dict(config)
    registry._trusted.clear()
    with refused("is a module that a file names .*--trust"):
        cfg.from_dict(stored)
    assert cfg.from_dict(stored, trust=True) == config


def test_a_key_that_no_config_has_needs_a_default(lab):
    name = lab("needy", "def optimizer(b1: float, unheard_of: float): return ()")
    with refused("reads 'unheard_of', which no config has; give it a default"):
        cfg.resolve(cfg.base(), {"optimizer.name": name})


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_an_optimizer_uses_the_keys_that_it_names(name):
    """A key whose value changes nothing is one that nothing reads."""
    config = cfg.resolve(cfg.base(), {"optimizer.name": name})
    options, hparams = (
        dict(config.optimizer),
        dict(config.hparams) | {"weight_decay": 0.1, "learning_rate": 0.3},
    )
    other = {"nesterov": True, "momentum": 0.5, "b1": 0.5, "b2": 0.5, "decay": 0.5}
    other |= {"weight_decay": 0.2, "damped": True}

    def moved(changed):
        o = {key: changed.get(key, value) for key, value in options.items()}
        made = optimizer.make(o, hparams | changed, 100)
        params = {"a": jnp.array([0.5, -2.0])}
        state = made.init(params)
        for _ in range(3):
            gradients = jax.tree.map(lambda p: 2 * p + 0.1, params)
            updates, state = made.update(gradients, state, params)
            params = optax.apply_updates(params, updates)
        return params["a"]

    for key in registry.options("optimizers", name):
        assert (moved({key: other[key]}) != moved({})).any(), key


UNREAD = [
    ({"hparams.momentum": 0.5}, r"hparams.momentum=0.5 is read by optimizer 'sgd', not by 'adam'"),
    ({"hparams.momentum": 0.5}, r"leave it at 0.9, or set optimizer.name=sgd$"),
    ({"optimizer.nesterov": True}, "optimizer.nesterov=True is read by optimizer 'sgd', not by"),
    (
        {"optimizer.name": "sgd", "hparams.b1": 0.5},
        "read by optimizer 'adam' and 'adamw' and 'keras_adam', not by",
    ),
    ({"hparams.decay": 0.5}, "read by optimizer 'rmsprop', not by 'adam'; leave it at 0.9"),
    ({"optimizer.decay_factor": 0.5}, "read by schedule 'step', not by 'constant'; leave it at"),
    ({"optimizer.decay_steps": 9}, "read by schedule 'cosine' and 'linear' and 'step', not by"),
    (
        {"optimizer.schedule": "cosine", "optimizer.decay_factor": 0.5},
        "optimizer.decay_factor=0.5 is read by schedule 'step', not by 'cosine'",
    ),
    (
        {"eval_fail_fast": True},
        "eval_fail_fast=True is read by criteria of 1.0 on an evaluation, and there are none",
    ),
    ({"stop_window": 50}, "stop_window=50 is read by the criteria of stop, and there are none"),
]


@pytest.mark.parametrize(("overrides", "line"), UNREAD)
def test_a_key_that_nothing_reads_is_refused(overrides, line):
    config = cfg.resolve(cfg.base(), overrides)
    with refused(line) as error:
        cfg.validate(config)
    assert "\n" not in str(error.value)
    assert cfg.from_dict(cfg.to_dict(config)) == config  # a run that was stored so still loads


def test_a_sweep_of_what_nothing_reads_is_refused():
    points = sweep.product({"hparams.momentum": [0.9, 0.5, 0.99]})
    with refused(r"sweep point 1 \(hparams.momentum=0.5\): hparams.momentum=0.5 is read by"):
        sweep.resolve(cfg.base(), points)
    sgd = cfg.resolve(cfg.base(), {"optimizer.name": "sgd"})
    assert len(sweep.resolve(sgd, points)) == 3


@pytest.mark.parametrize(
    ("overrides", "identity"),
    [  # as the version before wrappers and optimizers were members gave them
        (
            {
                "model.wrappers": (
                    ("learned_state", {"names": ("c",)}),
                    ("zoneout", {"rates": {"c": 0.5, "h": 1}}),
                )
            },
            "b5791cae8e",
        ),
        (
            {"optimizer.name": "sgd", "optimizer.nesterov": True, "hparams.momentum": 0.5},
            "43a5f4b2c5",
        ),
        (
            {
                "optimizer.name": "rmsprop",
                "hparams.decay": 0.5,
                "optimizer.schedule": "step",
                "optimizer.decay_factor": 0.5,
                "optimizer.decay_steps": 100,
            },
            "73036a943e",
        ),
        ({"hparams.momentum": 0.5}, "98b1aba873"),
    ],
)
def test_ids_of_runs_stay_what_they_were(overrides, identity):
    assert cfg.identity(cfg.resolve(cfg.base(), overrides)) == identity


def test_a_config_of_a_sweep_is_made_and_checked_once(monkeypatch):
    counts = dict.fromkeys(("base", "section", "from_dict", "_check"), 0)

    def counted(module, name):
        function = getattr(module, name)

        def call(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        return call

    for module, name in [
        (_base, "base"),
        (_values, "section"),
        (_checks, "_check"),
        (_values, "from_dict"),
        (_checks, "from_dict"),
    ]:
        monkeypatch.setattr(module, name, counted(module, name))
    monkeypatch.setattr(_checks, "_valid", set())
    config = cfg.base()
    counts["base"] = 0
    configs = sweep.resolve(config, sweep.product({"task.length": range(7, 18)}))
    for each in configs:
        cfg.validate(each)  # as whoever trains them does
        cfg.identity(each)
        cfg.static_part(each)
    n = len(configs)
    assert counts == {"base": 0, "section": 2 * n, "from_dict": n, "_check": n}


def test_a_config_that_was_changed_is_checked_again():
    config = cfg.base()
    cfg.validate(config)
    config.log_every = 70
    with refused("expected a multiple of log_every=70"):
        cfg.validate(config)


def test_defaults_cannot_be_changed():
    with pytest.raises(TypeError):
        _base.defaults()["hparams"]["b1"] = 0.5
