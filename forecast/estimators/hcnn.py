"""The historically consistent network as a forecaster."""

from __future__ import annotations

from forecast.estimators._recurrent import AbstractRecurrent


class HCNN(AbstractRecurrent):
    r"""Forecast with an ensemble of historically consistent networks.

    .. math::
        r_t = s_t - P^\top (P s_t - y_t), \quad s_{t+1} = A \tanh(r_t), \quad \hat y_t = P s_t

    A closed system: targets and inputs alike are observables, forecast by one map, and beyond the
    cutoff nothing is given, known inputs neither. Up to it each observed value takes the place of
    its forecast (architectural teacher forcing).

    By default it is trained on windows. With ``context='all'`` the whole history is one pattern: a
    single initial state, at its first row, is learned, and a forecast replays the history from it,
    so that training and forecast are the same pass and no noise is needed. Every observed row is
    scored alike, errors being those of one step; an epoch is one step of the optimiser, so give
    some thousand, and patience likewise. It takes one series, or one system of several targets.

    Parameters
    ----------
    cell : str or cell, optional
        `HistoricallyConsistent`, whose settings are the sparse state matrix (`nonzeros`), the form
        with a diagonal gate (`gate`), and partial teacher forcing (`teacher_forcing`).
    initial_state : str or initial state, default='learned'
        A window that is a part of a history begins somewhere else each time: 'adaptive' makes the
        network indifferent to where.
    context : int or 'all', optional
        As for `ECNN`, or the whole history.
    horizon, burn_in, state_size, n_members, combine, max_epochs, past_only, timing, \
transforms, scale, segment, features, stride, season, training, device, random_state
        As for `ECNN`; the state must hold all observables, and no input has a `timing`, nor
        are there `features`.

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
    >>> model = HCNN(horizon=4, context=12, state_size=8, n_members=2, max_epochs=20)
    >>> model.fit(y=wave).predict().shape
    (4,)
    >>> whole = HCNN(horizon=4, context="all", state_size=8, n_members=2, max_epochs=20)
    >>> whole.fit(y=wave).context_
    80
    """

    own_cell = "historically_consistent"
    observe = "past"
