"""The dynamically consistent network as a forecaster."""

from __future__ import annotations

from forecast.estimators._recurrent import AbstractRecurrent


class DCRNN(AbstractRecurrent):
    r"""Forecast with an ensemble of dynamically consistent networks.

    .. math::
        r_t = M_t \, (y_t, u_t) + (I - M_t) \, s_t, \qquad s_{t+1} = A \tanh(r_t)

    Inputs and targets are coordinates of the state, all of them forecast; where there are data,
    :math:`M_t = 1`, they take a forecast's place, inputs known ahead of the cutoff too. So one
    equation is that of past and future, where an open network's future lacks what its past has.

    Parameters
    ----------
    cell : str or cell, optional
        `HistoricallyConsistent`, as for `HCNN`.
    horizon, context, burn_in, state_size, initial_state, n_members, combine, max_epochs, \
past_only, timing, transforms, scale, segment, features, stride, season, training, device, \
random_state
        As for `ECNN`; the state must hold all observables.

    Attributes
    ----------
    history_, fit_report_, context_, member_seeds_
        As for `ECNN`.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.sin(np.arange(80) * 0.5)
    >>> model = DCRNN(horizon=4, context=12, state_size=8, n_members=2, max_epochs=20)
    >>> model.fit(y=wave).predict().shape
    (4,)
    """

    own_cell = "historically_consistent"
