"""Facts of published protocols that recipes must have: rates, squashes, weights, tables, seeds.

Each was once wrong, or would go unnoticed if it were.
"""

import dataclasses
from pathlib import Path

import pytest

from experiments import _papers, _recipe
from lstmx.data import Missing
from lstmx.tasks import forecast

PAPERS = Path(__file__).parents[1] / "configs" / "papers"


def config(paper, mode):
    return _recipe.recipe(f"{PAPERS / paper}.py:{mode}").config


def claims(paper):
    return {claim.name: claim for claim in _recipe.claims(PAPERS / f"{paper}.py")}


RATES = {"1": 0.5, "2a": 1.0, "2b": 1.0, "2c": 0.01, "3a": 1.0, "3b": 1.0, "3c": 0.1}
RATES |= {"4": 0.5, "5": 0.1, "6a": 0.5, "6b": 0.1}
TABLES = {"1": 1, "2a": 2, "2c": 3, "3a": 4, "3b": 5, "3c": 6, "4": 7, "5": 8, "6a": 9, "6b": 9}


@pytest.mark.parametrize("mode", RATES)
def test_rates_of_1997_are_those_of_its_text_and_table_10(mode):
    assert config("hochreiter1997", mode).hparams.learning_rate == RATES[mode]


def test_claims_of_1997_name_the_tables_of_their_numbers():
    made = claims("hochreiter1997")
    for mode, number in TABLES.items():
        assert made[f"1997-{mode}"].source.endswith(f", Table {number}")


@pytest.mark.parametrize(("mode", "sequences"), [("2a", 5040), ("2b", 5680)])
def test_network_of_experiments_2a_and_2b(mode, sequences):
    """Logistic g, linear h, one cell with an input gate alone; runs end with the tolerance."""
    made = config("hochreiter1997", mode)
    cell = made.model.cell
    assert (cell.input_activation, cell.output_activation) == ("sigmoid", "identity")
    assert (cell.hidden_size, cell.output_gate, cell.recurrence) == (1, False, "none")
    assert 3 * sequences <= made.steps < 3 * sequences + made.eval_every


def test_what_tests_no_paper_is_an_observation():
    found = {
        claim.name
        for paper in sorted(PAPERS.glob("*.py"))
        for claim in _recipe.claims(paper)
        if claim.observation
    }
    assert found >= {"1997-4-error", "2018-tcn-pmnist-lstm-bias-1"}


@pytest.mark.parametrize(("task", "longest"), [("adding", 200), ("copy", 187)])
def test_chrono_biases_and_their_baseline_have_five_seeds(task, longest):
    paper = _papers.paper(PAPERS / "tallec2018.py")
    runs = [(c.model.cell.chrono, c.seed) for c in paper.modes[f"{task}-reduced"].configs]
    assert sorted(runs) == [(chrono, seed) for chrono in (0, longest) for seed in range(5)]


@pytest.mark.parametrize(("horizon", "mse"), [(24, 0.4244), (720, 0.6554)])
def test_seasonal_naive_of_etth1_has_the_known_errors(horizon, mse):
    """Of 2880 hours of test, every origin and all columns, scaled by the first 8640 hours."""
    chosen = _recipe.recipe(f"{PAPERS.parent / 'etth1.py'}:24").config.task.to_dict()
    names = {field.name for field in dataclasses.fields(forecast.ForecastSpec)}
    chosen = {key: value for key, value in chosen.items() if key in names}
    spec = forecast.ForecastSpec(**chosen | {"split": "test", "horizon": horizon})
    try:
        view = forecast.windows(spec)
    except Missing as missing:
        pytest.skip(str(missing))
    assert view.cuts.tolist() == [[8640, 11520, 11520]]
    assert (view.rows, len(view.origins)) == ((14_400,), 2880 - horizon + 1)
    scale = view.series.values[:8640].std(axis=0)
    error = (view.forecasts["seasonal_naive"] - view.truth) / scale
    assert (error**2).mean() == pytest.approx(mse, abs=5e-5)
