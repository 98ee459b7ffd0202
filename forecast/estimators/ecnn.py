"""The error-correction neural network as a forecaster."""

from __future__ import annotations

from forecast.estimators._recurrent import AbstractRecurrent


class ECNN(AbstractRecurrent):
    r"""Forecast with an ensemble of error-correction networks.

    .. math::
        s_t &= \tanh(A s_{t-1} + B u_t + c + D \psi(C s_{t-1} - y_{t-1})) \\
        \hat y_t &= C s_t

    Over the context each step is corrected by the error of the last; over the horizon, and where
    a target is missing, there is no error and the network runs on its own. Rows are time steps:
    `fit` learns from a history and `predict` continues after its last row.

    Parameters
    ----------
    horizon : int, default=1
        Steps ahead that training scores, and that `predict` gives by default.
    context : int or 'all', optional
        Steps up to the cutoff that a window holds; by default the burn-in and two seasons or two
        horizons, as far as the series reaches. With 'all' the whole history is one pattern, in
        training and forecasts alike, see `HCNN`.
    burn_in : int, default=0
        First steps of the context: they warm the state and are not scored.
    state_size : int, default=24
        Components n of the state.
    initial_state : str or initial state, default='learned'
        State before a window's first step: 'zero', 'noisy', 'learned', 'learned_noisy',
        'adaptive', 'encoder', or an object such as ``Noisy(std=0.2)``.
    cell : str or cell, optional
        The step equation, by default `ErrorCorrection`; ``ErrorCorrection(psi='identity')`` drops
        the inner tanh.
    n_members : int, default=8
        Networks in the ensemble, trained together in one batch.
    combine : {'mean', 'median'}, default='mean'
        How their forecasts become one.
    max_epochs : int, default=300
        The most passes over all windows.
    past_only : sequence of str, default=()
        Columns of X that nobody knows ahead; the network sees them one step late.
    timing : {'backward', 'forward'}, default='backward'
        Whether a column of X that is known ahead reaches the state of its own step, or of the
        next; those in `past_only` always reach the next, features of dates always their own.
    transforms : sequence, default=('standardise',)
        Transforms of the targets in their order, by name, mapping or object; fitted on training
        rows only, undone in forecasts.
    scale : str or scale, optional
        What each window is measured by before the network sees it: 'standard' (mean and deviation
        of its context), 'last' (its last value), or a mapping such as
        ``{'kind': 'standard', 'rows': 168}``. One network then serves series of any level and
        spread.
    segment : int, default=1
        Rows of one step, which swallows as many and puts out as many: a day of hours, say.
        Context and burn-in are multiples of it; the horizon is any number of rows.
    features : sequence, default=()
        Inputs computed from a window's own past: ``Lag(168)``, the target a season ago;
        'ahead', whether a step lies ahead of the cutoff; 'measures', a window's level and spread.
    stride : int, default=1
        Rows between the cutoffs of training windows, counted back from the last row, so that with
        a season all end at the phase from which is forecast.
    season : int, optional
        Steps in a season; by default the natural season of the index's frequency.
    training : Training, optional
        How to train; ``Training()`` by default.
    device : {'auto', 'cpu', 'cuda'}, default='auto'
    random_state : int, RandomState or None, default=0
        Seed of weights, batches and noise.

    Attributes
    ----------
    history_ : DataFrame
        Losses, one row an epoch and member.
    fit_report_ : FitReport
        How the fit ended, best epochs, members that diverged.
    context_ : int
        The context in use; of a whole history, the rows that taught the network.
    member_seeds_ : list of int
    n_features_in_ : int
        Columns of X, where X was given.
    feature_names_in_ : array of str
        Names of the columns of X, where it was a DataFrame.

    References
    ----------
    Zimmermann, Neuneier, Grothmann (2002), Modeling of Dynamical Systems by Error Correction
    Neural Networks; Zimmermann, Tietz, Grothmann (2012), Forecasting with Recurrent Neural
    Networks: 12 Tricks.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.sin(np.arange(80) * 0.5)
    >>> model = ECNN(horizon=4, context=12, burn_in=4, state_size=8, n_members=2, max_epochs=60)
    >>> model.fit(y=wave).predict().shape
    (4,)
    >>> model.predict(quantiles=[0.1, 0.5, 0.9]).shape
    (4, 3)
    """

    own_cell = "error_correction"
