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
# # Quickstart
#
# From a single cell to a trained model and plots of its gates, in five minutes. Everything runs on
# two CPU cores; the training takes seconds.

# %%
import tempfile
from pathlib import Path

import jax
import numpy as np
from flax import nnx

import lstmx
from lstmx import config as cfg
from lstmx import experiment, plots, runs
from lstmx.parallel import mesh

print("devices:", mesh.use_cores(2))  # one core for each of the two runs below

# %% [markdown]
# ## 1. A cell is a few pure functions
#
# Parameters are a plain dict, the state is a NamedTuple. `unroll` applies the cell along the time
# axis; with `return_trace=True` it also returns every state and every gate of every step.

# %%
cell = lstmx.cells.make("lstm", hidden_size=5)
params = cell.init(jax.random.key(0), 3)  # 3 input features
xs = jax.random.normal(jax.random.key(1), (2, 7, 3))  # [B, T, X]
out = lstmx.unroll(cell, params, xs, return_trace=True)

print("parameters", {name: p.shape for name, p in params.items()})
print("outputs   ", out.outputs.shape, "= [B, T, H]")
print("gates     ", {name: g.shape for name, g in out.trace.gates.items()})
print("states    ", {name: s.shape for name, s in out.trace.states._asdict().items()})

# %% [markdown]
# An unroll applies one step after the other. Here is the first step by hand:

# %%
state = cell.initial_state(params, (2,))
state, y, gates = cell.step(params, state, xs[:, 0])
np.testing.assert_allclose(y, out.outputs[:, 0], atol=1e-6)
print("c of the first example:", np.round(state.c[0], 3))

# %% [markdown]
# ## 2. The same cell in Flax
#
# `CellModule` converts any cell to an NNX module, which `nnx.RNN` of Flax unrolls.

# %%
module = lstmx.nn.CellModule(cell, 3, rngs=nnx.Rngs(0))
ys = nnx.RNN(module, rngs=False)(xs)

module_params = nnx.to_pure_dict(nnx.state(module))["params"]
np.testing.assert_allclose(ys, lstmx.unroll(cell, module_params, xs).outputs, atol=1e-6)
print("nnx.RNN gives", ys.shape, "and the same numbers as lstmx.unroll")

# %% [markdown]
# ## 3. Train
#
# The adding problem: the inputs of a step are a random number and a marker. Two steps are marked,
# and the target at the last step is the sum of their two numbers. Always predicting 1, the mean,
# has a mean squared error of 1/6; the task counts as solved below 0.01.
#
# An experiment is a config. `base()` has all keys with their defaults; an unknown key is an error.
# Two configs, an LSTM and a GRU, train in parallel.

# %%
config = cfg.base()
config.name = "quickstart"
config.task = cfg.task("adding", length=30, batch_size=64)
config.model.cell = cfg.cell("lstm", hidden_size=16)
config.hparams.learning_rate = 0.01
config.steps, config.eval_every = 600, 50
config.evals = {"valid": {"split": "valid", "batch_size": 256}}
config.eval_batches = 2
configs = {"LSTM": config, "GRU": cfg.resolve(config, {"model.cell.name": "gru"})}

workdir = Path(tempfile.mkdtemp())  # use a permanent folder to keep the runs
paths = runs.train(list(configs.values()), workdir, labels=list(configs))

# %% [markdown]
# A second call with the same folder computes nothing, as both runs are finished; interrupted runs
# would be resumed.

# %%
paths = runs.train(list(configs.values()), workdir, labels=list(configs))

# %% [markdown]
# ## 4. Look at the runs
#
# A run is a folder with the config, the metrics and the checkpoints. `runs.load` returns them as
# plain dicts and lists, `runs.table` has a row for every run of a folder.

# %%
loaded = {name: runs.load(path) for name, path in zip(configs, paths)}
for name, run in loaded.items():
    print(name, *runs.summary(run).splitlines()[1:], sep="\n")  # the first line is the folder

columns = ["label", "parameters", "best_step", "best/eval/valid/mse", "last/eval/valid/mse"]
runs.table(workdir)[columns].round(5)

# %%
task = experiment.make_task(config.task).spec
levels = [plots.Line("always 1", task.baseline), plots.Line("solved", task.solved)]


def learning_curve(run):
    values = run.frame["eval/valid/mse"].dropna()  # not every log point is an evaluation
    return values.index, values


plots.learning_curves(
    {name: [learning_curve(run)] for name, run in loaded.items()},
    ylabel="mean squared error on held-out sequences",
    lines=levels,
)

# %% [markdown]
# ## 5. Look inside
#
# `runs.open` returns the model of a run and the parameters of its best checkpoint. It also makes
# the task of the run with other options. We apply the LSTM to 256 test sequences and return the
# trace.

