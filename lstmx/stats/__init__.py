"""Statistics over seeds, tasks and trials: arrays in, numbers and NamedTuples out.

    intervals      of a mean over few seeds; of a share
    comparisons    Welch's and permutation tests; Holm's and Bonferroni's corrections
    effects        difference, Hedges' g, Cliff's delta, with intervals
    aggregates     interquartile mean and probability of improvement over tasks. Agarwal et al. 2021
    classification confusion matrix, macro-F1, AUROC, calibration
    best_of        expected best of k trials, tunability. Dodge et al. 2019
    power          seeds that a difference needs, and what few can show
    spaces, forests, importance    functional ANOVA of hyperparameters. Hutter et al. 2014
    coverage       how often intervals cover, by simulation
    accuracy       forecasts compared: Diebold-Mariano, pinball loss, conformal margins
    smoothing, arima    exponential smoothing, Theta, ARIMA from many origins; by statsmodels
    curves         steps to a threshold

Three to five seeds are usual. Functions return `nan` where a sample is too small: one seed has no
interval, and two constant samples have no variance for a test. What is drawn at random follows its
`seed`.
"""

from lstmx.stats._samples import NO_INTERVAL, Estimate
from lstmx.stats.accuracy import (
    Compared,
    conformal,
    diebold_mariano,
    pinball,
    weighted_quantile_loss,
)
from lstmx.stats.aggregates import (
    interquartile_mean,
    interquartile_mean_interval,
    probability_of_improvement,
    probability_of_improvement_interval,
)
from lstmx.stats.arima import auto_arima
from lstmx.stats.best_of import BestOf, expected_best, tunability
from lstmx.stats.classification import Calibration, auroc, calibration, confusion, macro_f1
from lstmx.stats.comparisons import MOST_SPLITS, bonferroni, holm, permutation, welch
from lstmx.stats.curves import steps_to
from lstmx.stats.effects import cliffs_delta, difference, hedges_g
from lstmx.stats.forests import Forest, fit
from lstmx.stats.importance import Marginal, Share, Shares, marginal, shares
from lstmx.stats.intervals import (
    FEWEST_FOR_SKEWNESS,
    bca_interval,
    bootstrap_interval,
    log_t_interval,
    mean_interval,
    share_interval,
    studentised_interval,
    t_interval,
)
from lstmx.stats.power import detectable, power_of, seeds_needed, smallest_p, warning
from lstmx.stats.smoothing import ets, theta
from lstmx.stats.spaces import Dimension

__all__ = [
    "FEWEST_FOR_SKEWNESS",
    "MOST_SPLITS",
    "NO_INTERVAL",
    "BestOf",
    "Calibration",
    "Compared",
    "Dimension",
    "Estimate",
    "Forest",
    "Marginal",
    "Share",
    "Shares",
    "auroc",
    "auto_arima",
    "bca_interval",
    "bonferroni",
    "bootstrap_interval",
    "calibration",
    "cliffs_delta",
    "conformal",
    "confusion",
    "detectable",
    "diebold_mariano",
    "difference",
    "ets",
    "expected_best",
    "fit",
    "hedges_g",
    "holm",
    "interquartile_mean",
    "interquartile_mean_interval",
    "log_t_interval",
    "macro_f1",
    "marginal",
    "mean_interval",
    "permutation",
    "pinball",
    "power_of",
    "probability_of_improvement",
    "probability_of_improvement_interval",
    "seeds_needed",
    "share_interval",
    "shares",
    "smallest_p",
    "steps_to",
    "studentised_interval",
    "t_interval",
    "theta",
    "tunability",
    "warning",
    "weighted_quantile_loss",
    "welch",
]
