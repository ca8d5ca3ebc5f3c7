"""Forecasting a table from Python: `fit` trains a run, `predict` says what comes next.

`cross_validate` judges options on several valid parts, without a look at the test part.

Both are a config of the task `forecast` and a run directory, as the launchers make them: what is
fitted here can be judged by `python -m experiments.forecast --run=...`, and the other way round.

    import lstmx

    model = lstmx.forecasting.fit(frame, horizon=24, target_columns=("load",), workdir="runs")
    print(model.verdict)
    lstmx.forecasting.predict(model)             # the 24 values after the last row
    lstmx.forecasting.predict(model, newer)      # of a longer table
    lstmx.forecasting.cross_validate(frame, horizon=24, folds=3)
"""

from lstmx.forecasting._fit import Fitted, config, fit
from lstmx.forecasting._folds import cross_validate
from lstmx.forecasting._predict import predict

__all__ = ["Fitted", "config", "cross_validate", "fit", "predict"]
