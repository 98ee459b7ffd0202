"""Exponential smoothing, its form chosen by the corrected criterion of Akaike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from forecast.errors import SpecError
from forecast.estimators.baselines import _smoothing
from forecast.estimators.baselines._base import AbstractUnivariate
from forecast.estimators.baselines._records import Learned
from forecast.estimators.baselines._sample import Sample
from forecast.types import Array


class ETS(AbstractUnivariate):
    r"""Exponential smoothing with error, trend and season, by maximum likelihood.

    .. math::

        y_t = l_{t-1} + \phi b_{t-1} + s_{t-m} + e_t, \quad
        l_t = l_{t-1} + \phi b_{t-1} + \alpha e_t, \quad
        b_t = \phi b_{t-1} + \beta e_t, \quad s_t = s_{t-m} + \gamma e_t

    in the additive form; in others the error or the season multiplies. Multiplicative forms are
    tried on positive series alone, seasonal ones where the season has at most 24 steps and two
    of them are observed. Inputs are not used. Gaps are bridged by straight lines. Intervals come
    from simulated paths with normal errors, the same ones every time.

    Parameters
    ----------
    horizon : int, default=1
        Steps that `predict` gives unless it is told otherwise.
    season : int, optional
        Steps in one season; the index's frequency tells it by default.
    past_only : sequence of str
        Columns of X that nobody knows ahead.
    transforms : sequence
        Transforms of the target, kinds or objects.
    n_jobs : int, optional
        At most so many processes share a panel that takes long; one a processor by default.
    time_budget : float, optional
        Seconds for fitting. Series that have no model by then go on as their last season was.
    form : str, optional
        Error (A, M), trend (N, A, Ad) and season (N, A, M) in one word such as "MAdM". All that
        suit are tried by default.

    References
    ----------
    Hyndman, Koehler, Snyder, Grose (2002), A state space framework for automatic forecasting
    using exponential smoothing methods.

    Examples
    --------
    >>> model = ETS(horizon=3, form="AAN").fit(y=[1.0, 2.1, 2.9, 4.0, 5.1, 5.9, 7.0])
    >>> model.predict().round().tolist()
    [8.0, 9.0, 10.0]
    """

    own_intervals = True
    rows_needed = 6
    units = "scaled"

    def __init__(
        self,
        horizon: int = 1,
        *,
        season: int | None = None,
        past_only: Sequence[str] = (),
        transforms: Sequence[Any] = (),
        n_jobs: int | None = None,
        time_budget: float | None = None,
        form: str | None = None,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.past_only = past_only
        self.transforms = transforms
        self.n_jobs = n_jobs
        self.time_budget = time_budget
        self.form = form

    def _check_parameters(self) -> None:
        super()._check_parameters()
        _smoothing.check_form(self.form)

    def _fit_one(self, sample: Sample) -> Learned:
        if self.form is None:
            return _smoothing.choose(sample, _smoothing.candidates(sample))
        if not self.form.endswith("N") and sample.season < 2:
            raise SpecError(
                f"form '{self.form}' has a season, the data have none. "
                f"Set season=, or use form '{self.form[:-1]}N'."
            )
        return _smoothing.choose(sample, [self.form])

    def _forecast_one(self, fitted: Learned, sample: Sample, ahead: Array) -> Array:
        return _smoothing.forecast(fitted, sample, len(ahead))

    def _quantiles_one(
        self, fitted: Learned, sample: Sample, ahead: Array, levels: Sequence[float]
    ) -> Array:
        return _smoothing.quantiles(fitted, sample, len(ahead), levels)
