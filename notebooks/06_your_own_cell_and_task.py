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
# # Your own cell and task
#
# A cell is an equation, a task is a distribution of sequences, and lstmx needs no more than these
# two. This notebook writes a cell that lstmx does not have and a task that it does not have, checks
# both, trains them through a config, and looks inside the result. Nothing in it is a feature of the
# cells and tasks that come with lstmx: it is what a new idea gets on its first day.

# %%
import inspect
import sys
import tempfile
import time
from pathlib import Path

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np

import lstmx
from lstmx import analysis, engines, experiment, plots, runs, sweep, tables, testing
from lstmx import config as cfg
from lstmx.cells.lstm import LSTMState
from lstmx.parallel import mesh
from lstmx.types import Batch, Cell, Mean, Task, TaskSpec

print("devices:", mesh.use_cores(1))

# %% [markdown]
# ## 1. A cell from its equations
#
# The recurrent additive network (RAN; Lee, Levy & Zettlemoyer 2017, arXiv:1705.07393) asks what an
# LSTM loses without its nonlinear content. It has no output gate, and its content is a linear
# function of the input:
#
# $$\tilde c_t = W_c x_t, \qquad (i_t, f_t) = \sigma(W x_t + R\, h_{t-1} + b)$$
# $$c_t = i_t \odot \tilde c_t + f_t \odot c_{t-1}, \qquad h_t = g(c_t)$$
#
# with $g$ the identity or tanh. What makes it interesting: unrolled, the cell is a weighted sum of
# the inputs, with weights that the gates choose. We come back to that in section 6.
#
# A cell is a NamedTuple of pure functions, and `cell` is the factory that makes it. `step` has the
# equations. The state is (c, h) as that of the LSTM, so its type is borrowed; otherwise it is a
# NamedTuple of your own.


# %%
def cell(hidden_size: int = 64, *, activation: str = "identity", forget_bias: float = 1.0) -> Cell:
    """A recurrent additive network. Lee, Levy & Zettlemoyer 2017, arXiv:1705.07393."""
    H = hidden_size
    g = {"identity": lambda c: c, "tanh": jnp.tanh}[activation]

    def init(key, in_features):
        key_content, key_gates, key_recurrent = jax.random.split(key, 3)
        lecun, orthogonal = jax.nn.initializers.lecun_normal(), jax.nn.initializers.orthogonal()
        return {
            "W_c": lecun(key_content, (in_features, H)),
            "W": lecun(key_gates, (in_features, 2 * H)),
            "R": orthogonal(key_recurrent, (H, 2 * H)),
            "b": jnp.concatenate([jnp.zeros(H), jnp.full(H, forget_bias)]),
        }

    def initial_state(params, batch_shape):
        zeros = jnp.zeros((*batch_shape, H), params["R"].dtype)
        return LSTMState(c=zeros, h=zeros)

    def step(params, state, x, noise=()):
        z = x @ params["W_c"]
        i, f = jnp.split(
            jax.nn.sigmoid(x @ params["W"] + state.h @ params["R"] + params["b"]), 2, -1
        )
        c = i * z + f * state.c
        h = g(c)
        return LSTMState(c, h), h, {"i": i, "f": f, "z": z}

    return Cell(init, initial_state, step, out_features=H, gates=("i", "f", "z"), output="h")


# %% [markdown]
# That is all. It unrolls at once, with resets, masks, gradients, and a trace of all gates and
# states.

# %%
ran = cell(16)
params = ran.init(jax.random.key(0), 3)
xs = jax.random.normal(jax.random.key(1), (8, 50, 3))  # [B, T, X]
out = lstmx.unroll(ran, params, xs, return_trace=True)
print("outputs", out.outputs.shape, " gates", {k: g.shape for k, g in out.trace.gates.items()})

# %% [markdown]
# ## 2. Is it right?
#
# `check_cell` asks of a cell what everything else relies on: that an unroll equals a loop over the
# step, that a masked step holds the state, that no example sees its neighbour and no step the
# future, that every parameter gets a gradient, and that every engine agrees with the reference in
# values and gradients. It raises at the first property that is missing, in one line.

# %%
testing.check_cell(cell(5))
print("passed")

# %% [markdown]
# It should fail where a cell is wrong. Here are three mistakes that are easily made and raise no
# error by themselves: a mean over the wrong axis, a bias that gets no gradient, and an output that
# is a part of the state and not declared as such.


# %%
def centred(params, state, x, noise=()):
    return ran.step(params, state, x - x.mean(0), noise)


def blocked(params, state, x, noise=()):
    return ran.step({**params, "b": jax.lax.stop_gradient(params["b"])}, state, x, noise)


