"""Decisions and arrays that all processes of a job share: the first makes them and broadcasts.

Only the first process reads and writes run directories, so that hosts need not share a disk. With
one process the functions return their arguments without communication.
"""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils

from lstmx.parallel import mesh

Decision = TypeVar("Decision")
Tree = TypeVar("Tree")


def agreed(decide: Callable[[], Decision]) -> Decision:
    """Returns in every process what `decide` returns in the first: plain JSON values.

    Raises:
        ValueError: in every process, where `decide` raised ValueError or OSError in the first.
    """
    if jax.process_count() == 1:
        return decide()
    outcome: dict[str, Any] = {}
    if mesh.is_main_process():
        try:
            outcome = {"decided": decide()}
        except (ValueError, OSError) as error:
            outcome = {"refused": str(error)}
    text = json.dumps(outcome).encode()
    # A broadcast needs equal shapes everywhere, so that the length of the text goes first.
    length = int(_broadcast(np.array([len(text)], np.int32))[0])
    text = _broadcast(np.frombuffer(text.ljust(length)[:length], np.uint8)).tobytes()
    outcome = json.loads(text)
    if "refused" in outcome:
        raise ValueError(outcome["refused"])
    return outcome["decided"]


def anywhere(flag: bool) -> bool:
    """Whether a flag is set in any process; a collective, which all of them must call."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array([flag]))))


def same(tree: Tree | None, like: Tree) -> Tree:
    """Returns the first process's tree of host arrays in every process, bit for bit.

    One collective, as all processes must reach it together.

    Args:
        tree: of the first process; ignored in the others, which may pass None.
        like: the same structure, with shapes and types; needed in every process.
    """
    if jax.process_count() == 1:
        assert tree is not None
        return tree
    shapes, structure = jax.tree.flatten(like)
    arrays = jax.tree.leaves(tree) if mesh.is_main_process() else shapes
    parts = [
        np.asarray(a, s.dtype) if mesh.is_main_process() else np.zeros(s.shape, s.dtype)
        for a, s in zip(arrays, shapes, strict=True)
    ]
    # All leaves as one array of bytes: bytes cannot be rounded on the way.
    sent = _broadcast(np.frombuffer(b"".join(a.tobytes() for a in parts), np.uint8)).tobytes()
    leaves, begin = [], 0
    for a in parts:
        flat = np.frombuffer(sent, a.dtype, a.size, begin)
        leaves.append(flat.reshape(a.shape))
        begin += a.nbytes
    return jax.tree.unflatten(structure, leaves)


def _broadcast(array: np.ndarray) -> np.ndarray:
    return np.asarray(multihost_utils.broadcast_one_to_all(array)).astype(array.dtype)
