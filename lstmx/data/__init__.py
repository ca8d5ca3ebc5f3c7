"""Files to arrays on the host: NumPy in, NumPy out, no jax. One corpus or format a file."""

from lstmx.data.fetch import Missing

__all__ = ["Missing"]
