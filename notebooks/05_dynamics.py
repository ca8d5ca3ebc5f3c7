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
# # Dynamics: fixed points and Lyapunov exponents
#
# A trained recurrent network is a map $s' = F(s, x)$ of its state. Two tools describe such a map.
# **Fixed points**, $s = F(s, x)$, with the linearised flow around them, say which states the
# network can hold and how an input moves it from one to the next (Sussillo & Barak 2013).
# **Lyapunov exponents** say at which rate two nearby states approach or leave each other along a
# trajectory: a positive one is chaos.
#
# We look for the fixed points of an LSTM that remembers three bits. Then we compute Lyapunov
# exponents of this LSTM, of a chaotic network, and of networks along their training. The state of
# an LSTM is the **joint** state $s = (c, h)$; section 8 shows what one gets without $c$.

# %%
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import lstmx
from lstmx import analysis, experiment, plots, runs
from lstmx import config as cfg
from lstmx.analysis import fixed_points, jacobians, lyapunov
from lstmx.cells.lstm import LSTMState

# %% [markdown]
# ## 1. A network that remembers three bits
#
# In the flip-flop task each of three inputs is zero but for pulses of +1 or -1 at random steps, and
# each of three outputs has to hold the sign of the last pulse on its own input. An LSTM with 24
# units learns it in 600 steps.

# %%
config = cfg.base()
config.name = "dynamics"
config.task = cfg.task("flip_flop", length=50, batch_size=64)
config.model.cell = cfg.cell("lstm", hidden_size=24)
config.hparams.learning_rate = 0.01
config.optimizer.schedule = "cosine"
config.steps, config.eval_every = 600, 300
config.evals = {"valid": {"split": "valid", "batch_size": 256}}
config.eval_batches = 1

workdir = Path(tempfile.mkdtemp())  # use a permanent folder to keep the run
(path,) = runs.train([config], workdir)

opened = runs.open(path)
print(*runs.summary(opened.run).splitlines()[1:], sep="\n")

# %% [markdown]
# ## 2. The step as a map of the joint state
#
# `analysis.system` makes the step of a cell or a model a map of one vector with the states of all
# layers: here 24 cells $c$ and 24 outputs $h$. We record the states that the network visits on test
# sequences of 400 steps, eight times as long as those of training, with a pulse on each input about
# every 50 steps.

# %%
system = analysis.system(opened.model, opened.params)
for name, part in system.parts.items():
    print(f"{name:<10} is s[{part.start}:{part.stop}]")

test = opened.make_task(split="test", batch_size=64, length=400, rate=0.02)
batch = jax.jit(test.batch)(jax.random.key(0), 0)
visited, outputs = analysis.trajectory(system, opened.params, batch.inputs)
correct = float(jnp.mean(jnp.all(outputs * batch.targets > 0, axis=-1)))
print(f"visited states {visited.shape}; all three bits are right at {correct:.2%} of the steps")

# %% [markdown]
# The network does not slowly forget: it *holds* the bits. How?
#
# ## 3. Fixed points at the zero input
#
# Between two pulses the input is zero, so the states that can be held are fixed points of
# $F(s, 0)$. The search minimises the speed $q(s) = |F(s, 0) - s|^2 / 2$ by Newton's method with a
# line search, first from 300 visited states.

# %%
zero = np.zeros((1, 3), np.float32)  # a set of one input
states = fixed_points.sample(visited, 300)


def search(starts, inputs=zero):
    found = fixed_points.search(system, opened.params, starts, inputs, visited=visited)
    points = fixed_points.unique(found)
    around = fixed_points.stability(system, opened.params, points.points, points.inputs)
    return found, points, around


def describe(points, around):
    for name, numbers in points.counts.items():
        print(f"{name:>14}", *(f"{n:6}" for n in numbers))
    for unstable in range(4):
        rows = np.bincount(points.input[around.unstable == unstable], minlength=len(points.share))
        print(f"{unstable} unstable{'':4}", *(f"{n:6}" for n in rows))


found, first, first_around = search(states)
describe(first, first_around)

# %% [markdown]
# Nearly all starts converge, none to an outlier (a point far from all visited states), and most of
# them lead to the same few points. But are these *all* points? One that repels is hardly ever
# visited. It lies between attractors, so we start between pairs of visited states, too.

