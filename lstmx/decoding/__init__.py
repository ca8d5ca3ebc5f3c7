"""Decoding: from what a model thinks of the next token, or of every frame, to sequences.

Pure functions; they know no model. `greedy` and `beam_search` take a step function
`(state, tokens [N]) -> (state, logits [N, V])`, and finished rows repeat the token `end`. The
others decode the frames of connectionist temporal classification.

>>> import jax.numpy as jnp
>>> from lstmx import decoding
>>> count = lambda state, tokens: (state, jnp.eye(5)[(tokens + 1) % 5] * 9)
>>> decoding.greedy(count, jnp.zeros((1, 0)), length=6, start=1, end=4).tokens
Array([[2, 3, 4, 4, 4, 4]], dtype=int32)
"""

from lstmx.decoding._beam import Beams, beam_search, length_penalty
from lstmx.decoding._ctc import best_path, edit_distance, label_error_rate, prefix_beam
from lstmx.decoding._decoder import Decoder
from lstmx.decoding._greedy import Greedy, greedy
from lstmx.decoding._sampling import nucleus, sample

__all__ = [
    "Beams",
    "Decoder",
    "Greedy",
    "beam_search",
    "best_path",
    "edit_distance",
    "greedy",
    "label_error_rate",
    "length_penalty",
    "nucleus",
    "prefix_beam",
    "sample",
]