refused = {}
mistakes = {"centred": {"step": centred}, "blocked": {"step": blocked}, "hidden": {"output": None}}
for name, mistake in mistakes.items():
    broken = ran._replace(**mistake)
    assert jnp.isfinite(lstmx.unroll(broken, params, xs).outputs).all()  # no error so far
    try:
        testing.check_cell(broken)
    except AssertionError as error:
        refused[name] = str(error)
        print(f"{name}: {error}")

# %% [markdown]
# ## 3. Its speed
#
# The engine that computes an unroll is independent of the cell. The reference engine is a plain
# `lax.scan`; "fused" traces the step, finds the products with parameters in it, and takes the
# gradients of these parameters for many steps at once instead of step by step. It does so for any
# step, without being told about the cell. `scan_plan` says what it has found:

# %%
big = cell(256)
big_params = big.init(jax.random.key(0), 16)
big_xs = jax.random.normal(jax.random.key(1), (8, 100, 16))


def time_step(params, state, x):  # (params, state, x) -> (state, y), the form of lstmx.scan
    return big.step(params, state, x)[:2]


start = big.initial_state(big_params, (8,))
plan = lstmx.scan_plan(time_step, big_params, start, jnp.swapaxes(big_xs, 0, 1))
print(plan)
for name in engines.names():
    print(f"{name:<12} {engines.refusal(name, big) or 'accepts this cell'}")


# %%
def loss(params, engine):
    return jnp.mean(lstmx.unroll(big, params, big_xs, engine=engine).outputs ** 2)


gradients, milliseconds = {}, {}
for engine in ("scan", "fused"):
    gradient = jax.jit(jax.grad(lambda params, engine=engine: loss(params, engine)))
    gradients[engine] = jax.block_until_ready(gradient(big_params))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        jax.block_until_ready(gradient(big_params))
        times.append(time.perf_counter() - began)
    milliseconds[engine] = 1000 * min(times)
    print(f"{engine:<6} {milliseconds[engine]:6.1f} ms for loss and gradients of 100 steps")
apart = {
    name: float(jnp.max(jnp.abs(g - gradients["fused"][name])) / jnp.max(jnp.abs(g)))
    for name, g in gradients["scan"].items()
}
print("largest relative difference of the gradients:", f"{max(apart.values()):.0e}")

# %% [markdown]
# Both engines return the same gradients. How much faster one is depends on sizes and machine: the
# times are those of the machine that made this page.
#
# **A step of another library.** `lstmx.scan` is `jax.lax.scan` with the parameters as an argument
# of their own, and takes any step. Here is a GRU of Flax, which lstmx knows nothing about, and
# `nn.RNN` of Flax beside it:

# %%
flax_cell = flax.linen.GRUCell(features=16)
carry = flax_cell.initialize_carry(jax.random.key(0), (8, 3))
flax_params = flax_cell.init(jax.random.key(1), carry, xs[:, 0])


def flax_step(params, carry, x):
    return flax_cell.apply(params, carry, x)


_, ys = lstmx.scan(flax_step, flax_params, carry, jnp.swapaxes(xs, 0, 1))
rnn = flax.linen.RNN(flax_cell)
expected = rnn.apply({"params": {"cell": flax_params["params"]}}, xs)
flax_apart = float(jnp.max(jnp.abs(jnp.swapaxes(ys, 0, 1) - expected)))
print(lstmx.scan_plan(flax_step, flax_params, carry, jnp.swapaxes(xs, 0, 1)))
print(f"largest difference from nn.RNN: {flax_apart:.0e}")

# %% [markdown]
# ## 4. A task
#
# The running sum with restarts: a step has a value in $U[-1, 1]$ and a mark. The target, at every
# step, is the sum of the values since the last mark, its own included; the first step is marked,
# every other one with probability $q$:
#
#     value    .5  -.2   .7   .1
#     mark      1    0    1    0
#     target   .5   .3   .7   .8
#
# A network has to add without a loss, and to forget everything at once: the two things that a gate
# is for.
#
# **The trivial baseline** comes first, so that an error means something. Step $t$ (from 0) adds
# $n_t$ values, where $P(n_t > k) = (1 - q)^k$ for $k \le t$. The sum has mean 0 and variance
# $\mathrm{E}[n_t] / 3$, so that always predicting 0 has the mean squared error
#
# $$\frac 1 {3T} \sum_{t=0}^{T-1} \mathrm{E}[n_t], \qquad
#   \mathrm{E}[n_t] = \sum_{k=0}^{t} (1 - q)^k = \frac{1 - (1 - q)^{t+1}}{q}$$
#
# A task is a function from a key to a batch, a loss that returns sums and counts (so that shards
# and batches can be added), and a spec.


