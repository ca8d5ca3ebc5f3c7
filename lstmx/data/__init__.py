"""Readers of data files: NumPy arrays on the host, no jax. One corpus or format per module."""

from lstmx.data.fetch import Missing

__all__ = ["Missing"]
