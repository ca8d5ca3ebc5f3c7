"""Schedules of the learning rate: a module each, with one function `schedule(...)`.

Its parameters are the keys `optimizer.<name>` of a config that it reads; any other key that differs
from its default is refused. A parameter with a default is a key of its own. It returns a function
from the updates after the warmup to a factor of the learning rate; `decay_steps` arrives as the
rest of the run where a config leaves it at 0. Importing this package imports no optax.
"""