# %%
others = fixed_points.sample(visited, 300, seed=1)
share = np.random.default_rng(0).random((300, 1), np.float32)
between = states + share * (others - states)
found, points, around = search(between)
describe(points, around)

# %% [markdown]
# There are more. Is there still one missing? A sum rule helps. The states of an LSTM stay in a
# bounded region, which $F$ maps into itself; then the fixed points $s_k$ in it, with their
# Jacobians $J_k$, obey
#
# $$\sum_k \operatorname{sign} \det(I - J_k) = 1$$
#
# (Lefschetz's theorem). A point counts +1 if the number of its real eigenvalues above 1 is even,
# -1 if it is odd. Any other sum says that points are missing. A sum of 1 does not prove that all
# are found: a memory and a saddle that are both missing cancel.


# %%
def index(around):
    return int(np.sum(np.linalg.slogdet(np.eye(system.size) - around.jacobians)[0]))


print("sum of the indices, from visited states:", index(first_around))
print("sum of the indices, from between them:  ", index(around))

# %% [markdown]
# The speeds of the 300 starts show that nothing depends on the tolerance, 1e-10: there is no start
# near it.

# %%
edges, numbers = fixed_points.histogram(found)
tolerances = [plots.Line("fixed", 1e-10), plots.Line("slow", 1e-6)]
plots.speed_histogram(edges, numbers[0], lines=tolerances)

# %% [markdown]
# ## 4. A cube of memories
#
# There are eight stable points, and saddles with one, two and three unstable modes. The outputs of
# the network at a point say what it stands for.


# %%
def word(outputs):
    return "".join("+" if y > 0 else "-" for y in outputs)


kinds = [fixed_points.Kind(kind).name.lower() for kind in around.kind]
apply_zero = jax.vmap(lambda s: system.step(opened.params, s, zero[0])[1])
levels = np.asarray(apply_zero(points.points))  # outputs at each point [P, 3]
stable = np.flatnonzero(around.unstable == 0)
saddles = np.flatnonzero(around.unstable == 1)

memories = sorted(word(levels[n]) for n in stable)
print("memories", *memories)
undecided = np.abs(levels) < 0.7  # [P, 3]
for count in range(4):
    rows = undecided[around.unstable == count].sum(-1)
    print(f"points with {count} unstable modes have {sorted(set(rows.tolist()))} undecided outputs")

parts = fixed_points.manifolds(points.points, around, scale=points.scale, group=points.input)
print("lines, rings or sheets of fixed points:", len(parts.sizes))

# %%
unstable_mode = around.modes.right[:, :, 0].real
directions = np.where((around.unstable == 1)[:, None], unstable_mode, np.nan)
plots.fixed_points(points.points, kinds, visited[:10, :100], directions=directions)

# %% [markdown]
# The points form a cube. Its 8 corners are the memories, where all outputs are +1 or -1. Each of
# its 12 edges has a saddle with one undecided output, each of its 6 faces one with two, and the
# centre has one with three: $3^3 = 27$ points, and 8 - 12 + 6 - 1 = 1. The grey lines are visited
# states, and the line through a saddle is its unstable mode.
#
# The eigenvalues of the step at three of the points:

# %%
corner, edge = stable[0], saddles[0]
centre = int(np.argmax(around.unstable))
shown = {"a corner": corner, "the saddle of an edge": edge, "the centre": centre}
plots.eigenvalues({name: around.modes.values[n] for name, n in shown.items()})

# %%
slowest = around.time_constants[stable].max(-1)
print("slowest time constant of the corners, steps:", *np.sort(slowest).round(1))
away = -around.time_constants[saddles, 0]
print("time to leave the edges by a factor of e:   ", *np.sort(away).round(1))

# %% [markdown]
# A deviation from a memory decays within a few steps, and yet the memory itself lasts until the
# next pulse, however late. The bits are not held by slow modes (eigenvalues near 1, as in a line
# attractor: none is near the unit circle) but by which of eight attractors the state is in.
#
# ## 5. Which input is written along which mode
#
# Around a saddle, an offset $e$ follows $e' = J e + G \delta x$ with $G = \partial F / \partial x$.
# With the left eigenvector $l_1$ of the unstable mode, its coordinate $a = l_1 e$ follows
# $a' = \lambda_1 a + (l_1 G) \delta x$: the row $l_1 G$ is the input that pushes the state over
# the saddle. And where does the state go from there? We let it go on both sides.

