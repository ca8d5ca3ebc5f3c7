# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a table to its next values
#
# A table goes in; the next values with intervals come out, with a statement of whether the network
# was worth it. The table is made here, three years of daily sales, so that the best possible error
# is known: a week that repeats, growth, promotions that are planned ahead and raise sales by 40 %,
# noise of 5 %, and 30 days that nobody wrote down.

# %%
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import lstmx

random = np.random.default_rng(0)
DAYS, AHEAD = 1095, 14
days = pd.date_range("2021-01-01", periods=DAYS + AHEAD, name="day")
promotion = (random.random(DAYS + AHEAD) < 0.1).astype(int)
week = np.array([0.9, 0.85, 0.9, 1.0, 1.2, 1.4, 0.75])[days.day_of_week]
expected = 200 * week * 1.4**promotion * 1.1 ** (np.arange(DAYS + AHEAD) / 365)
sales = expected * np.exp(0.05 * random.normal(size=DAYS + AHEAD))
table = pd.DataFrame({"sales": sales.round(), "promotion": promotion}, index=days)
table.iloc[random.choice(DAYS, 30, replace=False), 0] = np.nan
table.iloc[DAYS:, 0] = np.nan  # the plan of promotions is known, the sales are not
table.tail(16).head(4)

# %% [markdown]
# ## Train, and judge
#
# `fit` cuts off the last 15 % for the verdict and the 15 % before them for choosing the checkpoint,
# fits all scales on the rest, and trains a network that corrects a ridge regression on the window.
# `promotion` is known in advance; what multiplies becomes a sum in logarithms.

# %%
folder = tempfile.mkdtemp()
fitted = lstmx.forecasting.fit(
    table,
    horizon=AHEAD,
    target_columns=("sales",),
    options={"known_columns": ("promotion",), "transform": "log"},
    overrides={"steps": 400, "model.cell.hidden_size": 32},
    workdir=folder,
)
print("\n".join([*fitted.report, *fitted.verdict]))
errors = pd.Series(fitted.errors["sales"]).sort_values().round(1)
errors

# %% [markdown]
# The simple forecasts are not told of the promotions, which is most of the difference. The noise
# alone has a mean absolute error of about 4 % of the sales:

# %%
held_out = expected[int(0.85 * DAYS) : DAYS]
best = float(np.mean(0.05 * np.sqrt(2 / np.pi) * held_out))
print(f"best possible {best:.1f}, model {errors['model']:.1f}, next best {errors.iloc[1]:.1f}")

# %% [markdown]
# ## What comes next
#
# `predict` continues after the last row that has a value, and reads the planned promotions there.
# The intervals are conformal: as wide as the errors were on the part before the held-out one.

# %%
future = lstmx.forecasting.predict(fitted)
future.head(3)

# %%
fig, axis = plt.subplots(figsize=(9, 3.5), layout="constrained")
known = table.sales.iloc[DAYS - 42 : DAYS]
axis.plot(known.index, known, color="0.3", label="sales")
time = pd.to_datetime(future.time)
axis.fill_between(time, future.low_80, future.high_80, alpha=0.25, lw=0, label="80 % interval")
axis.plot(time, future.forecast, label="forecast")
axis.plot(days[DAYS:], sales[DAYS:], "k.", label="what happened")
axis.set_ylabel("sales a day")
axis.tick_params(axis="x", rotation=30)
axis.legend(loc="upper left", ncols=4, frameon=False)
axis.set_ylim(0, 520)
plt.show()

# %%
inside = (future.low_80 <= sales[DAYS:]) & (sales[DAYS:] <= future.high_80)
print(f"{inside.sum()} of {AHEAD} days are inside the intervals of 80 %")

# %% [markdown]
# The same run can be judged from the command line, `python -m experiments.forecast --run=...`,
# beside ETS, Theta and ARIMA, and forecasts from a newer table with `--file=newer.csv --future`.