# %%
def task(
    *, batch_size: int = 32, split: str = "train", length: int = 30, restart: float = 0.1
) -> Task:
    """The sum of the values since the last mark; solved at 1 % of the trivial error."""

    def batch(key, step):
        del step  # new sequences for every key; a stored data set would count its batches
        # The splits are endless and disjoint: each has a key of its own.
        key = jax.random.fold_in(key, ("train", "valid", "test").index(split))
        key_value, key_mark = jax.random.split(key)
        shape = (batch_size, length)
        values = jax.random.uniform(key_value, shape, minval=-1.0)
        marks = jax.random.bernoulli(key_mark, restart, shape).at[:, 0].set(True)
        ends = jnp.cumsum(values, axis=1)
        last = jax.lax.cummax(jnp.where(marks, jnp.arange(length), 0), axis=1)
        before = jnp.take_along_axis(ends - values, last, axis=1)  # all before the mark
        inputs = jnp.stack([values, marks.astype(values.dtype)], axis=-1)
        first = jnp.broadcast_to(jnp.arange(length) == 0, shape)
        return Batch(
            inputs=inputs,
            targets=(ends - before)[..., None],
            weights=jnp.ones(shape),
            mask=jnp.ones(shape, bool),
            resets=first,
        )

    def loss(outputs, batch):
        squares = jnp.square(outputs - batch.targets)[..., 0] * batch.weights
        mse = Mean(jnp.sum(squares), jnp.sum(batch.weights))
        return {"loss": mse, "mse": mse}

    terms = sum((1 - (1 - restart) ** (t + 1)) / restart for t in range(length)) / length
    spec = TaskSpec(
        in_features=2,
        out_features=1,
        length=length,
        batch_size=batch_size,
        metric="mse",
        maximize=False,
        baseline=terms / 3,
        solved=0.01 * terms / 3,
    )
    return Task(spec, batch, loss)


# %%
sums = task(batch_size=4096)
testing.check_task(task())
sample = sums.batch(jax.random.key(0), 0)
measured = float(jnp.mean(sample.targets**2))
print(f"error of always 0: derived {sums.spec.baseline:.3f}, in 4096 sequences {measured:.3f}")

# %% [markdown]
# ## 5. Train them by name
#
# To be trained, both have to be in files. The name of a file is the name of the member, and the
# arguments of its factory are keys of the config; there is nothing to register. You would save the
# two cells of this notebook as `my_lab/ran.py` and `my_lab/running_sum.py` in a folder on
# `PYTHONPATH`; here, a temporary folder does.

# %%
IMPORTS = """
import jax
import jax.numpy as jnp

from lstmx.cells.lstm import LSTMState
from lstmx.types import Batch, Cell, Mean, Task, TaskSpec


"""
folder = Path(tempfile.mkdtemp())
(folder / "my_lab").mkdir()
for name, factory in {"ran": cell, "running_sum": task}.items():
    (folder / "my_lab" / f"{name}.py").write_text(IMPORTS + inspect.getsource(factory))
sys.path.insert(0, str(folder))

config = cfg.base()
config.name = "own"
config.task = cfg.task("my_lab.running_sum", length=30, restart=0.1)
config.model.cell = cfg.cell("my_lab.ran", hidden_size=8)
config.hparams.learning_rate = 0.03
config.optimizer.schedule = "cosine"
config.steps, config.log_every, config.eval_every, config.checkpoint_every = 400, 40, 40, 400
config.evals = {"valid": {"split": "valid", "batch_size": 256}}
config.eval_batches = 1

spec = experiment.make_task(config.task).spec
rows = {"RAN": config.model.cell, "LSTM": cfg.cell("lstm", hidden_size=8)}
configs = sweep.resolve(config, sweep.product({"model.cell": rows.values(), "seed": range(4)}))
labels = [f"{row}, seed {seed}" for row in rows for seed in range(4)]
paths = runs.train(configs, folder / "runs", labels=labels, quiet=True)

loaded = {row: [] for row in rows}
for label, path in zip(labels, paths):
    loaded[label.rpartition(",")[0]].append(runs.load(path))
final = {row: [r.frame["eval/valid/mse"].iloc[-1] for r in group] for row, group in loaded.items()}
for row, group in loaded.items():
    shown = "  ".join(f"{value:.4f}" for value in final[row])
    print(f"{row:<5} {group[0].meta['parameters']} parameters   final error of four seeds  {shown}")

