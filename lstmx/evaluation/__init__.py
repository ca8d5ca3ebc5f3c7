"""A finished or running run, asked again: on other splits and sizes, and length by length."""

from lstmx.evaluation._evaluate import evaluate, table

__all__ = ["evaluate", "table"]
