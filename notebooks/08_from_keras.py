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
# # From Keras
#
# Tutorials on LSTMs show three small programs in Keras again and again. Here each of them stands
# beside the same in lstmx, on data whose best possible error is known. The last one has a fault
# that Keras does not see; we look at what it learns instead, and at the program that was meant.
#
# The Keras programs run where Keras is installed (`pip install -e .[peers]`, on its JAX backend).
# Without it they are only text, and all else works.

# %%
import os
import tempfile
import time

os.environ["KERAS_BACKEND"] = "jax"  # before keras is imported

import jax.numpy as jnp
import numpy as np

import lstmx
from lstmx import config as cfg
from lstmx import plots, runs
from lstmx.interop import keras as interop
from lstmx.parallel import mesh

try:
    import keras
    from keras.layers import LSTM, Dense, Input
except ImportError:
    keras = None
print("devices:", mesh.use_cores(1), " Keras:", "not here" if keras is None else keras.__version__)

# %% [markdown]
# The series are damped oscillations of ten steps that noise keeps going, with variance 1:
#
# $$x_t = 2 r \cos(2\pi/10)\, x_{t-1} - r^2 x_{t-2} + s\, e_t, \qquad r = 0.95$$
#
# Nobody can know $e_t$ before it happens, so that the smallest possible squared error of a forecast
# of the next value is $s^2 = 0.064$. The mean has 1, and repeating the last value 0.37.


# %%
def oscillations(count, steps, features, seed, r=0.95):
    """Series [count, steps, features], and the smallest error of a forecast of their next value."""
    rng = np.random.default_rng(seed)
    a, b = 2 * r * np.cos(2 * np.pi / 10), -(r**2)
    noise = (1 + b) * ((1 - b) ** 2 - a**2) / (1 - b)  # the variance that makes that of x 1
    x = rng.normal(size=(100 + steps, count, features))
    for t in range(2, 100 + steps):
        x[t] = a * x[t - 1] + b * x[t - 2] + np.sqrt(noise) * x[t]
    return np.moveaxis(x[100:], 0, 1).astype(np.float32), noise


def epochs_of(model, X, y, epochs, **options):
    """Trains a Keras model; the loss of each epoch, and the seconds of the fastest one."""
    found, took = [], []
    for _ in range(epochs):
        start = time.perf_counter()
        found += model.fit(X, y, epochs=1, verbose=0, **options).history["loss"]
        took.append(time.perf_counter() - start)
    return found, min(took)


def seconds_of(run):
    """Seconds of the fastest epoch of a run, the evaluation after it included."""
    return float(np.diff([point["seconds"] for point in run.metrics]).min())


losses, seconds = {}, {}

# %% [markdown]
# ## 1. Many features
#
# LSTM(50, relu) and Dense(1) on 100 steps of 10 features. In Keras:

# %%
series, best = oscillations(640, 101, 10, seed=0)
X, y = series[:, :-1], series[:, -1, 0]

