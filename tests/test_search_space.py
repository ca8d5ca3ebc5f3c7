"""Searches: spaces, what they draw, and what is refused."""

import collections
import math

import pytest
from searching import SPACE, describe, refused, small

from lstmx import config as cfg
from lstmx import search
from lstmx.search import space


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: search.uniform(2.0, 2.0), "got low=2.0, high=2.0; expected low < high"),
        (lambda: search.log_uniform(0.0, 1.0), "a logarithmic range starts above 0"),
        (lambda: search.uniform(0, math.inf), "high=inf; expected a finite number"),
        (lambda: search.integer(1, 2.5), "high=2.5; expected a whole number"),
        (lambda: search.log_integer(0, 5), "a logarithmic range starts above 0"),
        (lambda: search.choice([]), "a choice without values"),
        (lambda: search.choice("lstm"), "got 'lstm'; expected a list"),
        (
            lambda: search.choice([cfg.cell("lstm"), cfg.cell("lstm", hidden_size=3)]),
            "two choices are called 'lstm'; give a dict",
        ),
        (lambda: search.one_minus(search.integer(1, 2)), "expected uniform or log_uniform"),
        (lambda: describe(sampler="rnadom"), "unknown sampler 'rnadom'; did you mean 'random'"),
        (lambda: describe(pruning="best"), "unknown pruning 'best'"),
        (lambda: describe(trials=None), "needs a number of trials"),
        (lambda: describe(trials=0), "trials=0; expected at least 1"),
        (lambda: describe(space={"seed": search.numbered()}), "nothing to search"),
        (lambda: describe(space={"steps": [1, 2]}), r"steps: got \[1, 2\]; expected choice"),
        (lambda: describe(sampler="grid"), "a grid needs the number of its values; set num="),
        (
            lambda: describe(space={"seed": search.integer(0, 2)}, sampler="grid", trials=4),
            "trials=4, but the grid has 3 points",
        ),
        (
            lambda: describe(space={"steps": search.choice([2, 4])}, sampler="tpe"),
            "repeats points of a space without real numbers",
        ),
    ],
)
@pytest.mark.no_jax
def test_a_wrong_space_is_refused_in_one_line(make, message):
    with refused(message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "axis", "message"),
    [
        ("hparams.lerning_rate", search.uniform(0, 1), "did you mean 'hparams.learning_rate'"),
        ("hparams.learning_rate", search.uniform(-1.0, 1.0), "learning_rate=-1.0; expected 0"),
        ("steps", search.integer(40, 41), "steps=41; expected a multiple of log_every"),
        ("model.cell", search.choice(["lstm", "grv"]), "unknown cell 'grv'"),
    ],
)
@pytest.mark.no_jax
def test_a_space_that_does_not_fit_the_config_is_refused(key, axis, message):
    from lstmx.search import spec

    with refused(f"search space .*{message}"):
        spec.check(describe(space={key: axis}), small())


@pytest.mark.no_jax
def test_settings_are_what_the_searched_values_mean():
    axis = search.one_minus(search.log_uniform(0.01, 1.0))
    assert space.setting(axis, 0.01) == 0.99
    assert space.setting(SPACE["model.cell"], "GRU") == "gru"
    with refused("unknown choice 'gru'"):
        space.setting(SPACE["model.cell"], "gru")
    values = {"hparams.learning_rate": 0.5, "model.cell": "GRU", "hparams.clip_norm": 1.5}
    overrides = search.point(describe(), values, 3)
    assert overrides == {**values, "model.cell": "gru", "seed": 3}
    assert cfg.checked(small(), overrides).model.cell.name == "gru"