# %%
levels = [plots.Line("always 0", spec.baseline), plots.Line("solved", spec.solved)]
plots.learning_curves(
    {
        row: [(r.frame.index, r.frame["eval/valid/mse"]) for r in group]
        for row, group in loaded.items()
    },
    ylabel="mean squared error, mean of 4 seeds and their range",
    lines=levels,
)

# %% [markdown]
# All eight runs solve the task. The RAN has little more than half of the parameters of the LSTM,
# and its errors are somewhat higher. Four seeds at one size and one learning rate are no comparison
# of two cells; notebook 02 is about what would be one.
#
# ## 6. Look inside
#
# A stored run names its modules, and opening it imports them, which runs their code. For modules
# that lstmx does not ship, it therefore asks for `trust=True`.

# %%
opened = runs.open(loaded["RAN"][0].path, trust=True)
layer, layer_params = opened.layers[0]
test = opened.make_task(split="test", batch_size=1024)
inputs = test.batch(jax.random.key(0), 0).inputs
values, marks = np.asarray(inputs[..., 0]), np.asarray(inputs[..., 1]) == 1
print("layer", layer.gates, " test inputs", inputs.shape)

# %% [markdown]
# **What does a unit retain?** One expects that $f$ is near 1 between the marks, to add, and near 0
# at a mark, to start over. `measured_retention` does not have to be told which gate retains. It
# differentiates the step itself, $\partial c_t / \partial c_{t-1}$ with all gates held fixed, and
# so works for any cell.

# %%
trace = lstmx.unroll(layer, layer_params, inputs, return_trace=True).trace
retention = np.asarray(analysis.gates.measured_retention(layer, layer_params, inputs)["c"])
restarts = marks & (np.arange(marks.shape[1]) > 0)  # the first step has nothing to forget
at_restarts, between = retention[restarts].mean(0), retention[~marks].mean(0)  # [H]
print(f"difference from the gate f: {np.abs(retention - trace.gates['f']).max():.0e}")
print(f"mean retention  at restarts {at_restarts.mean():.2f}   between {between.mean():.2f}")
print(f"lowest unit     at restarts {at_restarts.min():.2f}   between {between.min():.2f}")
print(f"highest unit    at restarts {at_restarts.max():.2f}   between {between.max():.2f}")

order = np.argsort(at_restarts)
shown = int(np.argmax(restarts.sum(1) == 3))  # the first sequence with three restarts
plots.gates_heatmap(
    {"retention of c": retention[shown][:, order]},
    marks={int(t): f"{values[shown, t]:.1f}" for t in np.flatnonzero(marks[shown])},
)

# %% [markdown]
# This is not what one expects. At a restart (framed) the units keep half of their contents in the
# mean, and between the restarts they lose a part at every step. With such gates one would expect a
# network that fails at both halves of the task, but its error is less than a hundredth of the
# trivial one.
#
# **How much of each input is in the output?** In a RAN this has an exact answer, and the weights
# are an attractive measure of the importance of an input. With $v$ the weights of the readout,
#
# $$y_T = b + \sum_{j \le T} w_j \cdot x_j, \qquad
#   w_j = W_c^\top \Big(v \odot i_j \odot \prod_{k=j+1}^{T} f_k\Big)$$
#
# If the network adds, the weight of a value should be 1 since the last mark, and 0 before it.


# %%
def weights(params, inputs):
    """The weights w of all inputs in the last output, [B, T, X], in the form above."""
    inner = params["layers"]["layer_0"]
    gates = lstmx.unroll(layer, inner, inputs, return_trace=True).trace.gates
    after = jnp.cumprod(gates["f"][:, :0:-1], axis=1)[:, ::-1]  # f_T ... f_{j+1}, for j < T
    kept = jnp.concatenate([after, jnp.ones_like(after[:, :1])], axis=1)
    return (kept * gates["i"] * params["readout"]["W"][:, 0]) @ inner["W_c"].T


w = np.asarray(weights(opened.params, inputs))
outputs = np.asarray(opened.model.apply(opened.params, inputs)[0])
total = np.sum(w * np.asarray(inputs), axis=(1, 2)) + float(opened.params["readout"]["b"][0])
incomplete = float(np.abs(total - outputs[:, -1, 0]).max())
print(f"the sum differs from the output by {incomplete:.0e} at most")

# %% [markdown]
# **How does the output depend on each input?** That is the gradient $\partial y_T / \partial x_j$,
# in which the gates are not fixed. `saliency` computes it for any model.

# %%
score = analysis.saliency.score(opened.model, opened.params)  # of the last step
slopes = np.asarray(analysis.saliency.gradient(score, inputs))

