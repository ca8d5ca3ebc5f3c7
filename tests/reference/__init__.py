"""Oracles: each cell once more, in float64 NumPy, written from the equations and not from our code.

One module for each cell, with one function `run(params, xs, **options) -> dict`: xs [B, T, X] and
options as for the factory; the result has `outputs` [B, T, H], `gates` and `states`, by name.
Plain loops over examples, steps and gates. No jax, and nothing from lstmx.
"""
