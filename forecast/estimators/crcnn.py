"""The causal-retro-causal network as a forecaster."""

from __future__ import annotations

from forecast.estimators._recurrent import AbstractRecurrent


class CRCNN(AbstractRecurrent):
    r"""Forecast with an ensemble of causal-retro-causal networks.

    .. math::
        s_{t+1} = A \tanh(r_t), \quad s'_{t-1} = A' \tanh(r'_t), \quad
        \hat y_t = P (s_t + s'_t)

    A closed system as `HCNN`, beside which a second one runs from the end of the window back: what
    is observed may follow from the past, and from where things are going, as prices and plans do.

    The learning of such networks is claimed by the patent US 9,235,800, listed as active until May
    2032: have that checked before commercial use.

    Parameters
    ----------
    cell : str or cell, optional
        `CausalRetroCausal`, whose settings are the number of branches, `mirroring`, and those of
        `HistoricallyConsistent`.
    horizon, context, burn_in, state_size, initial_state, n_members, combine, max_epochs, \
past_only, timing, transforms, scale, segment, features, stride, season, training, device, \
random_state
        As for `HCNN`; `state_size` is that of each branch.

    Attributes
    ----------
    history_, fit_report_, context_, member_seeds_
        As for `ECNN`.

    References
    ----------
    Zimmermann, Grothmann, Tietz (2012), Forecasting market prices with causal-retro-causal neural
    networks.

    Examples
    --------
    >>> import numpy as np
    >>> wave = np.sin(np.arange(80) * 0.5)
    >>> model = CRCNN(horizon=4, context=12, state_size=8, n_members=2, max_epochs=10)
    >>> model.fit(y=wave).predict().shape
    (4,)
    """

    own_cell = "causal_retro_causal"
    observe = "past"
