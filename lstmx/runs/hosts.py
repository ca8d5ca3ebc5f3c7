"""What the processes of one job must agree on: the first decides and reads, all are told.

Only the first process touches the run directories, so that hosts need not share a disk. With one
process nothing here does anything.
"""

import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from lstmx.parallel import mesh


def agreed(decide: Callable[[], Any]) -> Any:
    """What `decide` returns in the first process, plain JSON values, in all of them.

    Raises:
        ValueError: in all of them, what the first refused, a file that it cannot write too.
    """
    if jax.process_count() == 1:
        return decide()
    said: dict[str, Any] = {}
    if mesh.is_main_process():
        try:
            said = {"decided": decide()}
        except (ValueError, OSError) as error:
            said = {"refused": str(error)}
    text = json.dumps(said).encode()
    length = int(_broadcast(np.array([len(text)], np.int32))[0])
    said = json.loads(_broadcast(np.frombuffer(text.ljust(length)[:length], np.uint8)).tobytes())
    if "refused" in said:
        raise ValueError(said["refused"])
    return said["decided"]


def anywhere(flag: bool) -> bool:
    """Whether a flag is set in any process; all of them must ask."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array([flag]))))


def same(tree: Any, like: Any) -> Any:
    """The host tree of the first process in all of them, bit for bit, as one collective.

    Args:
        tree: of the first process; what the others give is not looked at.
        like: shapes and types, known to all.
    """
    if jax.process_count() == 1:
        return tree
    shapes, structure = jax.tree.flatten(like)
    own = jax.tree.leaves(tree) if mesh.is_main_process() else shapes
    parts = [
        np.asarray(a, s.dtype) if mesh.is_main_process() else np.zeros(s.shape, s.dtype)
        for a, s in zip(own, shapes, strict=True)
    ]
    told = _broadcast(np.frombuffer(b"".join(a.tobytes() for a in parts), np.uint8)).tobytes()
    leaves, begin = [], 0
    for a in parts:
        flat = np.frombuffer(told, a.dtype, a.size, begin)
        leaves.append(flat.reshape(a.shape))
        begin += a.nbytes
    return jax.tree.unflatten(structure, leaves)


def _broadcast(array: np.ndarray) -> np.ndarray:
    return np.asarray(multihost_utils.broadcast_one_to_all(array)).astype(array.dtype)
