"""Optimizers: a module each, with one function `optimizer(...)`; the file name is its name.

Its parameters are the keys of a config that it reads, `hparams.<name>` or `optimizer.<name>`; any
other key that differs from its default is refused. A parameter with a default is a key of its own,
which a config has where it names this optimizer: `hparams.<name>` for a float, which is traced,
`optimizer.<name>` for what is not.

It returns the optax transformations that stand between the clipping of gradients and the learning
rate, in order. Values of `hparams` may be traced scalars. Importing this package imports no optax.
"""
