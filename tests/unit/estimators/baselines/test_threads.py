"""Baselines leave linear algebra one thread, and the libraries as they were."""

from __future__ import annotations

import numpy as np
import threadpoolctl

from forecast.estimators.baselines.drift import Drift


def blas():
    return [
        lib["num_threads"] for lib in threadpoolctl.threadpool_info() if lib["user_api"] == "blas"
    ]


class Watching(Drift):
    """A drift that looks at the threads while it is fitted and while it forecasts."""

    def _fit_one(self, sample):
        self.seen_ = blas()
        return super()._fit_one(sample)

    def _forecast_one(self, fitted, sample, ahead):
        self.seen_ += blas()
        return super()._forecast_one(fitted, sample, ahead)


def test_a_fit_and_a_forecast_have_one_thread_each():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = blas()
        model = Watching(horizon=2).fit(y=np.arange(12.0) ** 1.5)
        model.predict()
        assert blas() == before
    assert set(model.seen_) == {1}
