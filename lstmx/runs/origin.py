"""The run whose parameters other runs start from, and how two of them are told apart."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from lstmx import experiment
from lstmx.types import Params


class Start(NamedTuple):
    """The parameters that runs start from.

    Attributes:
        argument: the directory of another run as passed; None for the usual initial values.
        params: the best parameters of that run.
    """

    argument: Path | str | None
    params: Params | None

    @property
    def origin(self) -> str | None:
        """The last two parts of that run's path, config and folder: its workdir may be moved."""
        if self.argument is None:
            return None
        return "/".join(Path(self.argument).absolute().parts[-2:])

    @property
    def digest(self) -> str | None:
        """Of its parameters: runs of one origin differ where that one started elsewhere itself."""
        return None if self.params is None else digest(self.params)

    def check(self, exp: experiment.Experiment) -> None:
        """Raise ValueError where names or shapes of parameters differ from the model's."""
        if self.params is None:
            return
        expected = jax.eval_shape(exp.model.init, jax.random.key(0))
        want, have = (
            {jax.tree_util.keystr(k): v.shape for k, v in jax.tree_util.tree_leaves_with_path(t)}
            for t in (expected, self.params)
        )
        for key in sorted({*want, *have}):
            if want.get(key) != have.get(key):
                raise ValueError(
                    f"--init_from={self.argument}: its parameters do not fit this model: {key} is "
                    f"{have.get(key)} there and {want.get(key)} here"
                )


def digest(params: Params) -> str:
    """16 hex digits of the names, shapes, types and values of parameters."""
    found = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        values = np.asarray(leaf)
        found.update(f"{jax.tree_util.keystr(path)} {values.dtype} {values.shape}".encode())
        found.update(values.tobytes())
    return found.hexdigest()[:16]
