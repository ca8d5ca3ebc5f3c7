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
# From a single cell to a trained model whose gates one can look at, in five minutes. Everything
# runs on two CPU cores; the training takes seconds.

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
# An unroll is nothing but one step after the other. Here is the first one by hand:

# %%
state = cell.initial_state(params, (2,))
state, y, gates = lstmx.step(cell, params, state, xs[:, 0])
np.testing.assert_allclose(y, out.outputs[:, 0], atol=1e-6)
print("c of the first example:", np.round(state.c[0], 3))

# %% [markdown]
# ## 2. The same cell in Flax
#
# `CellModule` makes an NNX module of any cell; Flax's own `nnx.RNN` runs it.

# %%
module = lstmx.nn.CellModule(cell, 3, rngs=nnx.Rngs(0))
ys = nnx.RNN(module, rngs=False)(xs)

own = nnx.to_pure_dict(nnx.state(module))["params"]
np.testing.assert_allclose(ys, lstmx.unroll(cell, own, xs).outputs, atol=1e-6)
print("nnx.RNN gives", ys.shape, "and the same numbers as lstmx.unroll")

# %% [markdown]
# ## 3. Train
#
# The adding problem: each step shows a random number and a marker. Two steps are marked, and after
# the last step the model has to say the sum of their two numbers. Always answering 1, the mean,
# has a mean squared error of 1/6; we call the task solved below 0.01.
#
# An experiment is a config. `base()` holds every key there is, and a key that does not exist is an
# error. Two configs, an LSTM and a GRU, train side by side.

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

workdir = Path(tempfile.mkdtemp())  # a folder of your own keeps the runs
paths = runs.train(list(configs.values()), workdir, labels=list(configs))

# %% [markdown]
# Called once more with the same folder it finds both runs finished and computes nothing;
# interrupted runs would go on where they stopped.

# %%
paths = runs.train(list(configs.values()), workdir, labels=list(configs))

# %% [markdown]
# ## 4. Look at the runs
#
# A run is a folder with the config, the metrics and the checkpoints. `runs.load` reads it as plain
# dicts and lists.

# %%
loaded = {name: runs.load(path) for name, path in zip(configs, paths)}
for name, run in loaded.items():
    print(name, *runs.summary(run).splitlines()[1:], sep="\n")  # the first line is the folder

# %%
task = experiment.make_task(config.task).spec
levels = [plots.Line("always 1", task.baseline), plots.Line("solved", task.solved)]


def learning_curve(run):
    points = [point for point in run.metrics if "eval/valid/mse" in point]
    return [p["step"] for p in points], [p["eval/valid/mse"] for p in points]


plots.learning_curves(
    {name: [learning_curve(run)] for name, run in loaded.items()},
    ylabel="mean squared error on held-out sequences",
    lines=levels,
)

# %% [markdown]
# ## 5. Look inside
#
# `run.params` are the parameters of the best checkpoint, and `experiment.build` makes the config
# callable again. We run the LSTM over 256 sequences it has not seen and keep the trace.

# %%
run = loaded["LSTM"]
model = experiment.build(cfg.from_dict(run.config)).model
unseen = experiment.make_task(run.config["task"], {"split": "test", "batch_size": 256})
batch = unseen.batch(jax.random.key(0), 0)
outputs, _, trace = model.apply(run.params, batch.inputs, return_trace=True)

gates, c = trace["layer_0"].gates, trace["layer_0"].states.c  # each [B, T, H]
marked = np.asarray(batch.inputs[..., 1]) == 1  # [B, T]
change = np.abs(np.diff(c, axis=1, prepend=0))  # how far the cell moves in each step
at_marks, elsewhere = change[marked].mean(0), change[~marked].mean(0)  # [H]
order = np.argsort(elsewhere / at_marks)  # units that move at the marks only come first

print(f"first sequence: the sum is {batch.targets[0, -1, 0]:.3f}, ", end="")
print(f"the model says {outputs[0, -1, 0]:.3f}")
print("mean over all sequences       at the marks  elsewhere")
for name, units in {"all units": order, "first four": order[:4], "last four": order[-4:]}.items():
    print(f"change of c, {name:<17}{at_marks[units].mean():12.2f}{elsewhere[units].mean():11.2f}")
    for gate in "if":
        g = np.asarray(gates[gate])[..., units]
        print(f"     gate {gate}, {name:<17}{g[marked].mean():12.2f}{g[~marked].mean():11.2f}")

# %% [markdown]
# The first of these sequences as a picture: a line is a hidden unit, in the order from above. The
# two marked steps are framed, with their numbers above them.

# %%
shown = {"i": gates["i"], "f": gates["f"], "tanh c": np.tanh(c)}
plots.gates_heatmap(
    {name: np.asarray(g)[0][:, order] for name, g in shown.items()},
    marks={int(t): f"{batch.inputs[0, t, 0]:.2f}" for t in np.flatnonzero(marked[0])},
)

# %% [markdown]
# In the framed steps the units on top open their input gate and their cell jumps, here about nine
# times as far as in other steps; in between, their forget gate stays high and the cell stays near
# where it is. The units at the bottom move as much without a mark as with one: they drift along
# with time, whatever is shown.
#
# ## 6. Longer sequences
#
# Training has only seen 30 steps. Nothing in the model depends on the length, so the same
# checkpoints can be asked about others.

# %%
lengths = [15, 30, 60, 120]


def errors(path):
    rows = runs.evaluate(path, [f"length={n}" for n in lengths], batches=16)
    found = {row.name: row.metrics["mse"] for row in rows}
    return [found[f"length={n}"] for n in lengths]


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
# Both models solve the length they were trained on, and neither solves another one: the LSTM's
# error grows quickly, and the GRU does worse than always answering 1. Units that drift with time,
# as those above, may well be the reason: after more steps they stand where they never stood in
# training. So ask about other lengths before saying that a model has learned to add; evaluations
# named in `config.evals` are done during training.
#
# ## 7. Step by step
#
# In use, inputs often come one at a time. `stream` makes the model a step function that carries
# its state; T steps of it equal one pass over the whole sequence.

# %%
stream = lstmx.models.stream(model)
step = jax.jit(stream.step)
state = stream.start(run.params, 256)
for t in range(30):
    state, y = step(run.params, state, batch.inputs[:, t])
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
# - Your own cell or task is one file; `CONTRIBUTING.md` shows how, and a module of yours works by
#   its dotted name: `cfg.cell("my_lab.cells.mine")`.
# - Each file in `configs/` is an experiment; its docstring says what came out.