if keras is not None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([Input((100, 10)), LSTM(50, activation="relu"), Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    first, first_forecasts = model.get_weights(), model.predict(X[:64], verbose=0)
    losses["1, Keras"], seconds["1, Keras"] = epochs_of(model, X, y, 5, batch_size=64)

# %% [markdown]
# In lstmx. Five things are said that Keras' program does not say: the activation has two places
# in the equations; R starts orthogonal over all gates together; Adam has Keras' arithmetic, with
# its epsilon; gradients are not clipped; and inputs are taken as they are. What is left out is the
# distribution of W at the start (LeCun normal here, Glorot uniform there).

# %%
relu = cfg.cell(
    "lstm",
    hidden_size=50,
    input_activation="relu",
    output_activation="relu",
    initializer="orthogonal_fused",
)
as_keras = {"optimizer.name": "keras_adam", "hparams.clip_norm": 0.0}
once = {"checkpoint_every": 50}  # updates: at the end, so that no epoch waits for the disk
folder = tempfile.TemporaryDirectory()

many = lstmx.fit(
    X, y, cell=relu, epochs=5, batch_size=64, scaling="none", workdir=folder.name, name="many",
    overrides={**as_keras, **once},
)  # fmt: skip
losses["1, lstmx"], seconds["1, lstmx"] = list(many.history["train/loss"]), seconds_of(many.run)
many.history[["train/loss", "train/grad_norm"]].round(3)

# %% [markdown]
# Every run has a folder with its config, a log, checkpoints and the versions of what it was
# computed with: the report, the launchers and the analyses of the other notebooks read it.
#
# Neither program clips gradients, and ReLU bounds nothing: a run may explode, and whether it does
# can depend on rounding, so on the machine.
#
# The activations of a layer are a part of its equations, and not of its weights. So the weights of
# the Keras model can be read with them, here those of its start, and give the same forecasts:

# %%
apart = 0.0
if keras is not None:
    *recurrent, W, b = first
    _, of_layer = interop.load(dict(zip(interop.NAMES, recurrent)), activation="relu")
    params = {"layers": {"layer_0": of_layer}, "readout": {"W": W, "b": b}}
    outputs, _, _ = many.opened.model.apply(params, jnp.asarray(X[:64]))
    gap = np.abs(outputs[:, -1] - first_forecasts).max()
    apart = float(gap / np.abs(first_forecasts).max())
    print(f"largest difference of 64 forecasts, relative to the largest forecast: {apart:.0e}")

# %% [markdown]
# The tests of lstmx go further: from the same weights and batches, the losses and all weights of
# both are equal to rounding after one update and after a hundred.
#
# ## 2. Two layers, batches of one
#
# Two LSTM(50) on 10 steps of one feature. The first layer returns its outputs at every step, which
# Keras has to be told:

# %%
short, best = oscillations(100, 11, 1, seed=1)
X2, y2 = short[:, :-1], short[:, -1, 0]

if keras is not None:
    model = keras.Sequential([Input((10, 1)), LSTM(50, return_sequences=True), LSTM(50), Dense(1)])
    model.compile(optimizer="adam", loss="mean_squared_error")
    losses["2, Keras"], seconds["2, Keras"] = epochs_of(model, X2, y2, 10, batch_size=1)

tanh = cfg.cell("lstm", hidden_size=50, initializer="orthogonal_fused")
stacked = lstmx.fit(
    X2, y2, cell=tanh, layers=2, epochs=10, batch_size=1, scaling="none", workdir=folder.name,
    name="stacked", overrides={**as_keras, "checkpoint_every": 1000},
)  # fmt: skip
losses["2, lstmx"], seconds["2, lstmx"] = (
    list(stacked.history["train/loss"]),
    seconds_of(stacked.run),
)

plots.learning_curves(
    {
        name: [(np.arange(1, 11), losses[name])]
        for name in ("2, Keras", "2, lstmx")
        if name in losses
    },
    ylabel="mean squared error in training",
    xlabel="epoch",
    lines=[plots.Line("smallest possible", best)],
    markers=True,
)

# %% [markdown]
# Batches of one are a bad idea for anything but a demonstration: an update computes almost nothing,
# and its time is that of starting it. An epoch in lstmx is one compiled loop over its updates.

# %%
print("seconds of the fastest epoch")
for name, value in seconds.items():
    print(f"  {name:<10}{value:7.3f}")

# %% [markdown]
# (Times of the machine that made this page, while it did other things: `python -m
# experiments.benchmark --only=tutorial` measures them properly. Those of lstmx include an
# evaluation on all data after the epoch, which those of Keras do not.)
#
# ## 3. The next value, and a fault that looks like a success
#
# The third program continues series of ten steps. As it is printed:
#
# ```python
# X, y = series[:, :-1], series[:, 1:]          # both [1000, 9, 1]
# model = Sequential([Input((9, 1)), LSTM(50, activation="relu"), Dense(1)])
# model.compile(optimizer="adam", loss="mse")
# model.fit(X, y, epochs=50)
# ```
#
# The targets are nine values a series, [N, 9, 1], and the outputs one, [N, 1]. Keras broadcasts the
# one against the nine, without a word. To see what that does, take series that nobody can forecast:
# white noise of variance 1. The best forecast of the next value is 0, with an error of 1.
#
# The one output is compared with $x_2, \dots, x_{10}$, and eight of these are inputs. So the best
# output is the mean of the nine targets as far as it is known, and its error is
# $1 - 8/81 = 0.901$. lstmx refuses such arrays:

# %%
noise = np.random.default_rng(2).normal(size=(2000, 10, 1)).astype(np.float32)
X3, y3 = noise[:1000, :-1], noise[:1000, 1:]
try:
    lstmx.fit(X3, y3, at="last")
except ValueError as error:
    refused = str(error)
    print("lstmx.fit:", refused)

# %% [markdown]
# The slip is there as a target of the task `next_value`, to look at it. A network that learns it:

# %%
c = cfg.base()
c.name = "printed"
c.model.cell = relu
c.task = cfg.task("next_value", target="broadcast", damping=0.0, series=1000, batch_size=32)
slip = {"steps": 31 * 20, "log_every": 31, "eval_every": 31, "checkpoint_every": 31 * 20}
c = cfg.resolve(c, {**slip, **as_keras, "hparams.learning_rate": 3e-3, "evals": {"valid": {
    "split": "valid", "batch_size": 250}}})  # fmt: skip
(path,) = runs.train([c], folder.name, quiet=True)
printed = runs.open(path, step="latest")
on_valid = list(printed.run.frame["eval/valid/mse"])

if keras is not None:
    model = keras.Sequential([Input((9, 1)), LSTM(50, activation="relu"), Dense(1)])
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse")
    losses["3, Keras"], seconds["3, Keras"] = epochs_of(model, X3, y3, 20)

shown = {"lstmx, data it has not seen": on_valid}
if "3, Keras" in losses:
    shown["Keras, in training"] = losses["3, Keras"]
plots.learning_curves(
    {name: [(np.arange(1, 21), values)] for name, values in shown.items()},
    ylabel="mean squared error, as the program counts it",
    xlabel="epoch",
    lines=[plots.Line("best forecast of the next value", 1), plots.Line("1 - 8/81", 1 - 8 / 81)],
)

# %% [markdown]
# The curve falls below the error of the best possible forecast, which would be a sensation. What
# has been learned is arithmetic: the output is the sum of eight inputs over nine, and the value
# after the series, which the program was written for, is missed as much as ever.

# %%
X4 = noise[1000:, :-1]
outputs = np.asarray(printed.model.apply(printed.params, jnp.asarray(X4))[0][:, -1, 0])
sums = X4[:, 1:, 0].sum(axis=1) / 9
correlation = np.corrcoef(outputs, sums)[0, 1]
of_next = np.mean((outputs - noise[1000:, -1, 0]) ** 2)
print(f"correlation of the output with the sum of eight inputs over nine: {correlation:.3f}")
print(f"squared error of the next value: {of_next:.3f}; that of 0: {np.var(noise[1000:, -1]):.3f}")

# %% [markdown]
# ## 4. The program that was meant
#
# It is one of two. Either the target is the value after the series, `y = series[:, -1]`; or there
# is a target at every step, which needs an output at every step, `return_sequences=True` in Keras.
# In lstmx the shape of y says which. On the oscillations, whose next value can be forecast:

# %%
series4, best = oscillations(1200, 10, 1, seed=3)
X5, y5 = series4[:, :-1], series4[:, 1:]
every = lstmx.fit(
    X5, y5, cell=relu, epochs=20, validation_split=1 / 6, scaling="none", workdir=folder.name,
    name="every", overrides={**as_keras, "hparams.learning_rate": 3e-3},
)  # fmt: skip
forecasts = every.predict(X5[1000:])
errors = np.mean((forecasts - y5[1000:, :, 0]) ** 2, axis=0)
print("outputs", forecasts.shape, " squared error by step:", errors.round(3))
print(f"at the last step {errors[-1]:.3f}, smallest possible {best:.3f}")
folder.cleanup()

# %% [markdown]
# The first step has seen one value, and cannot know the phase of the oscillation. From the second
# on two values are enough, as the series is of order 2, and the error is near the smallest one.
#
# | Keras | lstmx |
# |---|---|
# | `LSTM(50, activation="relu")` | the cell `relu` above |
# | `LSTM(50, return_sequences=True), LSTM(50)` | `layers=2` |
# | `Dense(1)` at the last or at every step | by the shape of y, or `at="last"`, `at="every"` |
# | `optimizer="adam"` | the overrides `as_keras` above |
# | `loss="mse"`, or cross entropy | by the type of y, or `kind=` |
# | `validation_split=0.2`, `EarlyStopping(patience=5)` | `validation_split=0.2, patience=5` |
# | `model.predict(X)`, `model.evaluate(X, y)` | `fitted.predict(X)`, `fitted.evaluate(X, y)` |
# | `model.get_weights()` | `lstmx.interop.keras.load`, and `dump` for the way back |
#
# The recipes in `configs/tutorials/` run the three programs at full length, on real series too, and
# have the results that were measured.
