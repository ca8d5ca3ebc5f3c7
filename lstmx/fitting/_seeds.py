"""Models of several seeds, trained on the same arrays: what they say together, and each of them."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import config as cfg
from lstmx import stats, sweep
from lstmx.fitting._fitted import Fitted
from lstmx.runs import selection
from lstmx.runs.opened import Opened
from lstmx.types import Array, Params, State

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True, eq=False)
class Seeds:
    """Runs on the same arrays that differ in their seeds only.

    Runs of an earlier process are `Seeds(tuple(map(lstmx.fitting.open, paths)))`.

    Attributes:
        members: the model of each seed with its run, in the order of the seeds.
    """

    members: tuple[Fitted, ...]

    def __repr__(self) -> str:
        return f"Seeds({', '.join(map(repr, self.members))})"

    def __post_init__(self) -> None:
        """Raises ValueError unless there are members that differ in their seeds, and only there."""
        sweep.seeds(self.seeds)
        configs = [cfg.flatten(cfg.to_dict(one.opened.config)) for one in self.members]
        if keys := [key for key in cfg.varying(configs) if key != "seed"]:
            raise ValueError(f"the runs differ in {', '.join(keys)}; expected only their seeds to")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of each member."""
        return tuple(one.opened.config.seed for one in self.members)

    @functools.cached_property
    def best(self) -> Fitted:
        """The member that is best by the metric that chooses its step, the first of equal ones.

        Without validation data that is the metric on the training data at the last step.
        """

        def rank(member: Fitted) -> float:
            chosen, points = selection.of(member.run), member.run.metrics
            point = chosen.best(points) if "valid" in member.opened.config.evals else None
            value = chosen.last(points) if point is None else point[chosen.metric]
            return chosen.rank(value, 0)[0]

        return max(self.members, key=rank)

    @property
    def history(self) -> "pd.DataFrame":
        """Metrics of every seed: a row an epoch, columns (seed, metric), the index the update."""
        import pandas as pd  # slow to import, and a prediction needs none

        found = {seed: one.history for seed, one in zip(self.seeds, self.members)}
        return pd.concat(found, axis=1, names=["seed", "metric"])

    @property
    def classes(self) -> np.ndarray | None:
        """The labels, in the order of the outputs; None for numbers."""
        return self.members[0].classes

    def predict(
        self, X: Any, *, lengths: Any = None, mask: Any = None, probabilities: bool = False
    ) -> np.ndarray:
        """The mean over seeds of their numbers or probabilities, and the label it makes likeliest.

        Averaging independently trained networks is a deep ensemble (Lakshminarayanan, Pritzel &
        Blundell 2017, arXiv:1612.01474). What one network says is `best.predict`.

        Args:
            X, lengths, mask, probabilities: as for `Fitted.predict`.

        Returns:
            as `Fitted.predict`.

        Raises:
            ValueError: as `Fitted.predict`; a member whose training diverged.
        """
        return self._joint.predict(X, lengths=lengths, mask=mask, probabilities=probabilities)

    def evaluate(
        self, X: Any = None, y: Any = None, *, lengths: Any = None, mask: Any = None
    ) -> "pd.DataFrame":
        """The metrics of every seed on labelled sequences, with their mean over seeds.

        Args:
            X, y, lengths, mask: as for `Fitted.evaluate`.

        Returns:
            A row a metric. Columns: "mean" over seeds and the ends "low" and "high" of its 95 %
            interval (`lstmx.stats.mean_interval`; missing with one seed); "ensemble", the metric of
            what `predict` says; "seed=0" and so on, that of each seed. Mean and interval are those
            of one network of any seed; the ensemble is another predictor, usually a better one.

        Raises:
            ValueError: as `Fitted.evaluate`.
        """
        import pandas as pd  # slow to import, and a prediction needs none

        part = self.members[0]._labelled(X, y, lengths, mask)
        found = self.members[0]._metrics(part, [one.opened.params for one in self.members])
        rows = pd.DataFrame(found, index=[f"seed={seed}" for seed in self.seeds]).T
        joint = None if self._diverged else self._joint
        whole = {} if joint is None else joint._metrics(part, [joint.opened.params])[0]
        ends = [
            stats.mean_interval(row) if np.isfinite(row).all() else stats.NO_INTERVAL
            for row in rows.to_numpy()
        ]
        summary = {
            "mean": rows.mean(axis=1, skipna=False),
            "low": [low for low, _ in ends],
            "high": [high for _, high in ends],
            "ensemble": [whole.get(name, np.nan) for name in rows.index],
        }
        return pd.concat([pd.DataFrame(summary, index=rows.index), rows], axis=1)

    def confusion(
        self, X: Any = None, y: Any = None, *, lengths: Any = None, mask: Any = None
    ) -> "pd.DataFrame":
        """How often each label (row) was predicted as each label (column), by `predict`.

        Raises:
            ValueError: as `Fitted.confusion`; a member whose training diverged.
        """
        return self._joint.confusion(X, y, lengths=lengths, mask=mask)

    @functools.cached_property
    def _diverged(self) -> list[int]:
        """The seeds whose parameters are not all finite."""
        finite = lambda leaf: bool(np.isfinite(np.asarray(leaf)).all())
        return [
            seed
            for seed, one in zip(self.seeds, self.members)
            if not all(map(finite, jax.tree.leaves(one.opened.params)))
        ]

    @functools.cached_property
    def _joint(self) -> Fitted:
        """All members as one model, which averages their outputs."""
        if self._diverged:
            raise ValueError(
                f"training diverged with seed {self._diverged[0]}; expected finite parameters: "
                "best.predict is that of one seed, Seeds(members) with the others leaves it out"
            )
        return Fitted(_joint([one.opened for one in self.members], self.classes is not None))


def _joint(opened: Sequence[Opened], classes: bool) -> Opened:
    """One model whose params are those of all, stacked; its outputs are the mean of theirs.

    Of classes the outputs are the logarithms of the mean probabilities.
    """
    one = opened[0].model
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(each.params for each in opened))

    def initial_state(params: Params, batch_shape: tuple[int, ...]) -> State:
        return jax.vmap(lambda own: one.initial_state(own, batch_shape))(params)

    def apply(
        params: Params, inputs: Any, state: State, **options: Any
    ) -> tuple[Array, State, None]:
        def member(of: tuple[Params, State]) -> tuple[Array, State]:
            outputs, after, _ = one.apply(of[0], inputs, of[1], **options)
            return jax.nn.log_softmax(outputs, axis=-1) if classes else outputs, after

        outputs, after = jax.lax.map(member, (params, state))
        if classes:
            return jax.nn.logsumexp(outputs, axis=0) - math.log(len(opened)), after, None
        return outputs.mean(axis=0), after, None

    model = one._replace(initial_state=initial_state, apply=apply, hidden=None)
    return dataclasses.replace(opened[0], model=model, params=stacked, layers=())
