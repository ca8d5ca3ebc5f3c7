"""Wrappers in a config: values, ids, flags and sweeps, and the cell that comes out."""

import json

import jax
import pytest

from lstmx import cells, experiment, tasks, wrappers
from lstmx import config as cfg
from lstmx.experiment._model import OF_INPUTS

ZONEOUT = ("zoneout", {"rates": {"c": 0.5, "h": 0.05}})
START = ("learned_state", {"names": ("c",)})


def with_wrappers(*pairs, **overrides):
    return cfg.resolve(cfg.base(), {"model.wrappers": pairs} | overrides)


def test_wrappers_are_put_around_the_cell_from_the_inside_out():
    made = experiment.make_layers(with_wrappers(START, ZONEOUT, **{"model.layers": 2}).model)
    inner = wrappers.learned_state(cells.make("lstm"), ("c",))
    assert made == (wrappers.zoneout(inner, ZONEOUT[1]["rates"]),) * 2
    other = experiment.make_layers(with_wrappers(ZONEOUT, START).model)
    assert other[0] is not made[0]


def test_wrappers_survive_the_run_record_and_make_the_id():
    config = with_wrappers(START, ZONEOUT)
    cfg.validate(config)
    stored = json.loads(json.dumps(cfg.to_dict(config)))
    again = cfg.from_dict(stored)
    assert again.model.wrappers == config.model.wrappers == (START, ZONEOUT)
    assert cfg.identity(again) == cfg.identity(config)
    ids = {cfg.identity(with_wrappers(*pairs)) for pairs in [(), (START,), (ZONEOUT, START)]}
    assert len(ids | {cfg.identity(config)}) == 4
    assert cfg.identity(with_wrappers()) == cfg.identity(cfg.base())
    assert "wrappers" in cfg.static_part(config)


def test_a_flag_says_them_as_a_literal():
    text = "(('weight_drop', {'rate': 0.5}),)"
    value = cfg.parse(cfg.base(), "model.wrappers", text)
    config = cfg.resolve(cfg.base(), {"model.wrappers": value})
    assert config.model.wrappers == (("weight_drop", {"rate": 0.5}),)
    (cell,) = experiment.make_layers(config.model)
    assert cell is wrappers.weight_drop(cells.make("lstm"), 0.5)


@pytest.mark.parametrize("value", ["zoneout", ("zoneout", {}), [("zoneout", 0.1)], [("a", {}, 1)]])
def test_what_is_no_pair_is_refused_before_anything_is_built(value):
    with pytest.raises(ValueError, match=r"expected (pairs of a name|tuple)") as error:
        cfg.validate(cfg.resolve(cfg.base(), {"model.wrappers": value}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("pair", "line"),
    [
        (("zonout", {}), "unknown wrapper 'zonout'; did you mean 'zoneout'"),
        (("zoneout", {"rate": 1}), "option of wrapper 'zoneout': 'rate'; did you mean 'rates'"),
        (("weight_drop", {}), "'weight_drop' needs a value for 'rate'"),
        (("weight_drop", {"rate": "half"}), r"rate='half'; expected a rate in \[0, 1\)"),
        (("weight_drop", {"rate": 1.5}), r"rate=1.5; expected a rate in \[0, 1\)"),
    ],
)
def test_wrong_wrapper_or_option_is_one_line(pair, line):
    with pytest.raises(ValueError, match=line) as error:
        experiment.make_layers(with_wrappers(pair).model)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", OF_INPUTS)
def test_wrapper_of_what_a_task_does_not_give_is_refused(name):
    config = with_wrappers((name, {}))
    task = tasks.make("adding", length=5, batch_size=2)
    field = OF_INPUTS[name]
    with pytest.raises(ValueError, match=f"{name!r} reads '{field}' of the inputs") as error:
        experiment.make_model(config.model, task)
    assert "\n" not in str(error.value)

    def batch(key, step):
        plain = task.batch(key, step)
        beside = {"elapsed": plain.weights, "observed": plain.inputs > 0}
        return plain._replace(inputs=wrappers.Inputs(plain.inputs, **{field: beside[field]}))

    giving = task._replace(batch=batch)
    model = experiment.make_model(config.model, giving)

    def run(key):
        made = giving.batch(key, 0)
        return model.apply(model.init(key), made.inputs, mask=made.mask)[0]

    assert jax.eval_shape(run, jax.random.key(0)).shape == (2, 5, 1)