@pytest.mark.no_jax
def test_shares_of_an_axis_are_even_on_its_scale():
    shares = [(k + 0.5) / 9000 for k in range(9000)]
    counts = collections.Counter(space.at(search.integer(3, 5), s) for s in shares)
    assert counts == {3: 3000, 4: 3000, 5: 3000}
    log = search.log_uniform(1e-6, 1e-2)
    assert [space.at(log, s) for s in (0, 0.25, 0.5)] == pytest.approx([1e-6, 1e-5, 1e-4])
    # Of log-integers n has the share log((n + 1/2) / (n - 1/2)) of log((high + 1/2) / (low - 1/2)).
    counts = collections.Counter(space.at(search.log_integer(1, 3), s) for s in shares)
    for n in (1, 2, 3):
        share = math.log((n + 0.5) / (n - 0.5)) / math.log(3.5 / 0.5)
        assert counts[n] / 9000 == pytest.approx(share, abs=2 / 9000)  # rounding at both ends


@pytest.mark.parametrize("sampler", ["random", "quasi-random"])
@pytest.mark.no_jax
def test_a_point_depends_on_seed_and_number_only(sampler):
    asked = describe(sampler=sampler)
    whole = search.points(asked, 0, 64)
    assert [search.points(asked, n, n + 1)[0] for n in range(0, 64, 9)] == whole[::9]
    assert len({p["hparams.learning_rate"] for p in whole}) == 64
    assert search.points(describe(sampler=sampler, seed=1), 0, 64) != whole
    turned = describe(sampler=sampler, space=dict(reversed(SPACE.items())))
    assert search.points(turned, 0, 64) == whole, "the order of the keys does not matter"
    rates = sorted(math.log10(p["hparams.learning_rate"]) for p in whole)
    ideal = [-4 + 3 * (k + 0.5) / 64 for k in range(64)]
    distance = max(abs(a - b) for a, b in zip(rates, ideal)) / 3
    # Kolmogorov's distance of 64 random points is below .22 in 99 of 100 cases; of Sobol points,
    # one is in each of the 64 strata.
    assert distance < (0.22 if sampler == "random" else 1 / 64)


@pytest.mark.parametrize("sampler", ["random", "quasi-random"])
@pytest.mark.no_jax
def test_balanced_choices_are_taken_in_turn(sampler):
    axes = {
        "model.cell.variant": search.choice(["V", "NP", "FGR", "NIG"], balanced=True),
        "hparams.learning_rate": search.log_uniform(1e-4, 1e-1),
        "model.layers": search.choice([1, 2], balanced=True),
    }
    found = search.points(search.Search(axes, trials=16, sampler=sampler), 0, 16)
    pairs = [(p["model.cell.variant"], p["model.layers"]) for p in found]
    assert [v for v, _ in pairs[:5]] == ["V", "NP", "FGR", "NIG", "V"]
    assert set(collections.Counter(pairs).values()) == {2}, "every combination equally often"
    plain = {**axes, "model.layers": search.choice([1, 2])}
    other = search.points(search.Search(plain, trials=16, sampler=sampler), 0, 16)
    rates = [[p["hparams.learning_rate"] for p in points] for points in (found, other)]
    assert rates[0] == rates[1], "turns change no other axis"
    assert space.recorded(axes["model.layers"]) == {"balanced": {"1": 1, "2": 2}}
    with refused('sampler "tpe" chooses; expected choice'):
        search.Search(axes, trials=16, sampler="tpe")


@pytest.mark.no_jax
def test_a_grid_is_the_product_of_its_axes():
    axes = {
        "hparams.learning_rate": search.log_uniform(1e-4, 1e-2, num=3),
        "model.layers": search.integer(1, 2),
        "model.cell": search.choice(["lstm", "gru"]),
    }
    asked = search.Search(axes, sampler="grid")
    rows = [tuple(p.values()) for p in search.points(asked, 0, 12)]
    assert [row[1:] for row in rows[:4]] == [(1, "lstm"), (1, "gru"), (2, "lstm"), (2, "gru")]
    assert [row[0] for row in rows[::4]] == pytest.approx([1e-4, 1e-3, 1e-2])
    with refused("the grid has 12 points"):
        search.points(asked, 0, 13)
