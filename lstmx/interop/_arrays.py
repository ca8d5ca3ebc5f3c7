"""Arrays of other libraries as NumPy arrays of at least 32 bits."""

from typing import Any

import jax.numpy as jnp
import numpy as np


def array(value: Any) -> np.ndarray:
    """Floats as a NumPy array of at least 32 bits; those of fewer become float32, which is exact.

    Half precision is for storage only: parameters are float32 even under `precision="bfloat16"`,
    and a step with half-precision weights and float32 inputs would change the type of the state.

    Args:
        value: what `numpy.asarray` takes, or a tensor of torch on any device.

    Raises:
        ValueError: anything but floats.
    """
    if hasattr(value, "detach"):  # torch: NumPy reads neither bfloat16 nor other devices
        value = value.detach().cpu()
        if value.is_floating_point() and value.element_size() < 4:
            value = value.float()
    floats = np.asarray(value)
    if not jnp.issubdtype(floats.dtype, jnp.floating):
        raise ValueError(f"an array is {floats.dtype}; expected floats")
    # JAX takes native byte order only.
    dtype = np.float32 if floats.dtype.itemsize < 4 else floats.dtype.newbyteorder("=")
    return floats.astype(dtype, copy=False)
