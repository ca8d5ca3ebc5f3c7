"""Oracles: each cell once more, in float64 NumPy, written from the equations and not from our code.

One module for each cell, all that its tests need to know. Plain loops over examples, steps and
gates; no jax, and nothing from lstmx. It offers

    run(params, xs, **options) -> dict    xs [B, T, X] and options as for the factory; the result
                                          has `outputs` [B, T, H], `gates` and `states`, by name
    CASES      id -> options to ask about; hidden_size is 6 where they do not say

and, where it has something to say,

    QUICK      ids of the cases that the quick tests ask, the first one if absent; the rest is slow
    RECALL     id -> options that learn to recall, the bare call if absent; hidden_size is 8
    REFUSED    line that an error must match -> options that cause it
    parameters(in_features, **options) -> int    the number of parameters, from the equations
    spatial(**options) -> tuple    axes between time and features, for cells on grids
"""
