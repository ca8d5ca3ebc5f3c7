"""A model for arrays of one's own: trained by `fit` as every run is, or opened from its folder.

Sums of 20 numbers, from 1000 sequences of two features:

    X = np.random.default_rng(0).normal(size=(1000, 20, 2))
    y = X[:, :, 0].sum(axis=1)
    fitted = lstmx.fit(X, y, hidden_size=32, epochs=20, validation_split=0.2)
    fitted.evaluate()      # {"loss": ..., "mae": ..., "mse": ...}
    fitted.predict(X[:3])  # three numbers in the units of y
    fitted.history         # a DataFrame with a row an epoch

    several = lstmx.fit(X, y, hidden_size=32, epochs=20, validation_split=0.2, seeds=5)
    several.evaluate()     # a DataFrame: mean over seeds, its interval, each seed
    several.predict(X[:3]) # the mean of the five; several.best.predict for the best one
"""

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lstmx.fitting._fit import fit as fit
    from lstmx.fitting._fitted import Fitted as Fitted
    from lstmx.fitting._fitted import open as open
    from lstmx.fitting._seeds import Seeds as Seeds

__all__ = ["Fitted", "Seeds", "fit", "open"]
_HOME = {"fit": "_fit", "Fitted": "_fitted", "open": "_fitted", "Seeds": "_seeds"}


def __getattr__(name: str) -> Callable[..., Any]:
    """The public name, imported on first use (PEP 562): it needs jax."""
    if name in _HOME:
        return getattr(importlib.import_module(f"lstmx.fitting.{_HOME[name]}"), name)
    raise AttributeError(f"module 'lstmx.fitting' has no attribute {name!r}")
