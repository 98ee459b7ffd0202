"""Forecasting with error-correction neural networks, honestly compared.

The names below are loaded when they are first used: importing the package is quick, and
neither torch nor MLflow is touched until something needs it.

Examples
--------
>>> import forecast
>>> forecast.Naive(horizon=2).fit(y=[1.0, 2.0, 4.0]).predict()
array([4., 4.])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forecast.data.csv_source import read_csv
    from forecast.data.transforms.asinh import Asinh
    from forecast.data.transforms.calendar import Calendar
    from forecast.data.transforms.difference import Difference
    from forecast.data.transforms.fourier import Fourier
    from forecast.data.transforms.log import Log
    from forecast.data.transforms.standardise import Standardise
    from forecast.estimators.baselines.auto_reg import AutoReg
    from forecast.estimators.baselines.drift import Drift
    from forecast.estimators.baselines.ets import ETS
    from forecast.estimators.baselines.mean import Mean
    from forecast.estimators.baselines.naive import Naive
    from forecast.estimators.baselines.sarimax import SARIMAX
    from forecast.estimators.baselines.seasonal_naive import SeasonalNaive
    from forecast.estimators.baselines.stl_ets import STLETS
    from forecast.estimators.baselines.theta import Theta
    from forecast.estimators.baselines.unobserved_components import UnobservedComponents
    from forecast.estimators.baselines.var import VAR
    from forecast.estimators.compositions.auto import Auto
    from forecast.estimators.compositions.combination import Combination
    from forecast.estimators.compositions.per_channel import PerChannel
    from forecast.estimators.crcnn import CRCNN
    from forecast.estimators.dcrnn import DCRNN
    from forecast.estimators.ecnn import ECNN
    from forecast.estimators.hcnn import HCNN
    from forecast.estimators.rnn import RNN
    from forecast.evaluation.backtest import Backtest, backtest
    from forecast.evaluation.horizon import choose_horizon
    from forecast.networks.cells.causal_retro_causal import CausalRetroCausal
    from forecast.networks.cells.elman import Elman
    from forecast.networks.cells.error_correction import ErrorCorrection
    from forecast.networks.cells.gru import GRU
    from forecast.networks.cells.historically_consistent import HistoricallyConsistent
    from forecast.networks.cells.lstm import LSTM
    from forecast.networks.cells.variants_invariants import VariantsInvariants
    from forecast.networks.initial_states.adaptive import Adaptive
    from forecast.networks.initial_states.encoder import Encoder
    from forecast.networks.initial_states.learned import Learned
    from forecast.networks.initial_states.learned_noisy import LearnedNoisy
    from forecast.networks.initial_states.noisy import Noisy
    from forecast.networks.initial_states.zero import Zero
    from forecast.training.features.lag import Lag
    from forecast.training.losses.huber import Huber
    from forecast.training.losses.pinball import Pinball
    from forecast.training.losses.smape_mase import SmapeMase
    from forecast.training.losses.student_t import StudentT
    from forecast.training.settings import Training

__version__ = "0.1.0"

__all__ = [
    "CRCNN",
    "DCRNN",
    "ECNN",
    "ETS",
    "GRU",
    "HCNN",
    "LSTM",
    "RNN",
    "SARIMAX",
    "STLETS",
    "VAR",
    "Adaptive",
    "Asinh",
    "Auto",
    "AutoReg",
    "Backtest",
    "Calendar",
    "CausalRetroCausal",
    "Combination",
    "Difference",
    "Drift",
    "Elman",
    "Encoder",
    "ErrorCorrection",
    "Fourier",
    "HistoricallyConsistent",
    "Huber",
    "Lag",
    "Learned",
    "LearnedNoisy",
    "Log",
    "Mean",
    "Naive",
    "Noisy",
    "PerChannel",
    "Pinball",
    "SeasonalNaive",
    "SmapeMase",
    "Standardise",
    "StudentT",
    "Theta",
    "Training",
    "UnobservedComponents",
    "VariantsInvariants",
    "Zero",
    "__version__",
    "backtest",
    "choose_horizon",
    "read_csv",
]

_HOMES = {
    "data": {"csv_source": ["read_csv"]},
    "data.transforms": {
        "asinh": ["Asinh"],
        "calendar": ["Calendar"],
        "difference": ["Difference"],
        "fourier": ["Fourier"],
        "log": ["Log"],
        "standardise": ["Standardise"],
    },
    "estimators": {
        "crcnn": ["CRCNN"],
        "dcrnn": ["DCRNN"],
        "ecnn": ["ECNN"],
        "hcnn": ["HCNN"],
        "rnn": ["RNN"],
    },
    "estimators.compositions": {
        "auto": ["Auto"],
        "combination": ["Combination"],
        "per_channel": ["PerChannel"],
    },
    "estimators.baselines": {
        "auto_reg": ["AutoReg"],
        "drift": ["Drift"],
        "ets": ["ETS"],
        "mean": ["Mean"],
        "naive": ["Naive"],
        "sarimax": ["SARIMAX"],
        "seasonal_naive": ["SeasonalNaive"],
        "stl_ets": ["STLETS"],
        "theta": ["Theta"],
        "unobserved_components": ["UnobservedComponents"],
        "var": ["VAR"],
    },
    "evaluation": {"backtest": ["Backtest", "backtest"], "horizon": ["choose_horizon"]},
    "networks.cells": {
        "causal_retro_causal": ["CausalRetroCausal"],
        "elman": ["Elman"],
        "error_correction": ["ErrorCorrection"],
        "gru": ["GRU"],
        "historically_consistent": ["HistoricallyConsistent"],
        "lstm": ["LSTM"],
        "variants_invariants": ["VariantsInvariants"],
    },
    "networks.initial_states": {
        "adaptive": ["Adaptive"],
        "encoder": ["Encoder"],
        "learned": ["Learned"],
        "learned_noisy": ["LearnedNoisy"],
        "noisy": ["Noisy"],
        "zero": ["Zero"],
    },
    "training": {"settings": ["Training"]},
    "training.features": {"lag": ["Lag"]},
    "training.losses": {
        "huber": ["Huber"],
        "pinball": ["Pinball"],
        "smape_mase": ["SmapeMase"],
        "student_t": ["StudentT"],
    },
}

_MODULE_OF = {
    name: f"{__name__}.{package}.{module}"
    for package, modules in _HOMES.items()
    for module, names in modules.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
