"""How a network is trained."""

from __future__ import annotations

from typing import Any, Literal

from sklearn.base import BaseEstimator

from forecast import registry
from forecast.errors import SpecError
from forecast.training.losses._base import AbstractLoss
from forecast.training.optimizers._base import AbstractOptimizer


class Training(BaseEstimator):
    r"""Settings of the training of a network.

    The optimiser minimises, for every member alone, the mean loss over the scored steps of the
    context and over the horizon:

    .. math::
        L = w \, \overline{\ell}_{\text{context}} + (1 - w) \, \overline{\ell}_{\text{horizon}}

    The rate falls along half a cosine. Training stops early on the last rows of the series, then
    starts anew on all rows for as many epochs as were best; or it stops late, after all epochs, and
    those rows serve calibration alone.

    Parameters
    ----------
    loss : str or loss, default='mse'
        What an output costs: 'mse', 'mae', 'huber', 'smape_mase', 'pinball', 'gaussian',
        'student_t', or an object such as ``Huber(delta=0.5)``. The last three forecast quantiles.
    optimizer : str or optimiser, default='adam'
        'adam', or 'vario_eta', or an object such as ``VarioEta(memory=0.9)``.
    learning_rate : float, default=0.01
    batch_size : int, default=32
        Windows a step and member.
    stopping : {'early', 'late'}, default='early'
        Whether each member keeps its best epoch on the validation rows, or its last.
    patience : int, default=50
        Epochs without a better validation loss after which a member stops early.
    validation : float or int, default=0.2
        Share, or number, of rows at the end kept for early stopping and calibration; at least one
        horizon. 0 trains for all epochs, and leaves the forecaster without intervals.
    context_weight : float, default=0.5
        w, the weight of what one-step errors within the context cost.
    cleaning : float, default=0.0
        Learning rate of corrections of the inputs, see `CleaningNoise`; 0 leaves them as they are.
    clip : float, default=1.0
        Largest norm of a member's gradient.
    weight_decay : float, default=0.0
        Decay of the weights, decoupled from the gradient.
    refit : bool, default=True
        Whether to train again on all rows once the number of epochs is known.
    dtype : {'float32', 'float64'}, default='float32'
    checkpoint_every : int, default=10
        Epochs between checkpoints, where `fit` is given a folder for them.
    kernel : str, default='auto'
        What runs the time loop: 'auto' takes the fastest that serves the network here, the names
        are those of ``forecast list kernels``. All give the same numbers up to rounding.

    Examples
    --------
    >>> Training(patience=20)
    Training(patience=20)
    """

    def __init__(
        self,
        loss: Any = "mse",
        optimizer: Any = "adam",
        learning_rate: float = 0.01,
        batch_size: int = 32,
        stopping: Literal["early", "late"] = "early",
        patience: int = 50,
        validation: float = 0.2,
        context_weight: float = 0.5,
        cleaning: float = 0.0,
        clip: float = 1.0,
        weight_decay: float = 0.0,
        refit: bool = True,
        dtype: str = "float32",
        checkpoint_every: int = 10,
        kernel: str = "auto",
    ) -> None:
        self.loss = loss
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.stopping = stopping
        self.patience = patience
        self.validation = validation
        self.context_weight = context_weight
        self.cleaning = cleaning
        self.clip = clip
        self.weight_decay = weight_decay
        self.refit = refit
        self.dtype = dtype
        self.checkpoint_every = checkpoint_every
        self.kernel = kernel

    def rule(self) -> AbstractOptimizer:
        """Return the optimiser."""
        made: AbstractOptimizer = registry.build("optimizer", self.optimizer)
        return made

    def measure(self) -> AbstractLoss:
        """Return the loss."""
        made: AbstractLoss = registry.build("loss", self.loss)
        return made

    def check(self) -> None:
        """Raise `SpecError` when a setting is out of its range."""
        self.measure().check()
        self.rule().check()
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise SpecError(f"{name} must be above 0, given: {getattr(self, name)!r}")
        for name in ("batch_size", "patience", "checkpoint_every"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SpecError(f"{name} must be an integer of at least 1, given: {value!r}")
        if self.stopping not in ("early", "late"):
            raise SpecError(f"stopping must be early or late, given: {self.stopping!r}")
        if not self.cleaning >= 0:
            raise SpecError(f"cleaning must be at least 0, given: {self.cleaning!r}")
        if self.kernel != "auto":
            registry.lookup("kernel", self.kernel)
        self._check_shares()

    def _check_shares(self) -> None:
        if not 0 <= self.context_weight < 1:
            raise SpecError(f"context_weight must lie in [0, 1), given: {self.context_weight!r}")
        if self.validation < 0 or (isinstance(self.validation, float) and self.validation >= 1):
            raise SpecError(
                "validation must be a share below 1 or a number of rows, "
                f"given: {self.validation!r}"
            )
        if self.weight_decay < 0:
            raise SpecError(f"weight_decay must be at least 0, given: {self.weight_decay!r}")
        if self.dtype not in ("float32", "float64"):
            raise SpecError(f"dtype must be float32 or float64, given: {self.dtype!r}")