# %%
modes = around.modes
written = jacobians.writing(
    modes, jacobians.inputs(system, opened.params, points.points, points.inputs)
)
offset = 0.02 * points.scale * unstable_mode[saddles]
begin = np.concatenate([points.points[saddles] - offset, points.points[saddles] + offset])
flow, _ = analysis.trajectory(system, opened.params, jnp.zeros((len(begin), 200, 3)), begin)
distance = np.linalg.norm(flow[:, -1:] - points.points[stable], axis=-1)  # [2 edges, corners]
ends = np.where(distance.min(-1) < 1e-3, stable[distance.argmin(-1)], -1).reshape(2, -1)

print("outputs at the saddle   ends at       lambda  input written along the mode")
for n, saddle in enumerate(saddles):
    sides = [word(levels[end]) for end in ends[:, n]]
    at = " ".join(f"{y:5.2f}" for y in levels[saddle])
    direction = " ".join(f"{x:5.2f}" for x in written.direction[saddle, 0])
    print(f"{at:<23} {' and '.join(sides)}   {modes.values[saddle, 0].real:.2f}    {direction}")

# %% [markdown]
# From each saddle the state falls into two memories which differ in one bit, the one whose output
# is undecided at the saddle; and the input that is written along its unstable mode is the input of
# that bit, with hardly any of the others (its sign is arbitrary, as that of the mode). To change a
# bit, a pulse has to push the state past the saddle between both memories; the flow does the rest.
#
# How far does the linear picture reach? The coordinate $a$ of one of these trajectories on each
# side, beside $\lambda_1^t a_0$:

# %%
sides = np.array([0, len(saddles)])  # the trajectories from the first saddle
linear = fixed_points.linear_flow(points.points[edge], around.jacobians[edge], begin[sides], 25)
true = np.concatenate([begin[sides, None], flow[sides, :25]], axis=1)
coordinate = {
    name: ((path - points.points[edge]) @ modes.left[edge, 0]).real / points.scale
    for name, path in {"linear": linear, "true": true}.items()
}
steps = np.arange(26)
near = np.abs(coordinate["linear"]) < 0.4
plots.learning_curves(
    {
        f"{name}, to {word(levels[ends[side, 0]])}": [
            (steps[near[side]], coordinate[name][side][near[side]])
        ]
        for side in (0, 1)
        for name in ("true", "linear")
    },
    xlabel="step",
    ylabel="coordinate along the unstable mode, in units of the spread of visited states",
)

# %%
error = np.abs(coordinate["linear"] / coordinate["true"] - 1)
print("step    a, linear        error of the linear flow")
for t in (0, 3, 6, 9, 12):
    print(f"{t:4} ", *(f"{a:7.3f}" for a in coordinate["linear"][:, t]), end="   ")
    print(*(f"{e:8.0%}" for e in error[:, t]))

# %% [markdown]
# In the first steps both flows agree, to some percent. Then the distance from the saddle is no
# longer small, and they part. Eigenvalues are statements on the neighbourhood of a fixed point;
# a comparison like this one says how large that is.
#
# ## 6. Other inputs have other fixed points
#
# A driven network has fixed points for each constant input. What happens to the memories while a
# small input is held on the first bit? We search at five inputs at once.

# %%
sizes = np.array([0, 0.05, 0.1, 0.2, 0.4], np.float32)
held = sizes[:, None] * np.array([1, 0, 0], np.float32)  # [M, X]
found_held, points_held, around_held = search(between, held)
print("input on bit 1", *(f"{size:6.2f}" for size in sizes))
describe(points_held, around_held)

last = np.flatnonzero((points_held.input == len(sizes) - 1) & (around_held.unstable == 0))
apply_held = jax.vmap(lambda s: system.step(opened.params, s, held[-1])[1])
left = sorted(word(outputs) for outputs in apply_held(points_held.points[last]))
print(f"memories left at {sizes[-1]:.2f}:", *left)

# %%
edges, numbers = fixed_points.histogram(found_held)
plots.speed_histogram(edges, numbers[2], lines=tolerances)