number = np.cumsum(marks, axis=1)
inside = number == number[:, -1:]  # since the last mark
age = np.arange(marks.shape[1])[::-1]  # steps from a value to the output
AGES = np.arange(1, 21)


def by_age(table, where):
    return [table[:, age == a, 0][where[:, age == a]].mean() for a in AGES]


profiles = {
    "gradient, since the mark": by_age(slopes, inside),
    "gradient, before the mark": by_age(slopes, ~inside),
    "weight, since the mark": by_age(w, inside),
    "weight, before the mark": by_age(w, ~inside),
}
plots.metric_by_position(
    profiles,
    positions=AGES,
    ylabel="share of a value in the last output, mean of 1024 sequences",
    xlabel="steps from the value to the output",
    lines=[plots.Line("task, since the mark", 1.0), plots.Line("task, before the mark", 0.0)],
)

# %% [markdown]
# The gradient is the task: 1 since the mark, 0 before it, at every age. The weights say something
# else: old values of the present sum fade, and values that should be forgotten are still there.
#
# Both are exact. They differ because $i$ and $f$ depend on $h$, hence on all earlier inputs: a
# value acts through its own term of the sum, and through the gates of all later terms. At a
# restart, the network does not clear its state. It keeps a part of the old sum and writes the
# opposite of it:

# %%
v = np.asarray(opened.params["readout"]["W"][:, 0])
g, c = trace.gates, np.asarray(trace.states.c)
before = np.concatenate([np.zeros_like(c[:, :1]), c[:, :-1]], axis=1)
kept = (np.asarray(g["f"]) * before @ v)[restarts]  # of the past, as the readout sees it
written = (np.asarray(g["i"] * g["z"]) @ v)[restarts] - values[restarts]
correlation = float(np.corrcoef(kept, written)[0, 1])
print("at restarts, in units of the output (standard deviations)")
print(f"kept of the old sum {kept.std():.2f}, written beside the new value {written.std():.2f}")
print(f"both together       {(kept + written).std():.2f}, correlation {correlation:+.3f}")

# %% [markdown]
# Are these habits of one run? The same numbers for all four seeds, and the gradient for the LSTM:

# %%
summaries = {}
for row, group in loaded.items():
    for seed, run in enumerate(group):
        one = runs.open(run.path, trust=True)
        of_one = analysis.saliency.score(one.model, one.params)
        found = {"gradient": np.asarray(analysis.saliency.gradient(of_one, inputs))}
        summary = {}
        if row == "RAN":
            found["weight"] = np.asarray(weights(one.params, inputs))
            shares = analysis.gates.measured_retention(*one.layers[0], inputs)["c"]
            summary["retention"] = float(np.asarray(shares)[restarts].mean())
        for name, table in found.items():
            summary[name, "since"] = float(np.mean(by_age(table, inside)))
            summary[name, "before"] = float(np.mean(by_age(table, ~inside)))
        summaries[row, seed] = summary

keys = [(name, when) for name in ("weight", "gradient") for when in ("since", "before")]
grid = [["", "weight: since", "before", "gradient: since", "before", "retention at restarts"]]
for (row, seed), summary in summaries.items():
    shown = [f"{summary[key]:.2f}" if key in summary else "" for key in [*keys, "retention"]]
    grid.append([f"{row}, seed {seed}", *shown])
print(tables.aligned(grid))

# %% [markdown]
# Numbers are means over the ages 1 to 20. All four seeds of the RAN do the same: they keep about
# half at a restart, the weights mix up the present sum and the past ones, and the output depends on
# the right values only. The LSTM, whose output depends on the same values, has no such weights.
#
# ## 7. Conclusion
#
# - A cell is a `step` of a few lines, a task is a `batch` and a `loss`. By name, both go wherever
#   those of lstmx go: into configs, sweeps and launchers (`--config.model.cell.name=my_lab.ran
#   --trust`), and into every analysis.
# - `check_cell` and `check_task` test what a training curve does not show. The three broken cells
#   unroll without an error.
# - A RAN learns the running sum, and its state is a weighted sum of its inputs, with weights that
#   are computed exactly. It would be wrong to read them as importance. The network with these
#   weights forgets by writing the opposite, not by closing its gates, which no weight and no
#   retention shows, because both hold the gates fixed. The gradient does not.
# - That is a finding about eight units, one task and 400 updates. Longer training or more units may
#   lead to gates that close; this notebook has not tried.
#
# So an analysis of gates needs a second look through a quantity that lets the gates move: a
# gradient, a lesion, or the Jacobian of the joint state (`lstmx.analysis`).
