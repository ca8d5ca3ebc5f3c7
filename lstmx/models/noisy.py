"""The model "sequence" with noise on its inputs in training, whose size is traced.

    x' = x + s e     e ~ N(0, 1), another sample for each feature, step, example and update

s is `hparams.input_noise`: any number of sizes are trained within one compilation. Greff et al.
2017 search it between 0 and 1, on inputs of about unit variance. In evaluation nothing is added.
Embedded and one-hot tokens have it, too. Observation masks and elapsed times have not: such inputs
are refused.
"""

from typing import Any

import jax

from lstmx.constants import CONSTANTS
from lstmx.models import sequence
from lstmx.models._backbone import Backbone
from lstmx.parallel import shards
from lstmx.types import Key, Model, Params

BIBTEX = """
@article{greff2017odyssey,
  author = {Klaus Greff and Rupesh K. Srivastava and Jan Koutník and Bas R. Steunebrink and Jürgen
    Schmidhuber},
  title = {{LSTM}: A Search Space Odyssey},
  journal = {IEEE Transactions on Neural Networks and Learning Systems},
  volume = {28},
  number = {10},
  year = {2017},
}
"""


def constants(backbone: Backbone, *, input_noise: float = 0.0) -> Params:
    """The standard deviation of the noise."""
    del backbone
    return {"input_noise": input_noise}


def model(backbone: Backbone) -> Model:
    """Returns the model of a backbone; parameters are those of the model "sequence"."""
    return sequence.changed(backbone, _noisy)


def _noisy(params: Params, xs: Any, key: Key | None) -> tuple[Any, Key | None]:
    """The inputs with noise, and the key of the layers. Raises ValueError for a tree of inputs."""
    if key is None:
        return xs, None
    if not hasattr(xs, "shape"):
        kind = type(xs).__name__
        raise ValueError(f"model 'noisy' got inputs of type {kind}; expected an array [B, T, X]")
    key_noise, key = jax.random.split(key)
    sample = shards.sample(lambda shape: jax.random.normal(key_noise, shape, xs.dtype), xs.shape)
    return xs + params[CONSTANTS]["input_noise"].astype(xs.dtype) * sample, key