# %% [markdown]
# The input removes the four memories with the first bit at -1: each merges with the saddle of its
# edge, and both disappear (a saddle-node bifurcation). From an input of about 0.1 on, four memories
# are left, those with the bit at +1: this is how the network writes.
#
# The counts also show why a search has to say what became of every start. Where points have
# disappeared, many starts do not converge. The histogram (input 0.1) has two groups: fixed points
# at the left, and at the right local minima of $q$ above zero, which remain where a memory and a
# saddle have merged. A search that returns every minimum would count them as fixed points.
#
# ## 7. Lyapunov exponents
#
# Fixed points describe a network at rest. Along any trajectory, driven or not, one can follow an
# orthonormal set of tangents $Q_t$ and orthogonalise it again after each step,
#
# $$J_{t+1} Q_t = Q_{t+1} R_{t+1}, \qquad
# \lambda_i = \frac{1}{T} \sum_t \log |R_{t,ii}|,$$
#
# so that $\lambda_i$ is the mean growth per step, in nats, along the $i$-th direction (Benettin et
# al. 1980). We check this on two known answers. The first is the Hénon map, a step function of our
# own, with the exponents 0.419 and -1.623; their sum is $\log |\det J| = \log 0.3$. The second is
# a memory of our LSTM: at a fixed point the exponents are the logarithms of the magnitudes of the
# eigenvalues.

# %%
henon = analysis.system(
    lambda params, s, x: (jnp.stack([1 - 1.4 * s[0] ** 2 + s[1], 0.3 * s[0]]), ()),
    (),
    state=jnp.zeros(2),
)
of_henon = lyapunov.spectrum(henon, (), steps=20_000, transient=100)
for value, error_of, known in zip(of_henon.exponents[0], of_henon.errors[0], (0.419, -1.623)):
    print(f"Hénon map {value:7.3f} +- {error_of:.3f}, known {known}")
print(f"their sum {of_henon.exponents.sum():.4f}, log 0.3 = {np.log(0.3):.4f}")


def lstm_spectrum(params, inputs, start=None):
    return lyapunov.spectrum(system, params, inputs, start, exponents=6, transient=100, check=False)


rest = jnp.zeros((len(stable), 400, 3))
of_memories = lstm_spectrum(opened.params, rest, points.points[stable])
difference = of_memories.exponents[:, 0] - np.log(np.abs(modes.values[stable, 0]))
print(f"memories: largest exponents {of_memories.exponents[:, 0].round(3)}")
print(f"differences from log |eigenvalue| up to {np.abs(difference).max():.4f}")

# %% [markdown]
# ## 8. The joint state, and a mistake
#
# Now the exponents of the LSTM while the pulses of the test drive it, before training and after.
# The parameters before training are those of the same run, `opened.at("initial")`.
#
# A published tool for the Lyapunov exponents of LSTMs takes $\partial h_t / \partial h_{t-1}$ at a
# fixed $c_{t-1}$. This derivative leaves out the path through the cell, the one that the LSTM was
# invented for. We compute that, too: the step with $h$ as its only state, and with the $c$ of the
# true trajectory among its inputs.

# %%
pulses = batch.inputs[:8]  # [B, T, X]
cell = opened.layers[0][0]


def step_of_h(params, h, inputs):
    state, y, _ = cell.step(params, LSTMState(inputs["c"], h), inputs["x"])
    return state.h, y


of_h = analysis.system(step_of_h, opened.layers[0][1], state=jnp.zeros(24))
largest = {}
for name in ("initial", "best"):
    at = opened.at(name)
    joint = lstm_spectrum(at.params, pulses)
    path, _ = analysis.trajectory(system, at.params, batch.inputs)
    c = path[:8, :, system.parts["layer_0.c"]]
    before = jnp.concatenate([jnp.zeros_like(c[:, :1]), c[:, :-1]], axis=1)
    inputs = {"x": pulses, "c": before}
    wrong = lyapunov.spectrum(
        of_h, at.layers[0][1], inputs, exponents=6, transient=100, check=False
    )
    largest[name] = {
        "joint (c, h)": joint.exponents[:, 0].mean(),
        "h at fixed c": wrong.exponents[:, 0].mean(),
    }

