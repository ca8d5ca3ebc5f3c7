"""The options of the task `forecast`, as a record that refuses what does not fit together."""

from dataclasses import dataclass, fields

from lstmx import checks
from lstmx.data.timeseries import TableSpec
from lstmx.tasks import _common
from lstmx.tasks._forecasting import bases, calendar, likelihoods, transforms

FUTURE = "future"
"""The split of one window per series that ends at its last row: its targets are not known."""
MULTI_STEPS = ("direct", "continued", "recursive")
MOST_AHEAD = 4096
"""Values of known columns that a step of a direct forecast reads at most; see `multi_step`."""


@dataclass(frozen=True)
class ForecastSpec:
    """Which windows of which series, as the options of `task` say it; checks itself when made.

    Attributes:
        split: which part; `FUTURE` is known here, not to a config.
        file, time_columns, time_format, time_zone, id_columns: where the rows come from.
        layout, separator, decimal, thousands, encoding, header, skip_lines, missing: how they are
            written, see `TableSpec`.
        duplicates, gaps, odd_times, irregular: what becomes of times that do not fit.
        target_columns, known_columns, past_columns: what is predicted, and what is known when.
        coarse_columns: past columns that are observed less often than rows come.
        category_columns, static_columns: those that are no numbers; those of a whole series.
        window, horizon, season, least_window: steps of a window, of a forecast, of a season, and
            of the shortest window.
        valid_fraction, test_fraction, fold: parts of the rows that are held out.
        detrend, transform, scaling, normalize: what inputs and targets are relative to.
        calendar, harmonics, lags: further inputs.
        inputs, multi_step: how a batch holds them.
        likelihood, quantiles: what the outputs say.
        rows: the first rows of each series that exist at all; 0 for all of them.
        embed_above, embed_series, embed_features: which categories have learned vectors, and of
            which size.
    """

    split: str
    file: str
    time_columns: tuple[str, ...]
    time_format: str
    target_columns: tuple[str, ...]
    window: int
    horizon: int
    season: int
    valid_fraction: float
    test_fraction: float
    detrend: str
    known_columns: tuple[str, ...]
    past_columns: tuple[str, ...]
    category_columns: tuple[str, ...]
    id_columns: tuple[str, ...]
    static_columns: tuple[str, ...]
    layout: str
    separator: str
    decimal: str
    thousands: str
    encoding: str
    header: bool
    skip_lines: int
    missing: tuple[str, ...]
    time_zone: str
    duplicates: str
    gaps: str
    odd_times: str
    irregular: str
    least_window: int
    fold: int
    transform: str
    scaling: str
    normalize: str
    calendar: tuple[str, ...]
    harmonics: int
    lags: tuple[int, ...]
    inputs: str
    multi_step: str
    likelihood: str
    quantiles: tuple[float, ...]
    rows: int = 0
    coarse_columns: tuple[str, ...] = ()
    embed_above: int = 32
    embed_series: bool = False
    embed_features: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no windows.

        Raises:
            ValueError: an unknown choice, or a size that does not fit.
        """
        checks.one_of("split", self.split, (*_common.SPLITS, FUTURE))
        checks.one_of("detrend", self.detrend, bases.KINDS)
        checks.one_of("transform", self.transform, transforms.KINDS)
        checks.one_of("scaling", self.scaling, ("standard", "robust"))
        checks.one_of("normalize", self.normalize, ("train", "window"))
        checks.one_of("inputs", self.inputs, ("flags", "masked"))
        checks.one_of("multi_step", self.multi_step, MULTI_STEPS)
        checks.one_of("likelihood", self.likelihood, likelihoods.KINDS)
        for kind in self.calendar:
            checks.one_of("calendar", kind, calendar.KINDS)
        sizes = {"window": self.window, "horizon": self.horizon, "harmonics": self.harmonics}
        checks.sizes(1, **sizes)
        checks.sizes(0, season=self.season, least_window=self.least_window, fold=self.fold)
        checks.sizes(0, rows=self.rows, embed_above=self.embed_above)
        checks.sizes(0, embed_features=self.embed_features)
        self.table()
        self._check_numbers()
        self._check_columns()

    def _check_numbers(self) -> None:
        parts = self.held_out
        if min(parts) <= 0 or sum(parts) >= 1:
            raise ValueError(
                f"valid_fraction={parts[0]} and test_fraction={parts[1]}: expected both "
                "above 0 and their sum below 1"
            )
        if parts[0] * (1 + self.fold) + parts[1] >= 1:
            raise ValueError(
                f"fold={self.fold} of valid_fraction={parts[0]}, test_fraction={parts[1]}: no row "
                "is left to train on; expected fewer folds or smaller parts"
            )
        if self.least_window > self.window:
            raise ValueError(
                f"least_window={self.least_window} is longer than window={self.window}"
            )
        if self.detrend in ("seasonal", "seasonal_drift") and not self.season:
            raise ValueError(f"detrend={self.detrend!r} needs a season; season is 0")
        wrong = [lag for lag in self.lags if type(lag) is not int or lag < 1]
        if wrong:
            raise ValueError(f"lags={self.lags}: got {wrong[0]!r}; expected whole numbers above 0")
        q = self.quantiles
        if not q or list(q) != sorted(set(q)) or not 0 < q[0] <= q[-1] < 1:
            raise ValueError(
                f"quantiles={q}; expected ascending levels between 0 and 1, such as (0.1, 0.5, 0.9)"
            )

    def _check_columns(self) -> None:
        numbers = [c for c in self.past_columns if c not in self.category_columns]
        for column in self.coarse_columns:
            checks.one_of("coarse column among past ones that are numbers:", column, numbers)
        if self.embed_series and not self.id_columns and self.layout != "rows":
            raise ValueError("embed_series learns a vector for each series; expected id_columns")
        if self.static_columns and not self.id_columns:
            raise ValueError("static_columns describe series; expected id_columns")
        if self.multi_step == "direct" and len(self.known_columns) * self.horizon > MOST_AHEAD:
            raise ValueError(
                f"{len(self.known_columns)} known columns at {self.horizon} steps ahead are more "
                f"than {MOST_AHEAD} inputs; expected multi_step='continued', which reads them step "
                "by step"
            )

    def table(self) -> TableSpec:
        """How the table is read. Raises ValueError for what cannot be meant."""
        return TableSpec(**{field.name: getattr(self, field.name) for field in fields(TableSpec)})

    @property
    def held_out(self) -> tuple[float, float]:
        """The parts of the rows that are valid and test."""
        return self.valid_fraction, self.test_fraction

    @property
    def recursive(self) -> bool:
        """Whether forecasts are fed back as the values of the next step."""
        return self.multi_step == "recursive"

    @property
    def single(self) -> bool:
        """Whether a window of training counts at its last step only.

        So it is where all that it sees goes into its base or scale.
        """
        whole = self.detrend == "linear" or self.normalize == "window"
        return whole or self.multi_step == "continued"
