"""The open recurrent network as a forecaster."""

from __future__ import annotations

from forecast.estimators._recurrent import AbstractRecurrent


class RNN(AbstractRecurrent):
    r"""Forecast with an ensemble of open recurrent networks.

    .. math::
        s_t = f(s_{t-1}, u_t), \qquad \hat y_t = C s_t

    The state sees inputs alone: past targets reach it only where they are given as inputs that
    nobody knows ahead (`past_only`). Over the horizon the same weights go on (overshooting), every
    step of it is scored, and what is not known there is its mean.

    Parameters
    ----------
    cell : str or cell, optional
        'elman' (by default), 'gru' or 'lstm', or an object.
    horizon, context, burn_in, state_size, initial_state, n_members, combine, max_epochs, \
past_only, timing, transforms, scale, segment, features, stride, season, training, device, \
random_state
        As for `ECNN`.

    Attributes
    ----------
    history_, fit_report_, context_, member_seeds_
        As for `ECNN`.

    References
    ----------
    Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural Networks: 12 Tricks,
    the second trick and overshooting.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.sin(np.arange(80) * 0.5)
    >>> model = RNN(horizon=4, context=12, burn_in=4, state_size=8, n_members=2, max_epochs=20)
    >>> model.fit(y=wave).predict().shape
    (4,)
    """

    own_cell = "elman"
