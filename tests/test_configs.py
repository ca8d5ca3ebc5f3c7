"""Every recipe of configs/: builds, survives JSON, sweeps over different runs, and trains.

No test downloads: a recipe whose data file is not in the data folder is skipped, with the reason.
"""

import functools
import json
import math
import re
from pathlib import Path

import jax
import pytest

from experiments import _papers, _recipe
from experiments._recipe import recipe
from experiments.claims import reproduce
from lstmx import config as cfg
from lstmx import experiment, runs, sweep
from lstmx.data import fetch

FOLDER = Path(__file__).parents[1] / "configs"
FILES = sorted(FOLDER.rglob("*.py"))
TRAINED = [FOLDER / name for name in ("co2.py", "jsb.py", "shakespeare.py", "variants.py")]
"""Recipes of every kind of task: vectors, gaps, streams, tokens. Each takes seconds to compile."""
PAPERS = sorted((FOLDER / "papers").glob("*.py"))
each = pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(FOLDER).as_posix())


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def refuse(*_, **__):
        raise OSError("tests do not download")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


def build(config):
    """The experiment of a config; skips where its data file is not there."""
    try:
        return experiment.build(config)
    except fetch.Missing as error:
        pytest.skip(str(error))


def configs(file):
    """The config of every mode of a recipe, and of every point of its sweep."""
    full = recipe(str(file))
    modes = [recipe(f"{file}:{mode}").config for mode in _recipe.modes(file)]
    return modes + (sweep.resolve(full.config, full.points) if full.points else [])


@each
def test_docstring_is_a_lab_protocol(file):
    docstring = re.match(r'"""(.*?)"""', file.read_text(), re.DOTALL)[1]
    for section in ("Run:", "Laptop:", "Expect:"):
        match = re.search(rf"^{section} +(.+)$", docstring, re.MULTILINE)
        assert match, f"{file.name} lacks {section}"
        assert "to be measured" not in match[1]


@each
def test_config_survives_json(file):
    for config in configs(file):
        again = cfg.from_dict(json.loads(json.dumps(cfg.to_dict(config))))
        assert again == config
        assert cfg.canonical(again) == cfg.canonical(config)


@each
def test_every_point_of_the_sweep_is_another_run(file):
    full = recipe(str(file))
    if full.points is None:
        pytest.skip(f"{file.name} has no sweep")
    resolved = sweep.resolve(full.config, full.points)
    assert len({cfg.identity(c) for c in resolved}) == len(full.points)
    assert len({sweep.label(full.config, c) for c in resolved}) == len(full.points)


@functools.cache
def quick(file):
    """The quick config of a recipe, before building and after it, and its experiment.

    Two tests ask of it: some read a table, fit scales and a ridge, which takes seconds.
    """
    config = recipe(f"{file}:quick").config
    before = cfg.to_dict(config)
    return before, config, build(config)


@each
def test_building_leaves_the_config_alone(file):
    before, config, built = quick(file)
    assert cfg.to_dict(config) == before
    assert built.selection.startswith("eval/")


@pytest.mark.slow
@pytest.mark.parametrize("file", TRAINED, ids=lambda f: f.stem)
def test_quick_recipe_takes_two_steps(file, tmp_path):
    config = recipe(f"{file}:quick").config
    selection = build(config).selection
    name = selection.split("/")[1]
    evals = {name: config.evals[name]}  # each of the others would be compiled too
    two = {"steps": 2, "log_every": 1, "eval_every": 2, "evals": evals}
    config = cfg.resolve(config, two)
    (path,) = runs.train([config], tmp_path, quiet=True)
    points = runs.load(path).metrics
    assert [p["step"] for p in points] == [1, 2]
    assert math.isfinite(points[-1]["train/loss"])
    assert math.isfinite(points[-1][selection])


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted({*FILES} - {*TRAINED}), ids=lambda f: f.stem)
def test_quick_recipe_can_be_traced(file):
    """All of a training step and of the evaluations but their compilation."""
    _, config, built = quick(file)
    hparams = dict(config.hparams)
    key = jax.random.key(0)
    state = jax.eval_shape(built.init, hparams, key)
    after, metrics = jax.eval_shape(built.chunk, state, hparams, key)
    assert jax.tree.map(lambda a: a.shape, after) == jax.tree.map(lambda a: a.shape, state)
    assert metrics["loss"].total.shape == (config.log_every,)
    assert set(jax.eval_shape(built.evaluate, state.params, key)) == set(config.evals)


@pytest.mark.slow
@pytest.mark.parametrize("file", PAPERS, ids=lambda f: f.stem)
def test_every_experiment_of_a_paper_builds(file):
    missing = []
    for mode in _recipe.modes(file):
        loaded = recipe(f"{file}:{mode}")
        configs = sweep.resolve(loaded.config, loaded.points or [{}])
        labels = [_recipe.label(loaded, config) for config in configs]
        assert len(set(labels)) == len(labels), f"{mode}: runs that the eye cannot tell apart"
        try:
            experiment.build(configs[0])
        except fetch.Missing as error:
            missing.append(f"{mode}: {error}")
    if missing:
        pytest.skip("; ".join(missing))


@pytest.mark.slow
def test_every_claim_can_be_measured_and_is_made_once():
    papers, broken = _papers.papers(FOLDER / "papers")  # unknown modes, claims without runs
    assert not broken
    assert [paper.path for paper in papers] == PAPERS
    for paper in papers:
        assert paper.modes.keys() | {"quick"} <= set(_recipe.modes(paper.path))
        for claim in paper.claims:
            assert claim.says.endswith("."), claim.name
            assert claim.mode != "quick", claim.name
            assert claim.source, claim.name
            if claim.criterion.band is not None and claim.published is not None:
                # A tolerance that the published number itself misses is a slip.
                assert claim.criterion.holds([claim.published], claim.published), claim.name
    reproduce.select(papers, ())  # refuses a name that two claims have
