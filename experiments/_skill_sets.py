"""The sets of the table of forecasts, and the ways to forecast that are compared on them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

LINEAR: dict[str, Any] = {}  # what `lstmx.forecasting.fit` chooses: a ridge, corrected
WAYS: dict[str, dict[str, Any]] = {
    "linear": LINEAR,
    "seasonal": {"detrend": "seasonal"},
    "last": {"detrend": "last"},
    "recursive": {"detrend": "last", "multi_step": "recursive"},
    "log linear": {"transform": "log"},
    "log drift": {"transform": "log", "detrend": "seasonal_drift"},
}
"""Options of the task, in place of those that the frequency of a table gives."""


class Set(NamedTuple):
    """One set of data.

    Attributes:
        file: in the data folder.
        horizon: steps ahead.
        minutes: of one core, in all, roughly.
        ways: of `WAYS`, that are compared.
        options: of the task, for all of them.
        steps: updates.
        folds: of the cross-validation.
        seeds: of the best way.
    """

    file: str
    horizon: int
    minutes: float
    ways: tuple[str, ...]
    options: Mapping[str, Any] = {}
    steps: int = 300
    folds: int = 2
    seeds: int = 3


YEARLY = ("linear", "last", "recursive")
SETS = {
    "air_passengers": Set(
        "air_passengers/airline-passengers.csv",
        12,
        1,
        ("linear", "recursive", "log linear", "log drift"),
    ),
    "nile": Set("nile/nile.csv", 5, 1.5, YEARLY, {"window": 10}),
    "sunspots": Set("sunspots/yearly-sunspots.csv", 11, 1.5, YEARLY, {"season": 11, "window": 33}),
    "co2": Set("mauna_loa_co2/co2.csv", 52, 2, ("linear", "recursive"), {"window": 104}),
    "min_temperature": Set(
        "melbourne_temperatures/daily-min-temperatures.csv",
        7,
        1.5,
        ("linear", "last"),
        {"window": 28},
    ),
    "max_temperature": Set(
        "melbourne_temperatures/daily-max-temperatures.csv",
        7,
        1.5,
        ("linear", "last"),
        {"window": 28},
    ),
    "macrodata": Set("macrodata/macrodata.csv", 4, 1.5, ("linear", "last")),
    "beijing_pm25": Set(
        "beijing_pm25/pollution.csv",
        24,
        8,
        ("linear",),
        {
            "target_columns": ("pm2.5",),
            "past_columns": ("DEWP", "TEMP", "PRES", "Iws", "Is", "Ir", "cbwd"),
            "window": 168,
            "transform": "log1p",
        },
        folds=0,
    ),
    "etth1": Set("ett/ETTh1.csv", 24, 8, ("linear",), {"window": 96}, folds=0),
    "etth2": Set("ett/ETTh2.csv", 24, 8, ("linear",), {"window": 96}, folds=0),
    "vic_electricity": Set(
        "vic_electricity/vic_electricity.csv",
        48,
        15,
        ("linear",),
        {
            "time_columns": ("Time",),
            "time_zone": "Australia/Melbourne",
            "target_columns": ("Demand",),
            "known_columns": ("Temperature", "Holiday"),
            "category_columns": ("Holiday",),
            "season": 336,
            "window": 512,
        },
        steps=400,
        folds=0,
        seeds=1,
    ),
    "m4_hourly": Set(
        "m4/Hourly-train.csv",
        48,
        12,
        ("linear",),
        {"layout": "rows", "season": 24, "window": 168, "lags": (168,), "likelihood": "absolute"}
        | {"valid_fraction": 0.1, "test_fraction": 0.1},
        steps=400,
        folds=0,
        seeds=1,
    ),
    "m4_weekly": Set(
        "m4/Weekly-train.csv",
        13,
        10,
        ("linear",),
        {"layout": "rows", "season": 1, "window": 52, "least_window": 26}
        | {"transform": "log", "valid_fraction": 0.1, "test_fraction": 0.1},
        folds=0,
        seeds=1,
    ),
}
"""Name -> the set, the quickest first; those that are tuned by hand in a recipe are not tuned."""
