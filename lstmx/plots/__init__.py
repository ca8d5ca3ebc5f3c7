"""Figures: functions from arrays and dicts to a matplotlib Figure, without global state.

Every figure can be wide or `narrow` (for a phone). A notebook displays a Figure as a cell's value;
`figure.savefig(path)` writes it to a file; `svg` returns the text that a page embeds.

Example:
    >>> figure = ranking({"V": [0.01, 0.02], "rnn": [0.16, 0.17]}, xlabel="mse")
    >>> svg(figure, salt="ranking")[:4]
    '<svg'
"""

from matplotlib.figure import Figure

from lstmx.plots._draw import FAINT, INK, MUTED, SERIES, Line, svg
from lstmx.plots.alignment import attention_map
from lstmx.plots.attractors import fixed_points, speed_histogram
from lstmx.plots.attributions import saliency_strip
from lstmx.plots.best_of import best_of_curves
from lstmx.plots.boxes import trial_boxes
from lstmx.plots.breakdowns import ablations, metric_by_position, pruning_curve
from lstmx.plots.cases import Case, forecast_cases
from lstmx.plots.curves import learning_curves, ranking
from lstmx.plots.dynamics import eigenvalues, lyapunov_spectrum
from lstmx.plots.flow import gradient_reach, gradients_over_time
from lstmx.plots.history import optimisation_history
from lstmx.plots.importance import importance_bars, marginal_curves
from lstmx.plots.memory import capacity_curve, decoding_curve
from lstmx.plots.parallel import ends_at, parallel_coordinates
from lstmx.plots.rolling import rolling_forecasts
from lstmx.plots.sequences import forecast, gates_heatmap
from lstmx.plots.states import explained_variance, similarity_matrix, state_plane
from lstmx.plots.timescales import time_scales

__all__ = [
    "FAINT",
    "INK",
    "MUTED",
    "SERIES",
    "Case",
    "Figure",
    "Line",
    "ablations",
    "attention_map",
    "best_of_curves",
    "capacity_curve",
    "decoding_curve",
    "eigenvalues",
    "ends_at",
    "explained_variance",
    "fixed_points",
    "forecast",
    "forecast_cases",
    "gates_heatmap",
    "gradient_reach",
    "gradients_over_time",
    "importance_bars",
    "learning_curves",
    "lyapunov_spectrum",
    "marginal_curves",
    "metric_by_position",
    "optimisation_history",
    "parallel_coordinates",
    "pruning_curve",
    "ranking",
    "rolling_forecasts",
    "saliency_strip",
    "similarity_matrix",
    "speed_histogram",
    "state_plane",
    "svg",
    "time_scales",
    "trial_boxes",
]
