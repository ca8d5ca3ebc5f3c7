"""What can be named in a config, printed: equations, options, papers, protocols, keys."""

import re

import pytest

from experiments import _recipe, _show
from lstmx import config as cfg
from lstmx import registry

pytestmark = pytest.mark.no_jax


@pytest.mark.parametrize("kind", _show.KINDS)
def test_every_member_has_its_equations_and_a_meaning_for_each_option(kind):
    for name in registry.names(_show.KINDS[kind]):
        printed = _show.text([kind, name])
        assert printed.startswith(f"{kind} {name}, module lstmx.")
        assert "use it: " in printed
        table = printed.partition("\noption ")[2].partition("\n\nuse it")[0].splitlines()[1:]
        options = registry.options(_show.KINDS[kind], name)
        written = [line.split()[0] for line in table if not line.startswith(" ")]
        assert set(options) <= set(written), name
        if kind in ("cell", "task", "wrapper"):
            meanings = _show.arguments(_show._factory_doc(_show.KINDS[kind], name))
            assert set(options) <= set(meanings), f"{name} lacks {set(options) - set(meanings)}"
    listed = _show.text([kind]).splitlines()
    assert [line.split()[0] for line in listed] == registry.names(_show.KINDS[kind])


def test_cell_is_shown_whole():
    printed = _show.text(["cell", "gru"])
    assert 'reset="before"   n = tanh(W_n x + R_n (r h) + b_n)' in printed
    assert re.search(r"(?m)^heads +1 +number of parts of h, each", printed)
    assert "--config.model.cell=gru --config.model.cell.hidden_size=..." in printed
    assert "@inproceedings{cho2014gru" in printed
    assert "Raises:" not in _show.text(["wrapper", "zoneout"])


def test_recipe_is_shown_with_what_it_sets():
    printed = _show.text(["config", "variants:quick"])
    assert printed.startswith("Ablations of the LSTM on a long dependency")
    assert "modes: full, quick\nsweep: 132 points" in printed
    assert re.search(r"(?m)^steps +=  20 +\(default 1000\)$", printed)
    assert re.search(r"(?m)^evals\.T100\.length +=  100$", printed)
    assert "papers/bai2018" in _show.text(["config"])


def test_keys_are_shown_with_defaults_and_meanings():
    table = _show.text(["key"])
    for key in cfg.flatten(cfg.base()):
        if not key.startswith(("task.", "model.cell.", "evals.", "model.input_noise")):
            assert re.search(rf"(?m)^{re.escape(key)} +\S+ +\S+", table), key
    assert "hparams.b1" in _show.text(["key", "hparams"])
    assert re.search(r"stop_window +0 +ends a run at the first log point", table)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "expected KIND"),
        (["cel", "gru"], "did you mean 'cell'"),
        (["cell", "gruu"], "did you mean 'gru'"),
        (["config", "adding:fast"], "no mode 'fast'"),
        (["key", "stepz"], "did you mean 'steps'"),
    ],
)
def test_wrong_words_are_refused(words, line):
    with pytest.raises(ValueError, match=line):
        _show.text(words)


def test_config_is_printed_with_its_differences():
    recipe = _recipe.recipe("adding")
    config = cfg.resolve(recipe.config, {"model.cell": "gru", "steps": 100})
    printed = _show.printed(recipe, config)
    every, usual, changed = re.split(r"\ndiffers from .* in\n", printed)
    assert re.search(r"(?m)^model\.cell\.reset +=  'after'$", every)
    assert re.search(r"(?m)^model\.cell\.name +=  'gru' +\(default 'lstm'\)$", usual)
    assert "log_every" not in usual
    assert [line.split()[0] for line in changed.splitlines()] == ["model.cell.name", "steps"]


def test_points_are_listed_without_a_folder_and_the_config_is_printed(launch, tmp_path):
    listed = launch("sweep --config=variants:quick --list", tmp_path)
    assert listed.out.startswith("group 0: "), listed.err
    assert (
        "differs from the defaults in"
        in launch("train --config=adding --print_config", tmp_path).out
    )
    assert "cho2014gru" in launch("show cell gru", tmp_path).out
    assert not list(tmp_path.iterdir())