print("parameters  state         largest exponent  falls to 1/e in")
for name, values in largest.items():
    for of, value in values.items():
        print(f"{name:<11} {of:<13} {value:16.3f} {-1 / value:10.1f} steps")

# %% [markdown]
# With the joint state, training makes the network *more* contracting: before it, differences of
# states fade within tens of steps, after it within a few, as at the fixed points above. At a fixed
# $c$ one would conclude that the state is forgotten within one step, and that training makes the
# memory longer: the wrong size and the wrong direction.
#
# ## 9. A chaotic network
#
# A random network $h' = \tanh(g J h + W x)$ with $J_{ij} \sim N(0, 1/H)$ is the classical example
# of chaos: for $H \to \infty$ and no input, the state dies out for $g < 1$ and is chaotic for
# $g > 1$ (Sompolinsky, Crisanti & Sommers 1988, in continuous time; Molgedey et al. 1992, in
# discrete time). We take $H = 64$ and several gains, without an input and with white noise of
# standard deviation 2 on each of three inputs.

# %%
H = 64
rnn = lstmx.cells.make("rnn", hidden_size=H)
plain = rnn.init(jax.random.key(0), 3)
J = jax.random.normal(jax.random.key(7), plain["R"].shape) / H**0.5
of_rnn = analysis.system(rnn, plain)
origins = jax.random.normal(jax.random.key(2), (2, H))
drives = {
    "no input": jnp.zeros((2, 400, 3)),
    "noise": 2 * jax.random.normal(jax.random.key(3), (2, 400, 3)),
}


def rnn_spectrum(params, inputs):
    return lyapunov.spectrum(
        of_rnn, params, inputs, origins, exponents=8, transient=100, check=False
    )


gains = np.array([0.5, 0.8, 1, 1.25, 1.5, 2, 3])
by_gain = {
    name: [rnn_spectrum({**plain, "R": g * J}, xs).exponents[:, 0].mean() for g in gains]
    for name, xs in drives.items()
}
plots.learning_curves(
    {name: [(gains, values)] for name, values in by_gain.items()},
    xlabel="gain g",
    ylabel="largest Lyapunov exponent, nats per step",
    lines=[plots.Line("chaos above", 0)],
    markers=True,
)

# %%
radius = np.abs(np.linalg.eigvals(np.asarray(J[:, 0]))).max()  # of J
print("gain   log(g radius)   no input    noise")
for g, *values in zip(gains, *by_gain.values()):
    print(f"{g:4.2f} {np.log(g * radius):14.3f}", *(f"{v:10.3f}" for v in values))

# %% [markdown]
# Without an input, the state of the first two networks dies out: their exponent is the logarithm of
# the spectral radius of $g J$. From $g = 2$ on the networks are clearly chaotic. With so few units
# the transition is not sharp: between them, exponents are close to 0.
#
# The noise lowers the exponent at every gain, and the network with $g = 2$ is chaotic without it
# and is not with it: an input that is strong enough suppresses chaos (Molgedey et al. 1992, Rajan
# et al. 2010). "Is this network chaotic?" is a question about the network and its input.
#
# ## 10. Exponents along training
#
# What does training do to such networks? We train four on the flip-flop, two draws of $J$ with
# $g = 0.5$, whose state dies out, and two with $g = 2$, which are chaotic. `experiment.build`
# returns the pure functions that `runs.train` uses, so that we can change the initial values and
# keep the parameters of every log point: `chunk` makes 25 updates, here of all four networks at
# once. The exponents are those with the pulses of the test as inputs.

# %%
rnn_config = cfg.resolve(config, {"model.cell.name": "rnn"})
rnn_config = cfg.resolve(rnn_config, {"model.cell.hidden_size": H})
rnn_config.steps, rnn_config.log_every = 300, 25
built = experiment.build(rnn_config)
key_init, key_train, _ = experiment.keys(rnn_config.seed)
hparams = dict(rnn_config.hparams)
fresh = built.init(hparams, key_init)


def start(gain, draw):
    R = gain * jax.random.normal(jax.random.key(draw), (H, 1, H)) / H**0.5
    layer = {**fresh.params["layers"]["layer_0"], "R": R}
    return fresh._replace(params={**fresh.params, "layers": {"layer_0": layer}})


