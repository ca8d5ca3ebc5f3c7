"""Optimizers: a module each, with one function `optimizer(...)`; the file name is its name.

Its parameters are the keys of a config that it reads, `hparams.<name>` or `optimizer.<name>`; any
other key that differs from its default is refused. A parameter with a default adds a key to configs
that name this optimizer: `hparams.<name>` for a float, which is traced, `optimizer.<name>` for any
other type, which is static.

It returns optax transformations, which are applied in order between the clipping of gradients and
the learning rate. Values of `hparams` may be traced scalars.

Importing this package imports no optax.
"""
