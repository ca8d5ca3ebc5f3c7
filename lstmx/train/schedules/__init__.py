"""Schedules of the learning rate: a module each, with one function `schedule(...)`.

Its parameters are the keys `optimizer.<name>` of a config that it reads; any other key that differs
from its default is refused. A parameter with a default adds a key to configs that name this
schedule. It returns a function from the number of updates after the warmup to a factor of the
learning rate. Where a config leaves `decay_steps` at 0, its value is the rest of the run.

Importing this package imports no optax.
"""
