"""A trained model with the units and labels of the arrays that it was trained on."""

import dataclasses
import functools
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from lstmx import checks, precision, runs, stats
from lstmx.data import arrays, fetch
from lstmx.data.arrays import Labelled, Part
from lstmx.fitting import _given
from lstmx.runs.opened import Opened
from lstmx.runs.run import Run
from lstmx.tasks import _encoding, _labelled
from lstmx.train import step as training
from lstmx.types import Params

if TYPE_CHECKING:
    import pandas as pd

TASK = "arrays"


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """A run on arrays of the user.

    Attributes:
        opened: the run with its model and parameters, those of the best step on validation data,
            or of the last one without such data.
    """

    opened: Opened

    def __repr__(self) -> str:
        run, cell = self.run, self.opened.config.model.cell
        return f"Fitted(cell={cell.name!r}, run={str(run.path)!r})"

    @property
    def run(self) -> Run:
        """The content of the run directory; `run.path` is the directory."""
        return self.opened.run

    @property
    def history(self) -> "pd.DataFrame":
        """Metrics of train and of the evaluation: a row an epoch, its index the update."""
        return self.run.frame

    @functools.cached_property
    def data(self) -> Labelled:
        """What it was trained and validated on, from the file beside the run."""
        with fetch.beside(self.run.path.parent):
            return arrays.load(fetch.find(self.opened.config.task.file))

    @property
    def classes(self) -> np.ndarray | None:
        """The labels, in the order of the outputs; None for numbers."""
        return self.data.classes

    def predict(
        self, X: Any, *, lengths: Any = None, mask: Any = None, probabilities: bool = False
    ) -> np.ndarray:
        """Labels or numbers for new sequences.

        Args:
            X, lengths, mask: as for `fit`.
            probabilities: those of all classes, instead of the most probable label.

        Returns:
            [N] labels, [N] or [N, Y] numbers, or probabilities [N, C]. With a target at every step
            [N, T], [N, T, Y] or [N, T, C]; what stands at padding has no meaning.

        Raises:
            ValueError: arrays of another shape than those it was trained on; probabilities of
                numbers.
        """
        if probabilities and self.classes is None:
            raise ValueError("probabilities=True is for classes; this model predicts numbers")
        values, real = _given.values(X, lengths, mask, tokens=self.opened.config.task.tokens)
        outputs = self._outputs(self._part(values, real), self.opened.params)
        scale = self._encoder.outputs
        if scale is not None:
            numbers = outputs * scale.scale + scale.shift
            return numbers[..., 0] if numbers.shape[-1] == 1 else numbers
        if probabilities:
            return np.asarray(jax.nn.softmax(outputs, axis=-1))
        assert self.classes is not None
        return np.asarray(self.classes[np.argmax(outputs, axis=-1)])

    def evaluate(
        self, X: Any = None, y: Any = None, *, lengths: Any = None, mask: Any = None
    ) -> dict[str, float]:
        """The metrics of the run on labelled sequences, by default on those for validation.

        Args:
            X, y, lengths, mask: as for `fit`; without X the validation data, or train without any.

        Returns:
            name -> value; for classes also "macro_f1", the mean of their F1 scores.

        Raises:
            ValueError: X without y, or arrays that do not fit those it was trained on.
        """
        part = self._labelled(X, y, lengths, mask)
        return self._metrics(part, [self.opened.params])[0]

    def confusion(
        self, X: Any = None, y: Any = None, *, lengths: Any = None, mask: Any = None
    ) -> "pd.DataFrame":
        """How often each label (row) was predicted as each label (column); arguments as `evaluate`.

        Raises:
            ValueError: a model of numbers, or as `evaluate`.
        """
        import pandas as pd  # slow to import, and a prediction needs none

        if self.classes is None:
            raise ValueError("a confusion matrix is of classes; this model predicts numbers")
        part = self._labelled(X, y, lengths, mask)
        truth, guess = self._decisions(part, self.opened.params)
        table = stats.confusion(truth, guess, len(self.classes))
        names = [pd.Index(self.classes, name=name) for name in ("truth", "prediction")]
        return pd.DataFrame(table, *names)

    def _metrics(self, part: Part, models: Sequence[Params]) -> list[dict[str, float]]:
        """The metrics of parameters of this model on a part; one compilation for all of them."""
        config = self.opened.config.task
        judged = Labelled({"train": self.data.parts["train"], "test": part}, self.classes)
        size = min(config.batch_size, len(part.mask))
        options = _encoding.Options(size, "test", scaling=config.scaling, missing=config.missing)
        task = _labelled.make(judged, options, tokens=self._encoder.in_features)
        mode = self.opened.config.model.precision
        task = task._replace(batch=precision.drawn(mode, task.batch))
        count = task.spec.num_batches or 1
        measure = jax.jit(
            lambda params: training.evaluate(
                task, self.opened.model, params, jax.random.key(0), count
            )
        )
        metrics = []
        for params in models:
            with precision.scope(mode):
                found = training.values(measure(params))
            metrics.append({name: float(value) for name, value in found.items()})
            if self.classes is not None:
                truth, guess = self._decisions(part, params)
                metrics[-1]["macro_f1"] = stats.macro_f1(truth, guess, len(self.classes))
        return metrics

    @functools.cached_property
    def _encoder(self) -> _encoding.Encoder:
        config = self.opened.config.task
        options = _encoding.Options(scaling=config.scaling, missing=config.missing)
        return _encoding.encoder(self.data, options, config.tokens)

    @property
    def _every(self) -> bool:
        return self.data.parts["train"].targets.ndim == (2 if self.classes is not None else 3)

    @functools.cached_property
    def _apply(self) -> Callable[..., Any]:
        """(params, inputs, mask) -> outputs [B, T, Y] from the initial state, compiled."""
        model = self.opened.model

        def apply(params: Any, inputs: Any, mask: Any) -> Any:
            state = model.initial_state(params, inputs.shape[:1])
            return model.apply(params, inputs, state, mask=mask)[0]

        return jax.jit(apply)

    def _part(self, values: np.ndarray, real: np.ndarray) -> Part:
        """Sequences without targets. Raises ValueError if they are not like those of train."""
        train = self.data.parts["train"].values
        if values.shape[2:] != train.shape[2:]:
            raise ValueError(
                f"X has {values.shape[2]} features; the model was trained on {train.shape[2]}"
            )
        return Part(values, real, np.zeros(0))

    def _outputs(self, part: Part, params: Params) -> np.ndarray:
        """Outputs of the model at the last step [N, Y], or at every one [N, T, Y]."""
        inputs, real = self._encoder.encoded("X", part), part.mask
        ends = np.argmax(_labelled.last_steps(real), axis=1)
        size = min(self.opened.config.task.batch_size, len(real))
        found = []
        mode = self.opened.config.model.precision
        with precision.scope(mode):
            for start in range(0, len(real), size):
                rows = np.arange(start, start + size).clip(max=len(real) - 1)
                y = self._apply(
                    params,
                    precision.cast(mode, jnp.asarray(inputs[rows])),
                    jnp.asarray(real[rows]),
                )
                y = np.asarray(y)[: len(real) - start]
                found.append(y if self._every else y[np.arange(len(y)), ends[rows[: len(y)]]])
        return np.concatenate(found)

    def _labelled(self, X: Any, y: Any, lengths: Any, mask: Any) -> Part:
        """Sequences with targets; those of validation, or else of train, for None."""
        if (X is None) != (y is None):
            raise ValueError("got X without y, or y without X; expected both or none")
        if X is None:
            return self.data.parts.get("valid", self.data.parts["train"])
        values, real = _given.values(X, lengths, mask, tokens=self.opened.config.task.tokens)
        part = self._part(values, real)
        kind = "regression" if self.classes is None else "classification"
        found = _given.targets(y, real, kind, "every" if self._every else "last")
        if self.classes is not None:
            found = _given.classes_of(found, real, self.classes)
        elif found.shape[-1] != (width := self.data.parts["train"].targets.shape[-1]):
            raise ValueError(f"y has {found.shape[-1]} targets; the model was trained on {width}")
        return part._replace(targets=found)

    def _decisions(self, part: Part, params: Params) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the true and of the predicted classes, of all labels of a part."""
        guess = np.argmax(self._outputs(part, params), axis=-1)
        if self._every:
            return part.targets[part.mask], guess[part.mask]
        return part.targets, guess


def open(path: Path | str, *, step: str | int | None = None, trust: bool = False) -> Fitted:
    """The model that `fit` has trained, from its run directory.

    Args:
        path: the run directory, with the file of its data beside it.
        step: "best", "latest" or a step; None is the best one on validation data, and the latest
            without such data.
        trust: import modules that the run names; see `lstmx.config.from_dict`.

    Raises:
        ValueError: no run, a run of another task, no such checkpoint.
    """
    run = runs.load(path)
    name = run.config["task"]["name"]
    checks.one_of(f"{path}: its task is", name, (TASK,))
    if step is None:
        step = "best" if "valid" in run.config["evals"] else "latest"
    return Fitted(runs.open(path, trust, step=step))


def hold(members: Sequence[Fitted], folder: tempfile.TemporaryDirectory[str]) -> None:
    """A temporary folder lasts as long as the last of the models whose runs are in it."""
    left = len(members)

    def drop() -> None:
        nonlocal left
        left -= 1
        if not left:
            folder.cleanup()

    for one in members:
        weakref.finalize(one, drop)
