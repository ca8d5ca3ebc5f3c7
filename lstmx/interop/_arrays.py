"""Arrays of other libraries on the host, in a type that can be computed with."""

from typing import Any

import jax.numpy as jnp
import numpy as np


def array(value: Any) -> np.ndarray:
    """Floats as a NumPy array of at least 32 bits; those of fewer become float32, which is exact.

    Half precision is a way to store weights and not one to compute with here: parameters are
    float32 even where `precision="bfloat16"` computes, and a step of half-precision weights on
    float32 inputs would have a state of another type than it began with.

    Args:
        value: what `numpy.asarray` takes, or a tensor of torch on any device.

    Raises:
        ValueError: anything but floats.
    """
    if hasattr(value, "detach"):  # torch: NumPy reads no bfloat16 and nothing on another device
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()
    found = np.asarray(value)
    if not jnp.issubdtype(found.dtype, jnp.floating):
        raise ValueError(f"an array is {found.dtype}; expected floats")
    wanted = np.float32 if found.dtype.itemsize < 4 else found.dtype.newbyteorder("=")
    return found.astype(wanted, copy=False)