# %%
opened = runs.open(paths[0])  # the LSTM
batch = opened.make_task(split="test", batch_size=256).batch(jax.random.key(0), 0)
outputs, _, trace = opened.model.apply(opened.params, batch.inputs, return_trace=True)

gates, c = trace["layer_0"].gates, trace["layer_0"].states.c  # each [B, T, H]
marked = np.asarray(batch.inputs[..., 1]) == 1  # [B, T]
change = np.abs(np.diff(c, axis=1, prepend=0))  # by how much the cell changes in each step
at_marks, elsewhere = change[marked].mean(0), change[~marked].mean(0)  # [H]
order = np.argsort(elsewhere / at_marks)  # units that change at the marks only come first

print(f"first sequence: the sum is {batch.targets[0, -1, 0]:.3f}, ", end="")
print(f"the model says {outputs[0, -1, 0]:.3f}")
print("mean over all sequences       at the marks  elsewhere")
for name, units in {"all units": order, "first four": order[:4], "last four": order[-4:]}.items():
    print(f"change of c, {name:<17}{at_marks[units].mean():12.2f}{elsewhere[units].mean():11.2f}")
    for gate in "if":
        g = np.asarray(gates[gate])[..., units]
        print(f"     gate {gate}, {name:<17}{g[marked].mean():12.2f}{g[~marked].mean():11.2f}")

# %% [markdown]
# The gates of the first sequence: each row is a hidden unit, in the order of the previous cell. The
# two marked steps are framed, with their numbers above them.

# %%
panels = {"i": gates["i"], "f": gates["f"], "tanh c": np.tanh(c)}
plots.gates_heatmap(
    {name: np.asarray(g)[0][:, order] for name, g in panels.items()},
    marks={int(t): f"{batch.inputs[0, t, 0]:.2f}" for t in np.flatnonzero(marked[0])},
)

# %% [markdown]
# In the framed steps the input gates of the units on top open and their cells change, here about
# nine times as much as in other steps; in between, their forget gates are high and the cells nearly
# constant. The units at the bottom change as much without a mark as with one: they drift with time,
# whatever the inputs are.
#
# ## 6. Longer sequences
#
# Training sequences have 30 steps. Nothing in the model depends on the length, so the checkpoints
# can be evaluated on other lengths.

# %%
lengths = [15, 30, 60, 120]


def errors(path):
    rows = runs.evaluate(path, [f"length={n}" for n in lengths], batches=16)
    mse = {row.name: row.metrics["mse"] for row in rows}
    return [mse[f"length={n}"] for n in lengths]


by_length = {name: errors(run.path) for name, run in loaded.items()}
print("length", *(f"{n:>7}" for n in lengths))
for name, values in by_length.items():
    print(f"{name:<6}", *(f"{value:7.4f}" for value in values))

# %%
plots.learning_curves(
    {name: [(lengths, values)] for name, values in by_length.items()},
    xlabel="length of the sequence",
    ylabel="mean squared error",
    lines=levels,
    markers=True,
)

# %% [markdown]
# Both models solve the task at the training length and at no other one: the LSTM's error grows
# quickly, and the GRU's is above that of the constant prediction. Units that drift with time, as
# those above, may be the reason: after more steps their values are outside of the range that
# training has covered. So evaluate other lengths before you conclude that a model has learned to
# add; the evaluations in `config.evals` run during training.
#
# ## 7. Step by step
#
# In deployment, inputs often arrive one at a time. `stream` returns the model as a step function of
# state and input; T steps equal one pass over the whole sequence.

# %%
stream = lstmx.models.stream(opened.model)
step = jax.jit(stream.step)
state = stream.start(opened.params, 256)
for t in range(30):
    state, y = step(opened.params, state, batch.inputs[:, t])
np.testing.assert_allclose(y, outputs[:, -1], atol=1e-5)
print(f"largest difference after 30 steps: {np.abs(y - outputs[:, -1]).max():.1e}")

# %% [markdown]
# ## 8. Where to go next
#
# - The same from a shell, with tables and figures over seeds:
#   `python -m experiments.sweep --config=configs/variants.py --workdir=runs`, then
#   `python -m experiments.report --workdir=runs`.
# - All cells and tasks: `lstmx.cells.names()`, `lstmx.tasks.names()`. Every option of the LSTM
#   (peepholes, coupled gates, ...): `help(lstmx.cells.lstm.cell)`.
# - A new cell or task is one file; `CONTRIBUTING.md` shows how. A module outside of lstmx is used
#   by its dotted name: `cfg.cell("my_lab.cells.mine")`.
# - Each file in `configs/` is an experiment; its docstring has the results.
