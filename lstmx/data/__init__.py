"""Readers of data files: NumPy arrays on the host, no jax. One corpus or kind of file a module."""

from lstmx.data.fetch import Missing

__all__ = ["Missing"]
