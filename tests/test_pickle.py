"""Cells go to other processes by name and options, and come back as the same object."""

import copy
import multiprocessing
import pickle
import textwrap

import jax
import numpy as np
import pytest
from flax import nnx
from helpers import close, leaky

from lstmx import cells, models, nn, registry, unroll, wrappers

H, X = 5, 3


def nested():
    cell = wrappers.learned_state(cells.make("lstm", hidden_size=H, variant="CIFG"))
    return wrappers.zoneout(wrappers.variational_dropout(cell, states=0.1), {"c": 0.5, "h": 0.05})


@pytest.mark.parametrize("name", cells.names())
def test_every_cell_is_itself_again(name):
    cell = cells.make(name)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(cell, protocol)) is cell
    assert copy.copy(cell) is cell
    assert copy.deepcopy([cell])[0] is cell


def test_equal_options_are_one_object_after_pickling():
    sent = pickle.dumps(cells.make("gru", hidden_size=H, reset="before"))
    assert pickle.loads(sent) is cells.make("gru", reset="before", hidden_size=H)
    assert pickle.loads(pickle.dumps(nested())) is nested()


@pytest.mark.parametrize(
    "wrap",
    [
        wrappers.impute,
        wrappers.mask_as_feature,
        wrappers.decay_to_mean,
        wrappers.elapsed_decay,
        wrappers.time_gate,
        wrappers.learned_state,
        lambda cell: wrappers.clip_state(cell, {"c": 3.0}),
        lambda cell: wrappers.weight_drop(cell, 0.5),
        lambda cell: wrappers.update_dropout(cell, 0.5),
    ],
)
def test_every_wrapper_is_itself_again(wrap):
    cell = wrap(cells.make("lstm", hidden_size=H))
    assert pickle.loads(pickle.dumps(cell)) is cell


def test_origin_tells_name_and_every_option():
    origin = cells.make("gru", hidden_size=H).origin
    assert origin.name == "lstmx.cells.gru.cell"
    assert dict(origin.options) == {
        "hidden_size": H,
        "reset": "after",
        "update_bias": 0.0,
        "chrono": 0,
        "heads": 1,
        "initializer": "orthogonal",
    }
    assert nested().origin.name == "lstmx.wrappers.noise._zoneout"


def test_modules_that_hold_cells():
    xs = np.ones((2, 4, X), np.float32)
    model = nn.SequenceModel(
        models.Backbone(cells.make("lstm", hidden_size=H), X, 2), rngs=nnx.Rngs(0)
    )
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        close(again(xs).outputs, model(xs).outputs, 0, 0)
        assert again.backbone.layers[0] is model.backbone.layers[0]
    module = nn.CellModule(nested(), X, rngs=nnx.Rngs(0))
    assert pickle.loads(pickle.dumps(module)).cell is nested()


MINE = """
    from lstmx.cells import gru

    def cell(hidden_size: int = 64, *, sharp: float = 1.0):
        return gru.cell(hidden_size)._replace(gates=("mine",))
"""


@pytest.fixture
def my_lab(tmp_path, monkeypatch):
    folder = tmp_path / "my_lab" / "cells"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(textwrap.dedent(MINE))
    monkeypatch.syspath_prepend(tmp_path)
    return "my_lab.cells.mine"


def test_cells_of_ones_own_go_by_their_dotted_name(my_lab):
    cell = cells.make(my_lab, hidden_size=H)
    assert cell.origin == registry.Origin(f"{my_lab}.cell", (("hidden_size", H), ("sharp", 1.0)))
    assert pickle.loads(pickle.dumps(cell)) is cell
    lost = cell.origin._replace(name="my_lab.cells.lost.cell")
    with pytest.raises(ValueError, match=r"no factory 'my_lab\.cells\.lost\.cell' can be imported"):
        lost.make()


def test_what_was_made_or_changed_by_hand_is_refused():
    changed = cells.make("lstm", hidden_size=H)._replace(linear=lambda params, a: a)
    for cell in (leaky(), changed):
        with pytest.raises(pickle.PicklingError, match=r"expected one of lstmx\.cells\.make") as e:
            pickle.dumps(cell)
        assert "\n" not in str(e.value)
        assert copy.deepcopy(cell) is cell


def computed(cell, params, xs):
    """What another process makes of a cell that it is sent."""
    return np.asarray(jax.jit(lambda p, x: unroll(cell, p, x).outputs)(params, xs))


@pytest.mark.slow  # another process imports jax
def test_a_spawned_process_receives_a_cell():
    cell, xs = nested(), np.ones((2, 4, X), np.float32)
    params = jax.device_get(cell.init(jax.random.key(0), X))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(computed, (cell, params, xs))
    close(found, computed(cell, params, xs))