groups = {"g = 0.5": slice(0, 2), "g = 2": slice(2, 4)}
states = [start(gain, draw) for gain in (0.5, 2) for draw in (0, 1)]
train_state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
chunk = jax.jit(jax.vmap(built.chunk, in_axes=(0, None, None)))
kept, errors = {0: train_state.params}, []
for step in range(rnn_config.log_every, rnn_config.steps + 1, rnn_config.log_every):
    train_state, metrics = chunk(train_state, hparams, key_train)
    kept[step] = train_state.params
    errors.append(metrics["mse"].total.sum(1) / metrics["mse"].count.sum(1))
errors = np.stack(errors, axis=1)  # [networks, log points]

when = [0, 25, 50, 100, 200, 300]


def spectrum_at(step, n):
    params = jax.tree.map(lambda a: a[n], kept[step]["layers"]["layer_0"])
    return rnn_spectrum(params, pulses[:2])


along = [[spectrum_at(step, n) for step in when] for n in range(len(states))]
leading = np.array([[s.exponents[:, 0].mean() for s in row] for row in along])
plots.learning_curves(
    {name: [(when, row) for row in leading[rows]] for name, rows in groups.items()},
    ylabel="largest Lyapunov exponent, nats per step",
    lines=[plots.Line("chaos above", 0)],
)

# %%
logged = list(kept)[1:]
plots.learning_curves(
    {name: [(logged, row) for row in errors[rows]] for name, rows in groups.items()},
    ylabel="mean squared error of the last 25 batches",
    lines=[plots.Line("always 0", 1.0), plots.Line("solved", 0.01)],
)

# %%
print("training step  ", *(f"{step:6}" for step in when))
for name, rows in groups.items():
    for row in leading[rows]:
        print(f"exponent, {name:<7}", *(f"{v:6.2f}" for v in row))

chaotic = {"g = 2, before training": along[2][0], "g = 2, after training": along[2][-1]}
for name, of in chaotic.items():
    print(f"{name}: {int((of.exponents[0] > 2 * of.errors[0]).sum())} of 8 exponents above 0")
plots.lyapunov_spectrum(
    {name: (of.exponents[0], of.errors[0]) for name, of in chaotic.items()},
    {name: (of.times[0], of.curve[0]) for name, of in chaotic.items()},
)

# %% [markdown]
# The two kinds of networks start on either side of zero, and both come close to it within the first
# 25 steps: those that were chaotic from above, while their error is still that of the constant 0,
# those whose state died out from below. That is what to expect where attractors are about to be
# made: for a bit to last, a decaying state has to become neutral first, and then unstable between
# two memories. Once the memories of the networks with $g = 0.5$ exist, their exponents fall again,
# as the memories attract.
#
# Chaos is no help here. Both networks with $g = 0.5$ solve the task; after 300 steps the error of
# those with $g = 2$ is still several times as large. Their mean exponent has fallen, but where each
# of them ends, far below zero or still at it or above, depends on the draw, and on the machine: a
# chaotic network amplifies rounding errors, so that its training takes another way where a sum is
# rounded differently. What we say of them is what several repetitions have in common.
#
# ## 11. Conclusion
#
# - The LSTM holds three bits as a cube of 27 fixed points: 8 memories that attract, and 19 saddles
#   that separate them. The unstable modes of the saddles on the edges are where the three inputs
#   are written, each bit by its own input.
# - How long a network remembers and how fast its states contract are two questions. Deviations
#   from a memory decay within a few steps, and the exponents of all networks that solve the task
#   are far below zero, while the bits are held for as long as no pulse comes. Where training begins
#   to work, exponents are near zero, at the "edge of chaos"; the solutions are not there.
# - A search for fixed points needs its bookkeeping. From visited states alone it misses saddles;
#   where fixed points have disappeared it ends at minima of the speed that are none.
# - An exponent belongs to the joint state and to the input. At a fixed $c$ the exponents of the
#   LSTM are several times too negative, and training seems to move them the other way. With noise
#   as its input, a chaotic network is chaotic no more.
#
# All this is one task with discrete memories, one LSTM, and two draws of each random network.
# A task that asks for a continuous memory needs slow modes; do not expect these numbers there.
